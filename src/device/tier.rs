//! Which optional features of graphics adapters kernels may use.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// The optional features of graphics adapters that kernels may use. `Subgroups` includes
/// `Base`, and each tier of matrix units includes `Subgroups`, but not the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tier {
    /// None: what stays inside WebGPU's default limits and runs on every adapter.
    #[default]
    Base,
    /// Subgroup operations (`subgroups`).
    Subgroups,
    /// Matrix units for matrices of 8 x 8 halves, with sums in f32 (Apple's, and Mesa's
    /// software driver from 26 on).
    Matrix8,
    /// The same for matrices of 16 x 16 (AMD's from RDNA3 on, and NVIDIA's).
    Matrix16,
}

impl Tier {
    /// Every tier, from the plainest.
    pub const ALL: [Self; 4] = [Self::Base, Self::Subgroups, Self::Matrix8, Self::Matrix16];

    /// Does a device of this tier run what needs `other`?
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        match other {
            Self::Base => true,
            Self::Subgroups => self != Self::Base,
            Self::Matrix8 | Self::Matrix16 => self == other,
        }
    }

    /// The highest of the tiers that it includes; none below the base tier.
    #[must_use]
    pub fn next_lower(self) -> Option<Self> {
        let mut from_the_highest = Self::ALL.into_iter().rev();
        from_the_highest.find(|lower| self != *lower && self.includes(*lower))
    }

    /// Does it have kernels for matrix units?
    #[must_use]
    pub fn has_matrix_units(self) -> bool {
        matches!(self, Self::Matrix8 | Self::Matrix16)
    }

    /// The WebGPU features to request for this tier.
    #[must_use]
    pub fn features(self) -> wgpu::Features {
        let subgroups = wgpu::Features::SUBGROUP;
        match self {
            Self::Base => wgpu::Features::empty(),
            Self::Subgroups => subgroups,
            Self::Matrix8 | Self::Matrix16 => {
                subgroups
                    | wgpu::Features::SHADER_F16
                    | wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
            }
        }
    }

    /// The highest tier that an adapter has, that of the larger matrices if it has both. Its
    /// subgroups must have 8 invocations at least: kernels share some work among eight of
    /// one. Kernels for matrix units take more workgroup memory than WebGPU promises.
    #[must_use]
    pub fn of(adapter: &wgpu::Adapter) -> Self {
        let matrices = adapter.cooperative_matrix_properties();
        let room = adapter.limits().max_compute_workgroup_storage_size >= 32 << 10;
        let has_matrices = |side: u32| {
            room && matrices.iter().any(|own| {
                [own.m_size, own.n_size, own.k_size] == [side; 3]
                    && own.ab_type == wgpu::CooperativeScalarType::F16
                    && own.cr_type == wgpu::CooperativeScalarType::F32
                    && !own.saturating_accumulation
            })
        };
        let subgroups = adapter.get_info().subgroup_min_size >= 8;
        let mut from_the_highest = Self::ALL.into_iter().rev();
        let highest = from_the_highest.find(|tier| {
            adapter.features().contains(tier.features())
                && match tier {
                    Self::Base => true,
                    Self::Subgroups => subgroups,
                    Self::Matrix8 => subgroups && has_matrices(8),
                    Self::Matrix16 => subgroups && has_matrices(16),
                }
        });
        highest.unwrap_or_default()
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base => "base",
            Self::Subgroups => "subgroups",
            Self::Matrix8 => "matrix8",
            Self::Matrix16 => "matrix16",
        })
    }
}

impl FromStr for Tier {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let all = Self::ALL.into_iter();
        let mut named = all.filter(|tier| tier.to_string() == text);
        named.next().ok_or_else(|| {
            Error::Argument(format!(
                "unknown tier `{text}`: choose base, subgroups, matrix8 or matrix16"
            ))
        })
    }
}
