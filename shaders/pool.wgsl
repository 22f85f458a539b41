// Pools the bytes of each closed patch: y[p, first4 .. first4 + columns4] =
// max, mean or min over the rows of the ring that are patch p's own bytes.
#define WIDTH 64
struct Params {
    columns4: u32,  // vectors of four per row
    slots: u32,     // rows of the ring
    kind: u32,      // 0: max, 1: mean, 2: min
    stride4: u32,   // vectors of four per row of y
    first4: u32,    // first of them to write
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> ranges: array<vec2u>;    // [P, 2], see `close_patches`
@group(0) @binding(3) var<storage, read> ring: array<vec4f>;      // [slots, columns4]
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;   // [P, stride4]

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let column = id.x;
    let row = id.y;
    if row >= state.rows || column >= params.columns4 {
        return;
    }
    let kind = bound(params.kind);
    let range = ranges[2u * row + 1u];
    var pooled = ring[(range.x % params.slots) * params.columns4 + column];
    for (var j = 1u; j < min(range.y, params.slots); j++) {
        let value = ring[((range.x + j) % params.slots) * params.columns4 + column];
        switch kind {
            case 0u: { pooled = max(pooled, value); }
            case 1u: { pooled += value; }
            default: { pooled = min(pooled, value); }
        }
    }
    if kind == 1u {
        pooled /= f32(range.y);
    }
    y[row * params.stride4 + params.first4 + column] = pooled;
}
