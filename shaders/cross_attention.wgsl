// Attention between bytes and patches: y[r, h, :] = softmax(q . k * scale) v over
// the rows of a ring of keys and values that `ranges` gives for query row r.
//
// In the encoder the k query rows of a patch see its bytes; in the decoder a
// byte sees the k rows of its patch. A range is short, so each invocation has a
// head of a row to itself; its sums live in y. No rotary embedding.
#define WIDTH 64
struct Params {
    group: u32,         // query rows per range
    range_stride: u32,  // entries of `ranges` per range
    heads: u32,         // query heads
    kv_heads: u32,      // key and value heads
    head4: u32,         // vectors of four per head
    slots: u32,         // rows of the ring
    scale: f32,         // 1 / sqrt(head dimension)
}
@group(0) @binding(0) var<uniform> params: Params;
// Its rows are query rows.
#import state
@group(0) @binding(2) var<storage, read> ranges: array<vec2u>;     // [rows / group, range_stride], (first, count)
@group(0) @binding(3) var<storage, read> q: array<vec4f>;          // [rows, heads, head4]
@group(0) @binding(4) var<storage, read> kv: array<vec4f>;         // [slots, 2, kv_heads, head4]
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;    // [rows, heads, head4]

const LOWEST = -1e20;
const MASKED = -1e30;

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let head = id.x;
    let row = id.y;
    if row >= state.rows || head >= params.heads {
        return;
    }
    let range = ranges[row / params.group * params.range_stride];
    let stored = params.kv_heads * params.head4;
    let offset = head / (params.heads / params.kv_heads) * params.head4;
    let at = (row * params.heads + head) * params.head4;
    let head4 = bound(params.head4);
    let count = min(range.y, params.slots);
    var largest = LOWEST;
    var total = 0.0;
    for (var first = 0u; first < count; first += 4u) {
#repeat J 4
        let key$J = (range.x + min(first + $Ju, count - 1u)) % params.slots * 2u * stored + offset;
        var score$J = 0.0;
#end
        for (var d = 0u; d < head4; d++) {
            let query = q[at + d];
#repeat J 4
            score$J += dot(query, kv[key$J + d]);
#end
        }
        var highest = largest;
#repeat J 4
        score$J = select(MASKED, score$J * params.scale, first + $Ju < count);
        highest = max(highest, score$J);
#end
        let shrink = exp(largest - highest);
        largest = highest;
        total *= shrink;
#repeat J 4
        score$J = exp(score$J - highest);
        total += score$J;
#end
        for (var d = 0u; d < head4; d++) {
            // Before the first keys y holds nothing yet.
            var sum = select(y[at + d] * shrink, vec4f(), first == 0u);
#repeat J 4
            sum += score$J * kv[key$J + stored + d];
#end
            y[at + d] = sum;
        }
    }
    for (var d = 0u; d < head4; d++) {
        y[at + d] /= total;
    }
}
