// Attention for a few rows: y[t, h, :] = softmax(q . k * scale) v over the keys
// that row t sees.
//
// METHOD `thread` gives a head of a row to each invocation and has no barrier;
// `tree` and `subgroup` give it to a workgroup, whose invocations share the keys
// and join their running maxima, totals and sums at the end.
#variants HEAD any 8 16 32 64
#variants METHOD thread tree subgroup:subgroups
#paired HEAD any METHOD thread
#import method
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
    if row >= state.rows {
        return;
    }
#endif
    let kv_head = head / (params.heads / params.kv_heads);
    let span = span_of(row);
    let head4 = bound(params.head4);
    let query = query_at(row, head);
    let at = (row * params.heads + head) * params.head4;
    var largest = LOWEST;
    var total = 0.0;
#if METHOD == thread
    // Eight keys at a time; the sums live in y.
    for (var first = 0u; first < span; first += 8u) {
#repeat J 8
        let key$J = key_at(row - min(first + $Ju, span - 1u), kv_head);
        var score$J = 0.0;
#end
        for (var d = 0u; d < head4; d++) {
            let q = qkv[query + d];
#repeat J 8
            score$J += dot(q, keys[key$J + d]);
#end
        }
        var highest = largest;
#repeat J 8
        score$J = select(MASKED, score$J * params.scale, first + $Ju < span);
        highest = max(highest, score$J);
#end
        let shrink = exp(largest - highest);
        largest = highest;
        total *= shrink;
#repeat J 8
        score$J = exp(score$J - highest);
        total += score$J;
#end
        for (var d = 0u; d < head4; d++) {
            // Before the first keys y holds nothing yet.
            var sum = select(y[at + d] * shrink, vec4f(), first == 0u);
#repeat J 8
            sum += score$J * values[key$J + d];
#end
            y[at + d] = sum;
        }
    }
    for (var d = 0u; d < head4; d++) {
        y[at + d] /= total;
    }
#else
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
#endif
}
