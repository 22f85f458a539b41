//! The Python module `blt._blt`: the library's sessions as Python objects.
//!
//! Nothing is computed here. A file is one kind of thing that crosses the border:
//! texts and arrays in, arrays and objects out, errors as exceptions.

mod arguments;
mod around;
mod arrow;
mod error;
mod generation;
mod model;
mod numbers;
mod patches;
mod scores;
mod texts;
mod wait;

/// The compiled part of `blt`.
#[pyo3::pymodule]
mod _blt {
    #[pymodule_export]
    use super::{
        around::{devices, sample, samples},
        arrow::Batch,
        generation::{Event, Generation},
        model::Model,
        patches::{Patch, Patches},
        scores::{Answer, Score},
    };
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
