// RMSNorm: y[t, :] = weight * x[t, :] * rsqrt(mean(x[t, :]^2) + epsilon).
//
// A row to each workgroup.
#variants METHOD tree subgroup:subgroups
#define WIDTH 64
// A row to each workgroup.
const TILE_X = 1u;
struct Params {
    columns4: u32,     // vectors of four per row, padding included
    inverse_columns: f32,  // 1 / number of columns, without padding
    epsilon: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;     // [columns4]
@group(0) @binding(3) var<storage, read> x: array<vec4f>;          // [T, columns4]
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;    // [T, columns4]

#import reduce
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
    if group.x >= state.rows {
        return;
    }
    let columns4 = bound(params.columns4);
    let row = group.x * columns4;
    var squares = vec4f();
    for (var c = lane; c < columns4; c += $WIDTHu) {
        squares += x[row + c] * x[row + c];
    }
    let own = dot(squares, vec4f(1.0));
#if METHOD == tree
    let sum = sum_workgroup(own, lane);
#else
    let sum = sum_workgroup(own, subgroup, subgroup_lane, subgroups);
#endif
    let scale = inverseSqrt(sum * params.inverse_columns + params.epsilon);
    for (var c = lane; c < columns4; c += $WIDTHu) {
        y[row + c] = weight[c] * (x[row + c] * scale);
    }
}
