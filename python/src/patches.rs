//! A text cut into patches.

use blt::patch::Rule;
use blt::record::ByteRecord;
use blt::session::TextSession;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PySlice};

use crate::numbers::array;

/// Some consecutive bytes of a text.
#[pyclass(frozen, eq, get_all, module = "blt")]
#[derive(Clone, PartialEq)]
pub(crate) struct Patch {
    /// Where it starts among the bytes of the text.
    start: usize,
    /// Its bytes.
    bytes: Vec<u8>,
    /// The entropy, in nats, of its first byte before it was known; ``None`` where no
    /// model ran.
    entropy: Option<f32>,
}

#[pymethods]
impl Patch {
    /// How many bytes it has.
    #[getter]
    fn length(&self) -> usize {
        self.bytes.len()
    }

    fn __len__(&self) -> usize {
        self.bytes.len()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.bytes)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let bytes = PyBytes::new(py, &self.bytes).repr()?;
        let entropy = self.entropy.map_or("None".to_owned(), |e| e.to_string());
        Ok(format!(
            "Patch(start={}, bytes={bytes}, entropy={entropy})",
            self.start
        ))
    }
}

/// The patches of a text, in order.
#[pyclass(frozen, sequence, module = "blt")]
pub(crate) struct Patches {
    text: Vec<u8>,
    starts: Vec<u32>,
    /// For each byte, and for the one that would follow; empty if no model ran.
    entropies: Vec<f32>,
    threshold: Option<f32>,
}

/// The starts of the patches among records of a text, whose last is about the byte to
/// come.
pub(crate) fn starts(records: &[ByteRecord]) -> impl Iterator<Item = u32> + '_ {
    let bytes = records.iter().filter(|record| record.byte.is_some());
    (0..)
        .zip(bytes)
        .filter_map(|(at, record)| record.start.then_some(at))
}

/// The length of each patch in bytes, from where patches start in a text of `bytes` bytes.
pub(crate) fn lengths(starts: &[u32], bytes: usize) -> impl Iterator<Item = u32> + '_ {
    let end = u32::try_from(bytes).unwrap_or(u32::MAX);
    let ends = starts.iter().skip(1).copied().chain([end]);
    starts.iter().zip(ends).map(|(start, end)| end - start)
}

impl Patches {
    /// Those of a text with its records.
    pub(crate) fn new(text: &[u8], records: &[ByteRecord], session: &TextSession) -> Self {
        Self {
            text: text.to_vec(),
            starts: starts(records).collect(),
            entropies: records.iter().filter_map(|record| record.entropy).collect(),
            threshold: session.rule().and_then(Rule::entropy_threshold),
        }
    }

    fn patch(&self, index: usize) -> Option<Patch> {
        let at = |index: usize| self.starts.get(index).map(|start| *start as usize);
        let start = at(index)?;
        let end = at(index + 1).unwrap_or(self.text.len());
        Some(Patch {
            start,
            bytes: self.text.get(start..end)?.to_vec(),
            entropy: self.entropies.get(start).copied(),
        })
    }
}

#[pymethods]
impl Patches {
    /// The entropy above which a patch started, in nats; ``None`` for rules without one.
    #[getter]
    fn threshold(&self) -> Option<f32> {
        self.threshold
    }

    /// Where patches start among the bytes: ``uint32``.
    #[getter]
    fn starts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        array(py, &self.starts)
    }

    /// How many bytes each patch has: ``uint32``.
    #[getter]
    fn lengths<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let lengths: Vec<u32> = lengths(&self.starts, self.text.len()).collect();
        array(py, &lengths)
    }

    /// The entropy of each byte of the text, in nats: ``float32``; ``None`` where no
    /// model ran.
    #[getter]
    fn entropies<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let of_bytes = self.entropies.get(..self.text.len());
        of_bytes.map(|of_bytes| array(py, of_bytes)).transpose()
    }

    /// Bytes per patch; ``None`` for an empty text.
    #[getter]
    fn mean(&self) -> Option<f64> {
        let patches = self.starts.len();
        (patches > 0).then(|| self.text.len() as f64 / patches as f64)
    }

    fn __len__(&self) -> usize {
        self.starts.len()
    }

    fn __getitem__<'py>(
        &self,
        py: Python<'py>,
        index: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let count = self.starts.len().cast_signed();
        if let Ok(slice) = index.cast::<PySlice>() {
            let range = slice.indices(count)?;
            let patches = (0..range.slicelength.cast_signed())
                .filter_map(|turn| self.patch((range.start + turn * range.step).cast_unsigned()));
            return Ok(PyList::new(py, patches.collect::<Vec<_>>())?.into_any());
        }
        let index: isize = index.extract()?;
        let from_start = if index < 0 { index + count } else { index };
        let patch = usize::try_from(from_start)
            .ok()
            .and_then(|at| self.patch(at));
        match patch {
            Some(patch) => Ok(Bound::new(py, patch)?.into_any()),
            None => Err(PyIndexError::new_err(format!(
                "there are {count} patches, and none has the index {index}"
            ))),
        }
    }

    fn __repr__(&self) -> String {
        format!(
            "Patches({} of {} bytes)",
            self.starts.len(),
            self.text.len()
        )
    }
}
