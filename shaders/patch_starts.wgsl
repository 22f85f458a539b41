// Where patches start, and the patch each byte belongs to.
//
// Row t of the run is position i of the text (the token ids, BOS at 0); it
// decides whether a patch starts at position i + 1, from what is known there.
// `patches[t]` is the patch of position i + 1, the one with BOS not counted.
// One workgroup; each invocation takes a stretch of rows, and a prefix sum over
// the stretches joins them. `carry` brings what a run needs of the one before.
#define WIDTH 64
// One workgroup for all.
const TILE_X = 1u;
struct Params {
    rule: u32,          // see the constants below
    threshold: f32,     // nats
    threshold_add: f32, // nats; GLOBAL_AND_MONOTONIC: the least rise
    size: u32,          // STATIC: bytes per patch
    max_length: u32,    // longest patch; 0: no limit
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
struct Carry {
    position: u32,          // positions before this run, at most 3
    phase: u32,             // the same, modulo `size`
    previous_id: u32,       // token id of the position before
    previous_entropy: f32,  // its entropy
    distance: u32,          // from the rule's last start, modulo `max_length`
    patches: u32,           // patches started, the one with BOS not counted
}
@group(0) @binding(2) var<storage, read> ids: array<u32>;               // [T]
@group(0) @binding(3) var<storage, read> entropies: array<vec2f>;       // [T], (H, ln p)
@group(0) @binding(4) var<storage, read_write> carry: Carry;
@group(0) @binding(5) var<storage, read_write> starts: array<u32>;      // [T]
@group(0) @binding(6) var<storage, read_write> patches: array<u32>;     // [T]

const GLOBAL = 0u;
const MONOTONIC = 1u;
const GLOBAL_AND_MONOTONIC = 2u;
const SPACE = 3u;
const STATIC = 4u;
const BYTE = 5u;
const DELIMITER = 6u;

const NONE = 0xffffffffu;

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

var<workgroup> last_start: array<u32, $WIDTH>;
var<workgroup> counts: array<u32, $WIDTH>;

@compute @workgroup_size($WIDTH)
fn main(@builtin(local_invocation_index) lane: u32) {
    let rows = state.rows;
    let stretch = (rows + $WIDTHu - 1u) / $WIDTHu;
    let begin = min(lane * stretch, rows);
    let end = min(begin + stretch, rows);

    var last = NONE;
    for (var t = begin; t < end; t++) {
        let start = rule_starts(t);
        starts[t] = u32(start);
        if start {
            last = t;
        }
    }
    last_start[lane] = last;
    workgroupBarrier();

    // Distance of the position before this stretch from the rule's last start.
    var distance = carry.distance + begin;
    for (var other = 0u; other < lane; other++) {
        if last_start[other] != NONE {
            distance = begin - 1u - last_start[other];
        }
    }
    let max_length = bound(params.max_length);
    var count = 0u;
    for (var t = begin; t < end; t++) {
        distance++;
        var start = starts[t] == 1u;
        if start {
            distance = 0u;
        }
        if max_length > 0u {
            start = start || distance % params.max_length == 0u;
        }
        starts[t] = u32(start);
        count += u32(start);
    }
    counts[lane] = count;
    workgroupBarrier();

    var patch_index = carry.patches;
    for (var other = 0u; other < lane; other++) {
        patch_index += counts[other];
    }
    for (var t = begin; t < end; t++) {
        patch_index += starts[t];
        patches[t] = patch_index - 1u;
    }
    // Everybody has read the carry before the last invocation replaces it.
    workgroupBarrier();
    if lane == $WIDTHu - 1u && rows > 0u {
        carry.position = min(carry.position + rows, 3u);
        carry.phase = (carry.phase + rows) % max(params.size, 1u);
        carry.previous_id = ids[rows - 1u];
        carry.previous_entropy = entropies[rows - 1u].x;
        carry.distance = distance % max(params.max_length, 1u);
        carry.patches = patch_index;
    }
}
