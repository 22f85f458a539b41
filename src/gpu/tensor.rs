//! Buffers on the GPU: activations, and weight matrices split by rows where
//! they are larger than one binding may be.

use std::ops::{ControlFlow, Range};

use super::device::Gpu;
use super::kernels::{RANDOM_WEIGHTS, RandomWeights, RandomWeightsParams};
use super::plan::{Extent, PlanBuilder, Work};
use crate::error::{Error, Result};

/// A part of a buffer, as a kernel binds it.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    /// The buffer.
    pub buffer: &'a wgpu::Buffer,
    /// First byte, a multiple of 256.
    pub offset: u64,
    /// Number of bytes, a multiple of 4.
    pub size: u64,
}

/// A buffer of 32-bit values that kernels read and write, or a part of one. A
/// clone is the same memory.
#[derive(Clone, Debug)]
pub struct Tensor {
    buffer: wgpu::Buffer,
    offset: u64,
    bytes: u64,
}

/// Parts of a buffer begin at multiples of so many bytes: what every adapter
/// allows for a binding.
pub const PART_ALIGNMENT: usize = 256;

impl Tensor {
    /// Allocates `values` 32-bit values, all zero.
    #[must_use]
    pub fn new(gpu: &Gpu, label: &str, values: usize) -> Self {
        let bytes = (values.max(1) as u64) * 4;
        Self {
            buffer: raw_buffer(gpu, label, bytes),
            offset: 0,
            bytes,
        }
    }

    /// `values` of its 32-bit values from `first` on, a multiple of 64; the same
    /// memory.
    #[must_use]
    pub fn part(&self, first: usize, values: usize) -> Self {
        Self {
            buffer: self.buffer.clone(),
            offset: self.offset + first as u64 * 4,
            bytes: (values.max(1) as u64) * 4,
        }
    }

    /// Allocates and fills a buffer.
    #[must_use]
    pub fn from<T: bytemuck::NoUninit>(gpu: &Gpu, label: &str, values: &[T]) -> Self {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let tensor = Self::new(gpu, label, bytes.len().div_ceil(4));
        tensor.write(gpu, bytes);
        tensor
    }

    /// Overwrites the beginning of the buffer, in order with submissions.
    pub fn write<T: bytemuck::NoUninit>(&self, gpu: &Gpu, values: &[T]) {
        gpu.queue
            .write_buffer(&self.buffer, self.offset, bytemuck::cast_slice(values));
    }

    /// Like [`Tensor::write`], from 32-bit value `first` on.
    pub(crate) fn write_at<T: bytemuck::NoUninit>(&self, gpu: &Gpu, first: usize, values: &[T]) {
        let at = self.offset + first as u64 * 4;
        gpu.queue
            .write_buffer(&self.buffer, at, bytemuck::cast_slice(values));
    }

    /// All of it.
    #[must_use]
    pub fn all(&self) -> Slice<'_> {
        Slice {
            buffer: &self.buffer,
            offset: self.offset,
            size: self.bytes,
        }
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Is it the same memory?
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.buffer == other.buffer && self.offset == other.offset && self.bytes == other.bytes
    }

    /// Bytes from the beginning of `whole`, where it is a part of that.
    #[must_use]
    pub fn offset_in(&self, whole: &Self) -> Option<u64> {
        let end = self.offset + self.bytes;
        let inside = self.offset >= whole.offset && end <= whole.offset + whole.bytes;
        (self.buffer == whole.buffer && inside).then(|| self.offset - whole.offset)
    }

    /// Records the copy of `bytes` bytes from byte `skip` on to byte `at` of
    /// another tensor.
    pub(crate) fn copy_to(
        &self,
        other: &Self,
        encoder: &mut wgpu::CommandEncoder,
        skip: u64,
        at: u64,
        bytes: u64,
    ) {
        let (skip, at) = (self.offset + skip, other.offset + at);
        encoder.copy_buffer_to_buffer(&self.buffer, skip, &other.buffer, at, bytes);
    }
}

/// A buffer that tensors are cut from, so that a kernel can bind all of them at
/// once; or none, and each tensor has a buffer of its own.
#[derive(Debug, Default)]
pub struct Room {
    whole: Option<Tensor>,
    used: usize,
}

impl Room {
    /// A buffer for tensors whose [`Room::share`]s add up to `values`.
    #[must_use]
    pub fn new(gpu: &Gpu, label: &str, values: usize) -> Self {
        Self {
            whole: Some(Tensor::new(gpu, label, values)),
            used: 0,
        }
    }

    /// Values that a tensor of so many takes there.
    #[must_use]
    pub const fn share(values: usize) -> usize {
        values.next_multiple_of(PART_ALIGNMENT / 4)
    }

    /// A tensor of `values` 32-bit values, all zero.
    #[must_use]
    pub fn take(&mut self, gpu: &Gpu, label: &str, values: usize) -> Tensor {
        match &self.whole {
            None => Tensor::new(gpu, label, values),
            Some(whole) => {
                let first = self.used;
                self.used += Self::share(values.max(1));
                whole.part(first, values)
            }
        }
    }

    /// The buffer, if there is one.
    #[must_use]
    pub fn whole(&self) -> Option<&Tensor> {
        self.whole.as_ref()
    }
}

/// How weights are stored on the GPU: as they are in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WeightType {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of a single.
    Bf16,
}

impl WeightType {
    /// Bytes per weight.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

/// Rounds a row length up to whole vectors of four.
#[must_use]
pub const fn padded(columns: usize) -> usize {
    columns.next_multiple_of(4)
}

/// A weight matrix `[rows, columns]`, stored row by row in its file's type;
/// rows are padded with zeros to a multiple of four columns.
#[derive(Debug)]
pub struct Matrix {
    /// Consecutive rows, each part within the binding limit.
    pub parts: Vec<MatrixPart>,
    /// Number of rows (outputs).
    pub rows: usize,
    /// Number of columns (inputs), without padding.
    pub columns: usize,
    /// Type of the stored weights.
    pub weights: WeightType,
}

impl Matrix {
    /// Size in bytes, padding included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.tensor.bytes()).sum()
    }

    /// Its rows from `first` on, in the same memory; `None` where no binding can
    /// begin at the first of them.
    #[must_use]
    pub(crate) fn rows_from(&self, first: usize) -> Option<Self> {
        let row_bytes = padded(self.columns) * self.weights.size();
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let skip = first.saturating_sub(part.first_row).min(part.rows);
            let rows = part.rows - skip;
            if rows == 0 {
                continue;
            }
            if !(skip * row_bytes).is_multiple_of(PART_ALIGNMENT) {
                return None;
            }
            let values = (rows * row_bytes).div_ceil(4);
            parts.push(MatrixPart {
                tensor: part.tensor.part(skip * row_bytes / 4, values),
                first_row: part.first_row + skip - first,
                rows,
            });
        }
        Some(Self {
            parts,
            rows: self.rows - first,
            columns: self.columns,
            weights: self.weights,
        })
    }
}

/// Some consecutive rows of a [`Matrix`].
#[derive(Debug)]
pub struct MatrixPart {
    /// The rows.
    pub tensor: Tensor,
    /// Index of the first of them in the matrix.
    pub first_row: usize,
    /// Their number.
    pub rows: usize,
}

/// Some rows of a matrix.
#[derive(Clone, Copy, Debug)]
pub struct RowBlock<'a> {
    /// Number of rows.
    pub rows: usize,
    /// Where they come from.
    pub source: RowSource<'a>,
}

/// Where rows of a matrix come from.
#[derive(Clone, Copy, Debug)]
pub enum RowSource<'a> {
    /// A file: row-major, little endian, without padding.
    Bytes(&'a [u8]),
    /// Nowhere: they are zero.
    Zeros,
    /// Numbers that the GPU makes from their indices; see
    /// [`crate::reference::random_weight`].
    Random {
        /// The seed of the tensor.
        seed: u32,
        /// The power of two that they are multiples of.
        exponent: i32,
    },
}

/// Uploads weights in bounded pieces, so that neither the driver's staging
/// memory nor the host's grows with the model.
#[derive(Debug)]
pub struct Uploader<'g, P> {
    gpu: &'g Gpu,
    go_on: P,
    in_flight: u64,
    stopped: bool,
}

/// Rows of a grid; more are taken in turns.
const GRID_ROWS: usize = 1024;
/// Bytes handed to the driver before waiting for it.
const UPLOAD_WINDOW: u64 = 64 << 20;
/// Bytes copied at a time.
const UPLOAD_PIECE: usize = 4 << 20;

impl<'g, P: FnMut(u64) -> ControlFlow<()>> Uploader<'g, P> {
    /// Starts an upload; `go_on` is told the bytes of each piece done and may stop
    /// there, which is [`Error::Interrupted`].
    pub fn new(gpu: &'g Gpu, go_on: P) -> Self {
        Self {
            gpu,
            go_on,
            in_flight: 0,
            stopped: false,
        }
    }

    fn tell(&mut self, bytes: u64) {
        self.stopped |= (self.go_on)(bytes).is_break();
    }

    fn check(&self) -> Result<()> {
        match self.stopped {
            true => Err(Error::Interrupted),
            false => self.gpu.check(),
        }
    }

    /// Uploads a vector of f32 values (a norm's weights).
    pub fn vector(&mut self, label: &str, values: &[f32]) -> Tensor {
        let mut padded_values = values.to_vec();
        padded_values.resize(padded(values.len()), 0.0);
        let tensor = Tensor::from(self.gpu, label, &padded_values);
        self.tell(values.len() as u64 * 4);
        tensor
    }

    /// Uploads a matrix from blocks of rows that follow one another.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] and the device's other errors; [`Error::Gpu`]
    /// when a single row is larger than a binding; [`Error::Interrupted`].
    pub async fn matrix(
        &mut self,
        label: &str,
        weights: WeightType,
        columns: usize,
        blocks: &[RowBlock<'_>],
    ) -> Result<Matrix> {
        let rows: usize = blocks.iter().map(|b| b.rows).sum();
        let row_bytes = padded(columns) * weights.size();
        let limit = usize::try_from(self.gpu.binding_bytes()).unwrap_or(usize::MAX);
        let rows_per_part = (limit / row_bytes).min(rows);
        if rows_per_part == 0 {
            return Err(Error::Gpu(format!(
                "a row of {label} has {row_bytes} bytes, more than this adapter binds at once ({limit})"
            )));
        }
        let mut parts = Vec::new();
        for first_row in (0..rows).step_by(rows_per_part) {
            let rows = rows_per_part.min(rows - first_row);
            self.check()?;
            let tensor = self.allocate(label, (rows * row_bytes).div_ceil(4)).await?;
            parts.push(MatrixPart {
                tensor,
                first_row,
                rows,
            });
        }

        let mut row = 0;
        for block in blocks {
            match block.source {
                RowSource::Zeros => {}
                RowSource::Bytes(bytes) => {
                    let rows = row..row + block.rows;
                    self.write(&parts, rows, columns, weights, bytes).await?;
                }
                RowSource::Random { seed, exponent } => {
                    let rows = row..row + block.rows;
                    let numbers = (seed, exponent);
                    self.random(&parts, rows, columns, weights, numbers).await?;
                }
            }
            row += block.rows;
        }
        self.check()?;
        Ok(Matrix {
            parts,
            rows,
            columns,
            weights,
        })
    }

    /// Allocates a tensor; that there is no memory for it is an error of this upload
    /// and no failure of the device, on which others are at work.
    async fn allocate(&self, label: &str, values: usize) -> Result<Tensor> {
        let device = &self.gpu.device;
        let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let tensor = Tensor::new(self.gpu, label, values);
        match scope.pop().await {
            None => Ok(tensor),
            Some(error) => Err(Error::OutOfMemory(error.to_string())),
        }
    }

    async fn random(
        &mut self,
        parts: &[MatrixPart],
        rows: Range<usize>,
        columns: usize,
        weights: WeightType,
        (seed, exponent): (u32, i32),
    ) -> Result<()> {
        let gpu = self.gpu;
        let wanted = [("WEIGHTS", gpu.stored_axis(weights))];
        let variant = gpu.select(&RANDOM_WEIGHTS, gpu.tuning.per_item, &wanted)?;
        let state = Tensor::from(gpu, "state", &[1u32, 0]);
        let count = |items: usize| u32::try_from(items).unwrap_or(u32::MAX);
        for part in parts {
            let begin = rows.start.max(part.first_row);
            let end = rows.end.min(part.first_row + part.rows);
            if begin >= end {
                continue;
            }
            let words = padded(columns) * weights.size() / 4;
            let turn = (end - begin).min(GRID_ROWS);
            let kernel = RandomWeights {
                state: state.all(),
                y: part.tensor.all(),
            };
            let params = RandomWeightsParams {
                seed,
                columns: count(columns),
                padded: count(padded(columns)),
                first_row: count(begin - rows.start),
                rows: count(end - begin),
                skip: count(begin - part.first_row),
                turn: count(turn),
                scale: 2.0f32.powi(exponent),
            };
            let mut plan = PlanBuilder::new(gpu);
            let grid = [Extent::Items(words), Extent::Items(turn)];
            plan.push(
                "random_weights",
                &kernel,
                variant,
                params,
                grid,
                Work::default(),
            );
            plan.build()?.submit(gpu, 1, |_| ());
            self.flush().await?;
            self.tell(((end - begin) * columns * weights.size()) as u64);
            self.check()?;
        }
        Ok(())
    }

    async fn write(
        &mut self,
        parts: &[MatrixPart],
        rows: Range<usize>,
        columns: usize,
        weights: WeightType,
        bytes: &[u8],
    ) -> Result<()> {
        let first = rows.start;
        let file_row = columns * weights.size();
        let row_bytes = padded(columns) * weights.size();
        for part in parts {
            let begin = first.max(part.first_row);
            let end = rows.end.min(part.first_row + part.rows);
            let step = (UPLOAD_PIECE / row_bytes).max(1);
            let mut row = begin;
            while row < end {
                let count = step.min(end - row);
                let source = &bytes[(row - first) * file_row..][..count * file_row];
                let at = ((row - part.first_row) * row_bytes) as u64;
                let target = part.tensor.all().buffer;
                if file_row == row_bytes {
                    self.gpu.queue.write_buffer(target, at, source);
                } else {
                    let mut rows = vec![0; count * row_bytes];
                    for (to, from) in rows
                        .chunks_exact_mut(row_bytes)
                        .zip(source.chunks_exact(file_row))
                    {
                        to[..file_row].copy_from_slice(from);
                    }
                    self.gpu.queue.write_buffer(target, at, &rows);
                }
                self.tell(source.len() as u64);
                self.check()?;
                self.in_flight += source.len() as u64;
                if self.in_flight >= UPLOAD_WINDOW {
                    self.flush().await?;
                }
                row += count;
            }
        }
        Ok(())
    }

    /// Waits for everything uploaded so far.
    ///
    /// # Errors
    /// The device's errors.
    pub async fn flush(&mut self) -> Result<()> {
        self.in_flight = 0;
        self.gpu.idle().await
    }
}

fn raw_buffer(gpu: &Gpu, label: &str, bytes: u64) -> wgpu::Buffer {
    gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: bytes,
        usage: wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}
