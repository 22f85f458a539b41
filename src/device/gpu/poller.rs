//! A thread that drives the callbacks of a graphics device.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
#[cfg(not(target_arch = "wasm32"))]
use std::time::{Duration, Instant};

use futures_channel::oneshot;

use super::pace::Pace;

/// What the callback of a buffer's mapping says.
type Answer = Result<(), wgpu::BufferAsyncError>;

/// A callback that is waited for. It answers once; without a device that could call it,
/// whoever waits is told so.
#[derive(Clone, Debug)]
pub(in crate::device) struct Called(Arc<Mutex<Option<oneshot::Sender<Answer>>>>);

impl Called {
    pub(in crate::device) fn new() -> (Self, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(sender)))), receiver)
    }

    fn sender(&self) -> MutexGuard<'_, Option<oneshot::Sender<Answer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The callback has been called.
    pub(in crate::device) fn answer(&self, answer: Answer) {
        if let Some(sender) = self.sender().take() {
            // Whoever has stopped waiting needs no answer.
            let _ = sender.send(answer);
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn is_answered(&self) -> bool {
        self.sender().is_none()
    }

    /// Nobody will call it any more: the receiver is cancelled.
    #[cfg(not(target_arch = "wasm32"))]
    fn give_up(&self) {
        self.sender().take();
    }
}

/// Polls a device. wgpu panics where a driver says that the device is lost; here that is
/// an answer like others.
pub(super) fn poll(device: &wgpu::Device, what: wgpu::PollType) -> Polled {
    match catch_unwind(AssertUnwindSafe(|| device.poll(what))) {
        Ok(Ok(_)) => Polled::Done,
        Ok(Err(wgpu::PollError::Timeout)) => Polled::Late,
        Ok(Err(_)) => Polled::Refused,
        Err(_) => Polled::Lost,
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polled {
    Done,
    /// The time is over.
    Late,
    Refused,
    Lost,
}

/// Failed polls in a row, a second's worth, after which a device counts as lost.
#[cfg(not(target_arch = "wasm32"))]
const MOST_ERRORS: u32 = 500;

/// A submission that lasts longer counts as this long.
#[cfg(not(target_arch = "wasm32"))]
const PATIENCE: Duration = Duration::from_secs(10);

/// What the thread waits for.
#[cfg(not(target_arch = "wasm32"))]
enum Awaited {
    /// A callback, which a submission leads to.
    Callback(wgpu::SubmissionIndex, Called),
    /// The end of a submission: its work, and when it was made.
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
                        let wait = wgpu::PollType::Wait {
                            submission_index: Some(submission),
                            timeout: Some(PATIENCE),
                        };
                        let waited = poll(&device, wait);
                        let begun = done.map_or(made, |done| done.max(made));
                        if matches!(waited, Polled::Done | Polled::Late) {
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
        let polled = poll(device, waited);
        if called.is_answered() {
            break;
        }
        errors = match polled {
            Polled::Done => 0,
            Polled::Late | Polled::Refused => errors + 1,
            Polled::Lost => u32::MAX,
        };
        if errors > MOST_ERRORS {
            called.give_up();
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn whoever_waits_is_answered_or_told_that_nobody_will() {
        let (called, receiver) = Called::new();
        assert!(!called.is_answered());
        called.clone().answer(Ok(()));
        assert!(called.is_answered());
        assert!(pollster::block_on(receiver).unwrap().is_ok());

        let (called, receiver) = Called::new();
        // The callback is kept, as wgpu keeps it on a lost device.
        let kept = called.clone();
        called.give_up();
        assert!(pollster::block_on(receiver).is_err());
        kept.answer(Ok(()));
    }
}
