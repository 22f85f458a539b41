//! The golden data, and checkpoints as the CPU reference takes them.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test crate uses a part of this"
)]

mod golden;
mod matrices;

pub use golden::{Golden, folder, golden};
pub use matrices::{blt_matrices, entropy_matrices, open, rule_of};

/// The variants of the golden data from transformers.
pub const VARIANTS: [&str; 11] = [
    "bf16w",
    "dec_first",
    "enc3_last",
    "gqa",
    "k1",
    "k2_base",
    "k4_proj",
    "maxpatch",
    "nopatcher",
    "tied",
    "window",
];

/// The variants that no published checkpoint has, made by a script.
pub const MADE: [&str; 8] = [
    "made/concatenated",
    "made/encoder_cross_all",
    "made/no_decoder_cross",
    "made/no_encoder_cross",
    "made/nothing_projected",
    "made/pool_mean_max",
    "made/pool_min",
    "made/windows",
];

/// The inputs that every variant of [`VARIANTS`] has with all their stages.
pub const INPUTS: [&str; 7] = ["ascii", "code", "empty", "korean", "one", "repeat", "two"];
