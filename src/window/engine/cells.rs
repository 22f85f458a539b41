//! Where the entropies of a text are.

use std::sync::Arc;

/// Where the entropies of the bytes are.
#[derive(Clone, Debug)]
pub(crate) enum Cells {
    /// On the device, where the entropy kernel has written them.
    Device {
        /// Pairs of entropy and -ln p in nats, one for each byte.
        buffer: wgpu::Buffer,
        /// Counts up whenever there is something new in the buffer.
        written: u64,
    },
    /// In memory: entropies in nats, one for each byte.
    Values(Arc<Vec<f32>>),
}

impl Cells {
    /// Whether two are the same, not only equal.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Device { buffer, written },
                Self::Device {
                    buffer: other,
                    written: then,
                },
            ) => buffer == other && written == then,
            (Self::Values(a), Self::Values(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}
