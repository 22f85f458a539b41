// Blocks for the products of `linear_tile` by invocations: rows of 4 vectors, 5 apart, so
// that no two invocations of a phase share a bank.
#import dot_add
var<workgroup> tile_x: array<vec4f, 320>;
var<workgroup> tile_w: array<vec4f, 640>;

fn stage_x(row: u32, vector: u32, value: vec4f) {
    tile_x[row * 5u + vector] = value;
}

fn stage_weights(row: u32, vector: u32, value: vec4f) {
    tile_w[row * 5u + vector] = value;
}
