// Embedding gather: x[t, :] = table[ids[t], :].
//
// A table above the binding limit comes in parts; each part writes the rows
// whose id lies in it. Ids beyond the vocabulary are clamped to its last row.
#variants WEIGHTS f32 f16 bf16 q8 q4
#define WIDTH 64
struct Params {
    columns4: u32,    // vectors of four per row
    vocabulary: u32,  // rows of the whole table
    first_row: u32,   // first row of this part
    part_rows: u32,   // rows of this part
    group_shift: u32, // log2 of the vectors of four in a group of quantised weights
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
#define LOADS 4
#import weights
@group(0) @binding(3) var<storage, read> ids: array<u32>;          // [T]
@group(0) @binding(4) var<storage, read_write> x: array<vec4f>;    // [T, columns4]

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let column = id.x;
    let row = id.y;
    if row >= state.rows || column >= params.columns4 {
        return;
    }
    let entry = min(ids[row], params.vocabulary - 1u) - params.first_row;
    // An id before this part wraps to a large number.
    if entry < params.part_rows {
        x[row * params.columns4 + column] = weights_at(weights_row(entry, params.columns4), column, params.columns4);
    }
}
