//! Arguments that several methods take, by their names.

use std::path::PathBuf;

use blt::generate::{SamplerOptions, Utf8Mode};
use blt::patch::Mode;
use blt::session::{ContextOptions, CutOptions};
use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::error::{argument, raised};

/// Where patches start and where the context is cut.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Reading {
    pub(crate) cut: CutOptions,
    pub(crate) context: ContextOptions,
}

/// The named arguments of a call, each of which is taken once.
pub(crate) struct Named<'a, 'py> {
    method: &'a str,
    arguments: Option<Bound<'py, PyDict>>,
}

impl<'a, 'py> Named<'a, 'py> {
    /// Those of a call of `method`.
    pub(crate) fn of(method: &'a str, arguments: Option<&Bound<'py, PyDict>>) -> PyResult<Self> {
        let arguments = arguments.map(PyDictMethods::copy).transpose()?;
        Ok(Self { method, arguments })
    }

    /// The argument of a name, if it was given and is not `None`.
    pub(crate) fn take<T>(&self, name: &str) -> PyResult<Option<T>>
    where
        T: FromPyObjectOwned<'py>,
    {
        let Some(value) = self.taken(name)? else {
            return Ok(None);
        };
        value.extract::<T>().map(Some).map_err(|error| {
            let error: PyErr = error.into();
            let value = error.value(value.py()).to_string();
            PyTypeError::new_err(format!("argument '{name}': {value}"))
        })
    }

    fn taken(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(arguments) = &self.arguments else {
            return Ok(None);
        };
        let value = arguments.get_item(name)?;
        if value.is_some() {
            arguments.del_item(name)?;
        }
        Ok(value.filter(|value| !value.is_none()))
    }

    /// Where patches start and where the context is cut.
    pub(crate) fn reading(&self, py: Python<'py>) -> PyResult<Reading> {
        let mode: Option<String> = self.take("mode")?;
        let mode = mode.map(|mode| mode.parse::<Mode>()).transpose();
        Ok(Reading {
            cut: CutOptions {
                mode: mode.map_err(|error| raised(py, &error))?,
                threshold: self.take("threshold")?,
                threshold_add: self.take("threshold_add")?,
                patch_size: self.take("patch_size")?,
                max_patch_length: self.take("max_patch_length")?,
                table: self.take::<PathBuf>("table")?,
            },
            context: self.context(py)?,
        })
    }

    /// Where the context is cut.
    pub(crate) fn context(&self, py: Python<'py>) -> PyResult<ContextOptions> {
        let reset_every = self.take("reset_every")?;
        if reset_every == Some(0) {
            return Err(argument(py, "reset_every must be at least 1, not 0"));
        }
        Ok(ContextOptions {
            reset_at_newline: self.take("reset_at_newline")?.unwrap_or(false),
            reset_every,
        })
    }

    /// How bytes are chosen; what is not said is as on the command line.
    pub(crate) fn sampling(&self) -> PyResult<SamplerOptions> {
        let usual = SamplerOptions {
            temperature: SamplerOptions::TEMPERATURE,
            ..SamplerOptions::default()
        };
        Ok(SamplerOptions {
            temperature: self.take("temperature")?.unwrap_or(usual.temperature),
            top_k: self.take("top_k")?.unwrap_or(usual.top_k),
            top_p: self.take("top_p")?.unwrap_or(usual.top_p),
            min_p: self.take("min_p")?.unwrap_or(usual.min_p),
            repetition_penalty: (self.take("repetition_penalty")?)
                .unwrap_or(usual.repetition_penalty),
            repetition_window: (self.take("repetition_window")?).unwrap_or(usual.repetition_window),
            seed: self.take("seed")?.unwrap_or(usual.seed),
        })
    }

    /// What becomes of bytes that are not UTF-8.
    pub(crate) fn utf8(&self, py: Python<'py>) -> PyResult<Utf8Mode> {
        let mode: Option<String> = self.take("utf8")?;
        match mode.as_deref() {
            None | Some("raw") => Ok(Utf8Mode::Raw),
            Some("constrain") => Ok(Utf8Mode::Constrain),
            Some(other) => Err(argument(
                py,
                format!("utf8 is raw or constrain, not {other:?}"),
            )),
        }
    }

    /// Refuses what nobody took.
    ///
    /// # Errors
    /// `TypeError`, as Python itself does.
    pub(crate) fn done(self) -> PyResult<()> {
        let Some(arguments) = self.arguments else {
            return Ok(());
        };
        match arguments.keys().iter().next() {
            None => Ok(()),
            Some(name) => Err(PyTypeError::new_err(format!(
                "{}() got an unexpected keyword argument '{}'",
                self.method,
                name.cast::<PyString>()?
            ))),
        }
    }
}

/// Which part of a model scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Blt,
    Entropy,
    Both,
}

impl Part {
    /// The part of a name.
    ///
    /// # Errors
    /// An argument error for another name.
    pub(crate) fn of(py: Python<'_>, name: &str) -> PyResult<Self> {
        match name {
            "blt" => Ok(Self::Blt),
            "entropy" => Ok(Self::Entropy),
            "both" => Ok(Self::Both),
            _ => Err(argument(
                py,
                format!("part is blt, entropy or both, not {name:?}"),
            )),
        }
    }
}
