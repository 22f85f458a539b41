//! How well a model predicts texts.

use blt::measure::score::{self, ScoredByte};
use pyo3::prelude::*;

use crate::numbers::array;

/// How well a model predicts a text.
#[pyclass(frozen, module = "blt")]
#[derive(Default)]
pub(crate) struct Score {
    pub(crate) total: score::Score,
    nlls: Vec<f32>,
    entropy_nlls: Vec<f32>,
    pub(crate) pieces: u64,
}

impl Score {
    pub(crate) fn add(&mut self, scored: &[ScoredByte]) {
        for byte in scored {
            self.total.add(byte);
            self.nlls.push(byte.nll);
            self.entropy_nlls.extend(byte.nll_entropy);
        }
    }
}

#[pymethods]
impl Score {
    /// The bytes of the text.
    #[getter]
    fn bytes(&self) -> u64 {
        self.total.bytes()
    }

    /// Its patches.
    #[getter]
    fn patches(&self) -> u64 {
        self.total.patches()
    }

    /// Bytes per patch; ``None`` for an empty text.
    #[getter]
    fn mean_patch(&self) -> Option<f64> {
        self.total.mean_patch()
    }

    /// The sum of -ln p over the bytes, in nats.
    #[getter]
    fn nll(&self) -> f64 {
        self.total.nats()
    }

    /// The mean of -log2 p; ``None`` for an empty text.
    #[getter]
    fn bits_per_byte(&self) -> Option<f64> {
        self.total.bits_per_byte()
    }

    /// 2 to the power of bits per byte; ``None`` for an empty text.
    #[getter]
    fn byte_perplexity(&self) -> Option<f64> {
        self.total.byte_perplexity()
    }

    /// The bits per byte of the entropy model, with ``part="both"``.
    #[getter]
    fn entropy_bits_per_byte(&self) -> Option<f64> {
        self.total.entropy_bits_per_byte()
    }

    /// -ln p of each byte, in nats: ``float32``.
    #[getter]
    fn nlls<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        array(py, &self.nlls)
    }

    /// The same by the entropy model, with ``part="both"``.
    #[getter]
    fn entropy_nlls<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let scored = self.total.entropy_bits_per_byte().is_some();
        scored.then(|| array(py, &self.entropy_nlls)).transpose()
    }

    /// In how many pieces the text was read, each from its own beginning.
    #[getter]
    fn pieces(&self) -> u64 {
        self.pieces
    }

    fn __repr__(&self) -> String {
        let bits = self.total.bits_per_byte();
        let bits = bits.map_or("None".to_owned(), |bits| format!("{bits:.4}"));
        format!(
            "Score(bytes={}, patches={}, bits_per_byte={bits})",
            self.total.bytes(),
            self.total.patches()
        )
    }
}

/// How likely a text is after another.
#[pyclass(frozen, eq, get_all, module = "blt")]
#[derive(PartialEq)]
pub(crate) struct Answer {
    /// The sum of ln p over the bytes of the continuation, in nats.
    logprob: f64,
    /// Whether each byte of it is the likeliest where it stands.
    is_greedy: bool,
    /// Its bytes.
    bytes: u64,
}

impl From<score::Answer> for Answer {
    fn from(answer: score::Answer) -> Self {
        Self {
            logprob: answer.logprob,
            is_greedy: answer.is_greedy,
            bytes: answer.bytes,
        }
    }
}

#[pymethods]
impl Answer {
    fn __repr__(&self) -> String {
        format!(
            "Answer(logprob={}, is_greedy={}, bytes={})",
            self.logprob,
            if self.is_greedy { "True" } else { "False" },
            self.bytes
        )
    }
}
