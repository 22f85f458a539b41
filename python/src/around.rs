//! What there is without a model.

use blt::device::DeviceOptions;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::raised;
use crate::wait::without_interpreter;

/// The devices that can compute, best first: name, class and driver of each.
#[pyfunction]
pub(crate) fn devices(py: Python<'_>) -> PyResult<Vec<(String, String, String)>> {
    let options = DeviceOptions::default();
    let found = blt::device::devices(&options);
    let (all, _) = without_interpreter(py, |_| pollster::block_on(found))?;
    let all = all.into_iter();
    Ok(all
        .map(|device| (device.name, device.class.to_string(), device.driver))
        .collect())
}

/// The names of the short texts that are inside the library.
#[pyfunction]
pub(crate) fn samples() -> Vec<&'static str> {
    let samples = blt::samples::SAMPLES.iter();
    samples.map(|sample| sample.name).collect()
}

/// The bytes of a short text that is inside the library.
#[pyfunction]
pub(crate) fn sample<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyBytes>> {
    let sample = blt::samples::sample(name).map_err(|error| raised(py, &error))?;
    Ok(PyBytes::new(py, sample.bytes))
}
