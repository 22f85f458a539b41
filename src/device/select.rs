//! Which variant of a kernel a device takes.

use super::choices::StepShape;
use super::kernel::{Choice, Shader};
use super::open::{Device, Kind};
use super::tier::Tier;
use super::tuning::Preferences;
use crate::error::{Error, Result};

/// Variants to choose among at most.
const MOST: usize = 8;

/// A variant of a kernel, with those that could take its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Places in the shader's list, the preferred one first.
    places: [usize; MOST],
    /// How many of them count; one at least.
    count: usize,
}

impl Selected {
    /// All of them, the preferred one first.
    #[must_use]
    pub fn candidates(&self) -> &[usize] {
        &self.places[..self.count]
    }

    fn add(&mut self, variant: usize) {
        if self.count < MOST && !self.candidates().contains(&variant) {
            self.places[self.count] = variant;
            self.count += 1;
        }
    }

    /// The preferred one.
    #[must_use]
    pub fn first(&self) -> usize {
        self.places[0]
    }
}

/// One variant and no other.
impl From<usize> for Selected {
    fn from(variant: usize) -> Self {
        Self {
            places: [variant; MOST],
            count: 1,
        }
    }
}

impl Device {
    /// The preferred variants of a shader that have the values of `fixed` too and
    /// run in this device's tier. Where a tier with matrix units was asked for by name, only
    /// the variant for them is given, if there is one. The processor has one form for all
    /// variants but those of the type of the weights.
    ///
    /// # Errors
    /// [`Error::Device`] when there is none: a mistake in the table.
    pub fn select(
        &self,
        shader: &Shader,
        preferences: Preferences,
        fixed: Choice<'_>,
    ) -> Result<Selected> {
        if let Kind::Cpu(_) = self.kind {
            let weights = |choice: &&(&str, &str)| choice.0 == "WEIGHTS";
            let fixed: Vec<(&str, &str)> = fixed.iter().filter(weights).copied().collect();
            return shader.variant(&fixed, Tier::Base).map(Selected::from);
        }
        let mut selected: Option<Selected> = None;
        let mut last = Error::Device(format!("{} has no preferred variant", shader.name));
        for preferred in preferences {
            let wanted: Vec<(&str, &str)> = preferred.iter().chain(fixed).copied().collect();
            match shader.variant(&wanted, self.tier()) {
                Ok(variant) => match &mut selected {
                    None => selected = Some(variant.into()),
                    Some(selected) => selected.add(variant),
                },
                Err(error) => last = error,
            }
        }
        let selected = selected.ok_or(last)?;
        let forced = self.forced_tier().filter(|tier| tier.has_matrix_units());
        let mut all = selected.candidates().iter();
        let own = all.find(|at| forced == Some(shader.variants[**at].needs));
        Ok(own.map_or(selected, |own| Selected::from(*own)))
    }

    /// The variant that a step takes: the fastest of the candidates where that has been
    /// measured, otherwise the preferred one.
    pub(super) fn settle(&self, shape: &StepShape, selected: &Selected) -> usize {
        let fastest = self.choices.fastest(shape);
        fastest
            .filter(|variant| selected.candidates().contains(variant))
            .unwrap_or_else(|| selected.first())
    }
}
