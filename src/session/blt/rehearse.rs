//! A session whose runs are there to be measured.

use super::{BltOptions, BltSession, Stage};
use crate::device::trials::Trials;
use crate::device::tuning::LatentStep;
use crate::error::Result;
use crate::model::part::RowClass;
use crate::patch::{Rule, Scheme};

impl BltSession {
    /// Options under which every byte closes a patch, so that no step is idle.
    pub(crate) fn rehearsal() -> Result<BltOptions> {
        Ok(BltOptions {
            rule: Some(Rule::new(Scheme::Static { size: 1 })?),
            latent_step: Some(LatentStep::WorstCase),
            ..BltOptions::default()
        })
    }

    /// Takes tokens in a single run, by the kernels for that number of rows.
    pub(crate) async fn rehearse(&mut self, ids: &[u32]) -> Result<()> {
        self.few_as_many = 0;
        self.run(ids, None).await.map(|_| ())
    }

    /// The steps of runs of a class.
    pub(crate) fn steps(&self, class: RowClass, trials: &mut Trials) -> Result<()> {
        for stage in Stage::ALL {
            let plan = (self.plans).unbuilt(stage, class, &self.model, &self.buffers)?;
            trials.add(plan.into_builder());
        }
        Ok(())
    }
}
