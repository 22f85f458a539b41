//! Arrow arrays in and out by the PyCapsule interface: both sides share the memory.

use std::ffi::CStr;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi, to_ffi};
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray, make_array};
use arrow_schema::ArrowError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

const ARRAY: &CStr = c"arrow_array";
const SCHEMA: &CStr = c"arrow_schema";

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn refused(error: ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// The arrays of an object that gives Arrow arrays: one, or the chunks of several.
/// `None` for other objects.
///
/// # Errors
/// What the object says, and what is wrong with what it gives.
pub(crate) fn arrays(object: &Bound<'_, PyAny>) -> PyResult<Option<Vec<ArrayRef>>> {
    let of_array = "__arrow_c_array__";
    if object.hasattr(of_array)? {
        return imported(&object.call_method0(of_array)?).map(|array| Some(vec![array]));
    }
    if !object.hasattr("__arrow_c_stream__")? {
        return Ok(None);
    }
    // Chunks of a column; there is a stream only where there is a library to read one.
    let chunked = (object.py().import("pyarrow")?).call_method1("chunked_array", (object,))?;
    let chunks = chunked.getattr("chunks")?;
    let chunks = chunks
        .try_iter()?
        .map(|chunk| imported(&chunk?.call_method0(of_array)?));
    chunks.collect::<PyResult<Vec<_>>>().map(Some)
}

fn imported(capsules: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let (schema, array): (Bound<'_, PyAny>, Bound<'_, PyAny>) = capsules.extract()?;
    let schema = schema.cast::<PyCapsule>()?.pointer_checked(Some(SCHEMA))?;
    let array = array.cast::<PyCapsule>()?.pointer_checked(Some(ARRAY))?;
    // SAFETY: capsules of these names hold these structs (checked above), which are valid
    // as long as the capsules, and `capsules` keeps those. The array is moved out: what is
    // left in the capsule has nothing to release.
    let data = unsafe {
        let array = FFI_ArrowArray::from_raw(array.as_ptr().cast());
        from_ffi(array, schema.cast::<FFI_ArrowSchema>().as_ref())
    };
    Ok(make_array(data.map_err(refused)?))
}

/// What was found about several texts: columns of Arrow, a row per text.
///
/// Any library that reads Arrow's PyCapsule interface takes it without a copy:
/// ``pyarrow.record_batch(batch)``, ``polars.DataFrame(batch)``.
#[pyclass(frozen, module = "blt")]
pub(crate) struct Batch(RecordBatch);

impl Batch {
    /// A batch of columns.
    ///
    /// # Errors
    /// If they do not fit each other.
    pub(crate) fn new(columns: Vec<(&str, ArrayRef)>) -> PyResult<Self> {
        // Every column may have nulls: for texts that are missing.
        let columns = columns.into_iter().map(|(name, array)| (name, array, true));
        RecordBatch::try_from_iter_with_nullable(columns)
            .map(Self)
            .map_err(refused)
    }
}

#[pymethods]
impl Batch {
    /// The names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        let schema = self.0.schema();
        schema.fields().iter().map(|f| f.name().clone()).collect()
    }

    /// The same as a ``pyarrow.RecordBatch``, without a copy.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py()
            .import("pyarrow")?
            .call_method1("record_batch", (slf,))
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        // A producer that cannot convert may give what it has.
        drop(requested_schema);
        let rows = StructArray::from(self.0.clone());
        let (array, schema) = to_ffi(&rows.to_data()).map_err(refused)?;
        let schema = PyCapsule::new_with_value(py, schema, SCHEMA)?;
        let array = PyCapsule::new_with_value(py, array, ARRAY)?;
        PyTuple::new(py, [schema, array])
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.0.schema().as_ref()).map_err(refused)?;
        PyCapsule::new_with_value(py, schema, SCHEMA)
    }

    fn __len__(&self) -> usize {
        self.0.num_rows()
    }

    fn __repr__(&self) -> String {
        let schema = self.0.schema();
        let columns: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| format!("{}: {}", field.name(), field.data_type()))
            .collect();
        format!("Batch({} texts; {})", self.0.num_rows(), columns.join(", "))
    }
}

/// A column.
pub(crate) fn column(array: impl Array + 'static) -> ArrayRef {
    Arc::new(array)
}
