//! How often a window draws by itself.

use std::time::Duration;

use crate::gpu::{AdapterClass, Gpu};

/// On a software driver a frame takes as long as many bytes of a model: with one for
/// each of them nothing else would get done, and what moves would hold up what is
/// being typed.
pub(super) fn is_slow(gpu: &Gpu) -> bool {
    gpu.summary().class == AdapterClass::Software
}

/// From one frame that nobody asked for by hand to the next, at least.
pub(super) fn least_pause(gpu: &Gpu) -> Duration {
    match is_slow(gpu) {
        true => Duration::from_millis(150),
        false => Duration::ZERO,
    }
}
