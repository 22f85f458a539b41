// Where a rule starts patches. `carry` brings what a run needs of the one before.
struct Carry {
    position: u32,          // positions before this run, at most 3
    phase: u32,             // the same, modulo `size`
    previous_id: u32,       // token id of the position before
    previous_entropy: f32,  // its entropy
    distance: u32,          // from the rule's last start, modulo `max_length`
    patches: u32,           // patches started, the one with BOS not counted
}
const GLOBAL = 0u;
const MONOTONIC = 1u;
const GLOBAL_AND_MONOTONIC = 2u;
const SPACE = 3u;
const STATIC = 4u;
const BYTE = 5u;
const DELIMITER = 6u;

// Neither letter, digit nor the continuation of a UTF-8 character; special ids are
// space-like too.
fn space_like(id: u32) -> bool {
    if id < 4u {
        return true;
    }
    let b = id - 4u;
    return b < 48u || (b > 57u && b < 65u) || (b > 90u && b < 97u) || (b > 122u && b < 128u)
        || b >= 192u;
}

// The rule alone, without the limit on length.
fn rule_starts(t: u32) -> bool {
    let position = carry.position + t;
    if position == 0u {
        return true;
    }
    var before = carry.previous_id;
    var entropy_before = carry.previous_entropy;
    if t > 0u {
        before = ids[t - 1u];
        entropy_before = entropies[t - 1u].x;
    }
    let entropy = entropies[t].x;
    switch bound(params.rule) {
        case GLOBAL: {
            return entropy > params.threshold;
        }
        case MONOTONIC: {
            return position == 1u || entropy - entropy_before > params.threshold;
        }
        case GLOBAL_AND_MONOTONIC: {
            let rises = entropy - entropy_before > params.threshold_add;
            return position == 1u || (position != 2u && rises && entropy > params.threshold);
        }
        case SPACE: {
            return ids[t] < 4u || (space_like(ids[t]) && !space_like(before));
        }
        case STATIC: {
            return (carry.phase + t) % params.size == 0u;
        }
        case BYTE: {
            return true;
        }
        default: {
            return ids[t] == 3u;
        }
    }
}

// Leaves what the next run needs.
fn leave(rows: u32, distance: u32, patch_index: u32) {
    carry.position = min(carry.position + rows, 3u);
    carry.phase = (carry.phase + rows) % max(params.size, 1u);
    carry.previous_id = ids[rows - 1u];
    carry.previous_entropy = entropies[rows - 1u].x;
    carry.distance = distance % max(params.max_length, 1u);
    carry.patches = patch_index;
}
