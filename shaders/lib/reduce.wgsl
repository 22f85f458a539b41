// Sums over a workgroup of WIDTH invocations, given to every one of them.
#if METHOD == tree
var<workgroup> partial: array<f32, $WIDTH>;
fn sum_workgroup(value: f32, lane: u32) -> f32 {
    partial[lane] = value;
    workgroupBarrier();
    for (var step = $WIDTHu / 2u; step > 0u; step >>= 1u) {
        if lane < step {
            partial[lane] += partial[lane + step];
        }
        workgroupBarrier();
    }
    let sum = partial[0];
    workgroupBarrier();
    return sum;
}
fn max_workgroup(value: f32, lane: u32) -> f32 {
    partial[lane] = value;
    workgroupBarrier();
    for (var step = $WIDTHu / 2u; step > 0u; step >>= 1u) {
        if lane < step {
            partial[lane] = max(partial[lane], partial[lane + step]);
        }
        workgroupBarrier();
    }
    let largest = partial[0];
    workgroupBarrier();
    return largest;
}
#endif
#if METHOD == subgroup
// One value per subgroup, of any size from 1 up.
var<workgroup> partial: array<f32, $WIDTH>;
fn sum_workgroup(value: f32, subgroup: u32, subgroup_lane: u32, subgroups: u32) -> f32 {
    let inside = subgroupAdd(value);
    if subgroup_lane == 0u {
        partial[subgroup] = inside;
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < subgroups; i++) {
        sum += partial[i];
    }
    workgroupBarrier();
    return sum;
}
fn max_workgroup(value: f32, subgroup: u32, subgroup_lane: u32, subgroups: u32) -> f32 {
    let inside = subgroupMax(value);
    if subgroup_lane == 0u {
        partial[subgroup] = inside;
    }
    workgroupBarrier();
    var largest = partial[0];
    for (var i = 1u; i < subgroups; i++) {
        largest = max(largest, partial[i]);
    }
    workgroupBarrier();
    return largest;
}
#endif
