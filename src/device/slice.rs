//! Where the bytes of a tensor are, and parts of them.

use std::sync::Arc;

use super::cpu::Memory;

/// Where the bytes of a tensor are.
#[derive(Clone, Debug)]
pub(super) enum Storage {
    Gpu(wgpu::Buffer),
    Cpu(Arc<Memory>),
}

/// A part of a tensor, as a kernel binds it.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    pub(super) storage: &'a Storage,
    /// First byte, a multiple of 256 on graphics adapters.
    pub(super) offset: u64,
    /// Number of bytes, a multiple of 4.
    pub(super) size: u64,
}

impl Slice<'_> {
    /// Number of bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.size
    }
}

/// A byte of a buffer as an index.
pub(super) fn place(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}
