// Queries, keys and values of a single row, which is normalised first (RMSNorm):
// [q k v] = norm(x) weights^T, rotated as in `rope_store`. Queries go to `qkv`, keys and
// values into the ring.
//
// Four outputs to a workgroup, two pairs of a head.
#variants WEIGHTS f32 f16 bf16 q8 q4
#variants METHOD tree subgroup:subgroups
#define ROWS 1
#define NORM yes
#define WIDTH 64
const TILE_X = 4u;
struct Params {
    inputs4: u32,          // vectors of four per row of x
    heads: u32,            // query heads
    kv_heads: u32,         // key and value heads
    half_head: u32,        // pairs per head
    slots: u32,            // slots of the ring, a power of two
    absolute: u32,         // 1: `angles` begins at position 0, and slots are positions; 0: at row 0
    inverse_columns: f32,  // 1 / columns of x
    epsilon: f32,          // added to the mean square
    group_shift: u32,      // log2 of the vectors of four in a group of quantised weights
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(3) var<storage, read> x: array<vec4f>;             // [inputs4]
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;          // [inputs4]
@group(0) @binding(5) var<storage, read> angles: array<vec2f>;        // [1 or positions, half_head], (cos, sin)
@group(0) @binding(6) var<storage, read_write> qkv: array<f32>;       // [heads + 2 kv_heads, head]
@group(0) @binding(7) var<storage, read_write> keys: array<f32>;      // [slots, kv_heads, head]
@group(0) @binding(8) var<storage, read_write> values: array<f32>;    // [slots, kv_heads, head]
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
    let head = 2u * params.half_head;
    let queries = params.heads * head;
    let stored = params.kv_heads * head;
    let outputs = queries + 2u * stored;
    if state.rows == 0u {
        return;
    }
    let inputs4 = bound(params.inputs4);
    let w = starts(min(group.x * 4u + vec4u(0u, 1u, 2u, 3u), vec4u(outputs - 1u)), inputs4);
#if METHOD == tree
    const subgroups = 1u;
    multiply(lane, inputs4, 0u, w);
#else
    multiply(lane, subgroup, subgroup_lane, inputs4, 0u, w);
#endif
    let output = group.x * 4u + lane;
    if lane >= 4u || output >= outputs {
        return;
    }
    let own = product(0u, lane, subgroups);
    let slot = state.first_slot & (params.slots - 1u);
    if output >= queries + stored {
        values[slot * stored + output - queries - stored] = own;
        return;
    }
    let other = product(0u, lane ^ 1u, subgroups);
    let angle_row = params.absolute * state.first_slot;
    let angle = angles[angle_row * params.half_head + output / 2u % params.half_head];
    // The second of a pair takes the sine of the first, the first loses that of the second.
    let rotated = own * angle.x + select(-other, other, (output & 1u) == 1u) * angle.y;
    if output < queries {
        qkv[output] = rotated;
    } else {
        keys[slot * stored + output - queries] = rotated;
    }
}
