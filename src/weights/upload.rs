//! Bringing weights to a device, in bounded pieces or not at all.

use std::ops::{ControlFlow, Range};

use bytes::Bytes;

use super::matrix::{Matrix, MatrixPart, words};
use crate::checkpoint::{Dtype, Random, TensorData, TensorView};
use crate::device::bindings::WeightType;
use crate::device::kernels::{RANDOM_WEIGHTS, RandomWeights, RandomWeightsParams};
use crate::device::plan::{Extent, PlanBuilder, Work};
use crate::device::tensor::padded;
use crate::device::{Device, Tensor};
use crate::error::{Error, Result};

/// Some rows of a matrix.
#[derive(Clone, Debug)]
pub struct RowBlock<'a> {
    /// Number of rows.
    pub rows: usize,
    /// Where they come from.
    pub source: RowSource<'a>,
}

/// Where rows of a matrix come from.
#[derive(Clone, Debug)]
pub enum RowSource<'a> {
    /// Numbers in memory: row-major, little endian, without padding.
    Bytes(&'a [u8]),
    /// The same, in a file or in the program, where a device that shares the host's
    /// memory can use them.
    Shared(Bytes),
    /// A tensor that is quantised, or is to be.
    Quantised(TensorView<'a>),
    /// A tensor of a file that is read in pieces.
    Unread(TensorView<'a>),
    /// Nowhere: they are zero.
    Zeros,
    /// Numbers that the device makes from their indices; see
    /// [`random_weight`](crate::numerics::random_weight).
    Random {
        /// The seed of the tensor.
        seed: u32,
        /// The power of two that they are multiples of.
        exponent: i32,
    },
}

/// Uploads weights in bounded pieces, so that neither the driver's staging
/// memory nor the host's grows with the model.
pub struct Uploader<'d> {
    device: &'d Device,
    go_on: Box<dyn FnMut(u64) -> ControlFlow<()> + Send + 'd>,
    in_flight: u64,
    stopped: bool,
}

/// Rows of a grid; more are taken in turns.
const GRID_ROWS: usize = 1024;
/// Bytes handed to the driver before waiting for it.
const UPLOAD_WINDOW: u64 = 64 << 20;
/// Bytes copied at a time.
const UPLOAD_PIECE: usize = 4 << 20;
/// Weights quantised at a time.
const QUANTISED_PIECE: usize = 1 << 20;

impl<'d> Uploader<'d> {
    /// Starts an upload; `go_on` is told the bytes of each piece done and may stop
    /// there, which is [`Error::Interrupted`].
    pub fn new(device: &'d Device, go_on: impl FnMut(u64) -> ControlFlow<()> + Send + 'd) -> Self {
        Self {
            device,
            go_on: Box::new(go_on),
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
            false => self.device.check(),
        }
    }

    /// Uploads a vector (a norm's weights) as f32 values.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read.
    pub async fn vector(&mut self, label: &str, vector: &TensorView<'_>) -> Result<Tensor> {
        let tensor = self.vectors(label, &[vector]).await?;
        self.tell(vector.shape.iter().product::<usize>() as u64 * 4);
        Ok(tensor)
    }

    /// Uploads vectors as the rows of a tensor, each padded. They do not count as
    /// progress of the load.
    ///
    /// # Errors
    /// The device's errors.
    pub(crate) async fn vectors(
        &mut self,
        label: &str,
        vectors: &[&TensorView<'_>],
    ) -> Result<Tensor> {
        let mut rows = Vec::new();
        for vector in vectors {
            rows.extend(vector.values().await?);
            rows.resize(padded(rows.len()), 0.0);
        }
        Ok(Tensor::from(self.device, label, &rows))
    }

    /// Uploads a matrix from blocks of rows that follow one another.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] and the device's other errors; [`Error::Device`]
    /// when a single row is larger than a binding; [`Error::Interrupted`].
    pub async fn matrix(
        &mut self,
        label: &str,
        weights: WeightType,
        columns: usize,
        blocks: &[RowBlock<'_>],
    ) -> Result<Matrix> {
        let rows: usize = blocks.iter().map(|b| b.rows).sum();
        let row_bytes = weights.row_bytes(columns);
        let limit = usize::try_from(self.device.binding_bytes()).unwrap_or(usize::MAX);
        let rows_per_part = (limit / row_bytes).min(rows);
        if rows_per_part == 0 {
            return Err(Error::Device(format!(
                "a row of {label} has {row_bytes} bytes, more than this device binds at once ({limit})"
            )));
        }
        if let Some(parts) = self.in_place(weights, columns, blocks) {
            self.tell((rows * row_bytes) as u64);
            self.check()?;
            return Ok(Matrix {
                parts,
                rows,
                columns,
                weights,
            });
        }
        let mut parts = Vec::new();
        for first_row in (0..rows).step_by(rows_per_part) {
            let rows = rows_per_part.min(rows - first_row);
            self.check()?;
            let tensor = Tensor::try_weights(self.device, label, words(rows * row_bytes)).await?;
            parts.push(MatrixPart {
                tensor,
                first_row,
                rows,
            });
        }

        let mut row = 0;
        for block in blocks {
            let rows = row..row + block.rows;
            row = rows.end;
            let bytes: &[u8] = match &block.source {
                RowSource::Zeros => continue,
                RowSource::Quantised(view) => {
                    self.quantised(&parts, rows, weights, view).await?;
                    continue;
                }
                RowSource::Unread(view) => {
                    self.unread(&parts, rows, weights, view).await?;
                    continue;
                }
                RowSource::Random { seed, exponent } => {
                    let numbers = (*seed, *exponent);
                    self.random(&parts, rows, columns, weights, numbers).await?;
                    continue;
                }
                RowSource::Bytes(bytes) => bytes,
                RowSource::Shared(bytes) => bytes,
            };
            self.write(&parts, rows, columns, weights, bytes).await?;
        }
        self.check()?;
        Ok(Matrix {
            parts,
            rows,
            columns,
            weights,
        })
    }

    /// The rows where the file has them; `None` where this device, their number of
    /// columns or their address does not allow it.
    fn in_place(
        &self,
        weights: WeightType,
        columns: usize,
        blocks: &[RowBlock<'_>],
    ) -> Option<Vec<MatrixPart>> {
        if columns != padded(columns) {
            return None;
        }
        let mut parts = Vec::new();
        let mut first_row = 0;
        for block in blocks {
            match &block.source {
                RowSource::Zeros => {}
                RowSource::Shared(bytes)
                    if block.rows > 0 && bytes.len() as u64 <= self.device.binding_bytes() =>
                {
                    parts.push(MatrixPart {
                        tensor: Tensor::shared(self.device, bytes.clone(), weights.size())?,
                        first_row,
                        rows: block.rows,
                    });
                }
                _ => return None,
            }
            first_row += block.rows;
        }
        Some(parts)
    }

    async fn random(
        &mut self,
        parts: &[MatrixPart],
        rows: Range<usize>,
        columns: usize,
        weights: WeightType,
        (seed, exponent): (u32, i32),
    ) -> Result<()> {
        let device = self.device;
        let wanted = [("WEIGHTS", weights.axis())];
        let variant = device.select(&RANDOM_WEIGHTS, &[&[]], &wanted)?;
        let state = Tensor::from(device, "state", &[1u32, 0]);
        let count = |items: usize| u32::try_from(items).unwrap_or(u32::MAX);
        for part in parts {
            let begin = rows.start.max(part.first_row);
            let end = rows.end.min(part.first_row + part.rows);
            if begin >= end {
                continue;
            }
            let row_words = padded(columns) * weights.size() / 4;
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
            let mut plan = PlanBuilder::new(device);
            let grid = [Extent::Items(row_words), Extent::Items(turn)];
            plan.push(
                "random_weights",
                &kernel,
                variant,
                params,
                grid,
                Work::default(),
            );
            plan.build()?.start(device, 1);
            self.flush().await?;
            self.tell(((end - begin) * columns * weights.size()) as u64);
            self.check()?;
        }
        Ok(())
    }

    /// Packs rows of a tensor in pieces, and gives back what was read of its file.
    async fn quantised(
        &mut self,
        parts: &[MatrixPart],
        rows: Range<usize>,
        weights: WeightType,
        view: &TensorView<'_>,
    ) -> Result<()> {
        let columns = view.columns();
        let row_bytes = weights.row_bytes(columns);
        let step = (QUANTISED_PIECE / columns.max(1)).max(1);
        let mut words = Vec::new();
        for part in parts {
            let end = rows.end.min(part.first_row + part.rows);
            for row in (rows.start.max(part.first_row)..end).step_by(step) {
                let own = row - rows.start..end.min(row + step) - rows.start;
                words.clear();
                words.resize(own.len() * row_bytes / 4, 0u32);
                let read = view.rows(own.clone()).await?;
                read.view().pack_rows(read.range(), &mut words)?;
                view.forget(own);
                let bytes: &[u8] = bytemuck::cast_slice(&words);
                let at = ((row - part.first_row) * row_bytes) as u64;
                part.tensor.write_bytes(self.device, at, bytes);
                self.tell(bytes.len() as u64);
                self.check()?;
                self.in_flight += bytes.len() as u64;
                if self.in_flight >= UPLOAD_WINDOW {
                    self.flush().await?;
                }
            }
        }
        Ok(())
    }

    /// Copies rows of a file as it is read.
    async fn unread(
        &mut self,
        parts: &[MatrixPart],
        rows: Range<usize>,
        weights: WeightType,
        view: &TensorView<'_>,
    ) -> Result<()> {
        let columns = view.columns();
        let step = (UPLOAD_PIECE / weights.row_bytes(columns)).max(1);
        for first in rows.clone().step_by(step) {
            let piece = first..rows.end.min(first + step);
            let own = piece.start - rows.start..piece.end - rows.start;
            let read = view.rows(own).await?;
            let bytes = read.view().bytes().unwrap_or_default();
            self.write(parts, piece, columns, weights, bytes).await?;
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
        let file_row = match weights {
            WeightType::Quantised(_) => weights.row_bytes(columns),
            plain => columns * plain.size(),
        };
        let row_bytes = weights.row_bytes(columns);
        for part in parts {
            let begin = first.max(part.first_row);
            let end = rows.end.min(part.first_row + part.rows);
            let step = (UPLOAD_PIECE / row_bytes).max(1);
            let mut row = begin;
            while row < end {
                let count = step.min(end - row);
                let source = &bytes[(row - first) * file_row..][..count * file_row];
                let at = ((row - part.first_row) * row_bytes) as u64;
                if file_row == row_bytes {
                    part.tensor.write_bytes(self.device, at, source);
                } else {
                    let mut rows = vec![0; count * row_bytes];
                    for (to, from) in rows
                        .chunks_exact_mut(row_bytes)
                        .zip(source.chunks_exact(file_row))
                    {
                        to[..file_row].copy_from_slice(from);
                    }
                    part.tensor.write_bytes(self.device, at, &rows);
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
        self.device.idle().await
    }
}

/// Uploads tensors one below the other, each followed by `gap` rows of zeros.
/// Tensors of different types become f32. Those that are to be quantised are, in pieces.
///
/// # Errors
/// The device's errors.
pub async fn fused(
    uploader: &mut Uploader<'_>,
    label: &str,
    columns: usize,
    tensors: &[&TensorView<'_>],
    gap: usize,
) -> Result<Matrix> {
    let first = tensors.first().map_or(Dtype::F32, |t| t.dtype);
    let one_type = tensors.iter().all(|t| t.dtype == first);
    let as_f32 = !one_type || tensors.iter().any(|t| t.data == TensorData::Ones);
    let quantised = matches!(first, Dtype::Quantised(_)) && !as_f32;
    let mut converted: Vec<Vec<f32>> = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        converted.push(match tensor.data {
            _ if quantised => Vec::new(),
            // Random numbers are made on the device, in any type that is not quantised.
            TensorData::Random(_) if !matches!(tensor.dtype, Dtype::Quantised(_)) => Vec::new(),
            TensorData::Random(_) | TensorData::Ones => tensor.to_f32(),
            _ if as_f32 => tensor.values().await?,
            _ => Vec::new(),
        });
    }
    let mut blocks = Vec::new();
    for (tensor, converted) in tensors.iter().zip(&converted) {
        let source = match tensor.data {
            _ if quantised => RowSource::Quantised(**tensor),
            TensorData::Random(Random { seed, exponent }) if converted.is_empty() => {
                RowSource::Random { seed, exponent }
            }
            TensorData::Unread(_) if converted.is_empty() => RowSource::Unread(**tensor),
            TensorData::Bytes(bytes) if converted.is_empty() => match tensor.shared() {
                Some(shared) => RowSource::Shared(shared),
                None => RowSource::Bytes(bytes),
            },
            _ => RowSource::Bytes(bytemuck::cast_slice(converted)),
        };
        let rows = tensor.shape.first().copied().unwrap_or(0);
        blocks.push(RowBlock { rows, source });
        blocks.push(RowBlock {
            rows: gap,
            source: RowSource::Zeros,
        });
    }
    let weights = if as_f32 {
        WeightType::F32
    } else {
        first.into()
    };
    uploader.matrix(label, weights, columns, &blocks).await
}
