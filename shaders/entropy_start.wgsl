// Entropy of the next byte of a single row, as in `entropy`, and whether a patch starts
// there, as in `patch_starts`.
#variants METHOD tree subgroup:subgroups
#define WIDTH 64
// One workgroup for all.
const TILE_X = 1u;
struct Params {
    vocabulary: u32,    // number of logits
    rule: u32,          // see the constants of the rule
    threshold: f32,     // nats
    threshold_add: f32, // nats; GLOBAL_AND_MONOTONIC: the least rise
    size: u32,          // STATIC: bytes per patch
    max_length: u32,    // longest patch; 0: no limit
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> targets: array<u32>;               // [1]
@group(0) @binding(3) var<storage, read> logits: array<f32>;                // [vocabulary]
@group(0) @binding(4) var<storage, read> ids: array<u32>;                   // [1]
@group(0) @binding(5) var<storage, read_write> entropies: array<vec2f>;     // [1], (H, ln p)
@group(0) @binding(6) var<storage, read_write> carry: Carry;
@group(0) @binding(7) var<storage, read_write> starts: array<u32>;          // [1]
@group(0) @binding(8) var<storage, read_write> patches: array<u32>;         // [1]
#import patch_rule
#import entropy_of
@compute @workgroup_size($WIDTH)
fn main(
    @builtin(local_invocation_index) lane: u32,
#if METHOD == subgroup
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
    @builtin(num_subgroups) subgroups: u32,
#endif
) {
    if state.rows == 0u {
        return;
    }
#if METHOD == tree
    let found = find_entropy(0u, targets[0], lane);
#else
    let found = find_entropy(0u, targets[0], lane, subgroup, subgroup_lane, subgroups);
#endif
    if lane > 0u {
        return;
    }
    entropies[0] = found;
    let by_rule = rule_starts(0u);
    let distance = select(carry.distance + 1u, 0u, by_rule);
    let max_length = bound(params.max_length);
    let start = by_rule || (max_length > 0u && distance % max(max_length, 1u) == 0u);
    let patch_index = carry.patches + u32(start);
    starts[0] = u32(start);
    patches[0] = patch_index - 1u;
    leave(1u, distance, patch_index);
}
