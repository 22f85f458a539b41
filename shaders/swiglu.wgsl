// SwiGLU: y[t, i] = silu(gate[t, i]) * up[t, i], silu(z) = z / (1 + exp(-z)).
//
// Gate and up lie side by side in one row, as one product wrote them.
#define WIDTH 64
struct Params {
    columns4: u32,  // vectors of four per row of y
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> gate_up: array<vec4f>;    // [T, 2, columns4]
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;    // [T, columns4]

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.y >= state.rows || id.x >= params.columns4 {
        return;
    }
    let row = id.y * 2u * params.columns4;
    let gate = gate_up[row + id.x];
    let up = gate_up[row + params.columns4 + id.x];
    y[id.y * params.columns4 + id.x] = gate / (1.0 + exp(-gate)) * up;
}
