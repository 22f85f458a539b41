//! The steps of self-attention.

use super::block::{BlockShape, KeyValues, Rows, Scratch};
use super::part::{PartPlan, RowClass, as_f32, as_f64, count, vectors};
use crate::device::kernel::Shader;
use crate::device::kernels::{
    ATTENTION_MERGE, ATTENTION_ROWS, ATTENTION_TILE, AttentionMerge, AttentionMergeParams,
    AttentionParams, AttentionRows, AttentionTile,
};
use crate::device::plan::{Extent, Work};
use crate::error::Result;

/// Parts of a row's keys at most.
const MAX_SPLITS: usize = 16;

impl PartPlan<'_> {
    /// Attention of the rows in `scratch.qkv` to the keys and values of the ring.
    pub(super) fn attention(
        &mut self,
        shape: &BlockShape,
        cache: &KeyValues,
        rows: &Rows,
        scratch: &Scratch,
    ) -> Result<()> {
        let tuning = self.device().tuning;
        // Scores and sums over as many keys as the ring can hold: an upper bound.
        let keys = as_f64(cache.slots / 2);
        let width = shape.heads * shape.head;
        let work = Work {
            flops_per_row: 4.0 * keys * as_f64(width),
            bytes: 8.0 * keys * as_f64(shape.stored()),
            bytes_per_row: 8.0 * as_f64(width),
        };
        let splits = self.splits(shape, cache, rows, scratch);
        let params = AttentionParams {
            heads: count(shape.heads),
            kv_heads: count(shape.kv_heads),
            head4: vectors(shape.head),
            slots: count(cache.slots),
            splits: count(splits),
            scale: 1.0 / as_f32(shape.head).sqrt(),
        };
        let (state, spans) = (rows.state.all(), rows.spans.all());
        let (qkv, y) = (scratch.qkv.all(), scratch.attended.all());
        let (keys, values) = (cache.keys.all(), cache.values.all());
        if self.class() == RowClass::Many {
            let fixed = [head_choice(&ATTENTION_TILE, shape.head)];
            let variant = self
                .device()
                .select(&ATTENTION_TILE, tuning.attention_many, &fixed)?;
            let kernel = AttentionTile {
                state,
                spans,
                qkv,
                keys,
                values,
                y,
            };
            let grid = [self.rows(), Extent::Items(shape.heads)];
            self.push("attention_tile", &kernel, variant, params, grid, work);
            return Ok(());
        }
        let fixed = [head_choice(&ATTENTION_ROWS, shape.head)];
        let variant = self
            .device()
            .select(&ATTENTION_ROWS, tuning.attention, &fixed)?;
        // What gate and up will overwrite.
        let parts = scratch.gate_up.all();
        let kernel = AttentionRows {
            state,
            spans,
            qkv,
            keys,
            values,
            y: if splits == 1 { y } else { parts },
        };
        let grid = [Extent::Items(shape.heads * splits), self.rows()];
        self.push("attention_rows", &kernel, variant, params, grid, work);
        if splits > 1 {
            let variant = self.device().select(&ATTENTION_MERGE, &[&[]], &[])?;
            let kernel = AttentionMerge {
                state,
                spans,
                parts,
                y,
            };
            let params = AttentionMergeParams {
                heads: count(shape.heads),
                head4: vectors(shape.head),
                slots: count(cache.slots),
                splits: count(splits),
            };
            let work = Work {
                bytes_per_row: 4.0 * as_f64((splits + 1) * width),
                ..Work::default()
            };
            let grid = [Extent::Items(width / 4), self.rows()];
            self.push("attention_merge", &kernel, variant, params, grid, work);
        }
        Ok(())
    }

    /// Parts that the keys of a row are cut into: one where they are few.
    fn splits(
        &self,
        shape: &BlockShape,
        cache: &KeyValues,
        rows: &Rows,
        scratch: &Scratch,
    ) -> usize {
        // The ring of a window has room for the rows of a run as well.
        let keys = if rows.absolute {
            cache.slots
        } else {
            cache.slots / 4
        };
        if self.class() == RowClass::Many || keys <= self.device().tuning.attention_keys {
            return 1;
        }
        let splits = (keys / 256).clamp(2, MAX_SPLITS);
        // Sums, maximum and total of each part.
        let parts = RowClass::FEW * shape.heads * splits * (shape.head + 4);
        if scratch.gate_up.bytes() < 4 * parts as u64 {
            return 1;
        }
        splits
    }
}

/// The choice of an attention kernel's `HEAD` axis: the least columns at most.
pub(crate) fn head_choice(shader: &Shader, head: usize) -> (&'static str, &'static str) {
    let of = shader.variants.iter().flat_map(|variant| variant.choices);
    let fits = of.filter(|(axis, most)| {
        *axis == "HEAD" && most.parse().is_ok_and(|most: usize| head <= most)
    });
    // The variants begin with the narrowest.
    fits.copied().next().unwrap_or(("HEAD", "256"))
}
