//! How often a window draws by itself.

use std::time::Duration;

use crate::device::{DeviceClass, Gpu};

/// On a software driver a frame takes as long as many bytes of a model: with one for
/// each of them nothing else would get done, and what moves would hold up what is
/// being typed.
pub(super) fn is_slow(graphics: &Gpu) -> bool {
    graphics.summary().class == DeviceClass::Software
}

/// How long a frame waits for the numbers of a key where drawing takes longer.
pub(super) const PATIENCE: Duration = Duration::from_millis(10);

/// From one frame that nobody asked for by hand to the next, at least. A page does not
/// know how fast it draws, and computes nothing meanwhile.
pub(super) fn least_pause(graphics: Option<&Gpu>) -> Duration {
    Duration::from_millis(match graphics {
        Some(graphics) if is_slow(graphics) => 150,
        Some(_) => 0,
        None => 100,
    })
}
