// Keeps rows for later runs: ring[(first_slot + t) mod slots, :] = x[t, :].
#define WIDTH 64
struct Params {
    columns4: u32,  // vectors of four per row
    slots: u32,     // rows of the ring
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> x: array<vec4f>;           // [T, columns4]
@group(0) @binding(3) var<storage, read_write> ring: array<vec4f>;  // [slots, columns4]

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.y >= state.rows || id.x >= params.columns4 {
        return;
    }
    let slot = (state.first_slot + id.y) % params.slots;
    ring[slot * params.columns4 + id.x] = x[id.y * params.columns4 + id.x];
}
