// Rows of the hashed n-gram tables: rows[t, e] = (sum_j id[t - n + 1 + j] * prime^j) mod V
// in wrapping signed 64-bit arithmetic with floor modulo, exact in 32 bits.
//
// The oldest id has power 0; ids before the text are 0. One invocation per row
// and table.
#define WIDTH 64
struct Params {
    tables: u32,      // tables: hash functions times n-gram lengths
    history: u32,     // ids before row 0 in `ids`: the longest n-gram less 1
    vocabulary: u32,  // rows per table (V), below 2^28
    wrap: u32,        // 2^64 mod V
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
@group(0) @binding(2) var<storage, read> ids: array<u32>;         // [history + T], below 2^16
@group(0) @binding(3) var<storage, read> grams: array<vec2u>;     // [tables], (length n, first of its powers)
@group(0) @binding(4) var<storage, read> powers: array<vec2u>;    // prime^j mod 2^64, (low, high)
@group(0) @binding(5) var<storage, read_write> rows: array<u32>;  // [T, tables]

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let table = id.x;
    let row = id.y;
    if row >= state.rows || table >= params.tables {
        return;
    }
    let gram = grams[table];
    let oldest = row + params.history + 1u - gram.x;
    var low = 0u;
    var high = 0u;
    for (var j = 0u; j < gram.x; j++) {
        let token = ids[oldest + j];
        let power = powers[gram.y + j];
        // token * power: two 16-bit halves of the low word, then the high word.
        let first = token * (power.x & 0xffffu);
        let second = token * (power.x >> 16u);
        let product = first + (second << 16u);
        let carried = select(0u, 1u, product < first);
        let product_high = (second >> 16u) + carried + token * power.y;
        low += product;
        high += product_high + select(0u, 1u, low < product);
    }
    // Four bits at a time, so that nothing exceeds 32 bits.
    var m = 0u;
    for (var shift = 32u; shift > 0u; shift -= 4u) {
        m = (m * 16u + ((high >> (shift - 4u)) & 15u)) % params.vocabulary;
    }
    for (var shift = 32u; shift > 0u; shift -= 4u) {
        m = (m * 16u + ((low >> (shift - 4u)) & 15u)) % params.vocabulary;
    }
    if (high >> 31u) == 1u {
        m = (m + params.vocabulary - params.wrap) % params.vocabulary;
    }
    rows[row * params.tables + table] = m;
}
