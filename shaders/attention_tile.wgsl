// Attention for many rows: y[t, h, :] = softmax(q . k * scale) v over the keys
// that row t sees, with a running maximum (one pass over the keys). No barrier.
//
// One invocation per row, its head in registers; the rows of a workgroup walk the
// same keys, so that each is read once for all.
#cpu attention
#variants HEAD 8 16 32 64
#define WIDTH 64
#import attention

@compute @workgroup_size($WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first_row = group.x * $WIDTHu;
    // A grid may be larger than the rows of this run.
    if first_row >= state.rows {
        return;
    }
    let head = group.y;
    let kv_head = head / (params.heads / params.kv_heads);
    let head4 = bound(params.head4);
    let last_row = min(first_row + $WIDTHu, state.rows) - 1u;
    // Spans begin no earlier from row to row, so the first row's is the earliest.
    let first_key = first_row + 1u - span_of(first_row);
    let keys_to_walk = last_row + 1u - first_key;
    let row = min(first_row + lane, last_row);
    let span = span_of(row);
    let beyond = params.head4 - 1u;
    let query = query_at(row, head);
    var q: array<vec4f, $HEAD>;
    var sums: array<vec4f, $HEAD>;
    for (var d = 0u; d < 8u * blocks(); d++) {
        q[d] = select(vec4f(), qkv[query + min(d, beyond)] * params.scale, d <= beyond);
        sums[d] = vec4f();
    }
    var largest = LOWEST;
    var total = 0.0;
    for (var walked = 0u; walked < keys_to_walk; walked += 4u) {
        var scores = vec4f();
#repeat J 4
        let key$J = key_at(first_key + min(walked + $Ju, keys_to_walk - 1u), kv_head);
        var sum$J = vec4f();
#end
        for (var block = 0u; block < blocks(); block++) {
#repeat D 8
            let d$D = min(block * 8u + $Du, beyond);
            let q$D = q[block * 8u + $Du];
#repeat J 4
            sum$J += q$D * keys[key$J + d$D];
#end
#end
        }
#repeat J 4
        // Distance back from this row; a key after it wraps to a large number.
        let back$J = row - (first_key + walked + $Ju);
        scores[$J] = select(MASKED, dot(sum$J, vec4f(1.0)), back$J < span);
#end
        let highest = max(max(scores.x, scores.y), max(scores.z, scores.w));
        if highest > largest {
            let shrink = exp(largest - highest);
            largest = highest;
            total *= shrink;
            for (var d = 0u; d < 8u * blocks(); d++) {
                sums[d] *= shrink;
            }
        }
        let weight = exp(scores - largest);
        total += dot(weight, vec4f(1.0));
        for (var block = 0u; block < blocks(); block++) {
#repeat D 8
            {
                let d = min(block * 8u + $Du, beyond);
                var sum = sums[block * 8u + $Du];
#repeat J 4
                sum += weight[$J] * values[key$J + d];
#end
                sums[block * 8u + $Du] = sum;
            }
#end
        }
    }
    if first_row + lane <= last_row {
        let at = (row * params.heads + head) * params.head4;
        for (var d = 0u; d < head4; d++) {
            y[at + d] = sums[d] / total;
        }
    }
}
