// What the patch of a single row will need of it, kept in two rings: the row as it is,
// kept[slot, :] = x, and its keys and values, kv[slot, :] = norm(x) weights^T (RMSNorm).
//
// Four outputs to a workgroup, and a vector of the row.
#variants WEIGHTS f32 f16 bf16 q8 q4
#variants METHOD tree subgroup:subgroups
#define ROWS 1
#define NORM yes
#define WIDTH 64
const TILE_X = 4u;
struct Params {
    inputs4: u32,          // vectors of four of x
    outputs: u32,          // columns of a row of kv
    slots: u32,            // rows of both rings
    inverse_columns: f32,  // 1 / columns of x
    epsilon: f32,          // added to the mean square
    group_shift: u32,      // log2 of the vectors of four in a group of quantised weights
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(3) var<storage, read> x: array<vec4f>;            // [inputs4]
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;         // [inputs4]
@group(0) @binding(5) var<storage, read_write> kept: array<vec4f>;   // [slots, inputs4]
@group(0) @binding(6) var<storage, read_write> kv: array<f32>;       // [slots, outputs]
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
    if state.rows == 0u {
        return;
    }
    let inputs4 = bound(params.inputs4);
    let slot = state.first_slot % params.slots;
    let output = group.x * 4u;
    // A grid covers the outputs or the row, whichever is longer.
    if lane == 0u && group.x < inputs4 {
        kept[slot * inputs4 + group.x] = x[group.x];
    }
    let w = starts(min(output + vec4u(0u, 1u, 2u, 3u), vec4u(params.outputs - 1u)), inputs4);
#if METHOD == tree
    const subgroups = 1u;
    multiply(lane, inputs4, 0u, w);
#else
    multiply(lane, subgroup, subgroup_lane, inputs4, 0u, w);
#endif
    if lane < 4u && output + lane < params.outputs {
        kv[slot * params.outputs + output + lane] = product(0u, lane, subgroups);
    }
}
