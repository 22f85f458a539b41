// Keys of each part of a span that is cut into `splits`: as many as a workgroup is
// worth starting for, and those of the last part may be fewer. Parts beyond the
// span have none.
fn part_of(span: u32, splits: u32) -> u32 {
    return max(256u, (span + splits - 1u) / splits);
}
