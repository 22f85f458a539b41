//! A plain CPU twin of every kernel, and of the whole entropy model.
//!
//! Written to be obviously right: loops over rows and columns, sums in f64, no
//! tiles. The tests and `blt verify` run each shader against its twin. Nothing
//! here knows of the GPU.

mod attention;
mod embed;
mod entropy;
mod entropy_model;
mod linear;
mod patch_starts;
mod peak;
mod random_weights;
mod rms_norm;
mod rope;
mod swiglu;
mod top_k;

pub use attention::attention;
pub use embed::embed;
pub use entropy::{entropy, log_softmax};
pub use entropy_model::{BlockMatrices, EntropyMatrices, EntropyShape};
pub use linear::linear;
pub use patch_starts::{PatchRule, PatchScan};
pub use peak::peak;
pub use random_weights::{pcg, random_weight};
pub use rms_norm::rms_norm;
pub use rope::{rope, rope_angles};
pub use swiglu::swiglu;
pub use top_k::top_k;
