//! The model that the screens work with.

use std::sync::{Arc, OnceLock};

use super::{Outbox, Update};
use crate::checkpoint::{Checkpoint, Part};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::model::entropy::EntropyModel;
use crate::patch::Rule;
use crate::session::text::checkpoint_rule;

/// A model that is open: its entropy model on the device, the rest in its files
/// until somebody generates.
#[derive(Debug)]
pub(crate) struct Model {
    /// What the user called it; `None` is the one in the program.
    pub(crate) name: Option<String>,
    /// For people: the last part of its name.
    pub(crate) title: String,
    pub(crate) checkpoint: Arc<Checkpoint>,
    pub(crate) entropy: Arc<EntropyModel>,
    /// The rule it was trained with.
    pub(crate) rule: Rule,
    /// Its parameters, all parts together.
    pub(crate) parameters: u64,
    /// The type of most of its weights, as files spell it.
    pub(crate) dtype: String,
    /// How many bytes after an edit can change, without an end for `None`.
    pub(crate) reach: Option<usize>,
    pub(crate) blt: OnceLock<Arc<crate::model::blt::BltModel>>,
}

impl Model {
    /// Opens a model and puts its entropy model onto the device.
    pub(super) async fn open(
        gpu: &Arc<Gpu>,
        name: Option<String>,
        outbox: &Outbox,
    ) -> Result<Self> {
        let checkpoint = match &name {
            None => Checkpoint::embedded()?,
            Some(name) => Checkpoint::open(name)?,
        };
        let rule = checkpoint_rule(checkpoint.patching())?;
        let inspection = checkpoint.inspect();
        let part = |part: Part| inspection.parts.iter().find(move |p| p.part == part);
        let total = part(Part::Entropy).map_or(0, |part| part.held.bytes);
        let dtype = inspection
            .parts
            .iter()
            .max_by_key(|part| part.held.bytes)
            .and_then(|part| part.dtypes.first().cloned())
            .unwrap_or_default();
        let weights = checkpoint.entropy_weights()?;
        let layers = weights.layers.len();
        let mut done = 0;
        let entropy = EntropyModel::load(gpu, &weights, |bytes| {
            done += bytes;
            outbox.put(Update::Loading { done, total });
        })
        .await?;
        drop(weights);
        let title = match &name {
            None => "embedded".to_owned(),
            Some(name) => std::path::Path::new(name.trim_end_matches('/'))
                .file_name()
                .map_or_else(|| name.clone(), |part| part.to_string_lossy().into_owned()),
        };
        Ok(Self {
            name,
            title,
            rule,
            parameters: inspection.total.parameters,
            dtype,
            reach: entropy
                .window()
                .map(|window| layers * window.saturating_sub(1)),
            checkpoint: Arc::new(checkpoint),
            entropy: Arc::new(entropy),
            blt: OnceLock::new(),
        })
    }

    /// Whether it is a whole BLT, not an entropy model alone.
    pub(crate) fn is_whole(&self) -> bool {
        self.checkpoint.config().blt.is_some()
    }
}
