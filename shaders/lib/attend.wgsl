// softmax(q . k * scale) v for one query, by a workgroup of TEAMS teams of TEAM
// invocations. A team reads a key and its value together, each invocation every
// TEAM-th vector, one or two of them: neighbours read neighbouring memory, and
// registers are few, whatever the head. Each team has a running maximum, total and
// sums over its keys, KEYS of them a turn, so that several loads are in flight; in
// the end the teams are joined.
//
#import teams
const TEAMS = $WIDTHu / $TEAMu;

// The kernel gives `query4`, `key_row`, `key4` and `value4`, and the output `y`.
const LOWEST = -1e20;  // below any score,
const MASKED = -1e30;  // and above what a key gets that is not seen: its weight is then 0

// Two sides, used in turn, so that a turn needs a single barrier: whoever writes
// a side has passed a barrier that all reach after reading it.
var<workgroup> exchange: array<vec$KEYSf, 2 * $WIDTH>;
var<workgroup> joined: array<vec2f, TEAMS>;
var<workgroup> joined_sums: array<vec4f, $WIDTH>;

// Attends to the keys from `first` to before `end`; the sums go to y from `at` on,
// divided by their total if they are `whole`. `place` is the invocation's number,
// so that neighbours in a subgroup are neighbours in a team. Gives the maximum and
// the total.
fn attend(place: u32, query: u32, head4: u32, first: u32, end: u32, at: u32, whole: bool) -> vec2f {
    let team = place / $TEAMu;
    let column = place % $TEAMu;
    let team_first = place - column;
    let beyond = head4 - 1u;
#repeat V $VECTORS
    // A vector beyond the head repeats the last with a query of zero.
    let d$V = min(column + $Vu * $TEAMu, beyond);
    let q$V = select(vec4f(), query4(query + d$V), column + $Vu * $TEAMu <= beyond);
    var sum$V = vec4f();
#end
    var largest = LOWEST;
    var total = 0.0;
    var side = 0u;
    for (var turn = first; turn < end; turn += TEAMS * $KEYSu) {
        var partial = vec$KEYSf();
#repeat J $KEYS
        let key$J = turn + team + $Ju * TEAMS;
        let row$J = key_row(min(key$J, end - 1u));
#end
#repeat J $KEYS
        {
            var products = vec4f();
#repeat V $VECTORS
            products = fma(q$V, key4(row$J + d$V), products);
#end
            partial[$J] = (products.x + products.y) + (products.z + products.w);
        }
#end
#if METHOD == subgroup
        partial += subgroupShuffleXor(partial, 1u);
        partial += subgroupShuffleXor(partial, 2u);
        partial += subgroupShuffleXor(partial, 4u);
#endif
#if OTHERS == 0
        var scores = partial;
#else
        exchange[side + place] = partial;
        workgroupBarrier();
        var scores = exchange[side + team_first];
#repeat I $OTHERS
        scores += exchange[side + team_first + (1u + $Iu) * $STEPu];
#end
        side = $WIDTHu - side;
#endif
        var highest = largest;
#repeat J $KEYS
        scores[$J] = select(MASKED, scores[$J], key$J < end);
        highest = max(highest, scores[$J]);
#end
        let shrink = exp(largest - highest);
        largest = highest;
        let weights = exp(scores - highest);
        total = total * shrink + dot(weights, vec$KEYSf(1.0));
#repeat V $VECTORS
        sum$V *= shrink;
#end
#repeat J $KEYS
#repeat V $VECTORS
        sum$V = fma(vec4f(weights[$J]), value4(row$J + d$V), sum$V);
#end
#end
    }
    if column == 0u {
        joined[team] = vec2f(largest, total);
    }
    workgroupBarrier();
    var highest = LOWEST;
    for (var t = 0u; t < TEAMS; t++) {
        highest = max(highest, joined[t].x);
    }
    var all = 0.0;
    for (var t = 0u; t < TEAMS; t++) {
        all += joined[t].y * exp(joined[t].x - highest);
    }
    let shrink = exp(largest - highest);
    // A query that sees no key gets zeros.
    let share = select(1.0, 1.0 / max(all, 1e-30), whole);
#repeat V $VECTORS
    joined_sums[place] = sum$V * shrink;
    workgroupBarrier();
    for (var step = $WIDTHu / 2u; step >= $TEAMu; step >>= 1u) {
        if place < step {
            joined_sums[place] += joined_sums[place + step];
        }
        workgroupBarrier();
    }
    if place < $TEAMu && place + $Vu * $TEAMu <= beyond {
        y[at + place + $Vu * $TEAMu] = joined_sums[place] * share;
    }
    workgroupBarrier();
#end
    return vec2f(highest, all);
}
