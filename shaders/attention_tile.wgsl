// Attention for many rows: y[t, h, :] = softmax(q . k * scale) v over the keys
// that row t sees, with a running maximum (one pass over the keys). No barrier.
//
// HEAD `any`, for software drivers: each invocation takes 8 rows and walks the
// keys 16 at a time, because a load costs as much there as many products; its
// sums live in y. Otherwise: one invocation per row, its head in registers; the
// rows of a workgroup walk the same keys, so that each is read once for all.
#variants HEAD any 8 16 32 64
#if HEAD == any
#define WIDTH 8
#define LANE_ROWS 8
const TILE_X = 64u;
#else
#define WIDTH 64
#define LANE_ROWS 1
#endif
#import attention

@compute @workgroup_size($WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first_row = group.x * $WIDTHu * $LANE_ROWSu;
    // A grid may be larger than the rows of this run.
    if first_row >= state.rows {
        return;
    }
    let head = group.y;
    let kv_head = head / (params.heads / params.kv_heads);
    let head4 = bound(params.head4);
    let last_row = min(first_row + $WIDTHu * $LANE_ROWSu, state.rows) - 1u;
    // Spans begin no earlier from row to row, so the first row's is the earliest.
    let first_key = first_row + 1u - span_of(first_row);
    let keys_to_walk = last_row + 1u - first_key;
#if HEAD == any
    let own_row = first_row + lane * 8u;
#repeat R 8
    let row$R = min(own_row + $Ru, last_row);
    let live$R = own_row + $Ru <= last_row;
    let span$R = span_of(row$R);
    let q$R = query_at(row$R, head);
    let y$R = (row$R * params.heads + head) * params.head4;
    var largest$R = LOWEST;
    var total$R = 0.0;
#end
    for (var walked = 0u; walked < keys_to_walk; walked += 16u) {
#repeat J 16
        let key$J = key_at(first_key + min(walked + $Ju, keys_to_walk - 1u), kv_head);
#end
#repeat R 8
#repeat J 16
        var score$R_$J = 0.0;
#end
#end
        for (var d = 0u; d < head4; d++) {
#repeat J 16
            let k$J = keys[key$J + d];
#end
#repeat R 8
            let query$R = qkv[q$R + d];
#repeat J 16
            score$R_$J += dot(query$R, k$J);
#end
#end
        }
#repeat R 8
        var highest$R = largest$R;
        // Distance back from the row; a key after it wraps to a large number.
        let back$R = row$R - first_key - walked;
#repeat J 16
        score$R_$J = select(MASKED, score$R_$J * params.scale, back$R - $Ju < span$R);
        highest$R = max(highest$R, score$R_$J);
#end
        let shrink$R = exp(largest$R - highest$R);
        largest$R = highest$R;
        total$R *= shrink$R;
#repeat J 16
        score$R_$J = exp(score$R_$J - highest$R);
        total$R += score$R_$J;
#end
#end
        for (var d = 0u; d < head4; d++) {
#repeat J 16
            let v$J = values[key$J + d];
#end
#repeat R 8
            {
                // Before the first keys y holds nothing yet.
                var sum = select(y[y$R + d] * shrink$R, vec4f(), walked == 0u);
#repeat J 16
                sum += score$R_$J * v$J;
#end
                if live$R {
                    y[y$R + d] = sum;
                }
            }
#end
        }
    }
    for (var d = 0u; d < head4; d++) {
#repeat R 8
        if live$R {
            y[y$R + d] /= total$R;
        }
#end
    }
#else
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
#endif
}
