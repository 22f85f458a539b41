// Linear layer for many rows: y[t, o] = keep * y[t, o] + sum_i x[t, i] * weights[o, i].
//
// Blocks of 64 rows x 16 inputs and of 128 outputs x 16 inputs are staged in workgroup
// memory. While they are multiplied, the next ones are on their way.
//
// UNITS says what multiplies: 16 x 16 invocations of 4 rows x 8 outputs (`fma`), or the
// matrix units of a GPU, with matrices of 16 x 16 or 8 x 8 numbers, each subgroup 32 rows
// x 32 outputs. Matrix units multiply halves and add in f32. Each number of x is therefore
// the sum of two halves, and so are weights that one half does not hold; what the second
// halves make of each other is too small to count. That keeps 22 bits of a number, or 3e-8
// of a small one, so results differ from those of `fma` by rounding alone. Beyond 65504 x
// keeps 11 bits, and beyond 131008 the sums are not finite.
#cpu linear
#variants WEIGHTS f32 f16 bf16 q8 q4
#variants UNITS fma matrix16:matrix16 matrix8:matrix8
#if UNITS != fma
enable f16;
enable wgpu_cooperative_matrix;
#endif
const TILE_X = 128u;
const TILE_Y = 64u;
#import linear
#define LOADS 8
#import weights
#if UNITS == fma
#import products_fma
#else
#import products_matrix
#endif

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) lane: u32,
#if UNITS != fma
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
#endif
) {
    let first_output = group.x * TILE_X;
    let first_row = group.y * TILE_Y;
    // A grid may be larger than the rows of this run.
    if first_row >= state.rows {
        return;
    }
    keep = bitcast<f32>(bound(bitcast<u32>(params.keep)));
    slots = bound(params.slots);
    let inputs4 = bound(params.inputs4);
    let even = (inputs4 & 1u) == 0u;
    // What this invocation loads: a vector of a row of x and two of an output's weights.
    let x_row = lane >> 2u;
    let x_vector = lane & 3u;
    let w_row = lane >> 1u;
    let w_vector = 2u * (lane & 1u);
    let x_at = min(first_row + x_row, state.rows - 1u) * inputs4 + x_vector;
    let w_at = weights_row(min(first_output + w_row, params.outputs - 1u), inputs4);
#if UNITS == fma
    // And which outputs it sums.
    let tile_column = lane & 15u;
    let tile_row = lane >> 4u;
#repeat R 4
#repeat C 8
    var sum$R_$C = 0.0;
#end
#end
#else
    // Where subgroups are large and few, each takes several parts of the tile in turn.
    for (var first_part = 0u; first_part < PARTS; first_part += subgroups) {
    let part_row = row_of(first_part + subgroup);
    let part_output = output_of(first_part + subgroup);
#repeat R $BLOCK
#repeat C $BLOCK
    var sum$R_$C: coop_mat$SIDEx$SIDE<f32, C>;
#end
#end
#endif
    var value = vec4f();
    var weight_low = vec4f();
    var weight_high = vec4f();
    var eight: Eight;
    if x_vector < inputs4 {
        value = x[x_at];
    }
    if even && w_vector < inputs4 {
        eight = eight_at(w_at, w_vector, inputs4);
    }
    for (var i = 0u; i < inputs4; i += 4u) {
        stage_x(x_row, x_vector, value);
        if even {
            stage_weights(w_row, w_vector, low(eight));
            stage_weights(w_row, w_vector + 1u, high(eight));
        } else {
            // Outputs do not begin at whole loads then.
            weight_low = vec4f();
            weight_high = vec4f();
            if i + w_vector < inputs4 {
                weight_low = weights_at(w_at, i + w_vector, inputs4);
            }
            if i + w_vector + 1u < inputs4 {
                weight_high = weights_at(w_at, i + w_vector + 1u, inputs4);
            }
            stage_weights(w_row, w_vector, weight_low);
            stage_weights(w_row, w_vector + 1u, weight_high);
        }
        workgroupBarrier();
        value = vec4f();
        var none: Eight;
        eight = none;
        if i + 4u + x_vector < inputs4 {
            value = x[x_at + i + 4u];
        }
        if even && i + 4u + w_vector < inputs4 {
            eight = eight_at(w_at, i + 4u + w_vector, inputs4);
        }
#if UNITS == fma
#repeat K 4
        {
#repeat R 4
            let x$R = tile_x[(tile_row + $Ru * 16u) * 5u + $Ku];
#end
#repeat C 8
            let w$C = tile_w[(tile_column + $Cu * 16u) * 5u + $Ku];
#repeat R 4
            sum$R_$C = dot_add(x$R, w$C, sum$R_$C);
#end
#end
        }
#end
#else
#repeat K $STEPS
        {
#repeat R $BLOCK
            let x_at$R = (part_row + $Ru * $SIDEu) * STRIDE + $Ku * $SIDEu;
            let main$R = coopLoadT<coop_mat$SIDEx$SIDE<f16, A>>(&x_main[x_at$R], STRIDE);
            let rest$R = coopLoadT<coop_mat$SIDEx$SIDE<f16, A>>(&x_rest[x_at$R], STRIDE);
#end
#repeat C $BLOCK
            {
                let at = (part_output + $Cu * $SIDEu) * STRIDE + $Ku * $SIDEu;
                let w_main = coopLoad<coop_mat$SIDEx$SIDE<f16, B>>(&weights_main[at], STRIDE);
#if HALVES == 2
                let w_rest = coopLoad<coop_mat$SIDEx$SIDE<f16, B>>(&weights_rest[at], STRIDE);
#endif
#repeat R $BLOCK
#if HALVES == 2
                sum$R_$C = coopMultiplyAdd(main$R, w_rest, sum$R_$C);
#endif
                sum$R_$C = coopMultiplyAdd(rest$R, w_main, sum$R_$C);
                sum$R_$C = coopMultiplyAdd(main$R, w_main, sum$R_$C);
#end
            }
#end
        }
#end
#endif
        workgroupBarrier();
    }
#if UNITS == fma
#repeat R 4
#repeat C 8
    store(first_row + tile_row + $Ru * 16u, first_output + tile_column + $Cu * 16u, sum$R_$C);
#end
#end
#else
#repeat R $BLOCK
#repeat C $BLOCK
    coopStoreT(sum$R_$C, &sums[(subgroup % PARTS) * SUMS], $SIDEu);
    workgroupBarrier();
    for (var i = lane; i < min(subgroups, PARTS - first_part) * SUMS; i += 256u) {
        let part = first_part + i / SUMS;
        let row = row_of(part) + $Ru * $SIDEu + (i % SUMS) / $SIDEu;
        let output = output_of(part) + $Cu * $SIDEu + i % $SIDEu;
        store(first_row + row, first_output + output, sums[i]);
    }
    workgroupBarrier();
#end
#end
    }
#endif
}
