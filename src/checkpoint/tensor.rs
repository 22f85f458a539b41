//! A tensor as it lies in the file: name, dtype, shape, bytes; nothing copied.

use std::ops::Range;

use bytes::Bytes;
use half::{bf16, f16};

use super::blob::Unread;
use super::dtype::Dtype;
use super::sentence::{quoted, refuse};
use crate::error::Result;
use crate::numerics::{Quantisation, halves, pair_word, random_weight};

/// Where the elements of a weight come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorData<'a> {
    /// A mapped or embedded file: little-endian, row-major and **not necessarily
    /// aligned** to the element size. Files promise no alignment, so the bytes
    /// must not be cast to a slice of a wider type without a check.
    Bytes(&'a [u8]),
    /// The same of a quantised tensor.
    Packed(Packed<'a>),
    /// A file that is read in pieces, which takes waiting: see [`TensorView::rows`].
    Unread(Unread<'a>),
    /// Numbers made from their index, for a model that has no weights.
    Random(Random),
    /// Ones, the weights of a norm that does nothing else.
    Ones,
}

/// A quantised tensor as MLX stores it: three tensors of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed<'a> {
    /// Packed numbers, `[rows, columns * bits / 32]` words.
    pub numbers: &'a [u8],
    /// `[rows, groups]`
    pub scales: &'a [u8],
    /// `[rows, groups]`
    pub biases: &'a [u8],
    /// The type of scales and biases: one of 16 or 32 bits.
    pub pairs: Dtype,
}

/// Weights that are made where they are needed; see [`random_weight`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Random {
    /// The tensor's own seed.
    pub seed: u32,
    /// The power of two that its odd whole numbers are multiplied with.
    pub exponent: i32,
}

/// A weight: stored in a file, or made on demand.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// Its name in the transformers layout.
    pub name: &'a str,
    /// The type of its elements, as they are to be used.
    pub dtype: Dtype,
    /// Their type where they are; of more bits where they are yet to be quantised.
    pub source: Dtype,
    /// Its dimensions, outermost first; a linear layer's are `[out, in]`.
    pub shape: &'a [usize],
    /// Its elements; where they are bytes, exactly those of `source`.
    pub data: TensorData<'a>,
    /// What the bytes are a part of, where they can outlive the checkpoint.
    pub whole: Option<&'a Bytes>,
}

/// Elements that are worth a thread of their own when they are quantised.
const SHARE: usize = 1 << 16;

impl<'a> TensorView<'a> {
    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Columns of a row: its last dimension.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Bytes of its elements, as they are to be used.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.dtype.bytes(self.shape)
    }

    /// The elements as they lie in a file; `None` if they are in none, or in another
    /// form.
    #[must_use]
    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self.data {
            TensorData::Bytes(bytes) if self.dtype == self.source => Some(bytes),
            _ => None,
        }
    }

    /// The elements as they lie in a file, to be kept without the checkpoint; `None`
    /// if they are in none, or in another form.
    #[must_use]
    pub fn shared(&self) -> Option<Bytes> {
        let bytes = self.bytes().filter(|bytes| !bytes.is_empty())?;
        let whole = self.whole?;
        let inside = whole.as_ptr_range();
        let part = bytes.as_ptr_range();
        (inside.start <= part.start && part.end <= inside.end).then(|| whole.slice_ref(bytes))
    }

    /// Whether the file that it is in is still what was opened.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) that names the file which another program has changed.
    pub fn check_file(&self) -> Result<()> {
        #[cfg(not(target_arch = "wasm32"))]
        match self.data {
            TensorData::Bytes(bytes) => check(bytes)?,
            TensorData::Packed(packed) => {
                for bytes in [packed.numbers, packed.scales, packed.biases] {
                    check(bytes)?;
                }
            }
            TensorData::Unread(_) | TensorData::Random(_) | TensorData::Ones => {}
        }
        Ok(())
    }

    /// Gives back the memory of rows of a mapped file that were read and are not needed
    /// again soon.
    pub fn forget(&self, rows: Range<usize>) {
        let row = self.source.row_bytes(self.columns());
        #[cfg(not(target_arch = "wasm32"))]
        if let TensorData::Bytes(bytes) = self.data
            && let Some(part) = bytes.get(rows.start * row..rows.end * row)
            && let Some(file) = crate::mapped::file_of(part)
        {
            file.forget(part);
        }
        #[cfg(target_arch = "wasm32")]
        let _ = (row, rows);
    }

    /// Appends the elements of a row as a file would hold them; packed numbers, then
    /// the pairs of the groups, if it is quantised (see [`Quantisation`]). Nothing, if they
    /// are in a file that is read in pieces.
    ///
    /// # Errors
    /// As [`pack_rows`](Self::pack_rows).
    pub fn append_row(&self, row: usize, bytes: &mut Vec<u8>) -> Result<()> {
        let columns = self.columns();
        if let Dtype::Quantised(quantisation) = self.dtype {
            let mut words = vec![0u32; quantisation.row_words(columns)];
            self.pack_rows(row..row + 1, &mut words)?;
            bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            return Ok(());
        }
        match self.data {
            TensorData::Bytes(all) => {
                let size = columns * self.dtype.size();
                bytes.extend(all.get(row * size..(row + 1) * size).unwrap_or_default());
            }
            TensorData::Unread(_) => {}
            TensorData::Ones | TensorData::Random(_) | TensorData::Packed(_) => {
                for value in self.source_to_f32(row * columns..(row + 1) * columns) {
                    match self.dtype {
                        Dtype::F16 => bytes.extend(f16::from_f32(value).to_le_bytes()),
                        Dtype::Bf16 => bytes.extend(bf16::from_f32(value).to_le_bytes()),
                        Dtype::F32 | Dtype::Quantised(_) => bytes.extend(value.to_le_bytes()),
                    }
                }
            }
        }
        Ok(())
    }

    /// Some rows of a quantised tensor, in the form of [`Quantisation`]; zeros if it is
    /// none. Large parts are quantised by several threads.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) if a scale or a bias is beyond half
    /// precision.
    pub fn pack_rows(&self, rows: Range<usize>, words: &mut [u32]) -> Result<()> {
        self.pack(rows, words);
        let Dtype::Quantised(quantisation) = self.dtype else {
            return Ok(());
        };
        let columns = self.columns();
        let rows = words.chunks_exact(quantisation.row_words(columns).max(1));
        let mut pairs = rows.filter_map(|row| row.get(quantisation.packed_words(columns)..));
        if pairs.all(|row| row.iter().all(|pair| finite(*pair))) {
            return Ok(());
        }
        let name = quoted(self.name);
        Err(refuse(match self.data {
            TensorData::Packed(_) if self.source == self.dtype => {
                format!(
                    "a scale of the tensor {name} is non-finite or too large for half precision"
                )
            }
            _ => format!(
                "the tensor {name} holds values that are non-finite or too large for half \
                 precision, so it cannot be quantised; keep its 16 or 32 bits (--weights 16, \
                 --dtype bf16 or f32)"
            ),
        }))
    }

    fn pack(&self, rows: Range<usize>, words: &mut [u32]) {
        let (Dtype::Quantised(quantisation), columns) = (self.dtype, self.columns()) else {
            return;
        };
        let per_row = quantisation.row_words(columns);
        if per_row == 0 || words.len() != per_row * rows.len() {
            return;
        }
        if let (TensorData::Packed(packed), true) = (self.data, self.source == self.dtype) {
            for (row, words) in rows.zip(words.chunks_exact_mut(per_row)) {
                packed.row(row, quantisation, columns, words);
            }
            return;
        }
        let quantise = |first: usize, words: &mut [u32]| {
            let count = words.len() / per_row;
            let values = self.source_to_f32(first * columns..(first + count) * columns);
            for (values, words) in values
                .chunks_exact(columns)
                .zip(words.chunks_exact_mut(per_row))
            {
                quantisation.quantise(values, words);
            }
        };
        let threads = threads().min(rows.len() * columns / SHARE).max(1);
        let share = rows.len().div_ceil(threads);
        let mut pieces = (rows.start..)
            .step_by(share.max(1))
            .zip(words.chunks_mut(share.max(1) * per_row));
        let Some((own, words)) = pieces.next() else {
            return;
        };
        if threads == 1 {
            return quantise(own, words);
        }
        std::thread::scope(|scope| {
            for (first, words) in pieces {
                let quantise = &quantise;
                scope.spawn(move || quantise(first, words));
            }
            quantise(own, words);
        });
    }

    /// An element that is in no file.
    fn made(&self, index: usize) -> f32 {
        match self.data {
            // The index wraps, as it does on a GPU.
            #[expect(clippy::cast_possible_truncation)]
            TensorData::Random(Random { seed, exponent }) => {
                random_weight(seed, index as u32, exponent)
            }
            _ => 1.0,
        }
    }

    /// The elements as `f32`; exact for every dtype, whatever the alignment. Those of a
    /// quantised tensor are what its numbers stand for.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        self.part_to_f32(0..self.elements())
    }

    /// Some of the elements as `f32`; none if they are not all there, or in a file that is
    /// read in pieces.
    #[must_use]
    pub fn part_to_f32(&self, part: Range<usize>) -> Vec<f32> {
        if part.end > self.elements() || self.is_unread() {
            return Vec::new();
        }
        let (Dtype::Quantised(quantisation), columns) = (self.dtype, self.columns()) else {
            return self.source_to_f32(part);
        };
        let rows = part.start / columns..part.end.div_ceil(columns);
        let per_row = quantisation.row_words(columns);
        let mut words = vec![0; per_row * rows.len()];
        self.pack(rows.clone(), &mut words);
        let mut values = vec![0.0; columns * rows.len()];
        for (words, values) in words
            .chunks_exact(per_row)
            .zip(values.chunks_exact_mut(columns))
        {
            quantisation.dequantise(words, values);
        }
        values.truncate(part.end - rows.start * columns);
        values.drain(..part.start - rows.start * columns);
        values
    }

    /// Some of the elements as they are in the file, or would be.
    fn source_to_f32(&self, part: Range<usize>) -> Vec<f32> {
        let bytes = match (self.data, self.source) {
            (TensorData::Packed(packed), Dtype::Quantised(quantisation)) => {
                return packed.part(part, quantisation, self.columns());
            }
            (TensorData::Bytes(bytes), _) => {
                let size = self.source.size();
                bytes
                    .get(part.start * size..part.end * size)
                    .unwrap_or_default()
            }
            _ => return part.map(|i| self.made(i)).collect(),
        };
        let pairs = || bytes.as_chunks::<2>().0.iter().copied();
        match self.source {
            Dtype::F32 | Dtype::Quantised(_) => {
                let (words, _) = bytes.as_chunks::<4>();
                words.iter().copied().map(f32::from_le_bytes).collect()
            }
            Dtype::F16 => pairs().map(|b| f16::from_le_bytes(b).to_f32()).collect(),
            Dtype::Bf16 => pairs().map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
        }
    }
}

impl Packed<'_> {
    /// A row in the form of [`Quantisation`].
    fn row(&self, row: usize, quantisation: Quantisation, columns: usize, words: &mut [u32]) {
        let packed = quantisation.packed_words(columns);
        let groups = quantisation.groups(columns);
        let Some((numbers, pairs)) = words.split_at_mut_checked(packed) else {
            return;
        };
        let (stored, _) = self.numbers.as_chunks::<4>();
        for (word, stored) in numbers.iter_mut().zip(&stored[row * packed..]) {
            *word = u32::from_le_bytes(*stored);
        }
        for (at, pair) in (row * groups..).zip(pairs) {
            let [scale, bias] = [self.scales, self.biases].map(|all| half(all, at, self.pairs));
            *pair = pair_word(scale, bias);
        }
    }

    /// Some of the elements.
    fn part(&self, part: Range<usize>, quantisation: Quantisation, columns: usize) -> Vec<f32> {
        let mut words = vec![0; quantisation.row_words(columns)];
        let mut row = vec![0.0; columns];
        let mut values = Vec::with_capacity(part.len());
        let mut at = part.start;
        while at < part.end {
            let first = at % columns;
            let end = columns.min(first + part.end - at);
            self.row(at / columns, quantisation, columns, &mut words);
            quantisation.dequantise(&words, &mut row);
            values.extend_from_slice(&row[first..end]);
            at += end - first;
        }
        values
    }
}

/// Number `at` of some of a type of 16 or 32 bits, in half precision.
fn half(all: &[u8], at: usize, dtype: Dtype) -> f16 {
    let pair = || all.as_chunks::<2>().0.get(at).copied().unwrap_or_default();
    match dtype {
        Dtype::F16 => f16::from_le_bytes(pair()),
        Dtype::Bf16 => f16::from_f32(bf16::from_le_bytes(pair()).to_f32()),
        Dtype::F32 | Dtype::Quantised(_) => {
            let word = all.as_chunks::<4>().0.get(at).copied();
            f16::from_f32(f32::from_le_bytes(word.unwrap_or_default()))
        }
    }
}

/// Whether scale and bias of a group are.
fn finite(pair: u32) -> bool {
    halves(pair).iter().all(|half| half.is_finite())
}

/// Whether the file of some bytes is still what was opened.
#[cfg(not(target_arch = "wasm32"))]
fn check(bytes: &[u8]) -> Result<()> {
    match crate::mapped::file_of(bytes) {
        Some(file) => file.check(),
        None => Ok(()),
    }
}

/// Threads that quantise.
fn threads() -> usize {
    if cfg!(target_arch = "wasm32") {
        return 1;
    }
    std::thread::available_parallelism().map_or(1, usize::from)
}
