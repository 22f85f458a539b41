//! Texts as Python gives them: `str`, `bytes`, or anything that holds bytes; many of
//! them as a sequence or as Arrow arrays.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString};

use crate::arrow;
use crate::error::argument;

/// One text; `str` and `bytes` are not copied.
pub(crate) enum Text {
    Str(PyBackedStr),
    Bytes(PyBackedBytes),
}

impl Text {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Str(text) => text.as_bytes(),
            Self::Bytes(text) => text,
        }
    }

    /// Takes the bytes of an object.
    ///
    /// # Errors
    /// `TypeError` for anything that is not text, and an argument error for a `str` that has no
    /// bytes.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(text) = object.cast::<PyString>() {
            return PyBackedStr::try_from(text.clone())
                .map(Self::Str)
                .map_err(|error| surrogate(object.py(), &error));
        }
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.clone().into()));
        }
        if let Ok(bytes) = object.cast::<PyByteArray>() {
            return Ok(Self::Bytes(bytes.clone().into()));
        }
        // Python could make bytes of a list of numbers, but nobody means a text by one.
        let view = PyMemoryView::from(object).map_err(|_| no_text(object))?;
        if view.getattr("itemsize")?.extract::<usize>()? != 1 {
            return Err(PyTypeError::new_err(format!(
                "a text is made of bytes, not of items of {} bytes",
                view.getattr("itemsize")?
            )));
        }
        let bytes = view.call_method0("tobytes")?;
        Ok(Self::Bytes(bytes.cast::<PyBytes>()?.clone().into()))
    }
}

impl FromPyObject<'_, '_> for Text {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        Self::of(&object)
    }
}

fn no_text(object: &Bound<'_, PyAny>) -> PyErr {
    let name = object.get_type().name();
    let name = name.map_or_else(|_| "this".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!(
        "a text is str, bytes or another object that holds bytes, not {name}"
    ))
}

fn surrogate(py: Python<'_>, error: &PyErr) -> PyErr {
    let start = error.value(py).getattr("start");
    match start.and_then(|start| start.extract::<usize>()) {
        Ok(start) => argument(
            py,
            format!(
                "the text holds half of a surrogate pair at character {start}, which has no bytes; \
                 give bytes, such as those of text.encode(\"utf-8\", \"surrogateescape\")"
            ),
        ),
        Err(_) => error.clone_ref(py),
    }
}

/// Several texts, some of which may be missing.
pub(crate) enum Texts {
    Objects(Vec<Option<Text>>),
    Arrow(Vec<ArrayRef>),
}

impl Texts {
    /// Takes the texts of an Arrow array, or of a sequence; an Arrow array is not
    /// copied.
    ///
    /// # Errors
    /// `TypeError` for what holds no texts, and those of [`Text::of`].
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Some(arrays) = arrow::arrays(object)? {
            if let Some(strange) = arrays.iter().find(|array| !is_text(array)) {
                return Err(PyTypeError::new_err(format!(
                    "texts are an Arrow array of strings or binaries, not of {}",
                    strange.data_type()
                )));
            }
            return Ok(Self::Arrow(arrays));
        }
        if object.is_instance_of::<PyString>() || PyMemoryView::from(object).is_ok_and(one_text) {
            return Err(PyTypeError::new_err(
                "several texts are wanted here, such as a list of them, and this is one",
            ));
        }
        let texts = object.try_iter()?.map(|item| {
            let item = item?;
            (!item.is_none()).then(|| Text::of(&item)).transpose()
        });
        texts.collect::<PyResult<_>>().map(Self::Objects)
    }

    /// Their bytes, `None` for a missing one.
    pub(crate) fn bytes(&self) -> Vec<Option<&[u8]>> {
        match self {
            Self::Objects(texts) => texts
                .iter()
                .map(|text| text.as_ref().map(Text::bytes))
                .collect(),
            Self::Arrow(arrays) => arrays.iter().flat_map(bytes).collect(),
        }
    }
}

/// Whether a buffer holds bytes, not objects or strings as arrays of NumPy may.
#[expect(clippy::needless_pass_by_value, reason = "it is a filter of a result")]
fn one_text(view: Bound<'_, PyMemoryView>) -> bool {
    let format = view.getattr("format");
    let format = format.and_then(|format| format.extract::<String>());
    format.is_ok_and(|format| ["B", "b", "c"].contains(&format.as_str()))
}

fn of_str(text: Option<&str>) -> Option<&[u8]> {
    text.map(str::as_bytes)
}

fn is_text(array: &ArrayRef) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Null, Utf8, Utf8View};
    matches!(
        array.data_type(),
        Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView | Null
    )
}

fn bytes(array: &ArrayRef) -> Vec<Option<&[u8]>> {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().map(of_str).collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().map(of_str).collect(),
        DataType::Utf8View => array.as_string_view().iter().map(of_str).collect(),
        DataType::Binary => array.as_binary::<i32>().iter().collect(),
        DataType::LargeBinary => array.as_binary::<i64>().iter().collect(),
        DataType::BinaryView => array.as_binary_view().iter().collect(),
        _ => vec![None; array.len()],
    }
}
