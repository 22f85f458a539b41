//! A tensor that several processes have written together, each a part of it: put together
//! in memory when it is first asked for.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::Result;
use crate::mapped;

/// A tensor in several parts.
#[derive(Debug)]
pub(super) struct Parts {
    parts: Vec<Part>,
    shape: Vec<usize>,
    /// Bytes of an element.
    size: usize,
    whole: OnceLock<Bytes>,
}

/// A part of a tensor: where it begins, how large it is, and its elements.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) first: Vec<usize>,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Bytes,
}

impl Parts {
    /// Parts that make up a tensor of this shape; `size` is the bytes of an element.
    pub(super) fn new(parts: Vec<Part>, shape: Vec<usize>, size: usize) -> Self {
        Self {
            parts,
            shape,
            size,
            whole: OnceLock::new(),
        }
    }

    /// The whole tensor, row by row.
    pub(super) fn whole(&self) -> &Bytes {
        self.whole.get_or_init(|| {
            let elements: usize = self.shape.iter().product();
            let mut whole = vec![0; elements * self.size];
            for part in &self.parts {
                part.put(&mut whole, &self.shape, self.size);
            }
            whole.into()
        })
    }

    /// Whether the files that they are in are still what was opened.
    pub(super) fn check(&self) -> Result<()> {
        let files = self.parts.iter().filter_map(|p| mapped::file_of(&p.bytes));
        files.into_iter().try_for_each(|file| file.check())
    }
}

impl Part {
    /// Copies it to its place; runs of the last dimension follow one another in both.
    fn put(&self, whole: &mut [u8], shape: &[usize], size: usize) {
        let run = self.shape.last().copied().unwrap_or(1) * size;
        if run == 0 {
            return;
        }
        for (index, from) in self.bytes.chunks_exact(run).enumerate() {
            // The index of the run, by dimension, from the last but one to the first.
            let (mut rest, mut at, mut stride) = (index, 0, 1);
            for (dimension, &length) in shape.iter().enumerate().rev() {
                let first = self.first.get(dimension).copied().unwrap_or(0);
                let own = self.shape.get(dimension).copied().unwrap_or(1);
                match dimension + 1 == shape.len() {
                    true => at += first * stride,
                    false => {
                        at += (first + rest % own) * stride;
                        rest /= own;
                    }
                }
                stride *= length;
            }
            if let Some(to) = whole.get_mut(at * size..at * size + run) {
                to.copy_from_slice(from);
            }
        }
    }
}
