//! A fixed inference budget: what larger patches save, a larger latent model
//! may spend (paper section 5.3, the figure on fixed inference FLOPs).

use serde::Serialize;

use super::{Flops, TextShape, of_blt};
use crate::Result;
use crate::checkpoint::{BltConfig, StackConfig};

/// The largest latent models that cost no more per byte than the model at hand.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Larger {
    /// The mean patch, in bytes.
    pub patch_size: f64,
    /// Operations per byte of the model as it is, by the paper's formula.
    pub flops: f64,
    /// Layers of the latent model at its width.
    pub layers: u32,
    /// Its parameters then.
    pub deeper: u64,
    /// Width of the latent model with its layers.
    pub width: u32,
    /// Its parameters then.
    pub wider: u64,
}

/// For each mean patch of `sizes`, how deep or how wide the latent model may
/// become until it costs as much per byte as the model does at `shape`, by the
/// paper's formula. Encoder and decoder stay as they are.
///
/// The width grows by whole heads, and the feed-forward layer with it. A patch
/// so small that not even one layer or one head fits gives 0.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) for an impossible size.
pub fn larger_latent(config: &BltConfig, shape: TextShape, sizes: &[f64]) -> Result<Vec<Larger>> {
    let cost = |latent: StackConfig, shape| {
        let config = BltConfig {
            latent,
            ..config.clone()
        };
        Flops {
            parts: of_blt(&config, shape),
        }
        .paper()
    };
    // Room for the last digits.
    let most = cost(config.latent, shape) * (1.0 + 1e-9);
    sizes
        .iter()
        .map(|size| {
            let shape = TextShape::new(*size, shape.context)?;
            let fits = |latent| cost(latent, shape) <= most;
            let layers = largest(|layers| fits(deep(&config.latent, layers)));
            let steps = largest(|steps| wide(&config.latent, steps).is_some_and(fits));
            let wider = wide(&config.latent, steps);
            Ok(Larger {
                patch_size: *size,
                flops: cost(config.latent, shape),
                layers,
                deeper: parameters(&deep(&config.latent, layers)),
                width: wider.map_or(0, |latent| latent.hidden_size),
                wider: wider.as_ref().map_or(0, parameters),
            })
        })
        .collect()
}

/// The parameters of a stack, without embedding and head.
#[must_use]
fn parameters(stack: &StackConfig) -> u64 {
    let [hidden, feed_forward] = [stack.hidden_size, stack.intermediate_size].map(u64::from);
    let keys = u64::from(stack.kv_heads * stack.head_dim);
    u64::from(stack.layers)
        * (2 * hidden * hidden + 2 * hidden * keys + 3 * hidden * feed_forward + 2 * hidden)
}

fn deep(stack: &StackConfig, layers: u32) -> StackConfig {
    StackConfig { layers, ..*stack }
}

/// The stack with that many heads of keys and the queries that share them; `None`
/// beyond what numbers hold.
fn wide(stack: &StackConfig, kv_heads: u32) -> Option<StackConfig> {
    let heads = (stack.heads / stack.kv_heads).checked_mul(kv_heads)?;
    let hidden_size = heads.checked_mul(stack.head_dim)?;
    let feed_forward =
        u64::from(stack.intermediate_size) * u64::from(hidden_size) / u64::from(stack.hidden_size);
    Some(StackConfig {
        hidden_size,
        heads,
        kv_heads,
        intermediate_size: feed_forward.try_into().ok()?,
        ..*stack
    })
}

/// The largest number that fits, of those up to 2^20, where all below it do.
fn largest(fits: impl Fn(u32) -> bool) -> u32 {
    (0..=20).rev().fold(0, |found, bit| {
        let next = found + (1 << bit);
        if fits(next) { next } else { found }
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::super::tests::small;
    use super::*;

    fn rows(width: u32, sizes: &[f64]) -> Vec<Larger> {
        let config = small(width, false);
        let shape = TextShape::new(4.0, 8192).unwrap();
        larger_latent(config.blt.as_ref().unwrap(), shape, sizes).unwrap()
    }

    #[test]
    fn the_models_own_patch_gives_the_model_itself() {
        let row = rows(16, &[4.0])[0];
        assert_eq!((row.layers, row.width), (2, 16));
        // 2 (4·256 + 3·16·32 + 2·16)
        assert_eq!((row.deeper, row.wider), (5184, 5184));
    }

    #[test]
    fn larger_patches_pay_for_a_larger_latent_model() {
        let rows = rows(16, &[2.0, 4.0, 6.0, 8.0, 16.0]);
        assert!(rows.is_sorted_by(|a, b| a.flops > b.flops));
        assert!(rows.is_sorted_by(|a, b| a.layers <= b.layers && a.width <= b.width));
        let last = rows.last().unwrap();
        assert!(last.layers > 8 && last.width > 32 && last.deeper > 4 * 5184);
        // What fits exactly does fit, and one more would not.
        let config = small(16, false);
        let blt = config.blt.unwrap();
        let budget = rows[1].flops;
        assert!(rows[0].layers < 2 && rows[0].width < 16);
        for row in &rows[1..] {
            let cost = |latent| {
                let blt = BltConfig {
                    latent,
                    ..blt.clone()
                };
                let shape = TextShape::new(row.patch_size, 8192).unwrap();
                larger_latent(&blt, shape, &[row.patch_size]).unwrap()[0].flops
            };
            assert!(cost(deep(&blt.latent, row.layers)) <= budget * (1.0 + 1e-8));
            assert!(cost(deep(&blt.latent, row.layers + 1)) > budget);
            let heads = row.width / blt.latent.head_dim;
            assert!(cost(wide(&blt.latent, heads).unwrap()) <= budget * (1.0 + 1e-8));
            assert!(cost(wide(&blt.latent, heads + 1).unwrap()) > budget);
        }
    }

    #[test]
    fn an_impossible_patch_is_refused() {
        let config = small(16, false);
        let shape = TextShape::new(4.0, 64).unwrap();
        let error = larger_latent(config.blt.as_ref().unwrap(), shape, &[0.0]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
