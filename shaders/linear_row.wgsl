// Linear layer for a single row: y[o] = keep * y[o] + sum_i z[i] * weights[o, i].
//
// With NORM z = RMSNorm(x): norm * x * rsqrt(mean(x^2) + epsilon). The root is
// found along with the sums and multiplies them at the end, so that the norm is
// no step of its own; without NORM z = x.
//
// For software drivers: OUTPUTS outputs to each invocation, which share what it
// reads of x, eight weights to a load, no barrier. Twins: `rms_norm`, `linear`.
#variants WEIGHTS f32 f16 bf16
#variants NORM no yes
#variants OUTPUTS 4 8
#if OUTPUTS == 4
const TILE_X = 32u;
#else
const TILE_X = 64u;
#endif
struct Params {
    inputs8: u32,          // vectors of eight of x
    outputs: u32,          // outputs of this part of the weights
    first_output: u32,     // column of the first of them in y
    stride: u32,           // columns of y
    keep: f32,             // times what y holds is added: 0 overwrites, 1 is a residual, 2 BLT's double one
    slots: u32,            // rows of a ring that y is, whose row is state.first_slot; 0: y is a single row
    inverse_columns: f32,  // 1 / number of columns of x
    epsilon: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
#import weights8
@group(0) @binding(3) var<storage, read> norm: array<vec4f>;     // [2 inputs8]; not read without NORM
@group(0) @binding(4) var<storage, read> x: array<vec4f>;        // [2 inputs8]
@group(0) @binding(5) var<storage, read_write> y: array<f32>;    // [1 or slots, stride]

// See `bound`.
var<private> keep: f32;
var<private> slots: u32;

fn store(output: u32, sum: f32) {
    if output < params.outputs {
        var at = params.first_output + output;
        if slots > 0u {
            at += state.first_slot % slots * params.stride;
        }
        if keep == 0.0 {
            y[at] = sum;
        } else {
            y[at] = keep * y[at] + sum;
        }
    }
}

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let output = id.x * $OUTPUTSu;
    if output >= params.outputs || id.y > 0u || state.rows == 0u {
        return;
    }
    keep = bitcast<f32>(bound(bitcast<u32>(params.keep)));
    slots = bound(params.slots);
    let inputs8 = bound(params.inputs8);
    // Outputs beyond the last repeat it; they are not stored.
#repeat O $OUTPUTS
    let w$O = min(output + $Ou, params.outputs - 1u) * inputs8;
    var sum$O = 0.0;
#end
#if NORM == yes
    var squares = vec4f();
#endif
    for (var i = 0u; i < inputs8; i++) {
        var low = x[2u * i];
        var high = x[2u * i + 1u];
#if NORM == yes
        squares += low * low + high * high;
        low *= norm[2u * i];
        high *= norm[2u * i + 1u];
#endif
#repeat O $OUTPUTS
        sum$O += product8(w$O + i, low, high);
#end
    }
#if NORM == yes
    let scale = inverseSqrt(dot(squares, vec4f(1.0)) * params.inverse_columns + params.epsilon);
#else
    let scale = 1.0;
#endif
#repeat O $OUTPUTS
    store(output + $Ou, sum$O * scale);
#end
}
