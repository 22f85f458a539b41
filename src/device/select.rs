//! Which variant of a kernel a device takes.

use super::kernel::{Choice, Shader};
use super::open::{Device, Kind};
use super::tier::Tier;
use super::tuning::Preferences;
use crate::error::{Error, Result};

impl Device {
    /// The preferred variant of a shader that has the values of `fixed` too and
    /// runs in this device's tier. The processor has one form for all variants but
    /// those of the type of the weights.
    ///
    /// # Errors
    /// [`Error::Device`] when there is none: a mistake in the table.
    pub fn select(
        &self,
        shader: &Shader,
        preferences: Preferences,
        fixed: Choice<'_>,
    ) -> Result<usize> {
        if let Kind::Cpu(_) = self.kind {
            let weights = |choice: &&(&str, &str)| choice.0 == "WEIGHTS";
            let fixed: Vec<(&str, &str)> = fixed.iter().filter(weights).copied().collect();
            return shader.variant(&fixed, Tier::BASE);
        }
        let mut last = Err(Error::Device(format!(
            "{} has no preferred variant",
            shader.name
        )));
        for preferred in preferences {
            let wanted: Vec<(&str, &str)> = preferred.iter().chain(fixed).copied().collect();
            last = shader.variant(&wanted, self.tier());
            if last.is_ok() {
                break;
            }
        }
        last
    }
}
