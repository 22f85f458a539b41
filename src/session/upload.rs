//! What a run is given, one field behind the other in a single buffer: one copy to
//! the device.

use crate::device::tensor::PART_ALIGNMENT;
use crate::device::{Device, Tensor};

/// A field of an [`Upload`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Field {
    first: usize,
    values: usize,
}

/// Where the fields lie.
#[derive(Debug, Default)]
pub(super) struct Layout {
    end: usize,
}

impl Layout {
    /// A field of `values` 32-bit values behind those before; it begins where every
    /// device can bind it.
    pub(super) fn field(&mut self, values: usize) -> Field {
        let first = self.end;
        self.end += values.max(1).next_multiple_of(PART_ALIGNMENT / 4);
        Field { first, values }
    }
}

/// The buffer, and what it will hold.
#[derive(Debug)]
pub(super) struct Upload {
    words: Vec<u32>,
    used: usize,
    buffer: Tensor,
}

impl Upload {
    pub(super) fn new(device: &Device, layout: &Layout) -> Self {
        Self {
            words: vec![0; layout.end],
            used: 0,
            buffer: Tensor::new(device, "inputs", layout.end),
        }
    }

    /// A field, for plans to bind.
    pub(super) fn tensor(&self, field: Field) -> Tensor {
        self.buffer.part(field.first, field.values)
    }

    /// Puts values at the begin of a field.
    pub(super) fn put<T: bytemuck::NoUninit>(&mut self, field: Field, values: &[T]) {
        let values: &[u32] = bytemuck::cast_slice(values);
        let end = field.first + values.len();
        self.words[field.first..end].copy_from_slice(values);
        self.used = self.used.max(end);
    }

    /// Uploads what was put since the last time.
    pub(super) fn send(&mut self, device: &Device) {
        self.buffer.write(device, &self.words[..self.used]);
        self.used = 0;
    }
}

/// The token after each of a run: what its logits are judged by; no id behind the
/// last, if `after` is not known.
pub(super) fn targets(ids: &[u32], after: Option<u32>) -> Vec<u32> {
    let following = ids.iter().skip(1).copied().chain(after);
    following.chain([u32::MAX]).take(ids.len()).collect()
}
