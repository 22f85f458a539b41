//! Sessions: a text on its way through a model, with its caches.

pub mod blt;
pub mod context;
pub mod entropy;
mod logits;
mod stages;
pub mod text;

pub use blt::{BltOptions, BltRows, BltSession};
pub use context::ContextOptions;
pub use entropy::{EntropyOptions, EntropyRows, EntropySession};
pub use stages::StageTimes;
pub use text::{Cut, TextOptions, TextSession};
