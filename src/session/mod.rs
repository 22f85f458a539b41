//! Sessions: a text on its way through a model, with its caches.

pub mod batch;
pub mod blt;
pub mod context;
mod download;
pub mod edit;
pub mod entropy;
mod logits;
mod plans;
pub mod scan;
mod stages;
pub mod text;
mod upload;

pub use crate::device::step_batch::{BatchMember, StepBatch};
pub use batch::{TextBatch, comfortable_batch};
pub use blt::{AheadRow, BltOptions, BltRows, BltSession};
pub use context::ContextOptions;
pub use edit::{EditOptions, EditSession};
pub use entropy::{EntropyOptions, EntropyRows, EntropySession, Snapshot};
pub use scan::{FileScan, ScanOptions};
pub use stages::StageTimes;
pub use text::{Cut, CutOptions, TextOptions, TextSession};
