// Rotates queries and keys (interleaved RoPE) and stores keys and values in
// the ring: y[2j] = x[2j] cos - x[2j+1] sin, y[2j+1] = x[2j+1] cos + x[2j] sin.
//
// Queries are rotated in place. The angles come from the host, which computes
// them as the reference does: a shader's sine is not exact enough for large
// positions. One invocation per pair; y of the grid is the row.
#define WIDTH 64
struct Params {
    heads: u32,       // query heads
    kv_heads: u32,    // key and value heads
    half_head: u32,   // pairs per head
    slots: u32,       // slots of the ring, a power of two
    absolute: u32,    // 1: `angles` begins at position 0, and slots are positions; 0: at row 0
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> angles: array<vec2f>;          // [T or positions, half_head], (cos, sin)
@group(0) @binding(3) var<storage, read_write> qkv: array<vec2f>;       // [T, heads + 2 kv_heads, half_head]
@group(0) @binding(4) var<storage, read_write> keys: array<vec2f>;      // [slots, kv_heads, half_head]
@group(0) @binding(5) var<storage, read_write> values: array<vec2f>;    // [slots, kv_heads, half_head]

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let row = id.y;
    let pair = id.x;
    let queries = params.heads * params.half_head;
    let stored = params.kv_heads * params.half_head;
    if row >= state.rows || pair >= queries + 2u * stored {
        return;
    }
    let slot = (state.first_slot + row) & (params.slots - 1u);
    let at = row * (queries + 2u * stored) + pair;
    let x = qkv[at];
    if pair >= queries + stored {
        values[slot * stored + pair - queries - stored] = x;
        return;
    }
    let angle_row = row + params.absolute * state.first_slot;
    let angle = angles[angle_row * params.half_head + pair % params.half_head];
    let rotated = vec2f(x.x * angle.x - x.y * angle.y, x.y * angle.x + x.x * angle.y);
    if pair < queries {
        qkv[at] = rotated;
    } else {
        keys[slot * stored + pair - queries] = rotated;
    }
}
