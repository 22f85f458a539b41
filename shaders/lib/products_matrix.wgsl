// Blocks for the products of `linear_tile` by matrix units, and how the tile is shared out
// among subgroups. SIDE is the side of a matrix, BLOCK how many matrices make 32 rows or
// outputs, and STEPS how many make 16 inputs. HALVES says how many halves hold a weight.
#if UNITS == matrix16
#define SIDE 16
#define BLOCK 2
#define STEPS 1
#else
#define SIDE 8
#define BLOCK 4
#define STEPS 2
#endif
#if WEIGHTS == f16
#define HALVES 1
#else
#if WEIGHTS == bf16
#define HALVES 1
#else
#define HALVES 2
#endif
#endif

// Rows of 16 numbers, 24 apart, so that rows next to each other lie in different banks.
const STRIDE = 24u;
var<workgroup> x_main: array<f16, 1536>;
var<workgroup> x_rest: array<f16, 1536>;
var<workgroup> weights_main: array<f16, 3072>;
#if HALVES == 2
var<workgroup> weights_rest: array<f16, 3072>;
#endif

// Parts of the tile, of 32 x 32 sums, and numbers of one matrix of sums.
const PARTS = 8u;
const SUMS = $SIDEu * $SIDEu;
var<workgroup> sums: array<f32, PARTS * SUMS>;

// Where a part begins, of 2 x 4 of the tile. There may be more subgroups than parts: the
// others repeat what these do.
fn row_of(part: u32) -> u32 {
    return 32u * (part & 1u);
}

fn output_of(part: u32) -> u32 {
    return 32u * ((part >> 1u) & 3u);
}

// What one half holds of numbers: their upper bits, and no more than the largest half. By
// bits, because drivers may replace f32(f16(x)) by x, which would leave no rest.
fn held_by_halves(value: vec4f) -> vec4f {
    let held = bitcast<vec4f>(bitcast<vec4u>(value) & vec4u(0xffffe000u));
    return select(held, sign(value) * 65504.0, abs(value) > vec4f(65504.0));
}

fn stage_x(row: u32, vector: u32, value: vec4f) {
    let at = row * STRIDE + 4u * vector;
    let held = held_by_halves(value);
    let main = vec4<f16>(held);
    let rest = vec4<f16>(value - held);
#repeat I 4
    x_main[at + $Iu] = main[$Iu];
    x_rest[at + $Iu] = rest[$Iu];
#end
}

fn stage_weights(row: u32, vector: u32, value: vec4f) {
    let at = row * STRIDE + 4u * vector;
#if HALVES == 2
    let held = held_by_halves(value);
    let rest = vec4<f16>(value - held);
#repeat I 4
    weights_rest[at + $Iu] = rest[$Iu];
#end
    let main = vec4<f16>(held);
#else
    let main = vec4<f16>(value);
#endif
#repeat I 4
    weights_main[at + $Iu] = main[$Iu];
#end
}
