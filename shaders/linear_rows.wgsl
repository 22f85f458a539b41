// Linear layer for a few rows: y[t, o] = keep * y[t, o] + sum_i x[t, i] * weights[o, i].
//
// Four outputs to a workgroup, whose invocations share the sums. ROWS rows use each
// weight that is read.
#cpu linear
#variants WEIGHTS f32 f16 bf16
#variants METHOD tree subgroup:subgroups
#variants ROWS 1 2 8
#define WIDTH 64
const TILE_Y = $ROWSu;
const TILE_X = 4u;
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

#import reduce4
@compute @workgroup_size($WIDTH)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) lane: u32,
#if METHOD == subgroup
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
    @builtin(num_subgroups) subgroups: u32,
#endif
) {
    let output = group.x * 4u;
    let first = group.y * $ROWSu;
    // A grid may be larger than the rows of this run.
    if first >= state.rows {
        return;
    }
    keep = bitcast<f32>(bound(bitcast<u32>(params.keep)));
    slots = bound(params.slots);
    let inputs4 = bound(params.inputs4);
    let last = state.rows - 1u;
    // Outputs beyond the last repeat it; they are not stored.
#repeat O 4
    let w$O = min(output + $Ou, params.outputs - 1u) * params.inputs4;
#end
#repeat R $ROWS
    let x$R = min(first + $Ru, last) * params.inputs4;
#repeat O 4
    var sum$R_$O = 0.0;
#end
#end
    for (var i = lane; i < inputs4; i += $WIDTHu) {
#repeat O 4
        let weight$O = weights_at(w$O + i);
#end
#repeat R $ROWS
        let value$R = x[x$R + i];
#repeat O 4
        sum$R_$O += dot(weight$O, value$R);
#end
#end
    }
#repeat R $ROWS
    {
        let partial = vec4f(sum$R_0, sum$R_1, sum$R_2, sum$R_3);
#if METHOD == tree
        let sum = sum4_workgroup(partial, lane);
#else
        let sum = sum4_workgroup(partial, subgroup, subgroup_lane, subgroups);
#endif
        if lane < 4u {
            store(first + $Ru, output + lane, sum[lane]);
        }
    }
#end
}
