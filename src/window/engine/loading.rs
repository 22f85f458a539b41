//! What takes long to load, beside what computes, which goes on meanwhile.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Outbox;
use super::Update;
use super::task::{Task, spawn};
use crate::error::Result;

/// Loads one thing at a time; a newer one takes the place of an older one.
#[derive(Debug)]
pub(super) struct Loader<T> {
    load: Option<Load<T>>,
    /// Whether anybody still wants what is being loaded.
    wanted: bool,
}

#[derive(Debug)]
struct Load<T> {
    shared: Arc<Progress>,
    come: Arc<Mutex<Option<Result<T>>>>,
    task: Option<Task>,
}

#[derive(Debug, Default)]
struct Progress {
    stop: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
}

/// A load, as the one who loads sees it.
pub(super) struct Going<'a> {
    progress: &'a Progress,
    outbox: &'a Outbox,
    tell: &'a (dyn Fn(u64, u64) + Sync),
}

impl Going<'_> {
    /// So many bytes are to come.
    pub(super) fn expect(&self, total: u64) {
        self.progress.total.store(total, Ordering::Relaxed);
        (self.tell)(0, total);
    }

    /// Tells how many bytes of how many have come from elsewhere.
    pub(super) fn teller(&self) -> impl FnMut(u64, u64) + Clone + 'static {
        let outbox = self.outbox.clone();
        move |done, total| outbox.put(Update::Loading { done, total })
    }

    /// So many bytes more are there. Gives whether to go on.
    pub(super) fn add(&self, bytes: u64) -> ControlFlow<()> {
        let done = self.progress.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.tell)(done, self.progress.total.load(Ordering::Relaxed));
        self.outbox.at_piece();
        match self.progress.stop.load(Ordering::Relaxed) || self.outbox.is_closed() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

impl<T> Default for Loader<T> {
    fn default() -> Self {
        Self {
            load: None,
            wanted: false,
        }
    }
}

impl<T: Send + 'static> Loader<T> {
    /// Begins to load; what is being loaded is stopped first, so that no more than
    /// one of them takes memory. `tell` is told how many bytes of how many are there.
    pub(super) fn start(
        &mut self,
        outbox: &Outbox,
        tell: impl Fn(u64, u64) + Send + Sync + 'static,
        work: impl AsyncFnOnce(&Going<'_>) -> Result<T> + Send + 'static,
    ) {
        self.cancel();
        let before = self.load.take();
        let shared = Arc::new(Progress::default());
        let come = Arc::new(Mutex::new(None));
        let (own, slot, outbox) = (Arc::clone(&shared), Arc::clone(&come), outbox.clone());
        let task = spawn(async move || {
            drop(before);
            let going = Going {
                progress: &own,
                outbox: &outbox,
                tell: &tell,
            };
            let found = work(&going).await;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
            outbox.bell.ring();
        });
        self.load = Some(Load {
            shared,
            come,
            task: Some(task),
        });
        self.wanted = true;
    }

    /// Stops the load, soon; says whether there was one.
    pub(super) fn cancel(&mut self) -> bool {
        if let Some(load) = &self.load {
            load.shared.stop.store(true, Ordering::Relaxed);
        }
        std::mem::take(&mut self.wanted)
    }

    /// What has been loaded, once.
    pub(super) fn take(&mut self) -> Option<Result<T>> {
        if !self.is_ready() {
            return None;
        }
        self.wanted = false;
        let load = self.load.take()?;
        let mut come = load.come.lock().unwrap_or_else(PoisonError::into_inner);
        come.take()
    }

    /// Whether something is there to be taken.
    pub(super) fn is_ready(&self) -> bool {
        self.wanted
            && self.load.as_ref().is_some_and(|load| {
                let come = load.come.lock().unwrap_or_else(PoisonError::into_inner);
                come.is_some()
            })
    }

    /// The bytes that are there, of how many, while something is being loaded.
    pub(super) fn progress(&self) -> Option<(u64, u64)> {
        let load = self.load.as_ref().filter(|_| self.wanted)?;
        let read = |bytes: &AtomicU64| bytes.load(Ordering::Relaxed);
        Some((read(&load.shared.done), read(&load.shared.total)))
    }
}

/// Waits for the piece at hand: a driver that is still at work while the process
/// ends crashes.
impl<T> Drop for Load<T> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(task) = self.task.take() {
            task.join();
        }
    }
}

#[cfg(test)]
impl Going<'_> {
    /// A load that nobody watches or stops.
    pub(super) fn alone<T>(outbox: &Outbox, work: impl FnOnce(&Going<'_>) -> T) -> T {
        work(&Going {
            progress: &Progress::default(),
            outbox,
            tell: &|_, _| (),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use std::sync::mpsc::channel;

    use futures_channel::mpsc::{UnboundedReceiver, unbounded};

    use super::*;
    use crate::error::Error;
    use crate::window::engine::Bell;

    fn outbox() -> (Outbox, UnboundedReceiver<()>) {
        let (updates, _) = channel();
        let (bell, rung) = unbounded();
        let bell = Bell(Some(bell));
        (Outbox::new(updates, Arc::new(|| ())).with_bell(bell), rung)
    }

    #[test]
    fn a_newer_load_takes_the_place_of_an_older_one_that_ends_first() {
        let (outbox, mut rung) = outbox();
        let mut loader = Loader::default();
        let (held, holds) = channel::<()>();
        let (begun, begins) = channel();
        let (ended, ends) = channel();
        let other = ended.clone();
        loader.start(
            &outbox,
            |_, _| (),
            async move |going: &Going<'_>| {
                begun.send(()).unwrap();
                // A reader that is slow for as long as the test wants.
                let _ = holds.recv();
                let stopped = going.add(1).is_break();
                ended.send(("old", stopped)).unwrap();
                Err::<u8, _>(Error::Interrupted)
            },
        );
        begins.recv().unwrap();
        assert!(loader.progress().is_some() && !loader.is_ready());
        loader.start(
            &outbox,
            |_, _| (),
            async move |going: &Going<'_>| {
                going.expect(2);
                other.send(("new", going.add(2).is_break())).unwrap();
                Ok(7)
            },
        );
        drop(held);
        assert_eq!(ends.recv().unwrap(), ("old", true));
        assert_eq!(ends.recv().unwrap(), ("new", false));
        while !loader.is_ready() {
            pollster::block_on(rung.recv()).unwrap();
        }
        assert_eq!(loader.progress(), Some((2, 2)));
        assert_eq!(loader.take().unwrap().unwrap(), 7);
        assert!(loader.take().is_none() && loader.progress().is_none());
    }

    #[test]
    fn nothing_comes_of_a_load_that_is_cancelled() {
        let (outbox, mut rung) = outbox();
        let mut loader = Loader::default();
        assert!(!loader.cancel(), "there is nothing to cancel");
        loader.start(
            &outbox,
            |_, _| (),
            async |going: &Going<'_>| {
                while going.add(1).is_continue() {
                    std::thread::yield_now();
                }
                Err::<u8, _>(Error::Interrupted)
            },
        );
        assert!(loader.cancel());
        pollster::block_on(rung.recv()).unwrap();
        assert!(!loader.is_ready() && loader.take().is_none());
        assert!(loader.progress().is_none() && !loader.cancel());
    }
}
