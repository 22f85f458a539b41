//! A kernel's buffers and steps as plain data, to be run on any device.

use half::{bf16, f16};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::POISON;
use crate::device::bindings::WeightType;
use crate::device::kernel::{BindingKind, CpuForm, Kernel, Shader, Variant};
use crate::device::kernels::State;
use crate::device::plan::{Grid, PlanBuilder, Work};
use crate::device::tensor::padded;
use crate::device::{Device, Tensor};
use crate::error::Result;
use crate::numerics::Quantisation;

/// One kernel on known data: buffers, and steps that read and write them in order.
pub(super) struct Case {
    random: StdRng,
    /// How the variant stores its weights.
    pub(super) weights: WeightType,
    buffers: Vec<Contents>,
    steps: Vec<Step>,
}

/// A buffer before the first step, and what is known of it after the last.
struct Contents {
    words: Vec<u32>,
    /// From this word on nothing may be written.
    kept_from: usize,
    written: bool,
    /// Holds it f32 numbers, not integers?
    floats: bool,
    /// Its words as a plain form of the kernel computes them.
    plain: Option<Vec<u32>>,
    /// Is it compared, and not only by what later steps make of it?
    compared: bool,
}

/// A buffer of a case.
#[derive(Clone, Copy)]
pub(super) struct Buffer(usize);

struct Step {
    shader: &'static Shader,
    form: CpuForm,
    buffers: Vec<Buffer>,
    params: Vec<u8>,
    grid: Grid,
    rows: usize,
}

/// Random weights, and where they are.
pub(super) struct Weights {
    /// `[rows, columns]`, rounded as they are stored.
    pub(super) values: Vec<f32>,
    /// Blocks of rows, as where a binding is too small for all.
    pub(super) parts: Vec<Part>,
}

/// A block of rows of weights.
pub(super) struct Part {
    pub(super) first_row: usize,
    pub(super) rows: usize,
    pub(super) buffer: Buffer,
}

impl Case {
    pub(super) fn new(mut random: StdRng, variant: &Variant) -> Self {
        let mut choices = variant.choices.iter();
        let axis = choices.find(|(axis, _)| *axis == "WEIGHTS");
        let groups = Quantisation::GROUPS;
        let group = groups[random.next_u32() as usize % groups.len()];
        let weights = axis.and_then(|(_, value)| WeightType::of_axis(value, group));
        Self {
            random,
            weights: weights.unwrap_or(WeightType::F32),
            buffers: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Random numbers between -scale and scale.
    pub(super) fn numbers(&mut self, count: usize, scale: f32) -> Vec<f32> {
        let random = (0..count).map(|_| self.random.random_range(-scale..=scale));
        random.collect()
    }

    /// A random integer below `end`.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        self.random.next_u32() % end
    }

    /// Words of all its buffers.
    pub(super) fn words(&self) -> usize {
        self.buffers.iter().map(|buffer| buffer.words.len()).sum()
    }

    /// At least `columns`; rounded up where rows are quantised, which takes whole groups.
    pub(super) fn columns(&self, columns: usize) -> usize {
        match self.weights {
            WeightType::Quantised(quantisation) => columns.next_multiple_of(quantisation.group()),
            _ => columns,
        }
    }

    fn buffer(&mut self, words: Vec<u32>, kept_from: usize) -> Buffer {
        self.buffers.push(Contents {
            words,
            kept_from,
            written: false,
            floats: false,
            plain: None,
            compared: true,
        });
        Buffer(self.buffers.len() - 1)
    }

    /// What a kernel reads.
    pub(super) fn input<T: bytemuck::NoUninit>(&mut self, values: &[T]) -> Buffer {
        self.in_place(values, 0)
    }

    /// What a kernel reads and writes, but for the last `kept` words.
    pub(super) fn in_place<T: bytemuck::NoUninit>(&mut self, values: &[T], kept: usize) -> Buffer {
        let words: Vec<u32> = bytemuck::pod_collect_to_vec(values);
        let kept_from = words.len() - kept;
        self.buffer(words, kept_from)
    }

    /// What one step leaves for the next, integers and numbers together; it is compared by
    /// what that makes of it.
    pub(super) fn carried<T: bytemuck::NoUninit>(&mut self, value: T) -> Buffer {
        let buffer = self.in_place(&[value], 0);
        self.buffers[buffer.0].compared = false;
        buffer
    }

    /// What a kernel writes `words` words of; it may not touch the `kept` after them.
    pub(super) fn output(&mut self, words: usize, kept: usize) -> Buffer {
        self.buffer(vec![POISON; words + kept], words)
    }

    /// Random weights `[rows, columns]` in blocks of these numbers of rows.
    pub(super) fn weights(&mut self, blocks: &[usize], columns: usize) -> Weights {
        let stride = padded(columns);
        #[expect(clippy::cast_precision_loss, reason = "small sizes")]
        let scale = (3.0 / columns as f32).sqrt();
        let mut weights = Weights {
            values: Vec::new(),
            parts: Vec::new(),
        };
        let mut first_row = 0;
        for rows in blocks.iter().copied().filter(|rows| *rows > 0) {
            let values = self.numbers(rows * columns, scale);
            let padded = padded_rows(&values, columns, stride, 0.0, 0);
            let (words, stored) = store(&padded, stride, self.weights);
            let stored = stored.chunks_exact(stride);
            let stored = stored.flat_map(|row| row[..columns].iter().copied());
            weights.values.extend(stored);
            // Kernels read 16 bytes at a time.
            let mut words = words;
            words.resize(words.len().next_multiple_of(4), 0);
            let buffer = self.input(&words);
            weights.parts.push(Part {
                first_row,
                rows,
                buffer,
            });
            first_row += rows;
        }
        weights
    }

    /// Adds a step on `rows` rows; `buffers` are the kernel's, in the order of its
    /// bindings, without `state`.
    pub(super) fn step<'a, K: Kernel<'a>>(
        &mut self,
        rows: usize,
        buffers: &[Buffer],
        params: K::Params,
        grid: Grid,
    ) {
        self.step_in_ring::<K>((rows, 0), buffers, params, grid);
    }

    /// Like [`Case::step`], where the first row has a slot in a ring.
    pub(super) fn step_in_ring<'a, K: Kernel<'a>>(
        &mut self,
        (rows, first_slot): (usize, usize),
        buffers: &[Buffer],
        params: K::Params,
        grid: Grid,
    ) {
        let size = |value| u32::try_from(value).unwrap_or(u32::MAX);
        let state = self.input(&[State {
            rows: size(rows),
            first_slot: size(first_slot),
        }]);
        let buffers: Vec<Buffer> = [&[state], buffers].concat();
        // The first binding is that of the parameters.
        for (buffer, binding) in buffers.iter().zip(&K::SHADER.bindings[1..]) {
            let contents = &mut self.buffers[buffer.0];
            contents.written |= binding.kind == BindingKind::ReadWrite;
            contents.floats = binding.floats;
        }
        self.steps.push(Step {
            shader: K::SHADER,
            form: K::ON_CPU,
            buffers,
            params: bytemuck::bytes_of(&params).to_vec(),
            grid,
            rows,
        });
    }

    /// Says what a buffer holds after the last step, by a plain form of the kernel.
    pub(super) fn expect<T: bytemuck::NoUninit>(&mut self, buffer: Buffer, values: &[T]) {
        let contents = &mut self.buffers[buffer.0];
        let mut words: Vec<u32> = bytemuck::pod_collect_to_vec(values);
        words.extend(contents.words.iter().skip(words.len()));
        contents.plain = Some(words);
    }

    /// Runs the steps with one variant of the kernel; gives every written buffer.
    async fn run(&self, device: &Device, variant: usize) -> Result<Vec<Vec<u32>>> {
        let tensor = |contents: &Contents| Tensor::from(device, "case", &contents.words);
        let tensors: Vec<Tensor> = self.buffers.iter().map(tensor).collect();
        for step in &self.steps {
            let mut builder = PlanBuilder::new(device);
            let slices = step.buffers.iter().map(|b| tensors[b.0].all()).collect();
            let (shader, params) = (step.shader, step.params.clone());
            let kernel = (shader, variant.into(), step.form, slices);
            builder.push_slices(shader.name, kernel, params, step.grid, Work::default());
            // A grid a few rows larger than the state says.
            let rows = u32::try_from(step.rows + 3).unwrap_or(u32::MAX);
            builder.build()?.start(device, rows);
        }
        let mut written = Vec::new();
        for (contents, tensor) in self.buffers.iter().zip(&tensors) {
            if contents.written {
                let bytes = device.read(tensor.all()).await?;
                written.push(bytemuck::pod_collect_to_vec(&bytes));
            }
        }
        Ok(written)
    }

    /// The largest error of a variant on `device`: beside the same steps on
    /// `other`, and beside the plain forms.
    pub(super) async fn error(
        &self,
        device: &Device,
        other: &Device,
        variant: usize,
    ) -> Result<f64> {
        let found = self.run(device, variant).await?;
        let on_both = self.steps.iter().all(|step| step.shader.form.is_some());
        let others = match on_both {
            true => self.run(other, variant).await?,
            false => Vec::new(),
        };
        let mut others = others.iter();
        let mut largest = 0.0f64;
        let written = self.buffers.iter().filter(|contents| contents.written);
        for (contents, found) in written.zip(&found) {
            let (kept, floats) = (contents.kept_from, contents.floats);
            if found[kept..] != contents.words[kept..] {
                largest = f64::INFINITY;
            }
            let other = others.next();
            if !contents.compared {
                continue;
            }
            // A processor rounds more in products of quantised weights than a GPU may.
            let rounded = matches!(self.weights, WeightType::Quantised(_))
                && device.gpu().is_some()
                && contents.plain.is_some();
            let references = other
                .filter(|_| !rounded)
                .into_iter()
                .chain(&contents.plain);
            for wanted in references {
                largest = largest.max(difference(found, wanted, floats));
            }
        }
        Ok(largest)
    }
}

/// The largest |got - want| / (1 + |want|); infinite where there is not finite but
/// in one of the two, and for integers that differ.
fn difference(got: &[u32], want: &[u32], floats: bool) -> f64 {
    let errors = got.iter().zip(want).map(|(got, want)| {
        if got == want {
            return 0.0;
        }
        if !floats {
            return f64::INFINITY;
        }
        let (got, want) = (f32::from_bits(*got), f32::from_bits(*want));
        let (got, want) = (f64::from(got), f64::from(want));
        let error = (got - want).abs() / (1.0 + want.abs());
        if error.is_nan() { f64::INFINITY } else { error }
    });
    errors.fold(0.0, f64::max)
}

/// Rows of numbers as they are stored, in words, and what is read back of them.
pub(super) fn store(values: &[f32], columns: usize, weights: WeightType) -> (Vec<u32>, Vec<f32>) {
    match weights {
        WeightType::Quantised(quantisation) => {
            let (mut words, mut stored) = (Vec::new(), Vec::new());
            for row in values.chunks_exact(columns) {
                let mut packed = vec![0; quantisation.row_words(columns)];
                quantisation.quantise(row, &mut packed);
                let mut row = vec![0.0; columns];
                quantisation.dequantise(&packed, &mut row);
                words.extend(packed);
                stored.extend(row);
            }
            (words, stored)
        }
        WeightType::F32 => (bytemuck::cast_slice(values).to_vec(), values.to_vec()),
        WeightType::F16 => {
            let short: Vec<f16> = values.iter().map(|v| f16::from_f32(*v)).collect();
            let stored = short.iter().map(|v| v.to_f32()).collect();
            (bytemuck::pod_collect_to_vec(&short), stored)
        }
        WeightType::Bf16 => {
            let short: Vec<bf16> = values.iter().map(|v| bf16::from_f32(*v)).collect();
            let stored = short.iter().map(|v| v.to_f32()).collect();
            (bytemuck::pod_collect_to_vec(&short), stored)
        }
    }
}

/// Rows of `columns` values as a buffer holds them: padded to `stride` with
/// `padding`, and followed by `spare` rows of it.
pub(super) fn padded_rows<T: Copy>(
    values: &[T],
    columns: usize,
    stride: usize,
    padding: T,
    spare: usize,
) -> Vec<T> {
    let mut out = Vec::new();
    for row in values.chunks_exact(columns) {
        out.extend_from_slice(row);
        out.resize(out.len() + stride - columns, padding);
    }
    out.resize(out.len() + spare * stride, padding);
    out
}
