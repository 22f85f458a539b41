// Attention of a single row with what precedes it: rotates its query and key
// (interleaved RoPE), keeps its key and value in the ring, and gives
// y[h, :] = softmax(q . k * scale) v over the keys that it sees.
//
// For software drivers: a head to each workgroup of eight invocations, which
// share the keys; two barriers.
// Twins: `rope`, `attention`.
// A head to each workgroup.
const TILE_X = 1u;
struct Params {
    heads: u32,     // query heads
    kv_heads: u32,  // key and value heads
    head4: u32,     // vectors of four per head, at most 64
    slots: u32,     // slots of the ring, a power of two
    absolute: u32,  // 1: `angles` begins at position 0, and slots are positions; 0: at row 0
    scale: f32,     // 1 / sqrt(head dimension)
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> spans: array<u32>;             // [1]
@group(0) @binding(3) var<storage, read> angles: array<vec4f>;          // [1 or positions, head4], two pairs (cos, sin)
@group(0) @binding(4) var<storage, read> qkv: array<vec4f>;             // [heads + 2 kv_heads, head4]
@group(0) @binding(5) var<storage, read_write> keys: array<vec4f>;      // [slots, kv_heads, head4]
@group(0) @binding(6) var<storage, read_write> values: array<vec4f>;    // [slots, kv_heads, head4]
@group(0) @binding(7) var<storage, read_write> y: array<vec4f>;         // [heads, head4]

const MOST = 64u;
const LOWEST = -1e20;
const MASKED = -1e30;

var<workgroup> query: array<vec4f, 64>;
// Of each invocation.
var<workgroup> own_score: array<f32, 8>;
var<workgroup> largest_of: array<f32, 8>;
var<workgroup> total_of: array<f32, 8>;
var<workgroup> sums: array<vec4f, 512>;

fn rotated(x: vec4f, angle: vec4f) -> vec4f {
    return vec4f(
        x.x * angle.x - x.y * angle.y, x.y * angle.x + x.x * angle.y,
        x.z * angle.z - x.w * angle.w, x.w * angle.z + x.z * angle.w,
    );
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let head = group.x;
    if head >= params.heads || state.rows == 0u {
        return;
    }
    let shared_by = params.heads / params.kv_heads;
    let kv_head = head / shared_by;
    let query_at = head * params.head4;
    let key_at = (params.heads + kv_head) * params.head4;
    let value_at = key_at + params.kv_heads * params.head4;
    let mask = params.slots - 1u;
    let own = ((state.first_slot & mask) * params.kv_heads + kv_head) * params.head4;
    let angle_at = params.absolute * state.first_slot * params.head4;
    let at = lane * MOST;

    let head4 = bound(params.head4);
    var score = 0.0;
    for (var d = lane; d < head4; d += 8u) {
        let angle = angles[angle_at + d];
        let q = rotated(qkv[query_at + d], angle) * params.scale;
        let k = rotated(qkv[key_at + d], angle);
        query[d] = q;
        score += dot(q, k);
        if head % shared_by == 0u {
            keys[own + d] = k;
            values[own + d] = qkv[value_at + d];
        }
    }
    own_score[lane] = score;
    workgroupBarrier();

    // The own key, which may not be in the ring yet, is the first invocation's.
    var largest = LOWEST;
    var total = 0.0;
    let first = f32(lane == 0u);
    if lane == 0u {
        largest = 0.0;
#repeat L 8
        largest += own_score[$L];
#end
        total = 1.0;
    }
    for (var d = 0u; d < head4; d++) {
        sums[at + d] = first * qkv[value_at + d];
    }
    let span = min(spans[0], params.slots);
    for (var back = 1u + lane * 4u; back < span; back += 32u) {
#repeat J 4
        let slot$J = (state.first_slot - min(back + $Ju, span - 1u)) & mask;
        let key$J = (slot$J * params.kv_heads + kv_head) * params.head4;
        var score$J = 0.0;
#end
        for (var d = 0u; d < head4; d++) {
            let q = query[d];
#repeat J 4
            score$J += dot(q, keys[key$J + d]);
#end
        }
        var highest = largest;
#repeat J 4
        score$J = select(MASKED, score$J, back + $Ju < span);
        highest = max(highest, score$J);
#end
        let shrink = exp(largest - highest);
        largest = highest;
        total *= shrink;
#repeat J 4
        score$J = exp(score$J - highest);
        total += score$J;
#end
        for (var d = 0u; d < head4; d++) {
            var sum = sums[at + d] * shrink;
#repeat J 4
            sum += score$J * values[key$J + d];
#end
            sums[at + d] = sum;
        }
    }
    largest_of[lane] = largest;
    total_of[lane] = total;
    workgroupBarrier();

    var highest = LOWEST;
#repeat L 8
    highest = max(highest, largest_of[$L]);
#end
    var all = 0.0;
#repeat L 8
    let weight$L = exp(largest_of[$L] - highest);
    all += weight$L * total_of[$L];
#end
    for (var d = lane; d < head4; d += 8u) {
        var sum = vec4f();
#repeat L 8
        sum += weight$L * sums[$Lu * MOST + d];
#end
        y[query_at + d] = sum / all;
    }
}
