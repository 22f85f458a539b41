//! How a model was opened, by which another process can open it again.

use std::sync::{Arc, Mutex};

use blt::checkpoint::Checkpoint;
use blt::device::{AdapterChoice, Device, DeviceOptions};
use blt::model::blt::WeightBits;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::Model;
use super::sessions::AtRest;
use crate::error::{argument, raised};
use crate::wait::without_interpreter;

/// How a model was opened.
pub(super) struct Opened {
    model: Option<String>,
    device: String,
    pub(super) bits: WeightBits,
    weights: String,
    entropy_model: Option<String>,
    threads: Option<usize>,
}

impl Opened {
    /// From the arguments of a call.
    pub(super) fn of(
        py: Python<'_>,
        (model, entropy_model): (Option<Bound<'_, PyAny>>, Option<Bound<'_, PyAny>>),
        device: &str,
        weights: Option<Bound<'_, PyAny>>,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        let weights = weights.map_or("auto".to_owned(), |weights| weights.to_string());
        let bits = weights
            .parse()
            .map_err(|error: blt::Error| raised(py, &error))?;
        if threads.is_some_and(|threads| !(1..=1024).contains(&threads)) {
            return Err(argument(py, "threads is a number from 1 to 1024"));
        }
        Ok(Self {
            model: name(py, model)?,
            device: device.to_owned(),
            bits,
            weights,
            entropy_model: name(py, entropy_model)?,
            threads,
        })
    }

    /// The model.
    pub(super) fn open(self, py: Python<'_>) -> PyResult<Model> {
        without_interpreter(py, |_| {
            let entropy = self.entropy_model.as_deref();
            let own = checkpoint(self.model.as_deref())?;
            let entropy = entropy.map(|name| checkpoint(Some(name))).transpose()?;
            let device = DeviceOptions {
                choice: AdapterChoice {
                    adapter: Some(self.device.clone()).filter(|name| name != "auto"),
                    backend: None,
                },
                threads: self.threads,
                ..DeviceOptions::default()
            };
            Ok(Model {
                checkpoint: own,
                entropy_checkpoint: entropy,
                device: pollster::block_on(Device::open(&device))?,
                process: std::process::id(),
                loaded: Mutex::default(),
                at_rest: AtRest::default(),
                opened: self,
            })
        })
    }

    /// A function and its arguments, which open the same model, for `pickle`.
    pub(super) fn reduced<'py>(&self, open: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let py = open.py();
        let named = PyDict::new(py);
        named.set_item("entropy_model", &self.entropy_model)?;
        named.set_item("threads", self.threads)?;
        let partial = py.import("functools")?.getattr("partial")?;
        let open = partial.call((open,), Some(&named))?;
        (open, (&self.model, &self.device, &self.weights)).into_pyobject(py)
    }
}

fn checkpoint(name: Option<&str>) -> blt::Result<Arc<Checkpoint>> {
    let opened = match name {
        None | Some("embedded") => Checkpoint::embedded(),
        Some(name) => Checkpoint::open(name),
    };
    opened.map(Arc::new)
}

/// A path or name of a model.
fn name(py: Python<'_>, path: Option<Bound<'_, PyAny>>) -> PyResult<Option<String>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let path = py.import("os")?.call_method1("fspath", (path,))?;
    path.extract()
        .map(Some)
        .map_err(|_| argument(py, "the path of a model is str, not bytes"))
}
