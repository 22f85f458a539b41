//! Sessions: a text on its way through a model, with its caches.

pub mod context;
pub mod entropy;
pub mod text;

pub use context::ContextOptions;
pub use entropy::{EntropyOptions, EntropyRows, EntropySession};
pub use text::{Cut, TextOptions, TextSession};
