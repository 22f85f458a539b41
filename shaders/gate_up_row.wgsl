// The first half of SwiGLU for a single row: y[i] = silu(gate_i) * up_i with
// gate_i = sum_j x[j] * weights[i, j] and up_i the same over the rows of weights
// from `outputs` on; silu(z) = z / (1 + exp(-z)).
// Two outputs to each workgroup.
#variants WEIGHTS f32 f16 bf16
#variants METHOD tree subgroup:subgroups
#define WIDTH 64
const TILE_X = 2u;
struct Params {
    inputs4: u32,  // vectors of four of x
    outputs: u32,  // columns of y, a multiple of 4
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
#import weights
@group(0) @binding(3) var<storage, read> x: array<vec4f>;        // [inputs4]
@group(0) @binding(4) var<storage, read_write> y: array<f32>;    // [outputs]

fn gated(gate: f32, up: f32) -> f32 {
    return gate / (1.0 + exp(-gate)) * up;
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
    let output = group.x * 2u;
    if output >= params.outputs || state.rows == 0u {
        return;
    }
    // An even number of outputs: the second is there wherever the first is.
    let gate0 = output * params.inputs4;
    let gate1 = gate0 + params.inputs4;
    let up0 = gate0 + params.outputs * params.inputs4;
    let up1 = up0 + params.inputs4;
    let inputs4 = bound(params.inputs4);
    var sums = vec4f();
    for (var i = lane; i < inputs4; i += $WIDTHu) {
        let value = x[i];
        sums += vec4f(
            dot(weights_at(gate0 + i), value),
            dot(weights_at(gate1 + i), value),
            dot(weights_at(up0 + i), value),
            dot(weights_at(up1 + i), value),
        );
    }
#if METHOD == tree
    let sum = sum4_workgroup(sums, lane);
#else
    let sum = sum4_workgroup(sums, subgroup, subgroup_lane, subgroups);
#endif
    if lane == 0u {
        y[output] = gated(sum.x, sum.z);
        y[output + 1u] = gated(sum.y, sum.w);
    }
}
