// Linear layer for many rows: y[t, o] = keep * y[t, o] + sum_i x[t, i] * weights[o, i].
//
// Blocks of 64 x 16 of both factors are staged in workgroup memory for 16 x 16
// invocations of 4 x 4 outputs.
#cpu linear
#variants WEIGHTS f32 f16 bf16
const TILE_X = 64u;
const TILE_Y = 64u;
struct Params {
    inputs4: u32,       // vectors of four per row of x
    outputs: u32,       // outputs of this part of the weights
    first_output: u32,  // column of the first of them in y
    stride: u32,        // columns of y
    keep: f32,          // times what y holds is added: 0 overwrites, 1 is a residual, 2 BLT's double one
    slots: u32,         // rows of a ring that y is, from state.first_slot on; 0: y is no ring
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
#import weights
@group(0) @binding(3) var<storage, read> x: array<vec4f>;        // [T, inputs4]
@group(0) @binding(4) var<storage, read_write> y: array<f32>;    // [T or slots, stride]

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

// Rows of 4 vectors, 5 apart: no two invocations of a phase share a bank.
var<workgroup> tile_x: array<vec4f, 320>;
var<workgroup> tile_w: array<vec4f, 320>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let first_output = group.x * 64u;
    let first_row = group.y * 64u;
    // A grid may be larger than the rows of this run.
    if first_row >= state.rows {
        return;
    }
    keep = bitcast<f32>(bound(bitcast<u32>(params.keep)));
    slots = bound(params.slots);
    let inputs4 = bound(params.inputs4);
    // Which vector of the blocks this invocation loads, and which outputs it sums.
    let load_row = lane >> 2u;
    let load_vector = lane & 3u;
    let tile_column = lane & 15u;
    let tile_row = lane >> 4u;
    let x_at = min(first_row + load_row, state.rows - 1u) * params.inputs4;
    let w_at = min(first_output + load_row, params.outputs - 1u) * params.inputs4;
#repeat R 4
#repeat C 4
    var sum$R_$C = 0.0;
#end
#end
    for (var i = 0u; i < inputs4; i += 4u) {
        let column = i + load_vector;
        var value = vec4f();
        var weight = vec4f();
        if column < inputs4 {
            value = x[x_at + column];
            weight = weights_at(w_at + column);
        }
        tile_x[load_row * 5u + load_vector] = value;
        tile_w[load_row * 5u + load_vector] = weight;
        workgroupBarrier();
#repeat K 4
        {
#repeat C 4
            let w$C = tile_w[(tile_column + $Cu * 16u) * 5u + $Ku];
#end
#repeat R 4
            let x$R = tile_x[(tile_row + $Ru * 16u) * 5u + $Ku];
#repeat C 4
            sum$R_$C += dot(x$R, w$C);
#end
#end
        }
#end
        workgroupBarrier();
    }
#repeat R 4
#repeat C 4
    store(first_row + tile_row + $Ru * 16u, first_output + tile_column + $Cu * 16u, sum$R_$C);
#end
#end
}
