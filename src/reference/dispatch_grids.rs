/// Twin of `dispatch_grids`: workgroups in x, y and z of each step of a plan on
/// `rows` rows, none at all without rows.
///
/// `steps` are pairs of (items, factor, tile, 0), for x and for y, which take
/// `ceil((items + factor * rows) / tile)` workgroups.
#[must_use]
pub fn dispatch_grids(steps: &[[u32; 4]], rows: u32) -> Vec<[u32; 3]> {
    let groups = |[items, factor, tile, _]: [u32; 4]| (items + factor * rows).div_ceil(tile);
    steps
        .chunks_exact(2)
        .map(|axes| match rows {
            0 => [0; 3],
            _ => [groups(axes[0]), groups(axes[1]), 1],
        })
        .collect()
}
