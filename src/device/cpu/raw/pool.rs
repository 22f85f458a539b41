//! Threads that share the pieces of a step.
//!
//! A step of a decode takes a few microseconds, so between steps the workers
//! spin, and sleep only when nothing came for a while. The caller takes pieces
//! too and waits only for workers that have begun: one that the system has not
//! yet run is not waited for.
//!
//! Each thread has neighbouring pieces of its own, in order, and then helps the others:
//! memory that is read on from where the last piece ended comes a tenth to a third faster
//! than pieces dealt out in turns.

use std::any::Any;
use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a worker looks for the next job before it sleeps.
const SPIN: Duration = Duration::from_micros(100);

/// How long it does so without offering the processor to others.
const ALONE: Duration = Duration::from_micros(4);

/// Looks at the gate between two looks at the clock: about a microsecond.
const TURNS: u32 = 32;

/// In the gate: workers inside the job.
const INSIDE: u64 = 0xffff;
/// In the gate: workers may enter.
const OPEN: u64 = 1 << 16;
/// In the gate: one more job than before.
const NEXT_JOB: u64 = 1 << 17;

type Piece<'a> = dyn Fn(usize) + Sync + 'a;

/// Keeps what one thread writes often out of the cache lines of its neighbours.
#[repr(align(128))]
struct Apart<T>(T);

struct Shared {
    /// Number of the job, whether it is open, and how many workers are inside.
    gate: Apart<AtomicU64>,
    /// The next piece of each thread's own, the caller's first.
    next: Box<[Apart<AtomicUsize>]>,
    /// Written by the caller while the gate is closed and nobody is inside; read
    /// by workers inside.
    job: UnsafeCell<Option<(*const Piece<'static>, usize)>>,
    /// Somebody's job is under way.
    taken: AtomicBool,
    sleepers: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
    ending: AtomicBool,
    panicked: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `job` is guarded by the gate as said there; the closure it points to is `Sync`.
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `job` is used only between the opening of the gate and the
// moment its caller, who lends the closure, saw the last worker leave.
unsafe impl Send for Shared {}

/// A number of threads, the calling one among them.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    /// As many threads as the system gives, up to `threads`.
    pub(crate) fn new(threads: usize) -> Self {
        let wanted = if cfg!(target_arch = "wasm32") {
            0
        } else {
            threads.clamp(1, 1024) - 1
        };
        let next = (0..=wanted).map(|_| Apart(AtomicUsize::new(0)));
        let shared = Arc::new(Shared {
            gate: Apart(AtomicU64::new(0)),
            next: next.collect(),
            job: UnsafeCell::new(None),
            taken: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
            ending: AtomicBool::new(false),
            panicked: Mutex::new(None),
        });
        let workers = (1..=wanted).map_while(|number| {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name("blt-cpu".into());
            thread.spawn(move || shared.work(number)).ok()
        });
        let workers = workers.collect();
        Self { shared, workers }
    }

    /// Threads that share a job.
    pub(crate) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `piece` once with each number below `pieces`, on all threads if
    /// `shared`. A call from within a piece, or while another thread's job is
    /// under way, does all on the calling thread.
    pub(crate) fn run(&self, shared: bool, pieces: usize, piece: &Piece<'_>) {
        let alone = !shared || pieces < 2 || self.workers.is_empty();
        if alone || self.shared.taken.swap(true, Ordering::Acquire) {
            return (0..pieces).for_each(piece);
        }
        for (thread, next) in self.shared.next.iter().enumerate() {
            let first = self.shared.own(thread, pieces).start;
            next.0.store(first, Ordering::Relaxed);
        }
        // SAFETY: only the lifetime changes. `Finish` below, dropped before this
        // function is left in any way, waits until nobody can use the pointer.
        let lent = unsafe {
            std::mem::transmute::<*const Piece<'_>, *const Piece<'static>>(std::ptr::from_ref(
                piece,
            ))
        };
        // SAFETY: `taken` is ours and the gate is closed with nobody inside.
        unsafe { *self.shared.job.get() = Some((lent, pieces)) };
        let finish = Finish(&self.shared);
        let gate = self.shared.gate.0.load(Ordering::Relaxed);
        self.shared
            .gate
            .0
            .store((gate + NEXT_JOB) | OPEN, Ordering::SeqCst);
        if self.shared.sleepers.load(Ordering::SeqCst) > 0 {
            let _awake = lock(&self.shared.sleep);
            self.shared.wake.notify_all();
        }
        self.shared.take_pieces(0, piece, pieces);
        drop(finish);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        {
            let _awake = lock(&self.shared.sleep);
            self.shared.wake.notify_all();
        }
        for worker in self.workers.drain(..) {
            // A worker catches what a piece throws; it has nothing to report.
            let _ = worker.join();
        }
    }
}

/// Closes the gate and waits for those inside, also when the caller's own piece panics.
struct Finish<'a>(&'a Shared);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        let gate = &self.0.gate.0;
        gate.fetch_and(!OPEN, Ordering::AcqRel);
        let mut turns = 0u32;
        while gate.load(Ordering::Acquire) & INSIDE > 0 {
            turns += 1;
            if turns < 20 * TURNS {
                std::hint::spin_loop();
            } else {
                // Whoever is inside may be waiting for this processor.
                std::thread::yield_now();
            }
        }
        let panicked = lock(&self.0.panicked).take();
        self.0.taken.store(false, Ordering::Release);
        if let Some(panicked) = panicked
            && !std::thread::panicking()
        {
            resume_unwind(panicked);
        }
    }
}

impl Shared {
    /// The pieces that a thread does unless another is done before.
    fn own(&self, thread: usize, pieces: usize) -> Range<usize> {
        let threads = self.next.len();
        pieces * thread / threads..pieces * (thread + 1) / threads
    }

    /// Takes a thread's own pieces, and then what is left of the others'.
    fn take_pieces(&self, thread: usize, piece: &Piece<'_>, pieces: usize) {
        let threads = self.next.len();
        for owner in (thread..threads).chain(0..thread) {
            let (next, end) = (&self.next[owner].0, self.own(owner, pieces).end);
            while next.load(Ordering::Relaxed) < end {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number < end {
                    piece(number);
                }
            }
        }
    }

    /// What a worker does until the pool ends.
    fn work(&self, thread: usize) {
        let mut done = 0;
        while let Some(job) = self.await_job(done) {
            done = job;
            // SAFETY: this worker is inside, so the caller leaves the job as it is and
            // keeps the closure alive.
            if let Some((piece, pieces)) = unsafe { *self.job.get() } {
                // SAFETY: as above.
                let piece = unsafe { &*piece };
                let result =
                    catch_unwind(AssertUnwindSafe(|| self.take_pieces(thread, piece, pieces)));
                if let Err(panicked) = result {
                    *lock(&self.panicked) = Some(panicked);
                }
            }
            self.gate.0.fetch_sub(1, Ordering::Release);
        }
    }

    /// Waits for a job other than `done` and enters it; none: the pool ends.
    fn await_job(&self, done: u64) -> Option<u64> {
        loop {
            let since = Instant::now();
            let mut waited = Duration::ZERO;
            while waited < SPIN {
                for _ in 0..TURNS {
                    if let Some(job) = self.enter(done) {
                        return Some(job);
                    }
                    std::hint::spin_loop();
                }
                if self.ending.load(Ordering::Relaxed) {
                    return None;
                }
                waited = since.elapsed();
                if waited > ALONE {
                    // The caller itself may be waiting for this processor.
                    std::thread::yield_now();
                }
            }
            let mut asleep = lock(&self.sleep);
            self.sleepers.fetch_add(1, Ordering::SeqCst);
            // Looked at after being counted: the caller opens the gate first and
            // then looks for sleepers, so one of the two sees the other.
            while !self.is_open(done) && !self.ending.load(Ordering::SeqCst) {
                asleep = self
                    .wake
                    .wait(asleep)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            self.sleepers.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn is_open(&self, done: u64) -> bool {
        let gate = self.gate.0.load(Ordering::SeqCst);
        gate & OPEN > 0 && gate / NEXT_JOB != done
    }

    fn enter(&self, done: u64) -> Option<u64> {
        let gate = self.gate.0.load(Ordering::Relaxed);
        if gate & OPEN == 0 || gate / NEXT_JOB == done {
            return None;
        }
        let entered =
            self.gate
                .0
                .compare_exchange(gate, gate + 1, Ordering::Acquire, Ordering::Relaxed);
        entered.ok().map(|gate| gate / NEXT_JOB)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
