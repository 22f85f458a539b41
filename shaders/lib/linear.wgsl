// What the linear layers share.
struct Params {
    inputs4: u32,          // vectors of four per row of x
    outputs: u32,          // outputs of this part of the weights
    first_output: u32,     // column of the first of them in y
    stride: u32,           // columns of y
    keep: f32,             // times what y holds is added: 0 overwrites, 1 is a residual, 2 BLT's double one
    slots: u32,            // rows of the ring that y is, from state.first_slot on; 0 if y is not a ring
    inverse_columns: f32,  // 1 / columns of a row that is normalised; 0: none is
    epsilon: f32,          // added to the mean square
    norm_outputs: u32,     // outputs of y that share the weights of a norm
    group_shift: u32,      // log2 of the vectors of four in a group of quantised weights
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(3) var<storage, read> x: array<vec4f>;        // [T, inputs4]
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;     // [norms, inputs4], where rows are normalised
@group(0) @binding(5) var<storage, read_write> y: array<f32>;    // [T or slots, stride]

// See `bound`.
var<private> keep: f32;
var<private> slots: u32;

fn store(row: u32, output: u32, sum: f32) {
    if row < state.rows && output < params.outputs {
        var y_row = row;
        if slots > 0u {
            y_row = (state.first_slot + row) % slots;
        }
        let at = y_row * params.stride + params.first_output + output;
        if keep == 0.0 {
            y[at] = sum;
        } else {
            y[at] = keep * y[at] + sum;
        }
    }
}
