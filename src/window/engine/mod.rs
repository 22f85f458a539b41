//! Everything that computes, beside the window: the window asks, and looks at what has
//! come when it draws. Nothing here knows how anything looks.
//!
//! Work is cut into short pieces. Between two of them newer requests are taken, so
//! a newer text replaces an older one that is still being computed, and the queue
//! of the device, of which there is one, is free for the next frame. Models are read
//! and uploaded beside it.

mod analysis;
mod cells;
mod comparison;
mod generation;
mod job;
mod loading;
mod model;
mod portion;
mod scan;
mod table;
mod task;
#[cfg(test)]
mod tests;
mod worker;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::window::error_message::ErrorMessage;
use futures_channel::mpsc::{UnboundedSender, unbounded};
use task::Task;

pub(crate) use analysis::{AnalysisRequest, AnalysisUpdate};
pub(crate) use cells::Cells;
pub(crate) use comparison::{CompareRequest, CompareUpdate, Found, Source};
pub(crate) use generation::{
    BranchLine, Doing, GenerateRequest, GenerateSettings, GenerateUpdate, Kept, State, Wish,
};
pub(crate) use model::Model;
pub(crate) use scan::{FileNews, FileRequest, FileUpdate, Known, Overview};
pub(crate) use table::{TableFor, TableRequest, TableUpdate};

use crate::device::Device;

/// What the window asks for.
#[derive(Debug)]
pub(crate) enum Request {
    /// Take another model: `None` is the one in the program.
    Open(Option<String>),
    /// The model that is being opened is not wanted after all.
    CancelOpen,
    /// For the text of the patch screen.
    Analysis(AnalysisRequest),
    /// For the generate screen.
    Generate(GenerateRequest),
    /// For the compare screen.
    Compare(CompareRequest),
    /// For the file screen.
    File(FileRequest),
    /// A table of the lookup rule.
    Table(TableRequest),
}

/// What has come.
#[derive(Debug)]
pub(crate) enum Update {
    /// A model is being loaded.
    Loading {
        /// Bytes loaded.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The model is there.
    Opened(Arc<Model>),
    /// The model cannot be used, and why; the one before stays.
    NotOpened(ErrorMessage),
    /// The model is not opened, as was wished; the one before stays.
    OpenCancelled,
    /// For the text of the patch screen.
    Analysis(AnalysisUpdate),
    /// For the generate screen.
    Generate(GenerateUpdate),
    /// For the compare screen.
    Compare(CompareUpdate),
    /// For the file screen.
    File(FileUpdate),
    /// A table of the lookup rule.
    Table(TableUpdate),
    /// Something failed, and what; work goes on.
    Failed(ErrorMessage),
    /// The device is gone; this engine does nothing more.
    Lost(ErrorMessage),
}

/// Called whenever there is something new to draw.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// Wakes what computes; without anything to wake it does nothing.
#[derive(Clone, Debug, Default)]
struct Bell(Option<UnboundedSender<()>>);

impl Bell {
    fn ring(&self) {
        if let Some(bell) = &self.0 {
            let _ = bell.unbounded_send(());
        }
    }
}

/// Where updates are put.
#[derive(Clone)]
pub(crate) struct Outbox {
    updates: Sender<Update>,
    wake: Wake,
    closed: Arc<AtomicBool>,
    /// Rung when something that is waited for is there.
    bell: Bell,
    /// How soon after one frame the window draws the next by itself.
    pub(crate) pause: Duration,
    #[cfg(test)]
    gate: Option<Gate>,
}

/// Called at each piece of a model that is loaded: a slow reader, for tests.
#[cfg(test)]
pub(crate) type Gate = Arc<dyn Fn() + Send + Sync>;

impl Outbox {
    pub(crate) fn new(updates: Sender<Update>, wake: Wake) -> Self {
        Self {
            updates,
            wake,
            closed: Arc::default(),
            bell: Bell::default(),
            pause: Duration::ZERO,
            #[cfg(test)]
            gate: None,
        }
    }

    fn with_bell(self, bell: Bell) -> Self {
        Self { bell, ..self }
    }

    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "tests hold it up"))]
    fn at_piece(&self) {
        #[cfg(test)]
        if let Some(gate) = &self.gate {
            gate();
        }
    }

    /// Whether the window is gone, so that nothing need be finished.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn put(&self, update: Update) {
        // Without a window there is nobody to tell.
        if self.updates.send(update).is_ok() {
            (self.wake)();
        }
    }
}

/// What computes.
#[derive(Debug)]
pub(crate) struct Engine {
    requests: Option<Sender<Request>>,
    bell: Bell,
    updates: Receiver<Update>,
    /// What came while somebody waited for it.
    waited_for: RefCell<Option<Update>>,
    task: Option<Task>,
    closed: Arc<AtomicBool>,
}

impl Engine {
    /// Starts on a device, for a window that draws no sooner than `pause`
    /// after a frame by itself.
    pub(crate) fn start(device: Arc<Device>, wake: Wake, pause: Duration) -> Self {
        Self::start_with(device, wake, |outbox| Outbox { pause, ..outbox })
    }

    /// The same with a slow reader of models.
    #[cfg(test)]
    pub(crate) fn start_slow(device: Arc<Device>, wake: Wake, gate: Gate) -> Self {
        Self::start_with(device, wake, |outbox| Outbox {
            gate: Some(gate),
            ..outbox
        })
    }

    fn start_with(device: Arc<Device>, wake: Wake, with: impl FnOnce(Outbox) -> Outbox) -> Self {
        let (requests, taken) = channel();
        let (updates, come) = channel();
        let (bell, rung) = unbounded();
        let bell = Bell(Some(bell));
        let outbox = with(Outbox::new(updates, wake).with_bell(bell.clone()));
        let closed = Arc::clone(&outbox.closed);
        let task = task::spawn(move || worker::run(device, taken, rung, outbox));
        Self {
            requests: Some(requests),
            bell,
            updates: come,
            waited_for: RefCell::default(),
            task: Some(task),
            closed,
        }
    }

    /// An engine whose work the caller does: for tests of the window without a
    /// device.
    #[cfg(test)]
    pub(crate) fn by_hand() -> (Self, Receiver<Request>, Sender<Update>) {
        let (requests, taken) = channel();
        let (updates, come) = channel();
        let engine = Self {
            requests: Some(requests),
            bell: Bell::default(),
            updates: come,
            waited_for: RefCell::default(),
            task: None,
            closed: Arc::default(),
        };
        (engine, taken, updates)
    }

    /// Asks for something; of an engine that has lost its device nothing comes.
    pub(crate) fn ask(&self, request: Request) {
        if let Some(requests) = &self.requests {
            let _ = requests.send(request);
        }
        self.bell.ring();
    }

    /// What has come since the last call.
    pub(crate) fn updates(&self) -> Vec<Update> {
        let first = self.waited_for.take();
        first.into_iter().chain(self.updates.try_iter()).collect()
    }

    /// Waits at most `patience` for an update; `true` if there is one.
    pub(crate) fn wait(&self, patience: Duration) -> bool {
        let mut waited_for = self.waited_for.borrow_mut();
        if waited_for.is_none() {
            *waited_for = task::wait(self.task.as_ref(), &self.updates, patience);
        }
        waited_for.is_some()
    }
}

/// Waits for the piece at hand: a driver that is still at work while the process
/// ends crashes.
impl Drop for Engine {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        self.requests = None;
        self.bell.ring();
        if let Some(task) = self.task.take() {
            task.join();
        }
    }
}
