// Entropy of the next byte and the log-probability of the byte that came, of the row of
// logits that begins at `at`, by a workgroup.
#import reduce
#if METHOD == tree
fn find_entropy(at: u32, came: u32, lane: u32) -> vec2f {
#else
fn find_entropy(
    at: u32, came: u32, lane: u32, subgroup: u32, subgroup_lane: u32, subgroups: u32,
) -> vec2f {
#endif
    let vocabulary = bound(params.vocabulary);
    var own = logits[at];
    for (var v = lane; v < vocabulary; v += $WIDTHu) {
        own = max(own, logits[at + v]);
    }
#if METHOD == tree
    let largest = max_workgroup(own, lane);
#else
    let largest = max_workgroup(own, subgroup, subgroup_lane, subgroups);
#endif
    var total = 0.0;
    var weighted = 0.0;
    for (var v = lane; v < vocabulary; v += $WIDTHu) {
        let z = logits[at + v] - largest;
        let e = exp(z);
        total += e;
        weighted += e * z;
    }
#if METHOD == tree
    total = sum_workgroup(total, lane);
    weighted = sum_workgroup(weighted, lane);
#else
    total = sum_workgroup(total, subgroup, subgroup_lane, subgroups);
    weighted = sum_workgroup(weighted, subgroup, subgroup_lane, subgroups);
#endif
    let log_total = log(total);
    var log_p = 0.0;
    if came < vocabulary {
        log_p = logits[at + came] - largest - log_total;
    }
    return vec2f(max(log_total - weighted / total, 0.0), log_p);
}
