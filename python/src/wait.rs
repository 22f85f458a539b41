//! Long work: without the interpreter, so that other threads run on, but with an eye
//! on ctrl-C.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::error::raised;

/// How often the interpreter is asked for signals.
const EVERY: Duration = Duration::from_millis(50);

/// Says whether a signal has come, such as ctrl-C's.
pub(crate) struct Signals {
    asked: Instant,
    raised: Option<PyErr>,
}

impl Signals {
    /// Asks, if it has not been asked for a while.
    ///
    /// # Errors
    /// [`blt::Error::Interrupted`] if a handler raised an exception, which
    /// [`without_interpreter`] raises again.
    pub(crate) fn check(&mut self) -> blt::Result<()> {
        if self.raised.is_none() && self.asked.elapsed() >= EVERY {
            self.raised = Python::attach(|py| py.check_signals().err());
            self.asked = Instant::now();
        }
        match self.raised {
            None => Ok(()),
            Some(_) => Err(blt::Error::Interrupted),
        }
    }

    /// The same for those who are told to go on or not.
    pub(crate) fn go_on(&mut self) -> ControlFlow<()> {
        match self.check() {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// Does long work without the interpreter.
///
/// # Errors
/// What the work says, and what a signal's handler raised meanwhile.
pub(crate) fn without_interpreter<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&mut Signals) -> blt::Result<T> + Send,
) -> PyResult<T> {
    let mut signals = Signals {
        asked: Instant::now(),
        raised: None,
    };
    let done = py.detach(|| work(&mut signals));
    match (signals.raised, done) {
        (Some(exception), _) => Err(exception),
        (None, done) => done.map_err(|error| raised(py, &error)),
    }
}
