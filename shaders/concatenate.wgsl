// An encoder without cross-attention: y[p, n, :] = the n-th of the last N bytes
// up to the end of patch p, rows of the ring; before the text its first byte.
#define WIDTH 64
struct Params {
    columns4: u32,  // vectors of four per byte
    slots: u32,     // rows of the ring
    bytes: u32,     // bytes per patch (N)
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> ranges: array<vec2u>;    // [P, 2], see `close_patches`
@group(0) @binding(3) var<storage, read> ring: array<vec4f>;      // [slots, columns4]
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;   // [P, bytes, columns4]

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let row = id.y;
    if row >= state.rows || id.x >= params.bytes * params.columns4 {
        return;
    }
    let own = ranges[2u * row + 1u];
    let back = params.bytes - id.x / params.columns4;
    let position = own.x + own.y - min(back, own.x + own.y);
    let source = position % params.slots * params.columns4 + id.x % params.columns4;
    y[row * params.bytes * params.columns4 + id.x] = ring[source];
}
