//! Which optional device features kernels may use.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// The optional device features that kernels may use.
///
/// The *base* tier (neither) stays inside WebGPU's default limits and runs on
/// every adapter; the others add what an adapter has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tier {
    /// 16-bit floats in shaders (`shader-f16`).
    pub f16: bool,
    /// Subgroup operations (`subgroups`).
    pub subgroups: bool,
}

impl Tier {
    /// No optional feature.
    pub const BASE: Self = Self {
        f16: false,
        subgroups: false,
    };

    /// Every tier, from the plainest.
    pub const ALL: [Self; 4] = [
        Self::BASE,
        Self {
            f16: true,
            subgroups: false,
        },
        Self {
            f16: false,
            subgroups: true,
        },
        Self {
            f16: true,
            subgroups: true,
        },
    ];

    /// Does a device of this tier run what needs `other`?
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        (self.f16 || !other.f16) && (self.subgroups || !other.subgroups)
    }

    /// The WebGPU features to request for this tier.
    #[must_use]
    pub fn features(self) -> wgpu::Features {
        let mut features = wgpu::Features::empty();
        features.set(wgpu::Features::SHADER_F16, self.f16);
        features.set(wgpu::Features::SUBGROUP, self.subgroups);
        features
    }

    /// The highest tier that a set of features allows.
    #[must_use]
    pub fn of(features: wgpu::Features) -> Self {
        Self {
            f16: features.contains(wgpu::Features::SHADER_F16),
            subgroups: features.contains(wgpu::Features::SUBGROUP),
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.f16, self.subgroups) {
            (false, false) => "base",
            (true, false) => "f16",
            (false, true) => "subgroups",
            (true, true) => "f16+subgroups",
        })
    }
}

impl FromStr for Tier {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.to_string() == text)
            .ok_or_else(|| {
                Error::Argument(format!(
                    "unknown tier `{text}`: choose base, f16, subgroups or f16+subgroups"
                ))
            })
    }
}
