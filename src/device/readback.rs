//! Getting numbers back without blocking the caller's thread.

use std::ops::Range;

use futures_channel::oneshot;

use super::cpu::CpuDevice;
use super::gpu::{Called, Gpu};
use super::open::{Device, Kind};
use super::recorder::Recorder;
use super::slice::{Slice, Storage, place};
use super::tensor::Tensor;
use crate::error::{Error, Result};

/// What was submitted, to be waited for.
#[derive(Debug)]
pub(crate) struct Submission(Option<wgpu::SubmissionIndex>);

impl Submission {
    /// What has been done already.
    pub(super) const DONE: Self = Self(None);
}

impl From<wgpu::SubmissionIndex> for Submission {
    fn from(index: wgpu::SubmissionIndex) -> Self {
        Self(Some(index))
    }
}

/// A place for results on their way to the host, reused from one run to the next.
#[derive(Debug)]
pub(crate) enum Staging {
    Gpu(wgpu::Buffer),
    Cpu(Tensor),
}

impl Staging {
    pub(crate) fn new(device: &Device, bytes: u64) -> Self {
        match &device.kind {
            Kind::Gpu(gpu) => Self::Gpu(gpu.device().create_buffer(&wgpu::BufferDescriptor {
                label: Some("staging"),
                size: bytes.max(4),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })),
            Kind::Cpu(_) => Self::Cpu(Tensor::new(device, "staging", place(bytes.div_ceil(4)))),
        }
    }

    /// Records the copy of `bytes` bytes of `source`, from `skip`, to `at`.
    pub(crate) fn copy(
        &self,
        recorder: &mut Recorder<'_>,
        source: Slice<'_>,
        skip: u64,
        bytes: u64,
        at: u64,
    ) {
        match (self, recorder, source.storage) {
            (Self::Gpu(to), Recorder::Gpu(encoder), Storage::Gpu(from)) => {
                encoder.copy_buffer_to_buffer(from, source.offset + skip, to, at, bytes);
            }
            (Self::Cpu(to), recorder, _) => recorder.copy((source, skip), (to.all(), at), bytes),
            _ => {}
        }
    }

    /// Starts mapping after `submission`, which made the copies. The returned
    /// value gives the bytes.
    pub(crate) fn map(
        &self,
        device: &Device,
        range: Range<u64>,
        submission: Submission,
    ) -> Mapping {
        match (&device.kind, self, submission.0) {
            (Kind::Gpu(gpu), Self::Gpu(buffer), Some(submission)) => {
                Mapping::Gpu(MappedBuffer::new(gpu, buffer, range, submission))
            }
            (Kind::Cpu(cpu), Self::Cpu(tensor), _) => Mapping::Cpu(read(cpu, tensor.all(), range)),
            _ => Mapping::Cpu(Vec::new()),
        }
    }
}

fn read(cpu: &CpuDevice, slice: Slice<'_>, range: Range<u64>) -> Vec<u8> {
    match slice.storage {
        Storage::Cpu(memory) => {
            let part = place(slice.offset + range.start)..place(slice.offset + range.end);
            cpu.turn().read(memory, &part).to_vec()
        }
        Storage::Gpu(_) => Vec::new(),
    }
}

/// Bytes on their way back.
#[derive(Debug)]
pub(crate) enum Mapping {
    Gpu(MappedBuffer),
    Cpu(Vec<u8>),
}

impl Mapping {
    pub(crate) async fn bytes(self, device: &Device) -> Result<Vec<u8>> {
        match (self, &device.kind) {
            (Self::Gpu(mapped), Kind::Gpu(gpu)) => mapped.bytes(gpu).await,
            (Self::Cpu(bytes), _) => {
                device.check()?;
                Ok(bytes)
            }
            _ => Err(Error::Device(
                "a result was asked of another device than its own".to_owned(),
            )),
        }
    }
}

/// A buffer of a graphics adapter that is being mapped.
#[derive(Debug)]
pub(crate) struct MappedBuffer {
    buffer: wgpu::Buffer,
    range: Range<u64>,
    receiver: oneshot::Receiver<Result<(), wgpu::BufferAsyncError>>,
    /// Mapped, or about to be.
    mapped: bool,
}

/// Whoever stops waiting leaves the buffer free for the next run.
impl Drop for MappedBuffer {
    fn drop(&mut self) {
        if self.mapped {
            self.buffer.unmap();
        }
    }
}

impl MappedBuffer {
    fn new(
        gpu: &Gpu,
        buffer: &wgpu::Buffer,
        range: Range<u64>,
        submission: wgpu::SubmissionIndex,
    ) -> Self {
        let (called, receiver) = Called::new();
        let calling = called.clone();
        buffer.map_async(wgpu::MapMode::Read, range.clone(), move |result| {
            calling.answer(result);
        });
        gpu.poller.wait_for(submission, called);
        Self {
            buffer: buffer.clone(),
            range,
            receiver,
            mapped: true,
        }
    }

    async fn bytes(mut self, gpu: &Gpu) -> Result<Vec<u8>> {
        let answer = (&mut self.receiver).await;
        self.mapped = matches!(answer, Ok(Ok(())));
        gpu.check()?;
        if !self.mapped {
            return Err(Error::DeviceLost(
                "a result could not be read back".to_owned(),
            ));
        }
        let view = self
            .buffer
            .get_mapped_range(self.range.clone())
            .map_err(|e| Error::Device(format!("a result could not be mapped: {e}")))?;
        Ok(view.to_vec())
    }
}

#[cfg(feature = "window")]
impl Gpu {
    /// Reads the first bytes of a buffer of any kind back.
    ///
    /// # Errors
    /// What [`Gpu::check`] reports.
    pub(crate) async fn read_buffer(&self, buffer: &wgpu::Buffer, bytes: u64) -> Result<Vec<u8>> {
        let staging = self.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("staging"),
            size: bytes.max(4),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device().create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, bytes);
        let submission = self.submit_commands([encoder.finish()]);
        let mapped = MappedBuffer::new(self, &staging, 0..bytes, submission);
        mapped.bytes(self).await
    }
}

impl Device {
    /// Waits until everything submitted so far is done.
    ///
    /// # Errors
    /// What [`Device::check`] reports.
    pub async fn idle(&self) -> Result<()> {
        if let Kind::Gpu(gpu) = &self.kind {
            let submission = gpu.submit_commands([]);
            let (called, receiver) = Called::new();
            let calling = called.clone();
            gpu.queue()
                .on_submitted_work_done(move || calling.answer(Ok(())));
            gpu.poller.wait_for(submission, called);
            if receiver.await.is_err() {
                self.check()?;
                return Err(Error::DeviceLost(
                    "what was submitted never came to an end".to_owned(),
                ));
            }
        }
        self.check()
    }

    /// Reads a whole slice back. For tests and rare results; runs that read
    /// often keep a staging buffer.
    ///
    /// # Errors
    /// What [`Device::check`] reports.
    pub async fn read(&self, slice: Slice<'_>) -> Result<Vec<u8>> {
        if let Kind::Cpu(cpu) = &self.kind {
            self.check()?;
            return Ok(read(cpu, slice, 0..slice.size));
        }
        let staging = Staging::new(self, slice.size);
        let submission = self.submit(|recorder| staging.copy(recorder, slice, 0, slice.size, 0));
        let mapping = staging.map(self, 0..slice.size, submission);
        mapping.bytes(self).await
    }

    /// Submits the copies that `record` takes down.
    pub(crate) fn submit(&self, record: impl FnOnce(&mut Recorder<'_>)) -> Submission {
        match &self.kind {
            Kind::Gpu(gpu) => {
                let mut encoder = gpu.device().create_command_encoder(&Default::default());
                record(&mut Recorder::Gpu(&mut encoder));
                gpu.submit_commands([encoder.finish()]).into()
            }
            Kind::Cpu(cpu) => {
                let mut turn = cpu.turn();
                record(&mut Recorder::Cpu(&mut turn));
                Submission::DONE
            }
        }
    }

    /// Copies one slice to another of the same size, `times` times; benches
    /// measure the device's copy bandwidth with it.
    pub fn copy(&self, from: Slice<'_>, to: Slice<'_>, times: u32) {
        if let (Kind::Cpu(cpu), Storage::Cpu(source), Storage::Cpu(target)) =
            (&self.kind, from.storage, to.storage)
        {
            let range = |slice: Slice<'_>| place(slice.offset)..place(slice.offset + slice.size);
            for _ in 0..times {
                let (source, target) = ((source, range(from)), (target, range(to)));
                cpu.turn().copy_shared(source, target, cpu.cpu());
            }
            return;
        }
        self.submit(|recorder| {
            for _ in 0..times {
                recorder.copy((from, 0), (to, 0), from.size);
            }
        });
    }
}
