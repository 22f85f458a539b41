// Linear layer for a few rows: y[t, o] = keep * y[t, o] + sum_i x[t, i] * weights[o, i],
// of rows of x that are normalised first (RMSNorm), one or two of them, or not. Layers
// that differ in the weights of their norms can be one, with as many norms.
//
// Four outputs to a workgroup, whose invocations share the sums. ROWS rows use each
// weight that is read.
#cpu linear
#variants WEIGHTS f32 f16 bf16 q8 q4
#variants METHOD tree subgroup:subgroups
#variants ROWS 1 2 8
#variants NORM no yes
#without ROWS 8 NORM yes
#define WIDTH 64
const TILE_Y = $ROWSu;
const TILE_X = 4u;
#import linear
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
    let output = group.x * 4u;
    let first = group.y * $ROWSu;
    // A grid may be larger than the rows of this run.
    if first >= state.rows {
        return;
    }
    keep = bitcast<f32>(bound(bitcast<u32>(params.keep)));
    slots = bound(params.slots);
    let inputs4 = bound(params.inputs4);
#if NORM == yes
    norm_first = (params.first_output + output) / params.norm_outputs * inputs4;
#endif
    // Outputs beyond the last repeat it; they are not stored.
    let w = starts(min(output + vec4u(0u, 1u, 2u, 3u), vec4u(params.outputs - 1u)), inputs4);
#if METHOD == tree
    const subgroups = 1u;
    multiply(lane, inputs4, first, w);
#else
    multiply(lane, subgroup, subgroup_lane, inputs4, first, w);
#endif
    if lane < 4u * $ROWSu {
        store(first + lane / 4u, output + lane % 4u, product(lane / 4u, lane % 4u, subgroups));
    }
}
