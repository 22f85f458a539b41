//! The whole entropy model and the whole BLT, written to be obviously right: loops
//! over rows and columns, sums in f64, no tiles, no device. Compared with the golden
//! data, and what the sessions are compared with.

mod attention;
mod block;
pub(crate) mod blt;
mod close_patches;
mod concatenate;
mod cross_attention;
mod embed;
mod entropy;
mod entropy_model;
mod gather_add;
mod hash_embed;
mod linear;
mod pool;
mod rms_norm;
mod rope;
mod swiglu;
mod top_k;

pub(crate) use attention::attention;
pub(crate) use block::{BlockMatrices, BlockShape, KeyValues, local_spans};
pub(crate) use close_patches::{ClosePatches, Closed, RowRange};
pub(crate) use concatenate::concatenate;
pub(crate) use cross_attention::cross_attention;
pub(crate) use embed::embed;
pub(crate) use entropy::{entropy, log_softmax};
pub(crate) use entropy_model::{EntropyMatrices, EntropyShape};
pub(crate) use gather_add::gather_add;
pub(crate) use hash_embed::hash_embed;
pub(crate) use linear::linear;
pub(crate) use pool::{Pooling, pool};
pub(crate) use rms_norm::rms_norm;
pub(crate) use rope::{rope, rope_angles};
pub(crate) use swiglu::swiglu;
pub(crate) use top_k::top_k;
