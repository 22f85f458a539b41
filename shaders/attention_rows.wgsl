// Attention for a few rows: y[t, h, :] = softmax(q . k * scale) v over the keys
// that row t sees.
//
// A workgroup has a head of a row; its invocations share the keys and join their
// running maxima, totals and sums at the end.
#cpu attention
#variants HEAD 8 16 32 64
#variants METHOD tree subgroup:subgroups
#define WIDTH 64
#import attention
// A head of a row to each workgroup.
const TILE_X = 1u;

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
    if row >= state.rows {
        return;
    }
    let kv_head = head / (params.heads / params.kv_heads);
    let span = span_of(row);
    let head4 = bound(params.head4);
    let query = query_at(row, head);
    let at = (row * params.heads + head) * params.head4;
    var largest = LOWEST;
    var total = 0.0;
    let beyond = params.head4 - 1u;
    var q: array<vec4f, $HEAD>;
    var sums: array<vec4f, $HEAD>;
    for (var d = 0u; d < 8u * blocks(); d++) {
        q[d] = select(vec4f(), qkv[query + min(d, beyond)] * params.scale, d <= beyond);
        sums[d] = vec4f();
    }
    for (var back = lane; back < span; back += $WIDTHu) {
        let key = key_at(row - back, kv_head);
        var products = vec4f();
        for (var block = 0u; block < blocks(); block++) {
#repeat D 8
            products += q[block * 8u + $Du] * keys[key + min(block * 8u + $Du, beyond)];
#end
        }
        let score = dot(products, vec4f(1.0));
        if score > largest {
            let shrink = exp(largest - score);
            largest = score;
            total *= shrink;
            for (var d = 0u; d < 8u * blocks(); d++) {
                sums[d] *= shrink;
            }
        }
        let weight = exp(score - largest);
        total += weight;
        for (var block = 0u; block < blocks(); block++) {
#repeat D 8
            sums[block * 8u + $Du] += weight * values[key + min(block * 8u + $Du, beyond)];
#end
        }
    }
#if METHOD == tree
    let shrink = exp(largest - max_workgroup(largest, lane));
    let all = sum_workgroup(total * shrink, lane);
#else
    let shrink = exp(largest - max_workgroup(largest, subgroup, subgroup_lane, subgroups));
    let all = sum_workgroup(total * shrink, subgroup, subgroup_lane, subgroups);
#endif
    for (var d = 0u; d < 8u * blocks(); d++) {
#if METHOD == tree
        let sum = sum4_workgroup(sums[d] * shrink, lane);
#else
        let sum = sum4_workgroup(sums[d] * shrink, subgroup, subgroup_lane, subgroups);
#endif
        if lane == 0u && d <= beyond {
            y[at + d] = sum / all;
        }
    }
}
