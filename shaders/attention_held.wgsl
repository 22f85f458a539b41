// What `attention_step` does, for heads of HEAD vectors of four, whose query and
// sums are held in registers: rotates query and key of a single row (interleaved
// RoPE), keeps its key and value in the ring, and gives
// y[h, :] = softmax(q . k * scale) v over the keys that it sees.
//
// For software drivers, where loads are what takes the time: a head to each
// workgroup of eight invocations, which share the keys; one barrier.
// Twins: `rope`, `attention`.
#variants HEAD 8 16
// A head to each workgroup.
const TILE_X = 1u;
struct Params {
    heads: u32,     // query heads
    kv_heads: u32,  // key and value heads
    slots: u32,     // slots of the ring, a power of two
    absolute: u32,  // 1: `angles` begins at position 0, and slots are positions; 0: at row 0
    scale: f32,     // 1 / sqrt(head dimension)
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> spans: array<u32>;             // [1]
@group(0) @binding(3) var<storage, read> angles: array<vec4f>;          // [1 or positions, HEAD], two pairs (cos, sin)
@group(0) @binding(4) var<storage, read> qkv: array<vec4f>;             // [heads + 2 kv_heads, HEAD]
@group(0) @binding(5) var<storage, read_write> keys: array<vec4f>;      // [slots, kv_heads, HEAD]
@group(0) @binding(6) var<storage, read_write> values: array<vec4f>;    // [slots, kv_heads, HEAD]
@group(0) @binding(7) var<storage, read_write> y: array<vec4f>;         // [heads, HEAD]

const LOWEST = -1e20;
const MASKED = -1e30;

// Of each invocation.
var<workgroup> largest_of: array<f32, 8>;
var<workgroup> total_of: array<f32, 8>;
var<workgroup> sums: array<vec4f, 8 * $HEAD>;

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
    let query_at = head * $HEADu;
    let key_at = (params.heads + kv_head) * $HEADu;
    let value_at = key_at + params.kv_heads * $HEADu;
    let slots = bound(params.slots);
    let mask = slots - 1u;
    let own = ((state.first_slot & mask) * params.kv_heads + kv_head) * $HEADu;
    let angle_at = params.absolute * state.first_slot * $HEADu;

    if head % shared_by == 0u {
        for (var d = lane; d < $HEADu; d += 8u) {
            keys[own + d] = rotated(qkv[key_at + d], angles[angle_at + d]);
            values[own + d] = qkv[value_at + d];
        }
    }
    // The own key, which may not be in the ring yet, is the first invocation's.
    // To turn two vectors alike does not change their product.
    let first = f32(lane == 0u);
    var score = 0.0;
#repeat D $HEAD
    let x$D = qkv[query_at + $Du] * params.scale;
    let q$D = rotated(x$D, angles[angle_at + $Du]);
    score += dot(x$D, qkv[key_at + $Du]);
    var sum$D = first * qkv[value_at + $Du];
#end
    var largest = select(LOWEST, score, lane == 0u);
    var total = first;
    let span = min(spans[0], slots);
    for (var back = 1u + lane * 2u; back < span; back += 16u) {
#repeat J 2
        let slot$J = (state.first_slot - min(back + $Ju, span - 1u)) & mask;
        let key$J = (slot$J * params.kv_heads + kv_head) * $HEADu;
        var score$J = 0.0;
#end
#repeat D $HEAD
#repeat J 2
        score$J += dot(q$D, keys[key$J + $Du]);
#end
#end
        score1 = select(MASKED, score1, back + 1u < span);
        let highest = max(largest, max(score0, score1));
        let shrink = exp(largest - highest);
        largest = highest;
        score0 = exp(score0 - highest);
        score1 = exp(score1 - highest);
        total = total * shrink + score0 + score1;
#repeat D $HEAD
        sum$D = sum$D * shrink + score0 * values[key0 + $Du] + score1 * values[key1 + $Du];
#end
    }
    largest_of[lane] = largest;
    total_of[lane] = total;
#repeat D $HEAD
    sums[lane * $HEADu + $Du] = sum$D;
#end
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
    for (var d = lane; d < $HEADu; d += 8u) {
        var sum = vec4f();
#repeat L 8
        sum += weight$L * sums[$Lu * $HEADu + d];
#end
        y[query_at + d] = sum / all;
    }
}
