//! A text that a model writes.

use std::sync::{Mutex, PoisonError};

use blt::generate::{self, Generator, StopReason, TextModel};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::wait::without_interpreter;

/// What happens while a text is generated; numbers of bytes and patches count the
/// prompt too.
#[pyclass(frozen, eq, module = "blt")]
#[derive(Clone, PartialEq)]
pub(crate) enum Event {
    /// A byte of the text.
    #[pyo3(constructor = (index, byte, entropy, nll, start, patch))]
    Byte {
        index: u64,
        byte: u8,
        entropy: Option<f32>,
        nll: Option<f32>,
        start: bool,
        patch: u64,
    },
    /// The next byte was taken together with drafts of those after it.
    Draft { drafted: usize, accepted: usize },
    /// The last byte closed a patch.
    Boundary { patch: u64, length: u64 },
    /// The latent model ran on the patch that was just closed.
    LatentStep { patch: u64 },
    /// The end.
    Done {
        reason: String,
        stop: Option<usize>,
        bytes: u64,
        latent_steps: u64,
    },
}

impl Event {
    /// The same as Python's; `None` for kinds that this module does not know yet.
    fn of(event: &generate::Event) -> Option<Self> {
        Some(match *event {
            generate::Event::Byte(record) => Self::Byte {
                index: record.index,
                byte: record.byte?,
                entropy: record.entropy,
                nll: record.nll,
                start: record.start,
                patch: record.patch,
            },
            generate::Event::Draft { drafted, accepted } => Self::Draft { drafted, accepted },
            generate::Event::Boundary { patch, length } => Self::Boundary { patch, length },
            generate::Event::LatentStep { patch } => Self::LatentStep { patch },
            generate::Event::Done {
                reason,
                bytes,
                latent_steps,
            } => {
                let (reason, stop) = match reason {
                    StopReason::Length => ("length", None),
                    StopReason::Full => ("full", None),
                    StopReason::EndOfText => ("end_of_text", None),
                    StopReason::Stop { stop } => ("stop", Some(stop)),
                    _ => ("other", None),
                };
                Self::Done {
                    reason: reason.to_owned(),
                    stop,
                    bytes,
                    latent_steps,
                }
            }
            _ => return None,
        })
    }
}

#[pymethods]
impl Event {
    fn __repr__(&self) -> String {
        let maybe = |value: &Option<f32>| value.map_or("None".to_owned(), |v| v.to_string());
        match self {
            Self::Byte {
                index,
                byte,
                entropy,
                nll,
                start,
                patch,
            } => format!(
                "Event.Byte(index={index}, byte={byte}, entropy={}, nll={}, start={}, \
                 patch={patch})",
                maybe(entropy),
                maybe(nll),
                if *start { "True" } else { "False" }
            ),
            Self::Draft { drafted, accepted } => {
                format!("Event.Draft(drafted={drafted}, accepted={accepted})")
            }
            Self::Boundary { patch, length } => {
                format!("Event.Boundary(patch={patch}, length={length})")
            }
            Self::LatentStep { patch } => format!("Event.LatentStep(patch={patch})"),
            Self::Done {
                reason,
                stop,
                bytes,
                latent_steps,
            } => format!(
                "Event.Done(reason={reason:?}, stop={}, bytes={bytes}, \
                 latent_steps={latent_steps})",
                stop.map_or("None".to_owned(), |stop| stop.to_string())
            ),
        }
    }
}

/// A text as it is written: an iterator of events.
///
/// ``bytes`` and ``text`` write what is still to be written first. After ctrl-C it can
/// go on.
#[pyclass(frozen, module = "blt")]
pub(crate) struct Generation(Mutex<State>);

struct State {
    generator: Generator<TextModel>,
    text: Vec<u8>,
    done: Option<Event>,
}

impl State {
    /// The next event.
    fn next(&mut self) -> blt::Result<Option<Event>> {
        loop {
            let Some(event) = pollster::block_on(self.generator.next())? else {
                return Ok(None);
            };
            let Some(event) = Event::of(&event) else {
                continue;
            };
            match &event {
                Event::Byte { byte, .. } => self.text.push(*byte),
                Event::Done { .. } => self.done = Some(event.clone()),
                _ => {}
            }
            return Ok(Some(event));
        }
    }
}

impl Generation {
    pub(crate) fn new(generator: Generator<TextModel>) -> Self {
        Self(Mutex::new(State {
            generator,
            text: Vec::new(),
            done: None,
        }))
    }

    /// Writes to the end.
    fn finish<T: Send>(
        &self,
        py: Python<'_>,
        then: impl FnOnce(&State) -> T + Send,
    ) -> PyResult<T> {
        without_interpreter(py, |signals| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            while state.next()?.is_some() {
                signals.check()?;
            }
            Ok(then(&state))
        })
    }
}

#[pymethods]
impl Generation {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Event>> {
        // A loop that is not Python's own, as that of `list`, asks for no signals.
        py.check_signals()?;
        without_interpreter(py, |_| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.next()
        })
    }

    /// All that was written, without the prompt.
    #[getter]
    fn bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let text = self.finish(py, |state| state.text.clone())?;
        Ok(PyBytes::new(py, &text))
    }

    /// The same as ``str``, with U+FFFD for bytes that are not UTF-8.
    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        let text = self.finish(py, |state| state.text.clone())?;
        Ok(PyString::new(py, &String::from_utf8_lossy(&text)))
    }

    /// What ended it.
    #[getter]
    fn done(&self, py: Python<'_>) -> PyResult<Option<Event>> {
        self.finish(py, |state| state.done.clone())
    }

    fn __repr__(&self) -> &'static str {
        "Generation()"
    }
}
