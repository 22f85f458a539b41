//! A plain CPU twin of every kernel, of the whole entropy model and of the
//! whole BLT.
//!
//! Written to be obviously right: loops over rows and columns, sums in f64, no
//! tiles. The tests and `blt verify` run each shader against its twin. Nothing
//! here knows of the GPU.

mod attention;
mod block;
pub mod blt;
mod close_patches;
mod concatenate;
mod cross_attention;
mod dispatch_grids;
mod embed;
mod entropy;
mod entropy_model;
mod gather_add;
mod hash_embed;
mod linear;
mod patch_starts;
mod peak;
mod pool;
mod ring_store;
mod rms_norm;
mod rope;
mod swiglu;
mod top_k;

pub use attention::attention;
pub use block::{BlockMatrices, BlockShape, KeyValues, local_spans};
pub use close_patches::{ClosePatches, Closed, RowRange};
pub use concatenate::concatenate;
pub use cross_attention::cross_attention;
pub use dispatch_grids::dispatch_grids;
pub use embed::embed;
pub use entropy::{entropy, log_softmax};
pub use entropy_model::{EntropyMatrices, EntropyShape};
pub use gather_add::gather_add;
pub use hash_embed::hash_embed;
pub use linear::linear;
pub use patch_starts::{PatchRule, PatchScan};
pub use peak::peak;
pub use pool::{Pooling, pool};
pub use ring_store::ring_store;
pub use rms_norm::rms_norm;
pub use rope::{rope, rope_angles};
pub use swiglu::swiglu;
pub use top_k::top_k;
