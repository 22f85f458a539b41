// Hashed n-gram embeddings: x[t, :] += sum_e table[e * V + rows[t, e], :].
//
// A table above the binding limit comes in parts, in order; each adds the rows
// that lie in it, so the sum has one order whatever the parts. `gathered`: the
// weights are not the table but the rows that this run needs, [T, tables].
#variants WEIGHTS f32 f16 bf16 q8 q4
#define WIDTH 64
struct Params {
    columns4: u32,    // vectors of four per row
    tables: u32,      // tables: hash functions times n-gram lengths
    vocabulary: u32,  // rows per table (V)
    first_row: u32,   // first row of this part
    part_rows: u32,   // rows of this part
    group_shift: u32, // log2 of the vectors of four in a group of quantised weights
    gathered: u32,    // 1: weights[t * tables + e] is the row of table e for row t
}
@group(0) @binding(0) var<uniform> params: Params;
#import state
#define LOADS 4
#import weights
@group(0) @binding(3) var<storage, read> rows: array<u32>;         // [T, tables]
@group(0) @binding(4) var<storage, read_write> x: array<vec4f>;    // [T, columns4]

@compute @workgroup_size($WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let column = id.x;
    let row = id.y;
    if row >= state.rows || column >= params.columns4 {
        return;
    }
    let tables = bound(params.tables);
    let gathered = bound(params.gathered);
    var sum = x[row * params.columns4 + column];
    for (var e = 0u; e < tables; e++) {
        let at = row * params.tables + e;
        var entry = e * params.vocabulary + min(rows[at], params.vocabulary - 1u) - params.first_row;
        if gathered == 1u {
            entry = at;
        }
        // A row before this part wraps to a large number.
        if entry < params.part_rows {
            sum += weights_at(weights_row(entry, params.columns4), column, params.columns4);
        }
    }
    x[row * params.columns4 + column] = sum;
}
