//! What a scan keeps of each byte, outside of memory.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use half::f16;

use crate::error::{Error, Result};
use crate::files::{Scratch, scratch, scratch_folder};

/// What is kept of a byte, in 16 bits: the entropy of its prediction as a half,
/// NaN where there is none, and in the place of its sign, which no
/// entropy needs, whether a patch starts at the byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub(super) struct Cell(u16);

const START: u16 = 1 << 15;

impl Cell {
    pub(super) fn new(entropy: Option<f32>, start: bool) -> Self {
        // Rounding can put what is certain a little below 0.
        let half = entropy.map_or(f16::NAN, |nats| f16::from_f32(nats.max(0.0)));
        let sign = if start { START } else { 0 };
        Self(half.to_bits() & !START | sign)
    }

    pub(super) fn start(self) -> bool {
        self.0 & START != 0
    }

    /// In nats.
    pub(super) fn entropy(self) -> Option<f32> {
        let half = f16::from_bits(self.0 & !START);
        (!half.is_nan()).then(|| half.to_f32())
    }
}

/// Cells in an anonymous temporary file, which vanishes with its owner: two bytes per
/// byte of the text, and nothing in memory but in a page, which has no such files.
#[derive(Debug)]
pub(super) struct Store {
    file: Mutex<Scratch>,
    cells: u64,
}

const SIZE: u64 = size_of::<Cell>() as u64;

impl Store {
    pub(super) fn new() -> Result<Self> {
        let file = scratch().map_err(|source| failed("create", source))?;
        Ok(Self {
            file: Mutex::new(file),
            cells: 0,
        })
    }

    pub(super) fn clear(&mut self) {
        self.cells = 0;
    }

    pub(super) fn append(&mut self, cells: &[Cell]) -> Result<()> {
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.cells * SIZE))
            .and_then(|_| file.write_all(bytemuck::cast_slice(cells)))
            .map_err(|source| failed("write", source))?;
        self.cells += cells.len() as u64;
        Ok(())
    }

    /// The cells of a range, as far as there are any.
    pub(super) fn read(&self, range: Range<u64>) -> Result<Vec<Cell>> {
        let (start, end) = (range.start.min(self.cells), range.end.min(self.cells));
        let count = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let mut cells = vec![Cell(0); count];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(start * SIZE))
            .and_then(|_| file.read_exact(bytemuck::cast_slice_mut(&mut cells)))
            .map_err(|source| failed("read", source))?;
        Ok(cells)
    }
}

fn failed(action: &'static str, source: io::Error) -> Error {
    Error::Io {
        action,
        path: scratch_folder().join("(a temporary file for entropies)"),
        source,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn a_cell_has_entropy_and_start_apart() {
        for start in [false, true] {
            for entropy in [0.0, 0.25, 1.335_442_1, 4.5, 5.560_682] {
                let cell = Cell::new(Some(entropy), start);
                assert_eq!(cell.start(), start);
                assert!((cell.entropy().unwrap() - entropy).abs() <= entropy / 2048.0);
            }
            let none = Cell::new(None, start);
            assert_eq!((none.start(), none.entropy()), (start, None));
            assert_eq!(Cell::new(Some(-1e-7), start).entropy(), Some(0.0));
        }
    }

    #[test]
    fn what_was_appended_is_read() {
        let cells: Vec<Cell> = (0_u8..100)
            .map(|i| Cell::new(Some(f32::from(i) / 32.0), i % 3 == 0))
            .collect();
        let mut store = Store::new().unwrap();
        store.append(&cells[..7]).unwrap();
        assert_eq!(store.read(5..20).unwrap(), cells[5..7]);
        store.append(&cells[7..]).unwrap();
        assert_eq!(store.read(5..20).unwrap(), cells[5..20]);
        assert!(store.read(100..200).unwrap().is_empty());
        store.clear();
        assert!(store.read(0..9).unwrap().is_empty());
        store.append(&cells[50..60]).unwrap();
        assert_eq!(store.read(0..99).unwrap(), cells[50..60]);
    }
}
