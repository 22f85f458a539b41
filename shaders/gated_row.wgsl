// The first half of SwiGLU for a single row with the norm before it:
// y[o] = silu(gate_o) * up_o with gate_o = sum_i z[i] * weights[o, i], up_o the
// same over the rows of weights from `outputs` on, and z = RMSNorm(x); the root
// of the norm is found along with the sums. silu(z) = z / (1 + exp(-z)).
//
// For software drivers: four outputs to each invocation, eight weights to a
// load, no barrier. Twins: `rms_norm`, `linear`, `swiglu`.
#variants WEIGHTS f32 f16 bf16
const TILE_X = 32u;
struct Params {
    inputs8: u32,          // vectors of eight of x
    outputs: u32,          // columns of y, a multiple of 4
    inverse_columns: f32,  // 1 / number of columns of x
    epsilon: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
#import weights8
@group(0) @binding(3) var<storage, read> norm: array<vec4f>;     // [2 inputs8]
@group(0) @binding(4) var<storage, read> x: array<vec4f>;        // [2 inputs8]
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;  // [outputs / 4]

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let output = id.x * 4u;
    if output >= params.outputs || id.y > 0u || state.rows == 0u {
        return;
    }
    let inputs8 = bound(params.inputs8);
#repeat O 4
    let gate_at$O = (output + $Ou) * inputs8;
    let up_at$O = (params.outputs + output + $Ou) * inputs8;
    var gate$O = 0.0;
    var up$O = 0.0;
#end
    var squares = vec4f();
    for (var i = 0u; i < inputs8; i++) {
        var low = x[2u * i];
        var high = x[2u * i + 1u];
        squares += low * low + high * high;
        low *= norm[2u * i];
        high *= norm[2u * i + 1u];
#repeat O 4
        gate$O += product8(gate_at$O + i, low, high);
        up$O += product8(up_at$O + i, low, high);
#end
    }
    let scale = inverseSqrt(dot(squares, vec4f(1.0)) * params.inverse_columns + params.epsilon);
    let gate = vec4f(gate0, gate1, gate2, gate3) * scale;
    let up = vec4f(up0, up1, up2, up3) * scale;
    y[id.x] = gate / (1.0 + exp(-gate)) * up;
}
