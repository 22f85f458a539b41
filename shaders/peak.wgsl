// The adapter's arithmetic peak: independent fused multiply-adds in registers.
// Not part of any model; benches divide by it.
#define WIDTH 64
struct Params {
    turns: u32,  // multiply-adds per invocation, in units of 16 vectors of four
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read_write> y: array<f32>;  // [invocations]

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let factor = vec4f(f32(state.rows & 1u) * 1e-9 + 0.999);
#repeat I 16
    var sum$I = vec4f(f32(id.x + $Iu));
#end
    for (var turn = 0u; turn < params.turns; turn++) {
#repeat I 16
        sum$I = fma(sum$I, factor, factor);
#end
    }
    var all = vec4f();
#repeat I 16
    all += sum$I;
#end
    y[id.x] = dot(all, vec4f(1.0));
}
