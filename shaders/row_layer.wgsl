// A whole layer of a single row in one workgroup: embedding and cross-attention
// where there are, transformer block, and where there are norm, linear layer and
// entropy after it. A
// software driver takes longer to start these steps than to run them. Each
// workgroup has a layer; those of a dispatch do not depend on one another.
//
// Rows are computed in `work`; keys, values and rings of rows are in `memory`.
// There is no barrier in a loop: what lives across one is in memory, and in a loop
// that is everything. Twins: `rms_norm`, `linear`, `swiglu`, `rope`, `attention`,
// `cross_attention`, `entropy`.
#variants WEIGHTS f32 f16 bf16
#variants HEAD 2 8
// A layer to each workgroup.
const TILE_X = 1u;
struct Params {
    layers: u32,  // of this dispatch
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
#import weights8

// Places in `work` and `memory` count vectors of four, those in `weights` vectors
// of eight, and those in `norms` vectors of four of the same buffer.
struct Layer {
    // Rows in `work`.
    x: u32,                // the residual stream, [hidden4]
    h: u32,                // its normalised copy
    qkv: u32,              // queries, keys and values, [heads + 2 kv_heads, HEAD]
    attended: u32,         // [heads, HEAD]
    gated: u32,            // [intermediate / 4]
    partial: u32,          // [heads, 8, 1 + HEAD]: of each invocation (largest, total, -, -), sums
    hidden4: u32,          // a multiple of 2
    inverse_columns: f32,  // 1 / columns of x
    epsilon: f32,
    // Embedding: x = keep_x * x + row `id` of the table.
    table_rows: u32,       // 0: there is none
    table: u32,            // in `weights`
    id: u32,               // word of the id in `inputs`
    keep_x: f32,
    // Cross-attention before the block.
    cross_slots: u32,      // rows of the ring of keys and values; 0: there is none
    cross_kv: u32,         // that ring in `memory`, [cross_slots, 2, kv_heads, HEAD]
    cross_norm: u32,
    cross_q: u32,
    cross_o: u32,
    // The block.
    heads: u32,
    kv_heads: u32,
    scale: f32,            // 1 / sqrt(head dimension)
    intermediate: u32,     // columns of the gate, a multiple of 8
    attention_norm: u32,
    weights_qkv: u32,
    weights_o: u32,
    mlp_norm: u32,
    weights_gate_up: u32,  // rows of up follow those of gate
    weights_down: u32,
    slots: u32,            // of keys and values, a power of two
    keys: u32,             // in `memory`, [slots, kv_heads, HEAD]
    values: u32,           // the same
    span: u32,             // word of the number of keys seen in `inputs`
    angles: u32,           // word of the first angle (cos, sin) there
    // What follows the block.
    ring_slots: u32,       // rows of a ring that keeps x; 0: there is none
    ring: u32,             // that ring in `memory`, [ring_slots, hidden4]
    outputs: u32,          // of the linear layer after it, a multiple of 4; 0: there is none
    last_norm: u32,
    weights_last: u32,
    y: u32,                // in `work`, or with `y_slots` a ring in `memory`, [y_slots, outputs / 4]
    y_slots: u32,
    entropies: u32,        // in `work`, one vector: (entropy of softmax(y), 0, -, -); 0: not wanted
}
@group(0) @binding(3) var<storage, read> layers: array<Layer>;          // [layers]
@group(0) @binding(4) var<storage, read> norms: array<vec4f>;           // the buffer of `weights`
@group(0) @binding(5) var<storage, read> inputs: array<u32>;            // spans and angles of the run
@group(0) @binding(6) var<storage, read> ranges: array<vec2u>;          // [1], (first row, count) that the cross-attention sees
@group(0) @binding(7) var<storage, read_write> memory: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> work: array<vec4f>;

const LOWEST = -1e20;
const MASKED = -1e30;

// Of each invocation.
var<workgroup> total_of: array<f32, 8>;
var<workgroup> largest_of: array<f32, 8>;
var<workgroup> weighted_of: array<f32, 8>;

fn embed(layer: Layer, lane: u32) {
    let hidden8 = layer.hidden4 / 2u;
    let id = min(inputs[layer.id], layer.table_rows - 1u);
    for (var i = lane; i < hidden8; i += 8u) {
        let row = eight_at(layer.table + id * hidden8 + i);
        put(layer.x + 2u * i, row.low, layer.keep_x, false);
        put(layer.x + 2u * i + 1u, row.high, layer.keep_x, false);
    }
}

// Each invocation's share of the entropy of softmax(y).
fn weigh(y: u32, outputs: u32, lane: u32) {
    var largest = vec4f(LOWEST);
    for (var i = lane; i < outputs / 4u; i += 8u) {
        largest = max(largest, work[y + i]);
    }
    let highest = max(max(largest.x, largest.y), max(largest.z, largest.w));
    var total = vec4f();
    var weighted = vec4f();
    for (var i = lane; i < outputs / 4u; i += 8u) {
        let z = work[y + i] - highest;
        let e = exp(z);
        total += e;
        weighted += e * z;
    }
    largest_of[lane] = highest;
    total_of[lane] = dot(total, vec4f(1.0));
    weighted_of[lane] = dot(weighted, vec4f(1.0));
}

fn entropy() -> f32 {
    var highest = LOWEST;
#repeat L 8
    highest = max(highest, largest_of[$L]);
#end
    var total = 0.0;
    var weighted = 0.0;
#repeat L 8
    // An invocation without an output has nothing to add.
    let below$L = largest_of[$L] - highest;
    let scale$L = exp(below$L);
    total += scale$L * total_of[$L];
    weighted += scale$L * select(0.0, weighted_of[$L] + below$L * total_of[$L], total_of[$L] > 0.0);
#end
    return max(log(total) - weighted / total, 0.0);
}

fn sum_squares(x: u32, count4: u32, lane: u32) {
    var squares = vec4f();
    for (var i = lane; i < count4; i += 8u) {
        let value = work[x + i];
        squares += value * value;
    }
    total_of[lane] = dot(squares, vec4f(1.0));
}

// h = norm * x * rsqrt(mean(x^2) + epsilon), after `sum_squares` and a barrier.
fn rms_norm(x: u32, h: u32, norm: u32, count4: u32, inverse_columns: f32, epsilon: f32, lane: u32) {
    var total = 0.0;
#repeat L 8
    total += total_of[$L];
#end
    let scale = inverseSqrt(total * inverse_columns + epsilon);
    for (var i = lane; i < count4; i += 8u) {
        work[h + i] = work[x + i] * scale * norms[norm + i];
    }
}

// y = keep * y + W x.
fn linear(x: u32, y: u32, weights_at: u32, inputs8: u32, outputs: u32, keep: f32, in_memory: bool, lane: u32) {
    for (var begin = 0u; begin < outputs; begin += 64u) {
        let output = begin + lane * 8u;
        // Outputs beyond the last repeat it; they are not stored.
#repeat O 8
        let w$O = weights_at + min(output + $Ou, outputs - 1u) * inputs8;
        var sum$O = 0.0;
#end
        for (var i = 0u; i < inputs8; i++) {
            let low = work[x + 2u * i];
            let high = work[x + 2u * i + 1u];
#repeat O 8
            sum$O += product8(w$O + i, low, high);
#end
        }
        let at = y + output / 4u;
        if output < outputs {
            put(at, vec4f(sum0, sum1, sum2, sum3), keep, in_memory);
        }
        if output + 4u < outputs {
            put(at + 1u, vec4f(sum4, sum5, sum6, sum7), keep, in_memory);
        }
    }
}

fn put(at: u32, value: vec4f, keep: f32, in_memory: bool) {
    if in_memory {
        memory[at] = value;
    } else if keep == 0.0 {
        work[at] = value;
    } else {
        work[at] = keep * work[at] + value;
    }
}

// y = silu(gate) * up.
fn gate_up(x: u32, y: u32, weights_at: u32, inputs8: u32, outputs: u32, lane: u32) {
    for (var begin = 0u; begin < outputs; begin += 32u) {
        let output = begin + lane * 4u;
#repeat O 4
        let gate_at$O = weights_at + min(output + $Ou, outputs - 1u) * inputs8;
        let up_at$O = gate_at$O + outputs * inputs8;
        var gate$O = 0.0;
        var up$O = 0.0;
#end
        for (var i = 0u; i < inputs8; i++) {
            let low = work[x + 2u * i];
            let high = work[x + 2u * i + 1u];
#repeat O 4
            gate$O += product8(gate_at$O + i, low, high);
            up$O += product8(up_at$O + i, low, high);
#end
        }
        if output < outputs {
            let gate = vec4f(gate0, gate1, gate2, gate3);
            let up = vec4f(up0, up1, up2, up3);
            work[y + output / 4u] = gate / (1.0 + exp(-gate)) * up;
        }
    }
}

// Turns queries, which `scale` goes into, and keys by their angles, and keeps keys
// and values.
fn rotate(layer: Layer, lane: u32) {
    let slot = state.first_slot & (layer.slots - 1u);
    let queries = layer.heads * $HEADu;
    let stored = layer.kv_heads * $HEADu;
    for (var i = lane; i < queries + stored; i += 8u) {
        let at = layer.angles + i % $HEADu * 4u;
        let angle = bitcast<vec4f>(vec4u(inputs[at], inputs[at + 1u], inputs[at + 2u], inputs[at + 3u]));
        let x = work[layer.qkv + i];
        let turned = vec4f(
            x.x * angle.x - x.y * angle.y, x.y * angle.x + x.x * angle.y,
            x.z * angle.z - x.w * angle.w, x.w * angle.z + x.z * angle.w,
        );
        if i < queries {
            work[layer.qkv + i] = turned * layer.scale;
        } else {
            memory[layer.keys + slot * stored + i - queries] = turned;
            memory[layer.values + slot * stored + i - queries] = work[layer.qkv + stored + i];
        }
    }
}

// Each invocation's share of softmax(q . k) v.
fn attend(layer: Layer, lane: u32) {
    let mask = layer.slots - 1u;
    let span = min(inputs[layer.span], layer.slots);
    for (var head = 0u; head < layer.heads; head++) {
        let kv_head = head * layer.kv_heads / layer.heads;
#repeat D $HEAD
        let q$D = work[layer.qkv + head * $HEADu + $Du];
        var sum$D = vec4f();
#end
        var largest = LOWEST;
        var total = 0.0;
        for (var back = lane * 2u; back < span; back += 16u) {
#repeat J 2
            let slot$J = (state.first_slot - min(back + $Ju, span - 1u)) & mask;
            let at$J = (slot$J * layer.kv_heads + kv_head) * $HEADu;
            var score$J = 0.0;
#end
#repeat D $HEAD
#repeat J 2
            score$J += dot(q$D, memory[layer.keys + at$J + $Du]);
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
            sum$D = sum$D * shrink
                + score0 * memory[layer.values + at0 + $Du]
                + score1 * memory[layer.values + at1 + $Du];
#end
        }
        let share = layer.partial + (head * 8u + lane) * (1u + $HEADu);
        work[share] = vec4f(largest, total, 0.0, 0.0);
#repeat D $HEAD
        work[share + 1u + $Du] = sum$D;
#end
    }
}

// Joins the shares of `attend`.
fn join(layer: Layer, lane: u32) {
    for (var i = lane; i < layer.heads * $HEADu; i += 8u) {
        let share = layer.partial + i / $HEADu * 8u * (1u + $HEADu);
        var largest = LOWEST;
        var total = 0.0;
        var sum = vec4f();
        for (var own = 0u; own < 8u; own++) {
            let at = share + own * (1u + $HEADu);
            let stand = work[at];
            let highest = max(largest, stand.x);
            let shrink = exp(largest - highest);
            let weight = exp(stand.x - highest);
            largest = highest;
            total = total * shrink + weight * stand.y;
            sum = sum * shrink + weight * work[at + 1u + i % $HEADu];
        }
        work[layer.attended + i] = sum / total;
    }
}

// A head to each invocation. A byte sees few rows, so the sums live in `work`.
fn cross_attend(layer: Layer, lane: u32) {
    let stored = layer.kv_heads * $HEADu;
    let range = ranges[0];
    let count = min(range.y, layer.cross_slots);
    for (var head = lane; head < layer.heads; head += 8u) {
        let offset = layer.cross_kv + head * layer.kv_heads / layer.heads * $HEADu;
        let query = layer.qkv + head * $HEADu;
        let y = layer.attended + head * $HEADu;
        var largest = LOWEST;
        var total = 0.0;
        for (var at = 0u; at < count; at++) {
            let key = (range.x + at) % layer.cross_slots * 2u * stored + offset;
            var score = 0.0;
            for (var d = 0u; d < $HEADu; d++) {
                score += dot(work[query + d], memory[key + d]);
            }
            score *= layer.scale;
            let highest = max(largest, score);
            let shrink = exp(largest - highest);
            largest = highest;
            score = exp(score - highest);
            total = total * shrink + score;
            for (var d = 0u; d < $HEADu; d++) {
                // Before the first keys y holds nothing yet.
                let before = select(work[y + d] * shrink, vec4f(), at == 0u);
                work[y + d] = before + score * memory[key + stored + d];
            }
        }
        for (var d = 0u; d < $HEADu; d++) {
            work[y + d] = select(vec4f(), work[y + d] / total, total > 0.0);
        }
    }
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    if group.x >= params.layers || state.rows == 0u {
        return;
    }
    let layer = layers[group.x];
    let hidden8 = layer.hidden4 / 2u;
    let width = layer.heads * $HEADu;

    if layer.table_rows > 0u {
        embed(layer, lane);
        storageBarrier();
    }
    if layer.cross_slots > 0u {
        sum_squares(layer.x, layer.hidden4, lane);
        workgroupBarrier();
        rms_norm(layer.x, layer.h, layer.cross_norm, layer.hidden4, layer.inverse_columns, layer.epsilon, lane);
        storageBarrier();
        linear(layer.h, layer.qkv, layer.cross_q, hidden8, width * 4u, 0.0, false, lane);
        storageBarrier();
        cross_attend(layer, lane);
        storageBarrier();
        linear(layer.attended, layer.x, layer.cross_o, width / 2u, layer.hidden4 * 4u, 2.0, false, lane);
        storageBarrier();
    }

    sum_squares(layer.x, layer.hidden4, lane);
    workgroupBarrier();
    rms_norm(layer.x, layer.h, layer.attention_norm, layer.hidden4, layer.inverse_columns, layer.epsilon, lane);
    storageBarrier();
    let qkv = (layer.heads + 2u * layer.kv_heads) * $HEADu * 4u;
    linear(layer.h, layer.qkv, layer.weights_qkv, hidden8, qkv, 0.0, false, lane);
    storageBarrier();
    rotate(layer, lane);
    storageBarrier();
    attend(layer, lane);
    storageBarrier();
    join(layer, lane);
    storageBarrier();
    linear(layer.attended, layer.x, layer.weights_o, width / 2u, layer.hidden4 * 4u, 1.0, false, lane);
    storageBarrier();
    sum_squares(layer.x, layer.hidden4, lane);
    workgroupBarrier();
    rms_norm(layer.x, layer.h, layer.mlp_norm, layer.hidden4, layer.inverse_columns, layer.epsilon, lane);
    storageBarrier();
    gate_up(layer.h, layer.gated, layer.weights_gate_up, hidden8, layer.intermediate, lane);
    storageBarrier();
    linear(layer.gated, layer.x, layer.weights_down, layer.intermediate / 8u, layer.hidden4 * 4u, 1.0, false, lane);

    if layer.ring_slots > 0u {
        storageBarrier();
        let row = layer.ring + state.first_slot % layer.ring_slots * layer.hidden4;
        for (var i = lane; i < layer.hidden4; i += 8u) {
            memory[row + i] = work[layer.x + i];
        }
    }
    if layer.outputs > 0u {
        storageBarrier();
        sum_squares(layer.x, layer.hidden4, lane);
        workgroupBarrier();
        rms_norm(layer.x, layer.h, layer.last_norm, layer.hidden4, layer.inverse_columns, layer.epsilon, lane);
        storageBarrier();
        var y = layer.y;
        if layer.y_slots > 0u {
            y += state.first_slot % layer.y_slots * layer.outputs / 4u;
        }
        linear(layer.h, y, layer.weights_last, hidden8, layer.outputs, 0.0, layer.y_slots > 0u, lane);
    }
    if layer.entropies > 0u {
        storageBarrier();
        weigh(layer.y, layer.outputs, lane);
        workgroupBarrier();
        if lane == 0u {
            work[layer.entropies] = vec4f(entropy(), 0.0, 0.0, 0.0);
        }
    }
}
