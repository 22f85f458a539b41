// Attention for many rows: y[t, h, :] = softmax(q . k * scale) v over the keys
// that row t sees, with a running maximum (one pass over the keys).
//
// A workgroup has 32 rows of a head and walks their keys KEYS at a time. Scores are a
// product as in `linear_tile`, 2 x OWN to an invocation, from blocks of 4 vectors of
// queries and keys in workgroup memory. Then four invocations turn each row's
// scores into weights. Then an invocation sums values over its two rows, for every
// 16th vector of the head from its own on. HEAD: columns of a head at most. Fewer keys
// leave registers for twice as many invocations side by side on some of Intel's GPUs.
#cpu attention
#variants HEAD 64 128 256
#variants KEYS 64 32
#without HEAD 64 KEYS 32
#if KEYS == 64
#define OWN 4
#else
#define OWN 2
#endif
#if HEAD == 64
#define VECTORS 1
#else
#if HEAD == 128
#define VECTORS 2
#else
#define VECTORS 4
#endif
#endif
#import attention
#import dot_add
const TILE_X = 32u;
const TILE_Y = 1u;
const MASKED = -1e30;  // the score of a key that a row does not see: its weight is 0
const LOWEST = -1e20;  // below any other score, and above that one

// Rows of 4 vectors, 5 apart: no two invocations of a phase share a bank. The first
// 32 are queries, whose fifth vector holds what their sums shrink by; then keys, the
// key OWN c + j at 16 j + c.
const STAGED = 5u * (32u + $KEYSu);
var<workgroup> staged: array<vec4f, STAGED>;
// Scores, then weights: row r's of the OWN keys from OWN c on at 16 r + c.
var<workgroup> weights: array<vec$OWNf, 512>;
// What the four invocations of a row tell each other.
var<workgroup> exchange: array<f32, 128>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first_row = group.x * 32u;
    // A grid may be larger than the rows of this run.
    if first_row >= state.rows {
        return;
    }
    let head = group.y;
    let kv_head = head / (params.heads / params.kv_heads);
    let head4 = bound(params.head4);
    let last_row = min(first_row + 32u, state.rows) - 1u;
    // Spans begin no earlier from row to row, so the first row's is the earliest.
    let first_key = first_row + 1u - span_of(first_row);
    let keys_to_walk = last_row + 1u - first_key;
    let column = lane & 15u;
    let own = lane >> 4u;

    // What this invocation loads: the first half of them a vector of a query, and all, or
    // the other half, one of a key. The first half turns scores into weights as well, those
    // of the same row.
    let load_row = lane >> 2u;
    let load_vector = lane & 3u;
    let load_query = query_at(min(first_row + load_row, last_row), head);
    let first_half = lane < 128u;
#if KEYS == 64
    let key_row = load_row;
#else
    let key_row = load_row & 31u;
#endif
    let load_key = $OWNu * (key_row & 15u) + (key_row >> 4u);
    var largest = LOWEST;
    var total = 0.0;
#repeat V $VECTORS
    let d$V = min(column + $Vu * 16u, head4 - 1u);
#repeat R 2
    var sum$R_$V = vec4f();
#end
#end
    for (var walked = 0u; walked < keys_to_walk; walked += $KEYSu) {
        let key = key_at(first_key + min(walked + load_key, keys_to_walk - 1u), kv_head);
#repeat R 2
#repeat J $OWN
        var score$R_$J = 0.0;
#end
#end
        for (var i = 0u; i < head4; i += 4u) {
#if KEYS == 64
            var next_query = vec4f();
            var next_key = vec4f();
            if i + load_vector < head4 {
                next_key = keys[key + i + load_vector];
                if first_half {
                    next_query = qkv[load_query + i + load_vector];
                }
            }
            if first_half {
                staged[load_row * 5u + load_vector] = next_query * params.scale;
            }
            staged[(32u + load_row) * 5u + load_vector] = next_key;
#else
            var next = vec4f();
            if i + load_vector < head4 {
                if first_half {
                    next = qkv[load_query + i + load_vector] * params.scale;
                } else {
                    next = keys[key + i + load_vector];
                }
            }
            // Keys are the rows behind the queries, as invocations are.
            staged[load_row * 5u + load_vector] = next;
#endif
            workgroupBarrier();
#repeat K 4
            {
#repeat R 2
                let q$R = staged[(own + $Ru * 16u) * 5u + $Ku];
#end
#repeat J $OWN
                let k$J = staged[(32u + column + $Ju * 16u) * 5u + $Ku];
#repeat R 2
                score$R_$J = dot_add(q$R, k$J, score$R_$J);
#end
#end
            }
#end
            workgroupBarrier();
        }
#repeat R 2
        {
            // Distance back from the row; a key after it wraps to a large number.
            let first = first_key + walked + $OWNu * column;
#if KEYS == 64
            let back = vec4u(first_row + own + $Ru * 16u - first) - vec4u(0u, 1u, 2u, 3u);
            let scores = vec4f(score$R_0, score$R_1, score$R_2, score$R_3);
#else
            let back = vec2u(first_row + own + $Ru * 16u - first) - vec2u(0u, 1u);
            let scores = vec2f(score$R_0, score$R_1);
#endif
            let span = span_of(min(first_row + own + $Ru * 16u, last_row));
            weights[(own + $Ru * 16u) * 16u + column] =
                select(vec$OWNf(MASKED), scores, back < vec$OWNu(span));
        }
#end
        workgroupBarrier();

        let quarter = load_row * 16u + load_vector;
        if first_half {
            var several = weights[quarter];
#repeat I 3
            several = max(several, weights[quarter + 4u + $Iu * 4u]);
#end
#if KEYS == 64
            exchange[lane] = max(max(several.x, several.y), max(several.z, several.w));
#else
            exchange[lane] = max(several.x, several.y);
#endif
        }
        workgroupBarrier();
        if first_half {
            let row = 4u * load_row;
            let highest = max(
                max(exchange[row], exchange[row + 1u]),
                max(exchange[row + 2u], exchange[row + 3u]),
            );
            let shrink = exp(largest - max(highest, largest));
            largest = max(highest, largest);
            total *= shrink;
#repeat I 4
            {
                let several = exp(weights[quarter + $Iu * 4u] - largest);
                weights[quarter + $Iu * 4u] = several;
                total += dot(several, vec$OWNf(1.0));
            }
#end
            if load_vector == 0u {
                staged[load_row * 5u + 4u] = vec4f(shrink);
            }
        }
        workgroupBarrier();

#repeat R 2
        {
            let shrink = staged[(own + $Ru * 16u) * 5u + 4u];
#repeat V $VECTORS
            sum$R_$V *= shrink;
#end
        }
#end
        let live = min(keys_to_walk - walked, $KEYSu);
#if KEYS == 64
        // The weight of the last key's successor is zero, and it stands in for it.
        for (var j = 0u; j < live; j += 2u) {
            let value0 = key_at(first_key + walked + j, kv_head);
            let value1 = key_at(first_key + walked + min(j + 1u, live - 1u), kv_head);
#repeat V $VECTORS
            let v0_$V = values[value0 + d$V];
            let v1_$V = values[value1 + d$V];
#end
#repeat R 2
            {
                let four = weights[(own + $Ru * 16u) * 16u + (j >> 2u)];
                let two = select(four.xy, four.zw, (j & 2u) == 2u);
#repeat V $VECTORS
                sum$R_$V = fma(vec4f(two.x), v0_$V, sum$R_$V);
                sum$R_$V = fma(vec4f(two.y), v1_$V, sum$R_$V);
#end
            }
#end
        }
#else
        for (var j = 0u; j < live; j++) {
            let value = key_at(first_key + walked + j, kv_head);
#repeat V $VECTORS
            let v$V = values[value + d$V];
#end
#repeat R 2
            {
                let two = weights[(own + $Ru * 16u) * 16u + (j >> 1u)];
                let one = select(two.x, two.y, (j & 1u) == 1u);
#repeat V $VECTORS
                sum$R_$V = fma(vec4f(one), v$V, sum$R_$V);
#end
            }
#end
        }
#endif
    }
    if first_half {
        exchange[lane] = total;
    }
    workgroupBarrier();
#repeat R 2
    {
        let r = own + $Ru * 16u;
        let all = exchange[4u * r] + exchange[4u * r + 1u] + exchange[4u * r + 2u] + exchange[4u * r + 3u];
        let at = ((first_row + r) * params.heads + head) * params.head4;
#repeat V $VECTORS
        if first_row + r <= last_row && column + $Vu * 16u < head4 {
            y[at + d$V] = sum$R_$V / all;
        }
#end
    }
#end
}
