// Sizes of the steps of a plan whose number of rows only the GPU knows: for
// each step ceil((items + factor * rows) / tile) workgroups in x and y, or none
// at all without rows.
#cpu none
struct Params {
    steps: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> steps: array<vec4u>;      // [steps, 2], (items, factor, tile, 0) in x and y
@group(0) @binding(3) var<storage, read_write> grids: array<u32>;  // [steps, 3]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= params.steps {
        return;
    }
    for (var axis = 0u; axis < 2u; axis++) {
        let step = steps[2u * id.x + axis];
        let items = step.x + step.y * state.rows;
        grids[3u * id.x + axis] = select(0u, (items + step.z - 1u) / step.z, state.rows > 0u);
    }
    grids[3u * id.x + 2u] = select(0u, 1u, state.rows > 0u);
}
