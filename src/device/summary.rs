//! What devices there are, as a person would want them listed.

use std::fmt;

use super::tier::Tier;

/// What to look for when choosing a device. `Default` takes the best one:
/// discrete before integrated before virtual GPUs, then the processor, then
/// software drivers.
#[derive(Clone, Debug, Default)]
pub struct AdapterChoice {
    /// `cpu`, part of the device's name (any case), or its index in
    /// [`devices`](super::devices).
    pub adapter: Option<String>,
    /// `vulkan`, `metal`, `dx12`, `gl` or `webgpu`; otherwise the environment
    /// variable `WGPU_BACKEND`, otherwise all. Where one is named, only graphics
    /// adapters are looked at.
    pub backend: Option<String>,
}

/// One device, as a person would want it listed.
#[derive(Clone, Debug)]
pub struct DeviceSummary {
    /// The driver's name for it, or that of the processor.
    pub name: String,
    /// Driver name and version; threads and instruction set of the processor.
    pub driver: String,
    /// The graphics API; `None` for the processor.
    pub backend: Option<wgpu::Backend>,
    /// Discrete, integrated, virtual, processor, software.
    pub class: DeviceClass,
    /// The highest tier it can run; for the processor it means nothing.
    pub tier: Tier,
    /// The largest storage buffer binding, in bytes.
    pub binding_bytes: u64,
    /// The largest buffer, in bytes.
    pub buffer_bytes: u64,
    /// Smallest and largest subgroup size; 0 without subgroups.
    pub subgroup_sizes: (u32, u32),
}

/// What kind of device it is: it decides which kernel variants are used
/// ([`super::tuning`]). The better kinds come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceClass {
    /// A graphics card with its own memory.
    Discrete,
    /// A GPU that shares the CPU's memory.
    Integrated,
    /// A GPU behind a hypervisor, or one that does not say what it is.
    Virtual,
    /// The processor itself, without a graphics driver.
    Cpu,
    /// A graphics driver that computes on the processor: lavapipe, SwiftShader,
    /// WARP.
    Software,
}

impl fmt::Display for DeviceClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Cpu => "cpu",
            Self::Software => "software",
        })
    }
}
