// Joins the parts that `attention_rows` has cut the keys of a row into:
// y[t, h, :] = sum_s e_s sums_s / sum_s e_s total_s, e_s = exp(maximum_s - maximum).
//
// One invocation per vector of four.
#import split
#define WIDTH 64
struct Params {
    heads: u32,   // query heads
    head4: u32,   // vectors of four per head
    slots: u32,   // slots of the ring of keys
    splits: u32,  // parts at most
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> spans: array<u32>;         // [T]
@group(0) @binding(3) var<storage, read> parts: array<vec4f>;       // [T, heads, splits, head4 + 1]
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;     // [T, heads, head4]

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let row = id.y;
    if row >= state.rows || id.x >= params.heads * params.head4 {
        return;
    }
    let head = id.x / params.head4;
    let column = id.x % params.head4;
    let span = min(spans[row], params.slots);
    let part = part_of(span, params.splits);
    let live = (span + part - 1u) / part;
    let first = (row * params.heads + head) * params.splits * (params.head4 + 1u);
    var largest = -1e20;
    var total = 0.0;
    var sum = vec4f();
    for (var s = 0u; s < live; s++) {
        let at = first + s * (params.head4 + 1u);
        let joined = parts[at + params.head4];
        let highest = max(largest, joined.x);
        let shrink = exp(largest - highest);
        let weight = exp(joined.x - highest);
        largest = highest;
        total = total * shrink + joined.y * weight;
        sum = sum * shrink + parts[at + column] * weight;
    }
    y[row * params.heads * params.head4 + id.x] = sum / total;
}
