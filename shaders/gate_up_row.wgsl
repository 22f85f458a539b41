// The first half of SwiGLU for a single row, which is normalised first (RMSNorm):
// y[i] = silu(gate_i) * up_i with gate_i = sum_j norm(x)[j] * weights[i, j] and up_i the
// same over the rows of weights from `outputs` on; silu(z) = z / (1 + exp(-z)).
//
// Two outputs to a workgroup.
#variants WEIGHTS f32 f16 bf16 q8 q4
#variants METHOD tree subgroup:subgroups
#define ROWS 1
#define NORM yes
#define WIDTH 64
const TILE_X = 2u;
struct Params {
    inputs4: u32,          // vectors of four of x
    outputs: u32,          // columns of y, a multiple of 4
    inverse_columns: f32,  // 1 / columns of x
    epsilon: f32,          // added to the mean square
    group_shift: u32,      // log2 of the vectors of four in a group of quantised weights
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(3) var<storage, read> x: array<vec4f>;        // [inputs4]
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;     // [inputs4]
@group(0) @binding(5) var<storage, read_write> y: array<f32>;    // [outputs]
#import rows

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
    // An even number of outputs: the second is there wherever the first is.
    let output = group.x * 2u;
    if output >= params.outputs || state.rows == 0u {
        return;
    }
    let inputs4 = bound(params.inputs4);
    let w = starts(
        vec4u(output, output + 1u, output + params.outputs, output + params.outputs + 1u),
        inputs4,
    );
#if METHOD == tree
    const subgroups = 1u;
    multiply(lane, inputs4, 0u, w);
#else
    multiply(lane, subgroup, subgroup_lane, inputs4, 0u, w);
#endif
    if lane < 2u {
        let gate = product(0u, lane, subgroups);
        let up = product(0u, lane + 2u, subgroups);
        y[output + lane] = gate / (1.0 + exp(-gate)) * up;
    }
}
