// Sums four values at once over a workgroup of WIDTH invocations.
#if METHOD == tree
var<workgroup> partial4: array<vec4f, $WIDTH>;
fn sum4_workgroup(value: vec4f, lane: u32) -> vec4f {
    partial4[lane] = value;
    workgroupBarrier();
    for (var step = $WIDTHu / 2u; step > 0u; step >>= 1u) {
        if lane < step {
            partial4[lane] += partial4[lane + step];
        }
        workgroupBarrier();
    }
    let sum = partial4[0];
    workgroupBarrier();
    return sum;
}
#endif
#if METHOD == subgroup
// One entry per subgroup, of any size from 1 up.
var<workgroup> partial4: array<vec4f, $WIDTH>;
fn sum4_workgroup(value: vec4f, subgroup: u32, subgroup_lane: u32, subgroups: u32) -> vec4f {
    let inside = subgroupAdd(value);
    if subgroup_lane == 0u {
        partial4[subgroup] = inside;
    }
    workgroupBarrier();
    var sum = vec4f();
    for (var i = 0u; i < subgroups; i++) {
        sum += partial4[i];
    }
    workgroupBarrier();
    return sum;
}
#endif
