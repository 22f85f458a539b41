//! Work beside the window: on threads, or in a browser, which has one thread, in turn
//! with it.

use std::time::Duration;

pub(super) use place::{Task, give_way, spawn, wait};

/// A slice of the work should take so long, and a step over a text on the processor so
/// many rows at most: in a browser the keys wait for it.
pub(super) const SLICE: Duration = Duration::from_millis(if BLOCKS { 20 } else { 80 });
pub(super) const ROWS: usize = if BLOCKS { 32 } else { usize::MAX };
const BLOCKS: bool = cfg!(target_arch = "wasm32");

#[cfg(not(target_arch = "wasm32"))]
mod place {
    use std::sync::mpsc::Receiver;
    use std::thread::JoinHandle;
    use std::time::Duration;

    /// Work that goes on.
    #[derive(Debug)]
    pub(in crate::window::engine) struct Task(JoinHandle<()>);

    impl Task {
        /// Waits for its end.
        pub(in crate::window::engine) fn join(self) {
            let _ = self.0.join();
        }
    }

    /// Begins with some work.
    pub(in crate::window::engine) fn spawn<W: Future<Output = ()>>(
        work: impl FnOnce() -> W + Send + 'static,
    ) -> Task {
        Task(std::thread::spawn(move || pollster::block_on(work())))
    }

    /// Lets the window draw, and take keys.
    pub(in crate::window::engine) async fn give_way() {}

    /// Waits for what is to come of some work, at most so long.
    pub(in crate::window::engine) fn wait<T>(
        _: Option<&Task>,
        come: &Receiver<T>,
        patience: Duration,
    ) -> Option<T> {
        come.recv_timeout(patience).ok()
    }
}

#[cfg(target_arch = "wasm32")]
mod place {
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::rc::Rc;
    use std::sync::mpsc::Receiver;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use wasm_bindgen::prelude::*;
    use web_time::Instant;

    /// Work in turn with the window: the browser goes on with it between frames, and who
    /// waits for it within one.
    #[derive(Clone)]
    pub(in crate::window::engine) struct Task(Rc<RefCell<Work>>);

    struct Work {
        work: Option<Pin<Box<dyn Future<Output = ()>>>>,
        /// That of the browser, so that whoever goes on with it takes nobody's call away.
        waker: Option<Waker>,
    }

    impl std::fmt::Debug for Task {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Task").finish_non_exhaustive()
        }
    }

    impl Task {
        /// It ends by itself: nobody can wait for it here.
        pub(in crate::window::engine) fn join(self) {}

        /// Goes on until it gives way or waits for something.
        fn step(&self) -> Poll<()> {
            // It cannot go on within itself.
            let Ok(mut own) = self.0.try_borrow_mut() else {
                return Poll::Pending;
            };
            let Work { work, waker } = &mut *own;
            let (Some(going), Some(waker)) = (work.as_mut(), waker.as_ref()) else {
                return Poll::Ready(());
            };
            let done = going.as_mut().poll(&mut Context::from_waker(waker));
            if done.is_ready() {
                *work = None;
            }
            done
        }
    }

    /// Begins with some work.
    pub(in crate::window::engine) fn spawn<W: Future<Output = ()> + 'static>(
        work: impl FnOnce() -> W + 'static,
    ) -> Task {
        let work = Work {
            work: Some(Box::pin(async move { work().await })),
            waker: None,
        };
        let task = Task(Rc::new(RefCell::new(work)));
        let own = task.clone();
        wasm_bindgen_futures::spawn_local(poll_fn(move |context| {
            if let Ok(mut work) = own.0.try_borrow_mut() {
                work.waker = Some(context.waker().clone());
            }
            own.step()
        }));
        task
    }

    /// Lets the window draw, and take keys; who goes on within a frame passes.
    pub(in crate::window::engine) async fn give_way() {
        let mut has_waited = false;
        poll_fn(|context| {
            if std::mem::replace(&mut has_waited, true) {
                return Poll::Ready(());
            }
            let waker = context.waker().clone();
            let wake = Closure::once_into_js(move || waker.wake());
            if let Some(window) = web_sys::window() {
                let _ = window.set_timeout_with_callback(wake.unchecked_ref());
            }
            Poll::Pending
        })
        .await;
    }

    /// Goes on with some work, at most so long, until something has come of it.
    pub(in crate::window::engine) fn wait<T>(
        task: Option<&Task>,
        come: &Receiver<T>,
        patience: Duration,
    ) -> Option<T> {
        let began = Instant::now();
        while let Some(task) = task {
            if let Ok(come) = come.try_recv() {
                return Some(come);
            }
            if began.elapsed() >= patience || task.step().is_ready() {
                break;
            }
        }
        come.try_recv().ok()
    }
}
