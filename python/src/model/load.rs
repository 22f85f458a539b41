//! The parts of a model go to the device when they are first needed.

use std::sync::Arc;

use blt::measure::tune::{Subject, prepare_kept};
use blt::model::blt::{BltLoad, BltModel};
use blt::model::entropy::EntropyModel;
use blt::model::memory::MemoryPlan;

use super::{Model, lock};
use crate::wait::Signals;

/// What is on the device.
#[derive(Default)]
pub(super) struct Loaded {
    entropy: Option<Arc<EntropyModel>>,
    whole: Option<Arc<BltModel>>,
}

impl Model {
    /// The entropy model alone.
    pub(super) fn entropy(&self, signals: &mut Signals) -> blt::Result<Arc<EntropyModel>> {
        let mut loaded = lock(&self.loaded);
        if let Some(model) = &loaded.entropy {
            return Ok(Arc::clone(model));
        }
        let model = self.load_entropy(signals)?;
        pollster::block_on(prepare_kept(&Subject::Entropy(&model)))?;
        loaded.entropy = Some(Arc::clone(&model));
        Ok(model)
    }

    fn load_entropy(&self, signals: &mut Signals) -> blt::Result<Arc<EntropyModel>> {
        let checkpoint = self.entropy_checkpoint.as_ref().unwrap_or(&self.checkpoint);
        let checkpoint = self.opened.bits.of(checkpoint);
        let weights = checkpoint.entropy_weights()?;
        let load = EntropyModel::load_while(&self.device, &weights, |_| signals.go_on());
        pollster::block_on(load).map(Arc::new)
    }

    /// The whole model.
    pub(super) fn whole(&self, signals: &mut Signals) -> blt::Result<Arc<BltModel>> {
        let mut loaded = lock(&self.loaded);
        if let Some(model) = &loaded.whole {
            return Ok(Arc::clone(model));
        }
        // What is wrong with the weights need not wait for the device.
        self.checkpoint.blt_weights()?;
        let entropy = match (&self.entropy_checkpoint, &loaded.entropy) {
            (None, _) => None,
            (Some(_), Some(model)) => Some(Arc::clone(model)),
            (Some(_), None) => Some(self.load_entropy(signals)?),
        };
        let mut options = BltLoad {
            entropy,
            ..BltLoad::default()
        };
        let bits = self.opened.bits;
        let (checkpoint, _) = MemoryPlan::choose(&self.device, &self.checkpoint, bits, &options)?;
        // The entropy model that is on the device serves, if it would be the same.
        if options.entropy.is_none()
            && checkpoint.narrowed_to() == bits.of(&self.checkpoint).narrowed_to()
        {
            options.entropy.clone_from(&loaded.entropy);
        }
        let load = BltModel::load_while(&self.device, &checkpoint, options, |_| signals.go_on());
        let model = Arc::new(pollster::block_on(load)?);
        pollster::block_on(prepare_kept(&Subject::Blt(&model, &checkpoint)))?;
        loaded.whole = Some(Arc::clone(&model));
        Ok(model)
    }
}
