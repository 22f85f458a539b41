//! The library as its users see it: one program, because each costs a link.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

mod batches;
mod blt_reference;
mod blt_session;
mod cached_equals_recomputed;
mod checkpoint;
mod chips;
mod common;
mod continuation;
mod continuation_device;
mod device_errors;
#[cfg(feature = "embedded-model")]
mod devices_agree;
mod dispatches;
mod drafts;
mod edit_session;
#[cfg(feature = "embedded-model")]
mod embedded;
#[cfg(feature = "embedded-model")]
mod embedded_parity;
mod entropy_session;
mod faults;
mod file_scan;
mod generate;
mod hash_tables;
mod kernels;
mod layers;
mod memory;
mod noise;
mod patch_twins;
mod patching;
mod records;
mod reference;
mod speculation;
mod translation;
#[cfg(feature = "embedded-model")]
mod tuning;
