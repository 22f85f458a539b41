// The second half of cross-attention for a single row that sees few others:
// y[o] = keep * y[o] + sum_i a[i] * weights[o, i], where a = softmax(q . k * scale) v
// over up to four rows of a ring, as in `cross_attention`.
//
// Four outputs to a workgroup. Each computes all of a: that is less than a step of its
// own would cost.
#variants WEIGHTS f32 f16 bf16 q8 q4
#variants METHOD tree subgroup:subgroups
#define ROWS 1
#define NORM no
#define WIDTH 64
const TILE_X = 4u;
struct Params {
    outputs: u32,      // columns of y
    keep: f32,         // times what y holds is added
    heads: u32,        // query heads, up to 32
    kv_heads: u32,     // key and value heads
    head4: u32,        // vectors of four per head; heads * head4 is at most 256
    slots: u32,        // rows of the ring
    row4: u32,        // vectors of four per row of the ring
    first4: u32,      // those before the keys
    scale: f32,        // 1 / sqrt(head dimension)
    group_shift: u32,  // log2 of the vectors of four in a group of quantised weights
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(3) var<storage, read> ranges: array<vec2u>;     // [1], (first, count)
@group(0) @binding(4) var<storage, read> q: array<vec4f>;          // [heads, head4]
@group(0) @binding(5) var<storage, read> kv: array<vec4f>;         // [slots, row4], keys and values [2, kv_heads, head4] in each
@group(0) @binding(6) var<storage, read_write> y: array<f32>;      // [outputs]

// The row that is multiplied, and before that, of each of its vectors, the products with
// the four keys.
var<workgroup> x: array<vec4f, 256>;
var<workgroup> scores: array<vec4f, 32>;
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
    let heads = bound(params.heads);
    let head4 = bound(params.head4);
    let inputs4 = heads * head4;
    let stored4 = params.kv_heads * head4;
    let range = ranges[0];
    let seen = min(range.y, min(params.slots, 4u));
    // Rows beyond the last that is seen repeat it, with a weight of zero.
    let slot = (range.x + min(vec4u(0u, 1u, 2u, 3u), vec4u(max(seen, 1u) - 1u))) % params.slots;
    let first = slot * params.row4 + params.first4;
    let is_seen = vec4u(0u, 1u, 2u, 3u) < vec4u(seen);

    for (var i = lane; i < inputs4; i += $WIDTHu) {
        let own = i / head4 / (heads / params.kv_heads) * head4 + i % head4;
        let query = q[i] * params.scale;
        x[i] = vec4f(
            dot(query, kv[first.x + own]), dot(query, kv[first.y + own]),
            dot(query, kv[first.z + own]), dot(query, kv[first.w + own]),
        );
    }
    workgroupBarrier();
    if lane < heads {
        var score = vec4f();
        for (var i = 0u; i < head4; i++) {
            score += x[lane * head4 + i];
        }
        score = select(vec4f(-1e30), score, is_seen);
        let highest = max(max(score.x, score.y), max(score.z, score.w));
        let weights = select(vec4f(), exp(score - highest), is_seen);
        scores[lane] = weights / max(dot(weights, vec4f(1.0)), 1e-30);
    }
    workgroupBarrier();
    for (var i = lane; i < inputs4; i += $WIDTHu) {
        let own = i / head4 / (heads / params.kv_heads) * head4 + i % head4 + stored4;
        let weights = scores[i / head4];
        var sum = weights.x * kv[first.x + own];
        sum = fma(vec4f(weights.y), kv[first.y + own], sum);
        sum = fma(vec4f(weights.z), kv[first.z + own], sum);
        sum = fma(vec4f(weights.w), kv[first.w + own], sum);
        x[i] = select(vec4f(), sum, seen > 0u);
    }
    workgroupBarrier();

    let output = group.x * 4u;
    // Outputs beyond the last repeat it; they are not stored.
    let w = starts(min(output + vec4u(0u, 1u, 2u, 3u), vec4u(params.outputs - 1u)), inputs4);
#if METHOD == tree
    const subgroups = 1u;
    multiply(lane, inputs4, 0u, w);
#else
    multiply(lane, subgroup, subgroup_lane, inputs4, 0u, w);
#endif
    if lane < 4u && output + lane < params.outputs {
        y[output + lane] = params.keep * y[output + lane] + product(0u, lane, subgroups);
    }
}
