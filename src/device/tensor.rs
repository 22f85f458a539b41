//! Tensors: typed views of a device's memory, and parts of them.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;

use super::cpu::Memory;
use super::open::{Device, Kind};
pub use super::padding::padded;
use super::recorder::Recorder;
use super::slice::{Slice, Storage, place};
use crate::error::{Error, Result};

/// 32-bit values that kernels read and write, or a part of them. A clone is the
/// same memory.
#[derive(Clone, Debug)]
pub struct Tensor {
    storage: Storage,
    offset: u64,
    bytes: u64,
}

/// Parts of a tensor begin at multiples of this many bytes: what every adapter
/// allows for a binding.
pub const PART_ALIGNMENT: usize = 256;

impl Tensor {
    /// Allocates `values` 32-bit values, all zero.
    #[must_use]
    pub fn new(device: &Device, label: &str, values: usize) -> Self {
        let bytes = (values.max(1) as u64) * 4;
        let storage = match &device.kind {
            Kind::Gpu(gpu) => Storage::Gpu(gpu.device().create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: bytes,
                usage: wgpu::BufferUsages::STORAGE
                    | wgpu::BufferUsages::COPY_SRC
                    | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })),
            Kind::Cpu(cpu) => Storage::Cpu(Arc::new(cpu.allocate(label, values.max(1) * 4))),
        };
        Self {
            storage,
            offset: 0,
            bytes,
        }
    }

    /// Like [`Tensor::new`], for weights: running out of memory is an error of this call
    /// only, and the device stays usable for others.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) async fn try_weights(device: &Device, label: &str, values: usize) -> Result<Self> {
        match &device.kind {
            Kind::Gpu(gpu) => {
                let scope = gpu
                    .device()
                    .push_error_scope(wgpu::ErrorFilter::OutOfMemory);
                let tensor = Self::new(device, label, values);
                match scope.pop().await {
                    None => Ok(tensor),
                    Some(error) => Err(Error::OutOfMemory(error.to_string())),
                }
            }
            Kind::Cpu(cpu) => {
                let bytes = values.max(1) * 4;
                let memory = cpu.try_allocate_weights(bytes).ok_or_else(|| {
                    Error::OutOfMemory(format!("{bytes} bytes for {label} cannot be had"))
                })?;
                Ok(Self {
                    storage: Storage::Cpu(Arc::new(memory)),
                    offset: 0,
                    bytes: bytes as u64,
                })
            }
        }
    }

    /// Bytes that are in a file or in the program, used where they are. `None` on
    /// a device with memory of its own, and where they do not begin at a multiple
    /// of `alignment` bytes.
    #[must_use]
    pub(crate) fn shared(device: &Device, bytes: Bytes, alignment: usize) -> Option<Self> {
        let Kind::Cpu(cpu) = &device.kind else {
            return None;
        };
        cpu.files().add(&bytes);
        let size = bytes.len() as u64;
        let memory = Memory::shared(bytes, alignment)?;
        Some(Self {
            storage: Storage::Cpu(Arc::new(memory)),
            offset: 0,
            bytes: size,
        })
    }

    /// `values` of its 32-bit values from `first` on, a multiple of 64; the same
    /// memory.
    #[must_use]
    pub fn part(&self, first: usize, values: usize) -> Self {
        Self {
            storage: self.storage.clone(),
            offset: self.offset + first as u64 * 4,
            bytes: (values.max(1) as u64) * 4,
        }
    }

    /// Allocates and fills a tensor.
    #[must_use]
    pub fn from<T: bytemuck::NoUninit>(device: &Device, label: &str, values: &[T]) -> Self {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let tensor = Self::new(device, label, bytes.len().div_ceil(4));
        tensor.write(device, bytes);
        tensor
    }

    /// Overwrites the beginning of the tensor, in order with submissions.
    pub fn write<T: bytemuck::NoUninit>(&self, device: &Device, values: &[T]) {
        self.write_bytes(device, 0, bytemuck::cast_slice(values));
    }

    /// Like [`Tensor::write`], from 32-bit value `first` on.
    pub(crate) fn write_at<T: bytemuck::NoUninit>(
        &self,
        device: &Device,
        first: usize,
        values: &[T],
    ) {
        self.write_bytes(device, first as u64 * 4, bytemuck::cast_slice(values));
    }

    /// Like [`Tensor::write`], from byte `at` on.
    pub(crate) fn write_bytes(&self, device: &Device, at: u64, bytes: &[u8]) {
        let at = self.offset + at;
        match (&device.kind, &self.storage) {
            (Kind::Gpu(gpu), Storage::Gpu(buffer)) => gpu.queue().write_buffer(buffer, at, bytes),
            (Kind::Cpu(cpu), Storage::Cpu(memory)) => cpu.turn().write(memory, place(at), bytes),
            _ => {}
        }
    }

    /// All of it.
    #[must_use]
    pub fn all(&self) -> Slice<'_> {
        Slice {
            storage: &self.storage,
            offset: self.offset,
            size: self.bytes,
        }
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The buffer on a graphics adapter, which a window may draw from.
    #[must_use]
    pub fn buffer(&self) -> Option<&wgpu::Buffer> {
        match &self.storage {
            Storage::Gpu(buffer) => Some(buffer),
            Storage::Cpu(_) => None,
        }
    }

    /// Records the copy of `bytes` bytes from byte `skip` on to byte `at` of
    /// another tensor.
    pub(crate) fn copy_to(
        &self,
        other: &Self,
        recorder: &mut Recorder<'_>,
        skip: u64,
        at: u64,
        bytes: u64,
    ) {
        recorder.copy((self.all(), skip), (other.all(), at), bytes);
    }
}

/// Makes the tensors of a session and counts their bytes. Without a device it only
/// counts: what a session takes is known before anything is allocated.
#[derive(Debug, Default)]
pub struct Allocator<'d> {
    device: Option<&'d Device>,
    bytes: Cell<u64>,
}

impl<'d> Allocator<'d> {
    /// For tensors on a device.
    #[must_use]
    pub fn on(device: &'d Device) -> Self {
        Self {
            device: Some(device),
            ..Self::default()
        }
    }

    /// The largest binding of the device, in bytes; `u64::MAX` without a device.
    #[must_use]
    pub fn binding_bytes(&self) -> u64 {
        self.device.map_or(u64::MAX, Device::binding_bytes)
    }

    /// A tensor as of [`Tensor::new`]; without a device there is nothing in it.
    #[must_use]
    pub fn tensor(&self, label: &str, values: usize) -> Tensor {
        let bytes = values.max(1) as u64 * 4;
        self.bytes.set(self.bytes.get() + bytes);
        match self.device {
            Some(device) => Tensor::new(device, label, values),
            None => Tensor {
                storage: Storage::Cpu(Arc::new(Memory::empty())),
                offset: 0,
                bytes,
            },
        }
    }

    /// A tensor of `values` values that [`Tensor::write`] gets from `fill`.
    #[must_use]
    pub fn filled<T: bytemuck::NoUninit>(
        &self,
        label: &str,
        values: usize,
        fill: impl FnOnce() -> Vec<T>,
    ) -> Tensor {
        let tensor = self.tensor(label, values);
        if let Some(device) = self.device {
            tensor.write(device, &fill());
        }
        tensor
    }

    /// Bytes of all tensors so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }
}

/// Sizes on the device are 32 bits wide; the checkpoint layer has refused larger.
pub(crate) fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

/// A size in an estimate.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(crate) fn as_f64(value: usize) -> f64 {
    value as f64
}
