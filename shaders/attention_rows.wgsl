// Attention for a few rows: y[t, h, :] = softmax(q . k * scale) v over the keys
// that row t sees.
//
// METHOD `thread` gives a head of a row to each invocation and has no barrier;
// `tree` and `subgroup` give it to a workgroup, whose invocations share the keys
// and join their running maxima, totals and sums at the end.
#variants HEAD 2 4 8 16 32 64
#variants METHOD thread tree subgroup:subgroups
#variants WIDTH 8 64
#import attention
#if METHOD != thread
// A head of a row to each workgroup.
const TILE_X = 1u;
#endif

#if METHOD == thread
@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let head = id.x;
    let row = id.y;
    if head >= params.heads || row >= state.rows {
        return;
    }
    let lane = 0u;
    const STEP = 1u;
#else
#import reduce
#import reduce4
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
    let head = group.x;
    let row = group.y;
    const STEP = $WIDTHu;
#endif
    let kv_head = head / (params.heads / params.kv_heads);
    let span = span_of(row);
    let beyond = params.head4 - 1u;
    let query = query_at(row, head);
#repeat D $HEAD
    let d$D = min($Du, beyond);
    let q$D = select(vec4f(), qkv[query + d$D] * params.scale, $Du <= beyond);
    var y$D = vec4f();
#end
    var largest = LOWEST;
    var total = 0.0;
    for (var back = lane; back < span; back += STEP) {
        let key = key_at(row - back, kv_head);
        var sum = vec4f();
#repeat D $HEAD
        sum += q$D * keys[key + d$D];
#end
        let score = dot(sum, vec4f(1.0));
        if score > largest {
            let shrink = exp(largest - score);
            largest = score;
            total *= shrink;
#repeat D $HEAD
            y$D *= shrink;
#end
        }
        let weight = exp(score - largest);
        total += weight;
#repeat D $HEAD
        y$D += weight * values[key + d$D];
#end
    }
    let at = (row * params.heads + head) * params.head4;
#if METHOD == thread
#repeat D $HEAD
    if $Du <= beyond {
        y[at + $Du] = y$D / total;
    }
#end
#else
#if METHOD == tree
    let shrink = exp(largest - max_workgroup(largest, lane));
    let sum = sum_workgroup(total * shrink, lane);
#else
    let shrink = exp(largest - max_workgroup(largest, subgroup, subgroup_lane, subgroups));
    let sum = sum_workgroup(total * shrink, subgroup, subgroup_lane, subgroups);
#endif
#repeat D $HEAD
#if METHOD == tree
    y$D = sum4_workgroup(y$D * shrink, lane);
#else
    y$D = sum4_workgroup(y$D * shrink, subgroup, subgroup_lane, subgroups);
#endif
    if lane == 0u && $Du <= beyond {
        y[at + $Du] = y$D / sum;
    }
#end
#endif
}
