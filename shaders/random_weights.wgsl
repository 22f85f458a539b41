// Weights of a model that exists only in shape: odd integers from -127 to 127
// times a power of two, exact in every type, from the seed and the element's index.
#variants WEIGHTS f32 f16 bf16
#define WIDTH 64
struct Params {
    seed: u32,
    columns: u32,    // elements per row
    padded: u32,     // elements per stored row, a multiple of 4; the rest is zero
    first_row: u32,  // first row of the tensor to make
    rows: u32,       // rows to make
    skip: u32,       // rows of y before them
    turn: u32,       // rows of the grid; an invocation takes every `turn`-th row
    scale: f32,      // the power of two
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read_write> y: array<u32>;   // [skip + rows, padded], packed

fn pcg(value: u32) -> u32 {
    let s = value * 747796405u + 2891336453u;
    let word = ((s >> ((s >> 28u) + 4u)) ^ s) * 277803737u;
    return (word >> 22u) ^ word;
}
fn weight(row: u32, column: u32) -> f32 {
    if column >= params.columns {
        return 0.0;
    }
    let index = (params.first_row + row) * params.columns + column;
    let random = pcg(index ^ pcg(params.seed)) >> 25u;
    return f32(2i * i32(random) - 127i) * params.scale;
}

#if WEIGHTS == f32
const PER_WORD = 1u;
#else
const PER_WORD = 2u;
#endif

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let words = params.padded / PER_WORD;
    if id.x >= words || id.y >= params.turn || state.rows == 0u {
        return;
    }
    for (var row = id.y; row < params.rows; row += params.turn) {
        let column = id.x * PER_WORD;
#if WEIGHTS == f32
        y[(params.skip + row) * words + id.x] = bitcast<u32>(weight(row, column));
#endif
#if WEIGHTS == f16
        y[(params.skip + row) * words + id.x] = pack2x16float(vec2f(weight(row, column), weight(row, column + 1u)));
#endif
#if WEIGHTS == bf16
        let low = bitcast<u32>(weight(row, column)) >> 16u;
        y[(params.skip + row) * words + id.x] = low | (bitcast<u32>(weight(row, column + 1u)) & 0xffff0000u);
#endif
    }
}
