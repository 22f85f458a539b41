// Entropy of the next byte and the log-probability of the byte that came:
// H[t] = -sum_v p_v ln p_v over p = softmax(logits[t, :]), in nats, and
// ln p[target[t]]; a target beyond the vocabulary gives 0.
// A row to each workgroup.
#variants METHOD tree subgroup:subgroups
#define WIDTH 64
// A row to each workgroup.
const TILE_X = 1u;
struct Params {
    vocabulary: u32,  // number of logits
    stride: u32,      // columns of `logits`, padding included
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> targets: array<u32>;          // [T]
@group(0) @binding(3) var<storage, read> logits: array<f32>;           // [T, stride]
@group(0) @binding(4) var<storage, read_write> result: array<vec2f>;   // [T], (H, ln p)

#import entropy_of
@compute @workgroup_size($WIDTH)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) lane: u32,
#if METHOD == subgroup
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
    @builtin(num_subgroups) subgroups: u32,
#endif
) {
    let row = group.x;
    if row >= state.rows {
        return;
    }
    let at = row * params.stride;
#if METHOD == tree
    let found = find_entropy(at, targets[row], lane);
#else
    let found = find_entropy(at, targets[row], lane, subgroup, subgroup_lane, subgroups);
#endif
    if lane == 0u {
        result[row] = found;
    }
}
