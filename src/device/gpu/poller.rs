//! A thread that drives the callbacks of a graphics device.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a callback has been called.
#[derive(Clone, Debug, Default)]
pub(in crate::device) struct Called(Arc<AtomicBool>);

impl Called {
    pub(in crate::device) fn set(&self) {
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
pub(in crate::device) struct Poller {
    /// `None` only while it is dropped.
    #[cfg(not(target_arch = "wasm32"))]
    wake: Option<std::sync::mpsc::Sender<(wgpu::SubmissionIndex, Called)>>,
    #[cfg(not(target_arch = "wasm32"))]
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Poller {
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn new(device: &wgpu::Device) -> Self {
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
    pub(super) fn new(_device: &wgpu::Device) -> Self {
        Self {}
    }

    #[cfg_attr(target_arch = "wasm32", expect(unused_variables, clippy::unused_self))]
    pub(in crate::device) fn wait_for(&self, submission: wgpu::SubmissionIndex, called: Called) {
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
