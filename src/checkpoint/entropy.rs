//! The entropy model's weights, resolved: past this point there are no names.

use super::block::BlockWeights;
use super::config::EntropyConfig;
use super::expected::entropy_tensors;
use super::files::Weights;
use super::resolve::{ENTROPY, check, either, take};
use super::sentence::{quoted, refuse};
use super::tensor::TensorView;
use crate::Result;

/// Every weight of the entropy model, with shapes checked against the config.
#[derive(Debug)]
pub struct EntropyWeights<'a> {
    /// The architecture.
    pub config: EntropyConfig,
    /// Token embeddings, `[vocab, hidden]`.
    pub embed: TensorView<'a>,
    /// The blocks, first to last.
    pub layers: Vec<BlockWeights<'a>>,
    /// The last RMS norm, `[hidden]`.
    pub norm: TensorView<'a>,
    /// The output head, `[vocab, hidden]`; the same bytes as `embed` if the
    /// file holds one table for both.
    pub lm_head: TensorView<'a>,
}

impl<'a> EntropyWeights<'a> {
    /// All of them.
    pub fn tensors(&self) -> impl Iterator<Item = &TensorView<'a>> {
        let own = [&self.embed, &self.norm, &self.lm_head];
        let layers = self.layers.iter().flat_map(BlockWeights::tensors);
        own.into_iter().chain(layers)
    }

    /// Whether the files are still what was opened; see
    /// [`Checkpoint::check_files`](super::Checkpoint::check_files).
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) that names the file which another program has changed.
    pub fn check_files(&self) -> Result<()> {
        self.tensors().try_for_each(TensorView::check_file)
    }

    pub(super) fn resolve(
        weights: &'a Weights,
        config: &EntropyConfig,
        prefix: &str,
    ) -> Result<Self> {
        let expected = entropy_tensors(config, prefix);
        let under: Vec<_> = weights
            .iter()
            .filter(|t| t.name.starts_with(prefix))
            .collect();
        if under.is_empty() {
            return Err(refuse(format!(
                "{} holds no entropy model, though its config describes one (no tensor starts with {}); \
                 take the checkpoint that has it, or an entropy model of its own",
                weights.label(),
                quoted(prefix)
            )));
        }
        check(weights, &expected, &under, ENTROPY)?;

        let name = |rest: &str| format!("{prefix}{rest}");
        let (embed, lm_head) = either(
            weights,
            &name("embed_tokens.weight"),
            &name("lm_head.weight"),
        )?;
        Ok(Self {
            config: *config,
            embed,
            layers: (0..config.stack.layers)
                .map(|i| BlockWeights::resolve(weights, &name(&format!("layers.{i}"))))
                .collect::<Result<_>>()?,
            norm: take(weights, &name("norm.weight"))?,
            lm_head,
        })
    }
}
