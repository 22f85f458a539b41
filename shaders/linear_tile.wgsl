// Linear layer for many rows: y[t, o] = keep * y[t, o] + sum_i x[t, i] * weights[o, i].
//
// Blocks of 64 rows x 16 inputs and of 128 outputs x 16 inputs are staged in workgroup
// memory for 16 x 16 invocations of 4 rows x 8 outputs. While they multiply one block,
// the next is on its way.
#cpu linear
#variants WEIGHTS f32 f16 bf16 q8 q4
const TILE_X = 128u;
const TILE_Y = 64u;
#import linear
#define LOADS 8
#import weights
#import dot_add

// Rows of 4 vectors, 5 apart: no two invocations of a phase share a bank.
var<workgroup> tile_x: array<vec4f, 320>;
var<workgroup> tile_w: array<vec4f, 640>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let first_output = group.x * 128u;
    let first_row = group.y * 64u;
    // A grid may be larger than the rows of this run.
    if first_row >= state.rows {
        return;
    }
    keep = bitcast<f32>(bound(bitcast<u32>(params.keep)));
    slots = bound(params.slots);
    let inputs4 = bound(params.inputs4);
    let even = (inputs4 & 1u) == 0u;
    // What this invocation loads: a vector of a row of x and two of an output's weights.
    let x_row = lane >> 2u;
    let x_vector = lane & 3u;
    let w_row = lane >> 1u;
    let w_vector = 2u * (lane & 1u);
    let x_at = min(first_row + x_row, state.rows - 1u) * inputs4 + x_vector;
    let w_at = weights_row(min(first_output + w_row, params.outputs - 1u), inputs4);
    // And which outputs it sums.
    let tile_column = lane & 15u;
    let tile_row = lane >> 4u;
#repeat R 4
#repeat C 8
    var sum$R_$C = 0.0;
#end
#end
    var value = vec4f();
    var weight_low = vec4f();
    var weight_high = vec4f();
    var eight: Eight;
    if x_vector < inputs4 {
        value = x[x_at];
    }
    if even && w_vector < inputs4 {
        eight = eight_at(w_at, w_vector, inputs4);
    }
    for (var i = 0u; i < inputs4; i += 4u) {
        tile_x[x_row * 5u + x_vector] = value;
        if even {
            tile_w[w_row * 5u + w_vector] = low(eight);
            tile_w[w_row * 5u + w_vector + 1u] = high(eight);
        } else {
            // Outputs do not begin at whole loads then.
            weight_low = vec4f();
            weight_high = vec4f();
            if i + w_vector < inputs4 {
                weight_low = weights_at(w_at, i + w_vector, inputs4);
            }
            if i + w_vector + 1u < inputs4 {
                weight_high = weights_at(w_at, i + w_vector + 1u, inputs4);
            }
            tile_w[w_row * 5u + w_vector] = weight_low;
            tile_w[w_row * 5u + w_vector + 1u] = weight_high;
        }
        workgroupBarrier();
        value = vec4f();
        var none: Eight;
        eight = none;
        if i + 4u + x_vector < inputs4 {
            value = x[x_at + i + 4u];
        }
        if even && i + 4u + w_vector < inputs4 {
            eight = eight_at(w_at, i + 4u + w_vector, inputs4);
        }
#repeat K 4
        {
#repeat R 4
            let x$R = tile_x[(tile_row + $Ru * 16u) * 5u + $Ku];
#end
#repeat C 8
            let w$C = tile_w[(tile_column + $Cu * 16u) * 5u + $Ku];
#repeat R 4
            sum$R_$C = dot_add(x$R, w$C, sum$R_$C);
#end
#end
        }
#end
        workgroupBarrier();
    }
#repeat R 4
#repeat C 8
    store(first_row + tile_row + $Ru * 16u, first_output + tile_column + $Cu * 16u, sum$R_$C);
#end
#end
}
