//! What happens where a mapped file has no bytes any more.
//!
//! On Unix touching such a page raises SIGBUS, which ends the process unless a
//! handler deals with it. The one here looks the address up in a list of the mapped
//! files, puts a page of zeros there, marks the file and returns; the instruction is
//! then run again and reads the zeros. A fault anywhere else goes to whatever handled
//! SIGBUS before.
//!
//! On Windows the system refuses to shorten a file that is mapped, so nothing is
//! installed there. (A disk or network share that fails while a page is read still
//! ends the process there.)
//!
//! All `unsafe` of the signal is in this file. Between the signal and the return only
//! atomic numbers, immutable memory that is never freed, and the system calls `mmap`
//! and `sigaction` are touched: no lock, no allocation, no formatting.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// Where a file is mapped. Never freed, so that a handler may walk the list at any
/// time: a few dozen bytes for each file that a process ever maps.
#[derive(Debug)]
pub(super) struct Place {
    addresses: Range<usize>,
    /// Whether the mapping is there.
    mapped: AtomicBool,
    /// Whether bytes were missing.
    damaged: AtomicBool,
    next: AtomicPtr<Place>,
}

/// The newest place; each knows the one before it.
static NEWEST: AtomicPtr<Place> = AtomicPtr::new(std::ptr::null_mut());

/// Whether any file ever was damaged.
pub(super) static ANY: AtomicBool = AtomicBool::new(false);

impl Place {
    /// Puts the addresses of a mapping on the list.
    pub(super) fn new(addresses: Range<usize>) -> &'static Self {
        #[cfg(unix)]
        signal::install();
        let place: &'static mut Self = Box::leak(Box::new(Self {
            addresses,
            mapped: AtomicBool::new(true),
            damaged: AtomicBool::new(false),
            next: AtomicPtr::new(std::ptr::null_mut()),
        }));
        let place: *mut Self = place;
        // SAFETY: leaked, so that it is valid for ever; from here on only shared.
        let shared: &'static Self = unsafe { &*place };
        let mut newest = NEWEST.load(Ordering::Acquire);
        loop {
            shared.next.store(newest, Ordering::Relaxed);
            // Release: who sees the place sees what is in it.
            match NEWEST.compare_exchange_weak(newest, place, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return shared,
                Err(other) => newest = other,
            }
        }
    }

    /// The mapping is about to be undone.
    pub(super) fn forget(&self) {
        self.mapped.store(false, Ordering::Release);
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// Whether bytes lie in it.
    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        let part = bytes.as_ptr_range();
        self.addresses.start <= part.start.addr() && part.end.addr() <= self.addresses.end
    }

    /// The mapping that an address is in.
    #[cfg(unix)]
    fn at(address: usize) -> Option<&'static Self> {
        let mut next = NEWEST.load(Ordering::Acquire);
        // SAFETY: null, or a place that was leaked and never changes but for its atomics.
        while let Some(place) = unsafe { next.as_ref() } {
            if place.addresses.contains(&address) && place.mapped.load(Ordering::Acquire) {
                return Some(place);
            }
            next = place.next.load(Ordering::Relaxed);
        }
        None
    }
}

#[cfg(unix)]
mod signal {
    use std::ffi::c_void;
    use std::mem::{MaybeUninit, transmute};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use libc::{c_int, sigaction, siginfo_t};

    use super::{ANY, Place};

    type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

    /// What handled the signal before.
    static BEFORE: OnceLock<sigaction> = OnceLock::new();
    /// Bytes of a page.
    static PAGE: AtomicUsize = AtomicUsize::new(0);

    /// Takes over SIGBUS, once. Where the system refuses, a fault ends the process as
    /// it would without this.
    pub(super) fn install() {
        BEFORE.get_or_init(|| {
            // SAFETY: asks for a number.
            let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            PAGE.store(usize::try_from(page).unwrap_or(0), Ordering::Release);
            let before = action(None).unwrap_or(default());
            // A fault before this function returns is handled as the system does by default.
            let mut ours = default();
            ours.sa_sigaction = on_fault as Handler as usize;
            // On the stack that a thread has for signals, where it has one.
            ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            let _ = action(Some(&ours));
            before
        });
    }

    fn default() -> sigaction {
        // SAFETY: all zeros is a valid `sigaction`: SIG_DFL, no flags, an empty mask.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }

    /// Asks what handles SIGBUS, and sets it.
    fn action(new: Option<&sigaction>) -> Option<sigaction> {
        let mut old = default();
        let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: both are null or valid for the call, which async-signal code may make.
        (unsafe { sigaction(libc::SIGBUS, new, &raw mut old) } == 0).then_some(old)
    }

    extern "C" fn on_fault(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: with SA_SIGINFO the system passes a valid one.
        let (code, address) = unsafe { ((*info).si_code, (*info).si_addr()) };
        // A code of 0 or below: sent by a program, not by a fault, and without an address.
        if code > 0 && fill(address.addr()) {
            return;
        }
        pass_on(signal, info, context);
    }

    /// Puts zeros where a file is mapped, from the page of an address to the end of the
    /// mapping: what is behind a cut is gone as well, and one call for all of it is one
    /// fault instead of a million.
    fn fill(address: usize) -> bool {
        let page = PAGE.load(Ordering::Acquire);
        let Some(place) = Place::at(address).filter(|_| page.is_power_of_two()) else {
            return false;
        };
        // Before the zeros, so that whoever reads them can see it.
        place.damaged.store(true, Ordering::Release);
        ANY.store(true, Ordering::Release);
        let first = address & !(page - 1);
        let bytes = place.addresses.end - first;
        // SAFETY: the pages from `first` on belong to this mapping, which is there as long
        // as someone reads it (who faulted here); the system replaces them as one step.
        let mapped = unsafe {
            libc::mmap(
                std::ptr::with_exposed_provenance_mut(first),
                bytes,
                libc::PROT_READ,
                libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED,
                -1,
                0,
            )
        };
        mapped != libc::MAP_FAILED
    }

    /// Lets whoever was there before handle the signal.
    fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        let before = BEFORE.get().copied().unwrap_or(default());
        match before.sa_sigaction {
            // To ignore a fault would be to repeat it for ever; the system does not either.
            libc::SIG_DFL | libc::SIG_IGN => {
                let _ = action(Some(&default()));
                // SAFETY: blocked while this handler runs, so it comes when that returns, as
                // does a fault, which happens again.
                unsafe { libc::raise(signal) };
            }
            handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
                // SAFETY: the flag says that it is a function of this type.
                let handler: Handler = unsafe { transmute(handler) };
                handler(signal, info, context);
            }
            handler => {
                // SAFETY: without the flag it is a function of this type.
                let handler: extern "C" fn(c_int) = unsafe { transmute(handler) };
                handler(signal);
            }
        }
    }
}
