//! Which bytes stand in which rows, and which rows show: whole numbers all along,
//! because a file has more rows than a float can tell apart.

use std::ops::Range;

/// The rows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    /// The bytes of the file.
    pub(super) length: u64,
    /// The bytes of a row, at least one.
    pub(super) per_row: u64,
    /// The rows that show whole.
    pub(super) shown: u64,
}

/// What is at the upper edge: a row, and how many points of it are above the edge.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Top {
    pub(super) row: u64,
    pub(super) above: f32,
}

/// A way for the caret to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Motion {
    Left,
    Right,
    Up,
    Down,
    PageUp,
    PageDown,
    RowStart,
    RowEnd,
    FileStart,
    FileEnd,
}

impl Grid {
    pub(super) fn rows(&self) -> u64 {
        self.length.div_ceil(self.per_row)
    }

    /// The row at the upper edge when the last one shows.
    fn last_top(&self) -> u64 {
        self.rows().saturating_sub(self.shown.max(1))
    }

    /// The nearest place within the file.
    pub(super) fn clamp(&self, top: Top) -> Top {
        let last = self.last_top();
        match top.row < last {
            true => top,
            false => Top {
                row: last,
                above: 0.0,
            },
        }
    }

    /// Goes down by some points, or up, with rows of a height.
    pub(super) fn scroll(&self, top: Top, down: f32, height: f32) -> Top {
        let points = top.above + down;
        let rows = (points / height).floor();
        let above = points - rows * height;
        // A float says a number of rows that one turn of a wheel can mean exactly.
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let rows = rows as i64;
        match top.row.checked_add_signed(rows) {
            Some(row) => self.clamp(Top { row, above }),
            None if rows < 0 => Top::default(),
            None => self.clamp(Top {
                row: u64::MAX,
                above: 0.0,
            }),
        }
    }

    /// The least move that shows a byte.
    pub(super) fn reveal(&self, top: Top, byte: u64) -> Top {
        let row = byte / self.per_row;
        let shown = self.shown.max(1);
        if row < top.row.saturating_add(u64::from(top.above > 0.0)) {
            Top { row, above: 0.0 }
        } else if row - top.row >= shown {
            Top {
                row: row + 1 - shown,
                above: 0.0,
            }
        } else {
            top
        }
    }

    /// The place where a byte is in the middle.
    pub(super) fn center(&self, byte: u64) -> Top {
        let row = byte / self.per_row;
        self.clamp(Top {
            row: row.saturating_sub(self.shown / 2),
            above: 0.0,
        })
    }

    /// The same upper byte with rows of another number of bytes.
    pub(super) fn regrid(&self, top: Top, per_row_before: u64) -> Top {
        let byte = top.row.saturating_mul(per_row_before);
        self.clamp(Top {
            row: byte / self.per_row,
            above: 0.0,
        })
    }

    /// The bytes of some rows from the upper edge on.
    pub(super) fn bytes(&self, top: Top, rows: u64) -> Range<u64> {
        let edge = |row: u64| row.saturating_mul(self.per_row).min(self.length);
        edge(top.row)..edge(top.row.saturating_add(rows))
    }

    /// Where the caret comes to.
    pub(super) fn moved(&self, caret: u64, motion: Motion) -> u64 {
        let last = self.length.saturating_sub(1);
        let row = caret / self.per_row * self.per_row;
        let page = self.per_row.saturating_mul(self.shown.max(2) - 1);
        // Up and down keep the column, so they stop where there is none.
        let down = |by: u64| match caret.checked_add(by) {
            Some(at) if at <= last => at,
            _ => caret + (last - caret.min(last)) / self.per_row * self.per_row,
        };
        let up = |by: u64| match caret.checked_sub(by) {
            Some(at) => at,
            None => caret % self.per_row,
        };
        match motion {
            Motion::Left => caret.saturating_sub(1),
            Motion::Right => caret.saturating_add(1),
            Motion::Up => up(self.per_row),
            Motion::Down => down(self.per_row),
            Motion::PageUp => up(page),
            Motion::PageDown => down(page),
            Motion::RowStart => row,
            Motion::RowEnd => row.saturating_add(self.per_row - 1),
            Motion::FileStart => 0,
            Motion::FileEnd => last,
        }
        .min(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(row: u64, above: f32) -> Top {
        Top { row, above }
    }

    const SMALL: Grid = Grid {
        length: 100,
        per_row: 16,
        shown: 3,
    };

    #[test]
    fn the_last_row_may_be_short_and_is_not_passed() {
        assert_eq!(SMALL.rows(), 7);
        assert_eq!(SMALL.bytes(top(6, 0.0), 4), 96..100);
        assert_eq!(SMALL.bytes(top(1, 5.0), 3), 16..64);
        assert_eq!(SMALL.scroll(top(0, 0.0), 1e9, 20.0), top(4, 0.0));
        assert_eq!(SMALL.scroll(top(0, 0.0), 50.0, 20.0), top(2, 10.0));
        assert_eq!(SMALL.scroll(top(2, 10.0), -15.0, 20.0), top(1, 15.0));
        assert_eq!(SMALL.scroll(top(2, 10.0), -55.0, 20.0), top(0, 0.0));
        // A file that fits does not move.
        let fits = Grid { shown: 7, ..SMALL };
        assert_eq!(fits.scroll(top(0, 0.0), 30.0, 20.0), top(0, 0.0));
        let empty = Grid { length: 0, ..SMALL };
        assert_eq!(empty.rows(), 0);
        assert_eq!(empty.scroll(top(0, 0.0), 30.0, 20.0), top(0, 0.0));
        assert_eq!(empty.bytes(top(0, 0.0), 9), 0..0);
        for motion in [Motion::Right, Motion::Down, Motion::FileEnd, Motion::RowEnd] {
            assert_eq!(empty.moved(0, motion), 0);
        }
    }

    #[test]
    fn the_largest_files_scroll_row_by_row() {
        for length in [1 << 30, (1 << 53) + 1, u64::MAX] {
            let grid = Grid {
                length,
                per_row: 16,
                shown: 30,
            };
            let far = top(grid.rows() - 1000, 0.0);
            assert_eq!(grid.scroll(far, 20.0, 20.0).row, far.row + 1);
            assert_eq!(grid.scroll(far, -20.0, 20.0).row, far.row - 1);
            let end = grid.moved(0, Motion::FileEnd);
            assert_eq!(end, length - 1);
            assert_eq!(grid.moved(end, Motion::Right), end);
            assert_eq!(grid.moved(end, Motion::PageDown), end);
            assert_eq!(grid.moved(end, Motion::Left), end - 1);
            let place = grid.center(end);
            assert_eq!(place.row, grid.rows() - 30);
            assert_eq!(grid.bytes(place, 31).end, length);
            assert_eq!(grid.reveal(place, end), place);
            assert_eq!(grid.scroll(place, f32::MAX, 20.0), place);
        }
    }

    #[test]
    fn the_caret_keeps_its_column() {
        assert_eq!(SMALL.moved(5, Motion::Down), 21);
        assert_eq!(SMALL.moved(21, Motion::Up), 5);
        assert_eq!(SMALL.moved(5, Motion::Up), 5);
        assert_eq!(SMALL.moved(90, Motion::Down), 90);
        assert_eq!(SMALL.moved(83, Motion::Down), 99);
        assert_eq!(SMALL.moved(5, Motion::PageDown), 37);
        assert_eq!(SMALL.moved(69, Motion::PageDown), 85);
        assert_eq!(SMALL.moved(21, Motion::PageUp), 5);
        assert_eq!(SMALL.moved(21, Motion::RowStart), 16);
        assert_eq!(SMALL.moved(21, Motion::RowEnd), 31);
        assert_eq!(SMALL.moved(97, Motion::RowEnd), 99);
        assert_eq!(SMALL.moved(0, Motion::Left), 0);
    }

    #[test]
    fn a_byte_is_shown_with_the_least_move() {
        let at = top(2, 0.0);
        for shown in 32..80 {
            assert_eq!(SMALL.reveal(at, shown), at);
        }
        assert_eq!(SMALL.reveal(at, 31), top(1, 0.0));
        assert_eq!(SMALL.reveal(at, 80), top(3, 0.0));
        assert_eq!(SMALL.reveal(at, 99), top(4, 0.0));
        assert_eq!(SMALL.reveal(top(2, 4.0), 32), top(2, 0.0));
        assert_eq!(SMALL.reveal(top(2, 4.0), 50), top(2, 4.0));
    }

    #[test]
    fn another_width_keeps_the_upper_byte() {
        let wide = Grid {
            per_row: 32,
            ..SMALL
        };
        assert_eq!(wide.regrid(top(1, 3.0), 16), top(0, 0.0));
        let long = Grid {
            length: 1 << 40,
            ..wide
        };
        assert_eq!(long.regrid(top(1 << 30, 3.0), 16), top(1 << 29, 0.0));
    }
}
