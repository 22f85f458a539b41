// A decoder without cross-attention: x[t, :] += vectors[patches[t] mod slots, :].
#define WIDTH 64
struct Params {
    columns4: u32,  // vectors of four per row
    slots: u32,     // rows of `vectors`
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> patches: array<u32>;      // [T], the last closed patch
@group(0) @binding(3) var<storage, read> vectors: array<vec4f>;    // [slots, columns4]
@group(0) @binding(4) var<storage, read_write> x: array<vec4f>;    // [T, columns4]

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.y >= state.rows || id.x >= params.columns4 {
        return;
    }
    let vector = patches[id.y] % params.slots * params.columns4;
    x[id.y * params.columns4 + id.x] += vectors[vector + id.x];
}
