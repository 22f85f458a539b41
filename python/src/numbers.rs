//! Arrays of NumPy.

use bytemuck::NoUninit;
use pyo3::prelude::*;
use pyo3::types::PyByteArray;

/// A number that NumPy has a type for.
pub(crate) trait Number: NoUninit {
    /// What NumPy calls it.
    const NAME: &str;
}

impl Number for f32 {
    const NAME: &str = "float32";
}

impl Number for u32 {
    const NAME: &str = "uint32";
}

/// A writable array of NumPy with these numbers.
pub(crate) fn array<'py, N: Number>(py: Python<'py>, numbers: &[N]) -> PyResult<Bound<'py, PyAny>> {
    let bytes = PyByteArray::new(py, bytemuck::cast_slice(numbers));
    py.import("numpy")?
        .call_method1("frombuffer", (bytes, N::NAME))
}
