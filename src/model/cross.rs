//! Cross-attention between bytes and patches (paper section 3.2 and 3.3, spec
//! section 7): no rotary embedding, each side with a norm of its own, and a
//! residual that counts what it is added to twice.

use super::attention::head_choice;
use super::block::BlockShape;
use super::ends::per_row;
use super::part::{
    Norm, Normed, Output, PartPlan, RowClass, as_f32, as_f64, count, products, vectors,
};
use crate::checkpoint::CrossWeights;
use crate::device::Tensor;
use crate::device::kernels::{
    CROSS_ATTENTION, CROSS_KEYS_ROW, CROSS_ROW, CrossAttention, CrossAttentionParams, CrossKeysRow,
    CrossKeysRowParams, CrossRow, CrossRowParams, RING_STORE, RingStore, RingStoreParams,
};
use crate::device::plan::{Extent, ONE, Work};
use crate::device::tensor::Allocator;
use crate::error::Result;
use crate::weights::{Matrix, Uploader, fused};

/// The weights of one cross-attention on the device.
#[derive(Debug)]
pub struct Cross {
    pub(crate) q_norm: Tensor,
    pub(crate) k_norm: Tensor,
    pub(crate) q: Matrix,
    pub(crate) kv: Matrix,
    pub(crate) o: Matrix,
}

impl Cross {
    /// Uploads the weights; keys and values become one matrix.
    ///
    /// # Errors
    /// The device's errors.
    pub async fn load(
        uploader: &mut Uploader<'_>,
        shape: &BlockShape,
        weights: &CrossWeights<'_>,
    ) -> Result<Self> {
        let both = [&weights.k, &weights.v];
        let kv = fused(uploader, "cross kv", shape.hidden, &both, 0).await?;
        Self::with_keys(uploader, shape, weights, kv).await
    }

    async fn with_keys(
        uploader: &mut Uploader<'_>,
        shape: &BlockShape,
        weights: &CrossWeights<'_>,
        kv: Matrix,
    ) -> Result<Self> {
        let attended = shape.heads * shape.head;
        Ok(Self {
            q_norm: uploader.vector("cross q_norm", &weights.q_norm).await?,
            k_norm: uploader.vector("cross k_norm", &weights.k_norm).await?,
            q: fused(uploader, "cross q", shape.hidden, &[&weights.q], 0).await?,
            kv,
            o: fused(uploader, "cross o", attended, &[&weights.o], 0).await?,
        })
    }
}

/// Cross-attentions of several layers to the same rows.
#[derive(Debug)]
pub struct Crossings {
    pub(crate) layers: Vec<Cross>,
    /// Keys and values of all layers as one product, where one binding has their weights.
    joined: Option<Joined>,
}

#[derive(Debug)]
struct Joined {
    norms: Tensor,
    kv: Matrix,
}

impl Crossings {
    /// Uploads the weights of all layers.
    ///
    /// # Errors
    /// The device's errors.
    pub async fn load(
        uploader: &mut Uploader<'_>,
        shape: &BlockShape,
        weights: &[CrossWeights<'_>],
    ) -> Result<Self> {
        let all: Vec<_> = weights.iter().flat_map(|own| [&own.k, &own.v]).collect();
        let one_type = all.windows(2).all(|pair| pair[0].dtype == pair[1].dtype);
        let each = 2 * shape.stored();
        let whole = match one_type && all.len() > 2 {
            true => Some(fused(uploader, "cross kv", shape.hidden, &all, 0).await?),
            false => None,
        };
        let slices = whole.as_ref().and_then(|whole| {
            let rows = (0..weights.len()).map(|layer| layer * each..(layer + 1) * each);
            rows.map(|rows| whole.slice(rows))
                .collect::<Option<Vec<_>>>()
        });
        let mut layers = Vec::new();
        let Some(slices) = slices else {
            for own in weights {
                layers.push(Cross::load(uploader, shape, own).await?);
            }
            let joined = None;
            return Ok(Self { layers, joined });
        };
        for (own, kv) in weights.iter().zip(slices) {
            layers.push(Cross::with_keys(uploader, shape, own, kv).await?);
        }
        let joined = match whole.filter(|whole| whole.parts.len() == 1) {
            Some(kv) => {
                let norms: Vec<_> = weights.iter().map(|own| &own.k_norm).collect();
                let norms = uploader.vectors("cross k_norms", &norms).await?;
                Some(Joined { norms, kv })
            }
            None => None,
        };
        Ok(Self { layers, joined })
    }
}

/// Keys and values that queries of a cross-attention see: a ring of rows
/// `[slots, 2, kv_heads, head]`, each of which may be part of a wider one.
#[derive(Clone, Debug)]
pub struct CrossKeys {
    pub(crate) kv: Tensor,
    pub(crate) slots: usize,
    /// Columns of a row of the ring.
    columns: usize,
    /// The first of them that is this layer's.
    first: usize,
}

impl CrossKeys {
    /// Room for `slots` rows.
    #[must_use]
    pub fn new(tensors: &Allocator<'_>, shape: &BlockShape, slots: usize) -> Self {
        let columns = 2 * shape.stored();
        Self {
            kv: tensors.tensor("cross kv", slots * columns),
            slots,
            columns,
            first: 0,
        }
    }

    /// Room for `slots` rows of each of several layers, side by side where that is
    /// within a binding.
    #[must_use]
    pub fn of_layers(
        tensors: &Allocator<'_>,
        layers: usize,
        shape: &BlockShape,
        slots: usize,
    ) -> Vec<Self> {
        let (own, columns) = (2 * shape.stored(), layers * 2 * shape.stored());
        if layers == 0 || (slots * columns) as u64 * 4 > tensors.binding_bytes() {
            return (0..layers)
                .map(|_| Self::new(tensors, shape, slots))
                .collect();
        }
        let kv = tensors.tensor("cross kv", slots * columns);
        let layer = |layer| Self {
            kv: kv.clone(),
            slots,
            columns,
            first: layer * own,
        };
        (0..layers).map(layer).collect()
    }

    /// The rings of some layers.
    pub(crate) fn tensors(layers: &[Self]) -> impl Iterator<Item = &Tensor> {
        let rings = layers.iter().filter(|keys| keys.first == 0);
        rings.map(|keys| &keys.kv)
    }
}

/// The query side of a cross-attention.
#[derive(Clone, Copy)]
pub struct Queries<'a> {
    /// The residual stream, `[rows, hidden]`: becomes `2 x + attention`.
    pub x: &'a Tensor,
    /// Room for its normalised copy, `[rows, hidden]`.
    pub h: &'a Tensor,
    /// Room for the queries, `[rows, heads, head]`.
    pub q: &'a Tensor,
    /// Room for what they find, `[rows, heads, head]`.
    pub attended: &'a Tensor,
    /// Rows of the ring that each may see, `[rows / group, range_stride]` pairs
    /// of (first, count).
    pub ranges: &'a Tensor,
    /// Query rows per range.
    pub group: usize,
    /// Entries per range.
    pub range_stride: usize,
    /// Rows that a query sees at most.
    pub sees: usize,
}

impl PartPlan<'_> {
    /// Keeps rows of `x` in a ring of `slots` rows.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn ring_store(
        &mut self,
        state: &Tensor,
        x: &Tensor,
        (ring, slots): (&Tensor, usize),
        columns: usize,
    ) -> Result<()> {
        let device = self.device();
        let variant = device.select(&RING_STORE, &[&[]], &[])?;
        let kernel = RingStore {
            state: state.all(),
            x: x.all(),
            ring: ring.all(),
        };
        let params = RingStoreParams {
            columns4: vectors(columns),
            slots: count(slots),
        };
        let grid = [Extent::Items(columns.div_ceil(4)), self.rows()];
        let work = per_row(0.0, columns * 8);
        self.push("ring_store", &kernel, variant, params, grid, work);
        Ok(())
    }

    /// Keys and values of the rows of `x` into the ring; `h` is room for their
    /// normalised copy.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn cross_keys(
        &mut self,
        state: &Tensor,
        (x, h): (&Tensor, &Tensor),
        shape: &BlockShape,
        cross: &Cross,
        keys: &CrossKeys,
    ) -> Result<()> {
        let normed = Normed {
            x,
            h,
            weight: &cross.k_norm,
            epsilon: shape.epsilon,
        };
        let output = Output {
            first: keys.first,
            ..Output::ring(keys.columns, keys.slots)
        };
        let product = (normed, &keys.kv);
        self.norm_linear("linear cross kv", state, product, &cross.kv, output)
    }

    /// [`PartPlan::cross_keys`] of several layers, in one step where there are two rows.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn all_cross_keys(
        &mut self,
        state: &Tensor,
        (x, h): (&Tensor, &Tensor),
        shape: &BlockShape,
        crossings: &Crossings,
        keys: &[CrossKeys],
    ) -> Result<()> {
        if let (true, Some(joined), [ring, ..]) = (self.two(), &crossings.joined, keys)
            && ring.columns == joined.kv.rows
        {
            let norm = Norm {
                weight: &joined.norms,
                epsilon: shape.epsilon,
                outputs: count(2 * shape.stored()),
            };
            let (y, output) = (&ring.kv, Output::ring(ring.columns, ring.slots));
            let label = "linear cross kv";
            return self.product(label, state, (x, y), Some(norm), &joined.kv, output);
        }
        for (cross, keys) in crossings.layers.iter().zip(keys) {
            self.cross_keys(state, (x, h), shape, cross, keys)?;
        }
        Ok(())
    }

    /// `x = 2 x + attention`: the reference adds the queries' input inside and
    /// outside of the layer.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn cross_attention(
        &mut self,
        state: &Tensor,
        queries: &Queries<'_>,
        shape: &BlockShape,
        cross: &Cross,
        keys: &CrossKeys,
    ) -> Result<()> {
        let Queries {
            x, h, q, attended, ..
        } = *queries;
        let width = shape.heads * shape.head;
        let normed = Normed {
            x,
            h,
            weight: &cross.q_norm,
            epsilon: shape.epsilon,
        };
        let output = Output::rows(width);
        self.norm_linear("linear cross q", state, (normed, q), &cross.q, output)?;
        if self.class() == RowClass::One && queries.sees <= ROW_SEES && fits_row(shape, &cross.o) {
            return self.cross_row(state, queries, shape, cross, keys);
        }
        let device = self.device();
        let fixed = [head_choice(&CROSS_ATTENTION, shape.head)];
        let variant = device.select(&CROSS_ATTENTION, device.tuning.attention, &fixed)?;
        let kernel = CrossAttention {
            state: state.all(),
            ranges: queries.ranges.all(),
            q: q.all(),
            kv: keys.kv.all(),
            y: attended.all(),
        };
        let params = CrossAttentionParams {
            group: count(queries.group),
            range_stride: count(queries.range_stride),
            heads: count(shape.heads),
            kv_heads: count(shape.kv_heads),
            head4: vectors(shape.head),
            slots: count(keys.slots),
            row4: vectors(keys.columns),
            first4: vectors(keys.first),
            scale: 1.0 / as_f32(shape.head).sqrt(),
        };
        // A patch has about five bytes.
        let work = Work {
            flops_per_row: 20.0 * as_f64(width),
            bytes: 0.0,
            bytes_per_row: 48.0 * as_f64(width),
        };
        let grid = [Extent::Items(shape.heads), self.rows()];
        self.push("cross_attention", &kernel, variant, params, grid, work);
        let residual = Output::added(shape.hidden, 2.0);
        self.linear("linear cross o", state, (attended, x), &cross.o, residual)
    }

    /// [`PartPlan::ring_store`] of `x` and its [`PartPlan::cross_keys`], in one step for a
    /// single row.
    ///
    /// # Errors
    /// A mistake in the tuning table.
    pub fn keep_row(
        &mut self,
        state: &Tensor,
        (x, h): (&Tensor, &Tensor),
        ring: (&Tensor, usize),
        shape: &BlockShape,
        (cross, keys): (&Cross, &CrossKeys),
    ) -> Result<()> {
        let (kept, slots) = ring;
        let part = match &cross.kv.parts[..] {
            [part] if self.class() == RowClass::One && slots == keys.slots => part,
            _ => {
                self.ring_store(state, x, ring, shape.hidden)?;
                return self.cross_keys(state, (x, h), shape, cross, keys);
            }
        };
        let device = self.device();
        let weights = [("WEIGHTS", cross.kv.weights.axis())];
        let variant = device.select(&CROSS_KEYS_ROW, device.tuning.cross_row, &weights)?;
        let kernel = CrossKeysRow {
            state: state.all(),
            weights: part.tensor.all(),
            x: x.all(),
            norm: cross.k_norm.all(),
            kept: kept.all(),
            kv: keys.kv.all(),
        };
        let params = CrossKeysRowParams {
            inputs4: vectors(shape.hidden),
            outputs: count(part.rows),
            slots: count(slots),
            inverse_columns: 1.0 / as_f32(shape.hidden),
            epsilon: shape.epsilon,
            group_shift: cross.kv.weights.group_shift(),
        };
        // A vector of x to each workgroup as well.
        let grid = [
            Extent::Items(part.rows.max(4 * shape.hidden.div_ceil(4))),
            ONE,
        ];
        let work = products(part.rows, &cross.kv);
        self.push("cross_keys_row", &kernel, variant, params, grid, work);
        Ok(())
    }

    /// What the queries of a single row find, through `o` to `x = 2 x + o`.
    fn cross_row(
        &mut self,
        state: &Tensor,
        queries: &Queries<'_>,
        shape: &BlockShape,
        cross: &Cross,
        keys: &CrossKeys,
    ) -> Result<()> {
        let device = self.device();
        let weights = [("WEIGHTS", cross.o.weights.axis())];
        let variant = device.select(&CROSS_ROW, device.tuning.cross_row, &weights)?;
        let params = CrossRowParams {
            outputs: count(shape.hidden),
            keep: 2.0,
            heads: count(shape.heads),
            kv_heads: count(shape.kv_heads),
            head4: vectors(shape.head),
            slots: count(keys.slots),
            row4: vectors(keys.columns),
            first4: vectors(keys.first),
            scale: 1.0 / as_f32(shape.head).sqrt(),
            group_shift: cross.o.weights.group_shift(),
        };
        for part in &cross.o.parts {
            let kernel = CrossRow {
                state: state.all(),
                weights: part.tensor.all(),
                ranges: queries.ranges.all(),
                q: queries.q.all(),
                kv: keys.kv.all(),
                y: queries.x.all(),
            };
            let grid = [Extent::Items(part.rows), ONE];
            let work = products(part.rows, &cross.o);
            self.push("cross_row", &kernel, variant, params, grid, work);
        }
        Ok(())
    }
}

/// Rows that the one of `cross_row` can see.
const ROW_SEES: usize = 4;

/// Can `cross_row` compute with heads of this shape, and with these weights?
fn fits_row(shape: &BlockShape, o: &Matrix) -> bool {
    shape.heads <= 32 && shape.heads * shape.head <= 1024 && o.parts.len() == 1
}
