//! The model that the screens work with.

use std::sync::{Arc, OnceLock};

use super::loading::Going;
use crate::checkpoint::{Checkpoint, Part};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::measure::tune::{Subject, prepare_kept};
use crate::model::entropy::EntropyModel;
use crate::model::memory::{RESERVE, gib};
use crate::patch::Rule;
use crate::session::text::checkpoint_rule;
use crate::window::error_message::ErrorMessage;
use crate::window::program_model;

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
    /// The types of its weights, as files spell them.
    pub(crate) dtype: String,
    /// How many bytes after an edit can change, without an end for `None`.
    pub(crate) reach: Option<usize>,
    /// What the user should know of the device, found while this was loaded.
    pub(crate) wrong: Option<ErrorMessage>,
    pub(crate) blt: OnceLock<Arc<crate::model::blt::BltModel>>,
}

/// The model that stays on the device until another one is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside {
    /// Bytes that it takes there.
    pub(super) bytes: u64,
    /// Whether it is the one in the program.
    pub(super) embedded: bool,
}

impl Model {
    /// Opens a model and puts its entropy model onto the device.
    pub(super) async fn open(
        device: &Arc<Device>,
        name: Option<String>,
        beside: Option<Beside>,
        going: &Going<'_>,
    ) -> Result<Self> {
        let checkpoint = match &name {
            None => program_model::open(going.teller()).await?,
            Some(name) => Checkpoint::open(name)?,
        };
        let rule = checkpoint_rule(checkpoint.patching())?;
        let inspection = checkpoint.inspect();
        let part = |part: Part| inspection.parts.iter().find(move |p| p.part == part);
        let total = part(Part::Entropy).map_or(0, |part| part.held.bytes);
        // That of most weights of each part, those of the largest parts first.
        let mut parts: Vec<_> = inspection.parts.iter().collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.held.bytes));
        let mut dtypes: Vec<&str> = Vec::new();
        for dtype in parts.iter().filter_map(|part| part.dtypes.first()) {
            if !dtypes.contains(&dtype.as_str()) {
                dtypes.push(dtype);
            }
        }
        let dtype = dtypes.join(", ");
        let weights = checkpoint.entropy_weights()?;
        let layers = weights.layers.len();
        let title = match &name {
            None => "embedded".to_owned(),
            Some(name) => std::path::Path::new(name.trim_end_matches('/'))
                .file_name()
                .map_or_else(|| name.clone(), |part| part.to_string_lossy().into_owned()),
        };
        check_memory(device, &title, total, beside)?;
        going.expect(total);
        let entropy = EntropyModel::load_while(device, &weights, |bytes| going.add(bytes)).await?;
        drop(weights);
        let entropy = Arc::new(entropy);
        let wrong = prepare_kept(&Subject::Entropy(&entropy)).await?.wrong;
        Ok(Self {
            wrong: wrong.map(|wrong| {
                ErrorMessage::of_wrong_results(format!("{}: {wrong}", device.summary().name))
            }),
            name,
            title,
            rule,
            parameters: inspection.total.parameters,
            dtype,
            reach: entropy
                .window()
                .map(|window| layers * window.saturating_sub(1)),
            checkpoint: Arc::new(checkpoint),
            entropy,
            blt: OnceLock::new(),
        })
    }

    /// Bytes of its weights on the device.
    pub(super) fn bytes(&self) -> u64 {
        match self.blt.get() {
            Some(blt) => blt.memory().adapter,
            None => self.entropy.bytes(),
        }
    }

    /// Whether it is a whole BLT, not an entropy model alone.
    pub(crate) fn is_whole(&self) -> bool {
        self.checkpoint.config().blt.is_some()
    }
}

/// Do so many bytes of a model fit? The open one stays while another is loaded:
/// somebody works with it, and the load may yet fail or be cancelled.
fn check_memory(device: &Device, title: &str, bytes: u64, beside: Option<Beside>) -> Result<()> {
    let held = beside.map_or(0, |beside| beside.bytes);
    let most = match device.memory() {
        Some(most) if bytes + held + RESERVE > most => most,
        _ => return Ok(()),
    };
    let adapter = &device.summary().name;
    let (bytes, spare, most) = (gib(bytes), gib(RESERVE), gib(most));
    Err(Error::OutOfMemory(match beside {
        Some(beside) if !beside.embedded => format!(
            "{title} needs {bytes} beside {} of the open model and {spare} to spare, and {adapter} has \
             {most}; take the embedded model first, which is small, and then this one",
            gib(held)
        ),
        Some(_) => format!(
            "{title} needs {bytes} beside {} of the open model and {spare} to spare, and {adapter} has \
             {most}; take a smaller model or 16-bit weights, or another adapter",
            gib(held)
        ),
        None => format!(
            "{title} needs {bytes} and {spare} to spare, and {adapter} has {most}; take a smaller model \
             or 16-bit weights, or another adapter"
        ),
    }))
}
