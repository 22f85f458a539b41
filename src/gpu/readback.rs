//! Getting numbers back from the GPU without blocking the caller's thread.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_channel::oneshot;

use super::device::Gpu;
use super::tensor::Slice;
use crate::error::{Error, Result};

/// Whether a callback has been called.
#[derive(Clone, Debug, Default)]
struct Called(Arc<AtomicBool>);

impl Called {
    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// So many failed polls in a row, a second's worth, are the end of a device.
#[cfg(not(target_arch = "wasm32"))]
const MOST_ERRORS: u32 = 500;

/// Drives the device's callbacks on a thread of its own, so that waiting for
/// the GPU is an ordinary `await`. A browser drives them itself.
#[derive(Debug)]
pub(crate) struct Poller {
    /// `None` only while it is dropped.
    #[cfg(not(target_arch = "wasm32"))]
    wake: Option<std::sync::mpsc::Sender<(wgpu::SubmissionIndex, Called)>>,
    #[cfg(not(target_arch = "wasm32"))]
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Poller {
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn new(device: &wgpu::Device) -> Self {
        let (wake, woken) = std::sync::mpsc::channel::<(wgpu::SubmissionIndex, Called)>();
        let device = device.clone();
        // The thread ends when `wake` is dropped with the `Gpu`.
        let thread = std::thread::spawn(move || {
            while let Ok((submission, called)) = woken.recv() {
                // A refused submission has an index that never comes, and where
                // another thread submits as well (a window that draws) a callback can
                // come to wait for that one's work, or be called by it: only the
                // callback itself says that there is nothing to wait for.
                let mut waited = wgpu::PollType::Wait {
                    submission_index: Some(submission),
                    timeout: None,
                };
                let mut pause = std::time::Duration::from_micros(20);
                let mut errors = 0;
                loop {
                    // An error here is a lost device, which its own callback reports; a
                    // driver that then calls nobody is not waited for.
                    errors = match device.poll(waited) {
                        Ok(_) => 0,
                        Err(_) => errors + 1,
                    };
                    if called.is_set() || errors > MOST_ERRORS {
                        break;
                    }
                    waited = wgpu::PollType::wait_indefinitely();
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(std::time::Duration::from_millis(2));
                }
            }
        });
        Self {
            wake: Some(wake),
            thread: Some(thread),
        }
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn new(_device: &wgpu::Device) -> Self {
        Self {}
    }

    #[cfg_attr(target_arch = "wasm32", expect(unused_variables, clippy::unused_self))]
    fn wait_for(&self, submission: wgpu::SubmissionIndex, called: Called) {
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(wake) = &self.wake {
            let _ = wake.send((submission, called));
        }
    }
}

/// Waits for the thread, which may hold the last reference to the device: a
/// driver that still takes a device down while the process ends (its `exit`
/// handlers run on the main thread) crashes.
#[cfg(not(target_arch = "wasm32"))]
impl Drop for Poller {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

/// A buffer that the CPU reads, reused from one run to the next.
#[derive(Debug)]
pub(crate) struct Staging {
    buffer: wgpu::Buffer,
}

impl Staging {
    pub(crate) fn new(gpu: &Gpu, bytes: u64) -> Self {
        Self {
            buffer: gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("staging"),
                size: bytes.max(4),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }),
        }
    }

    /// Records the copy of `bytes` bytes of `source`, from `skip`, to `at`.
    pub(crate) fn copy(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        source: Slice<'_>,
        skip: u64,
        bytes: u64,
        at: u64,
    ) {
        encoder.copy_buffer_to_buffer(source.buffer, source.offset + skip, &self.buffer, at, bytes);
    }

    /// Starts mapping after `submission`, which made the copies. The returned
    /// value gives the bytes.
    pub(crate) fn map(
        &self,
        gpu: &Gpu,
        range: Range<u64>,
        submission: wgpu::SubmissionIndex,
    ) -> Mapping {
        let (sender, receiver) = oneshot::channel();
        let called = Called::default();
        let calling = called.clone();
        self.buffer
            .map_async(wgpu::MapMode::Read, range.clone(), move |result| {
                let _ = sender.send(result);
                calling.set();
            });
        gpu.poller.wait_for(submission, called);
        Mapping {
            buffer: self.buffer.clone(),
            range,
            receiver,
            mapped: true,
        }
    }
}

/// Bytes on their way back.
#[derive(Debug)]
pub(crate) struct Mapping {
    buffer: wgpu::Buffer,
    range: Range<u64>,
    receiver: oneshot::Receiver<Result<(), wgpu::BufferAsyncError>>,
    /// Mapped, or about to be.
    mapped: bool,
}

/// Whoever stops waiting leaves the buffer free for the next run.
impl Drop for Mapping {
    fn drop(&mut self) {
        if self.mapped {
            self.buffer.unmap();
        }
    }
}

impl Mapping {
    pub(crate) async fn bytes(mut self, gpu: &Gpu) -> Result<Vec<u8>> {
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
            .map_err(|e| Error::Gpu(format!("a result could not be mapped: {e}")))?;
        Ok(view.to_vec())
    }
}

impl Gpu {
    /// Waits until everything submitted so far is done.
    ///
    /// # Errors
    /// What [`Gpu::check`] reports.
    pub async fn idle(&self) -> Result<()> {
        let submission = self.submit_commands([]);
        let (sender, receiver) = oneshot::channel();
        let called = Called::default();
        let calling = called.clone();
        self.queue.on_submitted_work_done(move || {
            let _ = sender.send(());
            calling.set();
        });
        self.poller.wait_for(submission, called);
        let _ = receiver.await;
        self.check()
    }

    /// Reads a whole slice back. For tests and rare results; runs that read
    /// often keep a staging buffer.
    ///
    /// # Errors
    /// What [`Gpu::check`] reports.
    pub async fn read(&self, slice: Slice<'_>) -> Result<Vec<u8>> {
        let staging = Staging::new(self, slice.size);
        let submission = self.submit(|encoder| staging.copy(encoder, slice, 0, slice.size, 0));
        staging
            .map(self, 0..slice.size, submission)
            .bytes(self)
            .await
    }

    /// Submits what `record` records.
    pub(crate) fn submit(
        &self,
        record: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> wgpu::SubmissionIndex {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        record(&mut encoder);
        self.submit_commands([encoder.finish()])
    }
}

impl Gpu {
    /// Copies one slice to another of the same size, `times` times; benches
    /// measure the adapter's copy bandwidth with it.
    pub fn copy(&self, from: Slice<'_>, to: Slice<'_>, times: u32) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        for _ in 0..times {
            encoder.copy_buffer_to_buffer(
                from.buffer,
                from.offset,
                to.buffer,
                to.offset,
                from.size,
            );
        }
        self.submit_commands([encoder.finish()]);
    }
}
