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

fn write(row: u32, largest: f32, total: f32, weighted: f32) {
    let log_total = log(total);
    var log_p = 0.0;
    let known = targets[row] < params.vocabulary;
    if known {
        log_p = logits[row * params.stride + targets[row]] - largest - log_total;
    }
    result[row] = vec2f(max(log_total - weighted / total, 0.0), log_p);
}

#import reduce
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
    let vocabulary = bound(params.vocabulary);
    let at = row * params.stride;
    var own = logits[at];
    for (var v = lane; v < vocabulary; v += $WIDTHu) {
        own = max(own, logits[at + v]);
    }
#if METHOD == tree
    let largest = max_workgroup(own, lane);
#else
    let largest = max_workgroup(own, subgroup, subgroup_lane, subgroups);
#endif
    var total = 0.0;
    var weighted = 0.0;
    for (var v = lane; v < vocabulary; v += $WIDTHu) {
        let z = logits[at + v] - largest;
        let e = exp(z);
        total += e;
        weighted += e * z;
    }
#if METHOD == tree
    total = sum_workgroup(total, lane);
    weighted = sum_workgroup(weighted, lane);
#else
    total = sum_workgroup(total, subgroup, subgroup_lane, subgroups);
    weighted = sum_workgroup(weighted, subgroup, subgroup_lane, subgroups);
#endif
    if lane == 0u {
        write(row, largest, total, weighted);
    }
}
