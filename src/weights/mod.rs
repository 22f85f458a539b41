//! Weight matrices on a device: in their file's type, and where the device shares
//! the host's memory in the file itself.

mod matrix;
mod upload;

pub use crate::device::bindings::WeightType;
pub use matrix::{Matrix, MatrixPart};
pub use upload::{RowBlock, RowSource, Uploader, fused};
