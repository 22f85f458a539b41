// Four rows of weights times ROWS rows of x, by a workgroup of WIDTH invocations that
// share the inputs. With NORM the rows of x are normalised on the way (RMSNorm): their
// squares are summed beside the products, which are scaled in the end.
//
// A load has eight weights, and all of a turn's loads come before its products. A single
// row leaves registers for two turns at once.
#if WEIGHTS == f32
#define TURNS 1
#else
#if ROWS == 1
#define TURNS 2
#else
#define TURNS 1
#endif
#endif
#define LOADS 8
#import weights
#import dot_add
var<workgroup> sums: array<vec4f, $ROWS * $WIDTH>;
#if NORM == yes
var<workgroup> squares: array<f32, $ROWS * $WIDTH>;
// Where the weights of the norm begin.
var<private> norm_first: u32;
#endif

// Where four rows of weights begin.
fn starts(rows: vec4u, inputs4: u32) -> vec4u {
    return vec4u(
        weights_row(rows.x, inputs4), weights_row(rows.y, inputs4),
        weights_row(rows.z, inputs4), weights_row(rows.w, inputs4),
    );
}

#if METHOD == tree
fn multiply(lane: u32, inputs4: u32, first: u32, w: vec4u) {
#else
fn multiply(lane: u32, subgroup: u32, subgroup_lane: u32, inputs4: u32, first: u32, w: vec4u) {
#endif
    let last = state.rows - 1u;
#repeat R $ROWS
    // Rows beyond the last repeat it; they are not stored.
    let x$R = min(first + $Ru, last) * inputs4;
#repeat O 4
    var sum$R_$O = 0.0;
#end
    var square$R = 0.0;
#end
    if (inputs4 & 1u) == 0u {
        let pairs = inputs4 / 2u;
        for (var turn = lane; turn < pairs; turn += $TURNSu * $WIDTHu) {
            // A turn beyond the last repeats it, with inputs of zero.
#repeat T $TURNS
            let at$T = 2u * min(turn + $Tu * $WIDTHu, pairs - 1u);
#repeat O 4
            let eight$T_$O = eight_at(w[$O], at$T, inputs4);
#end
#end
#repeat T $TURNS
#if NORM == yes
            let norm_low$T = norm[norm_first + at$T];
            let norm_high$T = norm[norm_first + at$T + 1u];
#endif
#end
#repeat R $ROWS
#repeat T $TURNS
            var low$R_$T = x[x$R + at$T];
            var high$R_$T = x[x$R + at$T + 1u];
#if T != 0
            low$R_$T = select(vec4f(), low$R_$T, turn + $Tu * $WIDTHu < pairs);
            high$R_$T = select(vec4f(), high$R_$T, turn + $Tu * $WIDTHu < pairs);
#endif
#end
#repeat T $TURNS
#if NORM == yes
            square$R = dot_add(high$R_$T, high$R_$T, dot_add(low$R_$T, low$R_$T, square$R));
            low$R_$T *= norm_low$T;
            high$R_$T *= norm_high$T;
#endif
#repeat O 4
            sum$R_$O = dot_add(low(eight$T_$O), low$R_$T, sum$R_$O);
            sum$R_$O = dot_add(high(eight$T_$O), high$R_$T, sum$R_$O);
#end
#end
#end
        }
    } else {
        for (var i = lane; i < inputs4; i += $WIDTHu) {
#repeat R $ROWS
            var value$R = x[x$R + i];
#if NORM == yes
            square$R = dot_add(value$R, value$R, square$R);
            value$R *= norm[norm_first + i];
#endif
#end
#repeat O 4
            {
                let weight = weights_at(w[$O], i, inputs4);
#repeat R $ROWS
                sum$R_$O = dot_add(weight, value$R, sum$R_$O);
#end
            }
#end
        }
    }
#repeat R $ROWS
    {
        let sum = vec4f(sum$R_0, sum$R_1, sum$R_2, sum$R_3);
#if METHOD == tree
        sums[$Ru * $WIDTHu + lane] = sum;
#if NORM == yes
        squares[$Ru * $WIDTHu + lane] = square$R;
#endif
#else
        let inside = subgroupAdd(sum);
#if NORM == yes
        let inside_square = subgroupAdd(square$R);
#endif
        if subgroup_lane == 0u {
            sums[$Ru * $WIDTHu + subgroup] = inside;
#if NORM == yes
            squares[$Ru * $WIDTHu + subgroup] = inside_square;
#endif
        }
#endif
    }
#end
    workgroupBarrier();
#if METHOD == tree
    for (var step = $WIDTHu / 2u; step > 0u; step >>= 1u) {
        if lane < step {
#repeat R $ROWS
            sums[$Ru * $WIDTHu + lane] += sums[$Ru * $WIDTHu + lane + step];
#if NORM == yes
            squares[$Ru * $WIDTHu + lane] += squares[$Ru * $WIDTHu + lane + step];
#endif
#end
        }
        workgroupBarrier();
    }
#endif
}

// What `multiply` has found for a row and a weight row.
fn product(r: u32, o: u32, subgroups: u32) -> f32 {
#if METHOD == tree
    let sum = sums[r * $WIDTHu][o];
#if NORM == yes
    let square = squares[r * $WIDTHu];
#endif
#else
    var sum = 0.0;
    for (var s = 0u; s < subgroups; s++) {
        sum += sums[r * $WIDTHu + s][o];
    }
#if NORM == yes
    var square = 0.0;
    for (var s = 0u; s < subgroups; s++) {
        square += squares[r * $WIDTHu + s];
    }
#endif
#endif
#if NORM == yes
    return sum * inverseSqrt(square * params.inverse_columns + params.epsilon);
#else
    return sum;
#endif
}
