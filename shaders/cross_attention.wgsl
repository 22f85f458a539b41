// Attention between bytes and patches: y[r, h, :] = softmax(q . k * scale) v over
// the rows of a ring of keys and values that `ranges` gives for query row r.
//
// In the encoder the k query rows of a patch see its bytes; in the decoder a
// byte sees the k rows of its patch. A workgroup has a head of a row. No rotary
// embedding.
#variants HEAD 32 64 128 256
#variants METHOD tree subgroup:subgroups
#define WIDTH 64
#define KEYS 2
// A head of a row to each workgroup.
const TILE_X = 1u;
struct Params {
    group: u32,         // query rows per range
    range_stride: u32,  // entries of `ranges` per range
    heads: u32,         // query heads
    kv_heads: u32,      // key and value heads
    head4: u32,         // vectors of four per head
    slots: u32,         // rows of the ring
    row4: u32,         // vectors of four per row of the ring
    first4: u32,       // those before the keys
    scale: f32,         // 1 / sqrt(head dimension)
}
@group(0) @binding(0) var<uniform> params: Params;
// Its rows are query rows.
#import state
@group(0) @binding(2) var<storage, read> ranges: array<vec2u>;     // [rows / group, range_stride], (first, count)
@group(0) @binding(3) var<storage, read> q: array<vec4f>;          // [rows, heads, head4]
@group(0) @binding(4) var<storage, read> kv: array<vec4f>;         // [slots, row4], keys and values [2, kv_heads, head4] in each
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;    // [rows, heads, head4]

var<private> range_first: u32;
var<private> kv_head: u32;
fn query4(at: u32) -> vec4f {
    return q[at] * params.scale;
}
fn key_row(j: u32) -> u32 {
    let slot = (range_first + j) % params.slots;
    return slot * params.row4 + params.first4 + kv_head * params.head4;
}
fn key4(at: u32) -> vec4f {
    return kv[at];
}
fn value4(at: u32) -> vec4f {
    return kv[at + params.kv_heads * params.head4];
}

#import attend
@compute @workgroup_size($WIDTH)
fn main(
    @builtin(workgroup_id) group: vec3u,
#if METHOD == tree
    @builtin(local_invocation_index) place: u32,
#else
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
    @builtin(subgroup_size) subgroup_size: u32,
#endif
) {
    let head = group.x;
    let row = group.y;
    if row >= state.rows {
        return;
    }
#if METHOD == subgroup
    // Teams are parts of subgroups.
    let place = subgroup * subgroup_size + subgroup_lane;
#endif
    let range = ranges[row / params.group * params.range_stride];
    range_first = range.x;
    kv_head = head / (params.heads / params.kv_heads);
    let head4 = bound(params.head4);
    let at = (row * params.heads + head) * head4;
    _ = attend(place, at, head4, 0u, min(range.y, params.slots), at, true);
}
