use std::cell::RefCell;

/// Bytes of a cache line: vectors that cross none load faster.
const LINE: usize = 64;

thread_local! {
    /// What earlier uses on this thread left, to be used again.
    static KEPT: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Numbers to write to, of any value before.
///
/// Not a function that takes a closure: that would be compiled without the
/// vectors of its caller.
pub(crate) struct Scratch {
    buffer: Vec<f32>,
    first: usize,
    numbers: usize,
}

impl Scratch {
    pub(crate) fn new(numbers: usize) -> Self {
        let kept = KEPT.try_with(|kept| kept.try_borrow_mut().ok()?.pop());
        let mut buffer = kept.ok().flatten().unwrap_or_default();
        let room = numbers + LINE / size_of::<f32>();
        if buffer.len() < room {
            buffer.clear();
            buffer.resize(room, 0.0);
        }
        let first = buffer.as_ptr().align_offset(LINE).min(room - numbers);
        Self {
            buffer,
            first,
            numbers,
        }
    }

    pub(crate) fn numbers(&mut self) -> &mut [f32] {
        &mut self.buffer[self.first..][..self.numbers]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        // A thread that ends has nothing to keep it for.
        let _ = KEPT.try_with(|kept| {
            if let Ok(mut kept) = kept.try_borrow_mut() {
                kept.push(buffer);
            }
        });
    }
}
