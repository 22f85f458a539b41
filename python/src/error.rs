//! The library's errors as the exceptions of `blt.errors`, with the same sentences.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// The exception for an error.
pub(crate) fn raised(py: Python<'_>, error: &blt::Error) -> PyErr {
    static CLASSES: [PyOnceLock<Py<PyType>>; 6] = [const { PyOnceLock::new() }; 6];
    use blt::Error;
    let (at, name) = match error {
        Error::Argument(_) => (0, "ArgumentError"),
        Error::Checkpoint(_) | Error::NonFinite(_) => (1, "ModelError"),
        Error::OutOfMemory(_) => (2, "OutOfMemoryError"),
        Error::Adapter(_) | Error::Device(_) | Error::DeviceLost(_) => (3, "DeviceError"),
        Error::Io { .. } => (4, "FileError"),
        _ => (5, "BltError"),
    };
    match CLASSES[at].import(py, "blt.errors", name) {
        Ok(class) => PyErr::from_type(class.clone(), in_python(&error.to_string())),
        Err(error) => error,
    }
}

/// An [`blt::Error::Argument`] as an exception.
pub(crate) fn argument(py: Python<'_>, sentence: impl Into<String>) -> PyErr {
    raised(py, &blt::Error::Argument(sentence.into()))
}

/// A sentence with the names of Python's arguments in place of the command line's:
/// `--patch-size` is `patch_size` here.
fn in_python(sentence: &str) -> String {
    let mut said = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(at) = rest.find("--") {
        let (before, flag) = (&rest[..at], &rest[at + 2..]);
        let length = flag
            .find(|c: char| !(c.is_ascii_lowercase() || c == '-'))
            .unwrap_or(flag.len());
        said += before;
        match flag.starts_with(|c: char| c.is_ascii_lowercase()) {
            true => said += &flag[..length].replace('-', "_"),
            false => {
                said += "--";
                said += &flag[..length];
            }
        }
        rest = &flag[length..];
    }
    said + rest
}
