//! How long rows are on the device.

/// Rounds a row length up to whole vectors of four.
#[must_use]
pub const fn padded(columns: usize) -> usize {
    columns.next_multiple_of(4)
}
