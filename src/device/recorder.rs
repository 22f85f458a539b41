//! Copies between tensors.

use super::cpu::Access;
use super::slice::{Slice, Storage, place};

/// Takes down copies, to be made after the steps before them.
#[derive(Debug)]
pub(crate) enum Recorder<'r> {
    Gpu(&'r mut wgpu::CommandEncoder),
    /// The processor copies at once.
    Cpu(&'r mut Access),
}

impl Recorder<'_> {
    /// Copies `bytes` bytes from byte `skip` of one slice to byte `at` of another.
    pub(crate) fn copy(
        &mut self,
        (from, skip): (Slice<'_>, u64),
        (to, at): (Slice<'_>, u64),
        bytes: u64,
    ) {
        let (skip, at) = (from.offset + skip, to.offset + at);
        match (self, from.storage, to.storage) {
            (Self::Gpu(encoder), Storage::Gpu(from), Storage::Gpu(to)) => {
                encoder.copy_buffer_to_buffer(from, skip, to, at, bytes);
            }
            (Self::Cpu(access), Storage::Cpu(from), Storage::Cpu(to)) => {
                access.copy((from, &(place(skip)..place(skip + bytes))), (to, place(at)));
            }
            _ => {}
        }
    }
}
