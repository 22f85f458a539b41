// Embeddings of bytes, hashed n-grams included:
// x[t, :] = own[id[t], :] + sum_e table[e * V + r, :], where for table e
// r = (sum_j id[t - n + 1 + j] * prime^j) mod V in wrapping signed 64-bit arithmetic with
// floor modulo, exact in 32 bits. The oldest id has power 0; ids before the text are 0.
//
// A table above the binding limit comes in parts, in order; each adds the rows that lie in
// it, so the sum has one order whatever the parts. `gathered`: the weights are not the
// table but the rows that this run needs, [T, tables].
#variants WEIGHTS f32 f16 bf16 q8 q4
#define WIDTH 64
struct Params {
    columns4: u32,    // vectors of four per row
    tables: u32,      // tables: hash functions times n-gram lengths
    vocabulary: u32,  // rows per table (V), below 2^28
    wrap: u32,        // 2^64 mod V
    history: u32,     // ids before row 0 in `ids`: the longest n-gram less 1
    own_rows: u32,    // rows of `own`; ids beyond them are clamped
    adds: u32,        // 1: a part before this one has written x, to which this one adds
    first_row: u32,   // first row of this part
    part_rows: u32,   // rows of this part
    group_shift: u32, // log2 of the vectors of four in a group of quantised weights
    gathered: u32,    // 1: weights[t * tables + e] is the row of table e for row t
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
#define LOADS 4
#import weights
@group(0) @binding(3) var<storage, read> own: array<vec4f>;        // [own_rows, columns4]
@group(0) @binding(4) var<storage, read> ids: array<u32>;          // [history + T], below 2^16
@group(0) @binding(5) var<storage, read> grams: array<vec2u>;      // [tables], (length n, first of its powers)
@group(0) @binding(6) var<storage, read> powers: array<vec2u>;     // prime^j mod 2^64, (low, high)
@group(0) @binding(7) var<storage, read_write> x: array<vec4f>;    // [T, columns4]

// Row of a table for row t.
fn hashed(row: u32, table: u32) -> u32 {
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
    return m;
}

// Rows of the weights for a row of the run, WIDTH tables at a time.
var<workgroup> entries: array<u32, $WIDTH>;

@compute @workgroup_size($WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let row = group.y;
    if row >= state.rows {
        return;
    }
    let column = group.x * $WIDTHu + lane;
    let columns4 = params.columns4;
    let inside = column < columns4;
    let tables = bound(params.tables);
    let gathered = bound(params.gathered);
    let at = row * columns4 + min(column, columns4 - 1u);
    var sum = vec4f();
    if bound(params.adds) == 1u {
        sum = x[at];
    } else {
        let id = min(ids[params.history + row], params.own_rows - 1u);
        sum = own[id * columns4 + min(column, columns4 - 1u)];
    }
    for (var first = 0u; first < tables; first += $WIDTHu) {
        if first + lane < tables {
            var entry = row * tables + first + lane;
            if gathered == 0u {
                // A row before this part wraps to a large number.
                entry = (first + lane) * params.vocabulary + hashed(row, first + lane) - params.first_row;
            }
            entries[lane] = entry;
        }
        workgroupBarrier();
        for (var e = 0u; e < min(tables - first, $WIDTHu); e++) {
            if inside && entries[e] < params.part_rows {
                sum += weights_at(weights_row(entries[e], columns4), column, columns4);
            }
        }
        workgroupBarrier();
    }
    if inside {
        x[at] = sum;
    }
}
