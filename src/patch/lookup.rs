//! Patches from a table over the last two tokens (the paper's byte model with a
//! context of two bytes, folded into a table).

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Known, Patcher};
use crate::{Error, Result, text_file};

/// For each pair of tokens, whether a patch starts after it.
///
/// As plain data (serde) the table is `side` and the list of the pairs
/// `[previous, id]` after which one does. Cloning shares the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Pairs", into = "Pairs")]
pub struct LookupTable {
    side: u32,
    starts: Arc<[bool]>,
}

#[derive(Serialize, Deserialize)]
struct Pairs {
    side: u32,
    pairs: Vec<[u32; 2]>,
}

/// More bytes than any table in a file has, with every pair written out.
const MOST_BYTES: u64 = 256 << 20;

impl LookupTable {
    /// Reads a table from a file: JSON, `{"side": 260, "pairs": [[previous, id], ...]}`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read, [`Error::Argument`] if it is no
    /// table.
    pub fn open(path: &Path) -> Result<Self> {
        let read = crate::files::read_at_most(path, MOST_BYTES).map_err(|source| Error::Io {
            action: "read",
            path: path.into(),
            source,
        })?;
        let Some(json) = read else {
            return Err(Error::Argument(format!(
                "{} is no lookup table: it is larger than {} MiB",
                path.display(),
                MOST_BYTES >> 20
            )));
        };
        text_file::json(&json, "is no lookup table")
            .map_err(|said| Error::Argument(format!("{} {said}", path.display())))
    }

    /// A table over ids below `side` (260 for bytes), row by row: the flag of
    /// `[previous, id]` is `starts[previous * side + id]`.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there are not `side * side` flags, or none.
    pub fn new(side: u32, starts: Vec<bool>) -> Result<Self> {
        if side == 0 || u64::try_from(starts.len()).ok() != Some(u64::from(side).pow(2)) {
            return Err(Error::Argument(format!(
                "a lookup table over {side} ids needs {side} x {side} flags, more than 0; it has {}",
                starts.len()
            )));
        }
        Ok(Self {
            side,
            starts: starts.into(),
        })
    }

    /// Whether a patch starts after `id`, which came after `previous`; ids
    /// outside the table start none.
    #[must_use]
    pub fn get(&self, previous: u32, id: u32) -> bool {
        self.index(previous, id)
            .and_then(|at| self.starts.get(at))
            .is_some_and(|&start| start)
    }

    fn index(&self, previous: u32, id: u32) -> Option<usize> {
        let side = self.side;
        if previous >= side || id >= side {
            return None;
        }
        usize::try_from(u64::from(previous) * u64::from(side) + u64::from(id)).ok()
    }
}

impl TryFrom<Pairs> for LookupTable {
    type Error = Error;

    fn try_from(Pairs { side, pairs }: Pairs) -> Result<Self> {
        // 16 bits a token are plenty, and keep a hostile file from asking for all the memory.
        let flags = u16::try_from(side)
            .ok()
            .filter(|&side| side <= 4096)
            .map(|side| usize::from(side) * usize::from(side))
            .ok_or_else(|| {
                Error::Argument(format!(
                    "a lookup table over {side} ids is too large (at most 4096)"
                ))
            })?;
        let mut table = Self::new(side, vec![false; flags])?;
        let mut starts = vec![false; flags];
        for [previous, id] in pairs {
            let flag = table
                .index(previous, id)
                .and_then(|at| starts.get_mut(at))
                .ok_or_else(|| {
                    Error::Argument(format!(
                        "the pair [{previous}, {id}] is outside a lookup table over {side} ids"
                    ))
                })?;
            *flag = true;
        }
        table.starts = starts.into();
        Ok(table)
    }
}

impl From<LookupTable> for Pairs {
    fn from(table: LookupTable) -> Self {
        let side = table.side;
        let pairs = (0..side)
            .flat_map(|previous| (0..side).map(move |id| [previous, id]))
            .filter(|&[previous, id]| table.get(previous, id))
            .collect();
        Self { side, pairs }
    }
}

/// A patch starts where a table over the previous token and this one says so.
#[derive(Clone, Debug)]
pub struct Lookup {
    table: LookupTable,
    previous: Option<u32>,
}

impl Lookup {
    /// The rule with its table.
    #[must_use]
    pub const fn new(table: LookupTable) -> Self {
        Self {
            table,
            previous: None,
        }
    }
}

impl Patcher for Lookup {
    fn next_starts(&mut self, known: &Known) -> bool {
        self.previous
            .replace(known.id)
            .is_none_or(|previous| self.table.get(previous, known.id))
    }

    fn reset(&mut self) {
        self.previous = None;
    }

    fn fork(&self) -> Box<dyn Patcher + Send> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn a_table_is_square_and_comes_back_from_json() {
        assert!(LookupTable::new(2, vec![true; 3]).is_err());
        assert!(LookupTable::new(0, vec![]).is_err());
        let table = LookupTable::new(
            3,
            vec![false, true, false, false, false, false, true, false, false],
        )
        .unwrap();
        let json = serde_json::to_string(&table).unwrap();
        assert_eq!(json, r#"{"side":3,"pairs":[[0,1],[2,0]]}"#);
        assert_eq!(serde_json::from_str::<LookupTable>(&json).unwrap(), table);
        for bad in [
            r#"{"side":2,"pairs":[[0,2]]}"#,
            r#"{"side":4000000000,"pairs":[]}"#,
            r#"{"side":0,"pairs":[]}"#,
        ] {
            assert!(serde_json::from_str::<LookupTable>(bad).is_err());
        }
    }

    #[test]
    fn a_file_that_is_no_table_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.json");
        let missing = LookupTable::open(&path).unwrap_err();
        assert!(missing.to_string().contains("table.json"), "{missing}");
        for (json, what, word) in [
            ("", "table.json is empty", "again"),
            ("{}", "table.json is no lookup table", "side"),
            (
                r#"{"side":2,"pairs":[[0,2]]}"#,
                "table.json is no lookup table",
                "outside",
            ),
        ] {
            std::fs::write(&path, json).unwrap();
            let error = LookupTable::open(&path).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
            assert!(error.contains(word), "{error}");
        }
        std::fs::write(&path, r#"{"side":2,"pairs":[[0,1]]}"#).unwrap();
        let table = LookupTable::open(&path).unwrap();
        assert!(table.get(0, 1) && !table.get(1, 0));
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(MOST_BYTES + 1).unwrap();
        let error = LookupTable::open(&path).unwrap_err().to_string();
        assert!(error.contains("larger than 256 MiB"), "{error}");
    }

    #[test]
    fn ids_outside_the_table_start_nothing() {
        let table = LookupTable::new(2, vec![true; 4]).unwrap();
        assert!(table.get(1, 1) && !table.get(2, 0) && !table.get(0, u32::MAX));
    }
}
