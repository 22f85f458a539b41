//! Memory of tensors on the processor, and the views that a step takes of it.
//!
//! Tensors are shared between sessions and threads, as buffers of a GPU are. All
//! access goes through a [`Turn`], which only one thread has at a time, and a step
//! is refused when it is built if it writes what it reads ([`Bindings::new`]).

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;
use std::sync::Arc;
#[cfg(not(target_arch = "wasm32"))]
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::device::bindings::{State, Weights};
use crate::device::cpu::Cpu;

/// Own memory begins at multiples of this: a cache line, and the widest vector.
const ALIGNMENT: usize = 64;

/// The bytes of a tensor: its own, or a part of a file or of the program.
#[derive(Debug)]
pub(crate) enum Memory {
    Own(Own),
    Shared(Bytes),
}

/// Zeroed bytes that can be written.
#[derive(Debug)]
pub(crate) struct Own {
    start: NonNull<u8>,
    bytes: usize,
    /// Number of the device whose turns may touch it.
    device: u64,
    /// Where `start` is, if it was not allocated.
    #[cfg(not(target_arch = "wasm32"))]
    pages: Option<Arc<memmap2::MmapMut>>,
}

// SAFETY: the bytes are plain numbers that belong to nobody's thread, and they are
// only touched by whoever has the turn (see `Turn`).
unsafe impl Send for Own {}
// SAFETY: as above.
unsafe impl Sync for Own {}

impl Drop for Own {
    fn drop(&mut self) {
        #[cfg(not(target_arch = "wasm32"))]
        if self.pages.is_some() {
            return;
        }
        if let Some(layout) = layout(self.bytes) {
            // SAFETY: `zeroed` allocated `start` with this very layout.
            unsafe { dealloc(self.start.as_ptr(), layout) }
        }
    }
}

/// Weights of at least this many bytes have huge pages of their own, where the system has them:
/// they are read from one end to the other, and each page of 4 KiB would miss in the TLB. What a
/// session allocates has none: of most of its tensors a short text uses the beginning only.
#[cfg(not(target_arch = "wasm32"))]
const LARGE: usize = 4 << 20;

/// Bytes that weights of fewer than [`LARGE`] share: enough that little of their last huge
/// page is left over.
#[cfg(not(target_arch = "wasm32"))]
const BLOCK: usize = 64 << 20;

#[cfg(not(target_arch = "wasm32"))]
fn huge_pages(bytes: usize) -> Option<memmap2::MmapMut> {
    let pages = memmap2::MmapMut::map_anon(bytes).ok()?;
    #[cfg(target_os = "linux")]
    if let Err(error) = pages.advise(memmap2::Advice::HugePage) {
        tracing::debug!("no huge pages: {error}");
    }
    Some(pages)
}

/// `None` for no bytes, for which nothing is allocated.
fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes, ALIGNMENT)
        .ok()
        .filter(|layout| layout.size() > 0)
}

impl Memory {
    fn zeroed(device: u64, bytes: usize) -> Option<Self> {
        let layout = layout(bytes)?;
        // SAFETY: the layout has a size above zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self::Own(Own {
            start,
            bytes,
            device,
            #[cfg(not(target_arch = "wasm32"))]
            pages: None,
        }))
    }

    /// Bytes of pages from byte `at` on, which are inside and nobody else's.
    #[cfg(not(target_arch = "wasm32"))]
    fn within(device: u64, bytes: usize, pages: Arc<memmap2::MmapMut>, at: usize) -> Option<Self> {
        Some(Self::Own(Own {
            start: NonNull::new(pages.as_ptr().cast_mut().wrapping_add(at))?,
            bytes,
            device,
            pages: Some(pages),
        }))
    }

    pub(crate) fn empty() -> Self {
        Self::Shared(Bytes::new())
    }

    /// Bytes that are elsewhere already; `None` unless they begin at a multiple of
    /// `alignment`.
    pub(crate) fn shared(bytes: Bytes, alignment: usize) -> Option<Self> {
        (bytes.as_ptr().addr().is_multiple_of(alignment)).then_some(Self::Shared(bytes))
    }

    fn len(&self) -> usize {
        match self {
            Self::Own(own) => own.bytes,
            Self::Shared(bytes) => bytes.len(),
        }
    }

    /// Address and length of a range, clipped to the bytes that exist.
    fn part(&self, range: &Range<usize>) -> (*const u8, usize) {
        let end = range.end.min(self.len());
        let first = range.start.min(end);
        let start = match self {
            Self::Own(own) => own.start.as_ptr().cast_const(),
            Self::Shared(bytes) => bytes.as_ptr(),
        };
        // SAFETY: `first` is at most the length of the allocation.
        (unsafe { start.add(first) }, end - first)
    }
}

/// The queue of a device: work is done in the order in which it gets its turn.
#[derive(Debug)]
pub(crate) struct Queue {
    device: u64,
    lock: Mutex<()>,
    /// The block of weights that has room, while one of them lives, and how many of its
    /// bytes are given away.
    #[cfg(not(target_arch = "wasm32"))]
    block: Mutex<(Weak<memmap2::MmapMut>, usize)>,
}

impl Queue {
    /// The queue of a new device.
    pub(crate) fn new() -> Self {
        static DEVICES: AtomicU64 = AtomicU64::new(0);
        Self {
            device: DEVICES.fetch_add(1, Ordering::Relaxed),
            lock: Mutex::new(()),
            #[cfg(not(target_arch = "wasm32"))]
            block: Mutex::default(),
        }
    }

    /// Zeroed memory that the turns of this queue may touch, which takes none until
    /// it is written; `None` if there is not that much.
    pub(crate) fn zeroed(&self, bytes: usize) -> Option<Memory> {
        Memory::zeroed(self.device, bytes)
    }

    /// The same for weights, in huge pages.
    pub(crate) fn zeroed_weights(&self, bytes: usize) -> Option<Memory> {
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(memory) = self.in_huge_pages(bytes) {
            return Some(memory);
        }
        self.zeroed(bytes)
    }

    /// Pages of its own, or fewer than [`LARGE`] bytes of a block.
    #[cfg(not(target_arch = "wasm32"))]
    fn in_huge_pages(&self, bytes: usize) -> Option<Memory> {
        if bytes >= LARGE {
            let pages = Arc::new(huge_pages(bytes)?);
            return Memory::within(self.device, bytes, pages, 0);
        }
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        let (pages, at) = match block.0.upgrade() {
            Some(pages) if block.1 + bytes <= BLOCK => (pages, block.1),
            _ => (Arc::new(huge_pages(BLOCK)?), 0),
        };
        let end = (at + bytes).next_multiple_of(ALIGNMENT);
        *block = (Arc::downgrade(&pages), end);
        Memory::within(self.device, bytes, pages, at)
    }

    /// Waits for the turn.
    pub(crate) fn turn(&self) -> Turn<'_> {
        Turn {
            access: Access {
                device: self.device,
            },
            _queue: self.lock.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// A turn on the queue: one thread at a time has it.
#[derive(Debug)]
pub(crate) struct Turn<'q> {
    access: Access,
    _queue: MutexGuard<'q, ()>,
}

impl Deref for Turn<'_> {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.access
    }
}

impl DerefMut for Turn<'_> {
    fn deref_mut(&mut self) -> &mut Access {
        &mut self.access
    }
}

/// The right to touch the tensors of a device. There is one of it, in a [`Turn`].
#[derive(Debug)]
pub(crate) struct Access {
    device: u64,
}

impl Access {
    /// Address and length of a range; zero bytes for a tensor of another device.
    fn part(&self, memory: &Memory, range: &Range<usize>) -> (*const u8, usize) {
        match memory {
            Memory::Own(own) if own.device != self.device => memory.part(&(0..0)),
            _ => memory.part(range),
        }
    }

    /// The tensor's own memory, if this turn may write it.
    fn own<'m>(&self, memory: &'m Memory) -> Option<&'m Own> {
        match memory {
            Memory::Own(own) if own.device == self.device => Some(own),
            _ => None,
        }
    }

    /// Reads a part of a tensor.
    pub(crate) fn read<'t>(&'t self, memory: &'t Memory, range: &Range<usize>) -> &'t [u8] {
        let (start, bytes) = self.part(memory, range);
        // SAFETY: the bytes are there and initialised (zeroed or of a file), and no
        // one writes them while this turn is borrowed: writing takes it mutably.
        unsafe { std::slice::from_raw_parts(start, bytes) }
    }

    /// Overwrites a part of a tensor from byte `at` on; what does not fit, or is
    /// not the tensor's own memory, is left out.
    pub(crate) fn write(&mut self, memory: &Memory, at: usize, from: &[u8]) {
        if let Some(own) = self.own(memory) {
            let first = at.min(own.bytes);
            let bytes = from.len().min(own.bytes - first);
            // SAFETY: the target is inside the allocation, and this turn alone may
            // touch it; `from` cannot be a part of it, as such a slice would borrow
            // the turn. `copy` allows any overlap all the same.
            unsafe { std::ptr::copy(from.as_ptr(), own.start.as_ptr().add(first), bytes) }
        }
    }

    /// Copies a part of a tensor to another place, in the same tensor or another.
    pub(crate) fn copy(
        &mut self,
        (from, range): (&Memory, &Range<usize>),
        (to, at): (&Memory, usize),
    ) {
        let (start, bytes) = self.part(from, range);
        if let Some(own) = self.own(to) {
            let first = at.min(own.bytes);
            let bytes = bytes.min(own.bytes - first);
            // SAFETY: both parts are inside their allocations, this turn alone may
            // touch them, and `copy` allows them to overlap.
            unsafe { std::ptr::copy(start, own.start.as_ptr().add(first), bytes) }
        }
    }

    /// Copies a part of a tensor to one of another with all threads.
    pub(crate) fn copy_shared(
        &mut self,
        (from, range): (&Arc<Memory>, Range<usize>),
        (to, target): (&Arc<Memory>, Range<usize>),
        cpu: &Cpu,
    ) {
        const PIECE: usize = 1 << 20;
        let binding = |memory: &Arc<Memory>, range, written| Binding {
            memory: Arc::clone(memory),
            range,
            written,
        };
        let bindings = vec![binding(from, range, false), binding(to, target, true)];
        let Some(bindings) = Bindings::new(bindings) else {
            return;
        };
        let [Some(View::Read(from)), Some(View::Write(to)), ..] = self.views(&bindings) else {
            return;
        };
        let bytes = from.len().min(to.len());
        cpu.chunks(&mut to[..bytes], PIECE, usize::MAX, |piece, to| {
            to.copy_from_slice(&from[piece * PIECE..][..to.len()]);
        });
    }

    /// Views of the bindings of a step.
    fn views<'t>(&'t mut self, bindings: &'t Bindings) -> [Option<View<'t>>; MOST_BINDINGS] {
        let mut views = [const { None }; MOST_BINDINGS];
        for (view, binding) in views.iter_mut().zip(&bindings.0) {
            let (start, bytes) = self.part(&binding.memory, &binding.range);
            *view = Some(match &*binding.memory {
                // SAFETY: inside the allocation and initialised; no other view of
                // this step has a byte in common (`Bindings::new`), and the right to
                // touch the bytes is borrowed mutably as long as the view lives.
                Memory::Own(_) if binding.written => {
                    View::Write(unsafe { std::slice::from_raw_parts_mut(start.cast_mut(), bytes) })
                }
                // SAFETY: as above, and nothing that is written overlaps it.
                _ => View::Read(unsafe { std::slice::from_raw_parts(start, bytes) }),
            });
        }
        views
    }
}

/// Bindings of a kernel at most: WebGPU's storage buffers of a stage.
const MOST_BINDINGS: usize = 8;

/// One binding of a step.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) memory: Arc<Memory>,
    pub(crate) range: Range<usize>,
    pub(crate) written: bool,
}

/// The bindings of a step, of which nothing that is written overlaps another.
#[derive(Debug)]
pub(crate) struct Bindings(Vec<Binding>);

impl Bindings {
    /// `None` if one is written and overlaps another, or there are too many.
    pub(crate) fn new(bindings: Vec<Binding>) -> Option<Self> {
        for (at, binding) in bindings.iter().enumerate() {
            let mut others = bindings
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != at);
            if binding.written && others.any(|(_, other)| binding.overlaps(other)) {
                return None;
            }
        }
        (bindings.len() <= MOST_BINDINGS).then_some(Self(bindings))
    }
}

impl Bindings {
    /// Whether a binding is the same bytes in both.
    pub(crate) fn same(&self, other: &Self, index: usize) -> bool {
        match (self.0.get(index), other.0.get(index)) {
            (Some(a), Some(b)) => Arc::ptr_eq(&a.memory, &b.memory) && a.range == b.range,
            _ => false,
        }
    }
}

impl Binding {
    fn overlaps(&self, other: &Self) -> bool {
        let ends = |binding: &Self| {
            let (start, bytes) = binding.memory.part(&binding.range);
            start.addr()..start.addr() + bytes
        };
        let (a, b) = (ends(self), ends(other));
        a.start < b.end && b.start < a.end
    }
}

/// A binding of a step that runs.
#[derive(Debug)]
enum View<'t> {
    Read(&'t [u8]),
    Write(&'t mut [u8]),
}

/// A step that runs: its parameters and bindings, each of which is taken once.
#[derive(Debug)]
pub(crate) struct Call<'t> {
    params: &'t [u8],
    views: [Option<View<'t>>; MOST_BINDINGS],
    stored: &'static str,
    cpu: &'t Cpu,
}

impl<'t> Call<'t> {
    pub(crate) fn new(
        access: &'t mut Access,
        bindings: &'t Bindings,
        (params, stored): (&'t [u8], &'static str),
        cpu: &'t Cpu,
    ) -> Self {
        Self {
            params,
            views: access.views(bindings),
            stored,
            cpu,
        }
    }

    pub(crate) fn cpu(&self) -> &'t Cpu {
        self.cpu
    }

    pub(crate) fn params<P: bytemuck::AnyBitPattern>(&self) -> P {
        bytemuck::pod_read_unaligned(&self.params[..size_of::<P>()])
    }

    /// How the step's variant stores weights: the value of its axis `WEIGHTS`.
    pub(crate) fn stored(&self) -> &'static str {
        self.stored
    }

    fn take(&mut self, index: usize) -> Option<View<'t>> {
        self.views.get_mut(index).and_then(Option::take)
    }

    /// Binding `index`, which is read.
    pub(crate) fn read<T: bytemuck::AnyBitPattern>(&mut self, index: usize) -> &'t [T] {
        match self.take(index) {
            Some(View::Read(bytes)) => bytemuck::cast_slice(bytes),
            Some(View::Write(bytes)) => bytemuck::cast_slice(bytes),
            None => &[],
        }
    }

    /// Binding `index`, which is read and written.
    pub(crate) fn write<T: bytemuck::Pod>(&mut self, index: usize) -> &'t mut [T] {
        match self.take(index) {
            Some(View::Write(bytes)) => bytemuck::cast_slice_mut(bytes),
            _ => &mut [],
        }
    }

    /// Binding `index`, the state.
    pub(crate) fn state(&mut self, index: usize) -> &'t State {
        const NONE: State = State {
            rows: 0,
            first_slot: 0,
        };
        self.read::<State>(index).first().unwrap_or(&NONE)
    }

    /// Binding `index`, the weights.
    pub(crate) fn weights(&mut self, index: usize) -> Weights<'t> {
        match self.stored {
            "f16" => Weights::F16(self.read(index)),
            "bf16" => Weights::Bf16(self.read(index)),
            "q8" => Weights::Q8(self.read(index)),
            "q4" => Weights::Q4(self.read(index)),
            _ => Weights::F32(self.read(index)),
        }
    }
}
