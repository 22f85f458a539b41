//! Which optional features of graphics adapters kernels may use.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// The optional features of graphics adapters that kernels may use.
///
/// The *base* tier (none) stays inside WebGPU's default limits and runs on every
/// adapter; the other adds what an adapter has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tier {
    /// Subgroup operations (`subgroups`).
    pub subgroups: bool,
}

impl Tier {
    /// No optional feature.
    pub const BASE: Self = Self { subgroups: false };

    /// Every tier, from the plainest.
    pub const ALL: [Self; 2] = [Self::BASE, Self { subgroups: true }];

    /// Does a device of this tier run what needs `other`?
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        self.subgroups || !other.subgroups
    }

    /// The WebGPU features to request for this tier.
    #[must_use]
    pub fn features(self) -> wgpu::Features {
        let mut features = wgpu::Features::empty();
        features.set(wgpu::Features::SUBGROUP, self.subgroups);
        features
    }

    /// The highest tier that a set of features allows, with subgroups of no fewer
    /// than `smallest` invocations: kernels share some work among eight of one.
    #[must_use]
    pub fn of(features: wgpu::Features, smallest: u32) -> Self {
        Self {
            subgroups: features.contains(wgpu::Features::SUBGROUP) && smallest >= 8,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.subgroups { "subgroups" } else { "base" })
    }
}

impl FromStr for Tier {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let all = Self::ALL.into_iter();
        let mut named = all.filter(|tier| tier.to_string() == text);
        named.next().ok_or_else(|| {
            Error::Argument(format!("unknown tier `{text}`: choose base or subgroups"))
        })
    }
}
