//! Wall time, in a browser too.

use web_time::Instant;

/// A point in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// Now.
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Milliseconds since then.
    pub(crate) fn milliseconds(self) -> f64 {
        self.start.elapsed().as_secs_f64() * 1e3
    }
}
