//! A thread that drives the callbacks of a graphics device.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(not(target_arch = "wasm32"))]
use std::time::{Duration, Instant};

use super::pace::Pace;

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

/// Failed polls in a row, a second's worth, after which a device counts as lost.
#[cfg(not(target_arch = "wasm32"))]
const MOST_ERRORS: u32 = 500;

/// A submission that lasts longer is not measured any more.
#[cfg(not(target_arch = "wasm32"))]
const PATIENCE: Duration = Duration::from_secs(10);

/// What the thread waits for.
#[cfg(not(target_arch = "wasm32"))]
enum Awaited {
    /// A callback, which a submission leads to.
    Callback(wgpu::SubmissionIndex, Called),
    /// The end of a submission of so much work, made at that time.
    Work(wgpu::SubmissionIndex, f64, Instant),
}

/// Drives the device's callbacks on a thread of its own, so that waiting for
/// the GPU is an ordinary `await`. A browser drives them itself.
#[derive(Debug)]
pub(in crate::device) struct Poller {
    /// `None` only while it is dropped.
    #[cfg(not(target_arch = "wasm32"))]
    wake: Option<std::sync::mpsc::Sender<Awaited>>,
    #[cfg(not(target_arch = "wasm32"))]
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Poller {
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn new(device: &wgpu::Device, pace: &Arc<Pace>) -> Self {
        let (wake, woken) = std::sync::mpsc::channel();
        let (device, pace) = (device.clone(), Arc::clone(pace));
        // The thread ends when `wake` is dropped with the `Gpu`.
        let thread = std::thread::spawn(move || {
            // When the submission before was done.
            let mut done: Option<Instant> = None;
            while let Ok(awaited) = woken.recv() {
                match awaited {
                    Awaited::Callback(submission, called) => wait(&device, submission, &called),
                    Awaited::Work(submission, work, made) => {
                        let waited = device.poll(wgpu::PollType::Wait {
                            submission_index: Some(submission),
                            timeout: Some(PATIENCE),
                        });
                        let begun = done.map_or(made, |done| done.max(made));
                        if waited.is_ok() {
                            pace.measured(work, begun.elapsed().as_secs_f64());
                        }
                    }
                }
                done = Some(Instant::now());
            }
        });
        Self {
            wake: Some(wake),
            thread: Some(thread),
        }
    }

    #[cfg(target_arch = "wasm32")]
    pub(super) fn new(_device: &wgpu::Device, _pace: &Arc<Pace>) -> Self {
        Self {}
    }

    #[cfg_attr(target_arch = "wasm32", expect(unused_variables, clippy::unused_self))]
    pub(in crate::device) fn wait_for(&self, submission: wgpu::SubmissionIndex, called: Called) {
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(wake) = &self.wake {
            let _ = wake.send(Awaited::Callback(submission, called));
        }
    }

    /// Measures a submission that has just been made. A browser bounds submissions
    /// itself, and has no clock for this.
    #[cfg_attr(target_arch = "wasm32", expect(unused_variables, clippy::unused_self))]
    pub(in crate::device) fn measure(&self, submission: wgpu::SubmissionIndex, work: f64) {
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(wake) = &self.wake {
            let _ = wake.send(Awaited::Work(submission, work, Instant::now()));
        }
    }
}

/// Waits until a callback has been called.
#[cfg(not(target_arch = "wasm32"))]
fn wait(device: &wgpu::Device, submission: wgpu::SubmissionIndex, called: &Called) {
    // A refused submission has an index that never comes, and where another thread
    // submits as well (a window that draws) a callback can come to wait for that one's
    // work, or be called by it: only the callback itself says that there is nothing to
    // wait for.
    let mut waited = wgpu::PollType::Wait {
        submission_index: Some(submission),
        timeout: None,
    };
    let mut pause = Duration::from_micros(20);
    let mut errors = 0;
    loop {
        // An error here is a lost device, which its own callback reports; a driver that
        // then calls nobody is not waited for.
        errors = match device.poll(waited) {
            Ok(_) => 0,
            Err(_) => errors + 1,
        };
        if called.is_set() || errors > MOST_ERRORS {
            break;
        }
        waited = wgpu::PollType::wait_indefinitely();
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(2));
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
