//! Finding and choosing a graphics adapter.

use std::fmt;

use super::tier::Tier;
use crate::error::{Error, Result};

/// What to look for when choosing an adapter. `Default` takes the best one.
#[derive(Clone, Debug, Default)]
pub struct AdapterChoice {
    /// Part of the adapter's name (any case), or its index in [`adapters`].
    pub adapter: Option<String>,
    /// `vulkan`, `metal`, `dx12`, `gl` or `webgpu`; otherwise the environment
    /// variable `WGPU_BACKEND`, otherwise all.
    pub backend: Option<String>,
}

/// One adapter, as a person would want it listed.
#[derive(Clone, Debug)]
pub struct AdapterSummary {
    /// The driver's name for it.
    pub name: String,
    /// Driver name and version.
    pub driver: String,
    /// `vulkan`, `metal`, `dx12`, `gl` or `webgpu`.
    pub backend: wgpu::Backend,
    /// Discrete, integrated, virtual, software.
    pub class: AdapterClass,
    /// The highest tier it can run.
    pub tier: Tier,
    /// The largest storage buffer binding, in bytes.
    pub binding_bytes: u64,
    /// The largest buffer, in bytes.
    pub buffer_bytes: u64,
    /// Smallest and largest subgroup size; 0 without subgroups.
    pub subgroup_sizes: (u32, u32),
}

/// What kind of device an adapter is: it decides which kernel variants are
/// used ([`super::tuning`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdapterClass {
    /// A graphics card with its own memory.
    Discrete,
    /// A GPU that shares the CPU's memory.
    Integrated,
    /// A GPU behind a hypervisor, or one that does not say what it is.
    Virtual,
    /// The CPU: lavapipe, SwiftShader, WARP.
    Software,
}

impl From<wgpu::DeviceType> for AdapterClass {
    fn from(kind: wgpu::DeviceType) -> Self {
        match kind {
            wgpu::DeviceType::DiscreteGpu => Self::Discrete,
            wgpu::DeviceType::IntegratedGpu => Self::Integrated,
            wgpu::DeviceType::VirtualGpu | wgpu::DeviceType::Other => Self::Virtual,
            wgpu::DeviceType::Cpu => Self::Software,
        }
    }
}

impl fmt::Display for AdapterClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Software => "software",
        })
    }
}

impl AdapterSummary {
    fn new(adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        let limits = adapter.limits();
        let tier = Tier::of(adapter.features());
        let driver = format!("{} {}", info.driver, info.driver_info)
            .trim()
            .to_owned();
        Self {
            class: class_of(&info),
            name: info.name,
            driver,
            backend: info.backend,
            tier,
            binding_bytes: limits.max_storage_buffer_binding_size,
            buffer_bytes: limits.max_buffer_size,
            subgroup_sizes: if tier.subgroups {
                (info.subgroup_min_size, info.subgroup_max_size)
            } else {
                (0, 0)
            },
        }
    }
}

/// OpenGL drivers do not say that they run on the CPU; their name does.
fn class_of(info: &wgpu::AdapterInfo) -> AdapterClass {
    let name = info.name.to_lowercase();
    if ["llvmpipe", "swiftshader", "softpipe"]
        .iter()
        .any(|known| name.contains(known))
    {
        AdapterClass::Software
    } else {
        info.device_type.into()
    }
}

fn backend_rank(backend: wgpu::Backend) -> u8 {
    match backend {
        wgpu::Backend::Vulkan | wgpu::Backend::Metal | wgpu::Backend::BrowserWebGpu => 0,
        wgpu::Backend::Dx12 => 1,
        wgpu::Backend::Gl => 2,
        wgpu::Backend::Noop => 3,
    }
}

fn backends(choice: &AdapterChoice) -> Result<wgpu::Backends> {
    let all = wgpu::Backends::all() - wgpu::Backends::NOOP;
    let named = |text: &str, source: &str| {
        let set = wgpu::Backends::from_comma_list(text) - wgpu::Backends::NOOP;
        if set.is_empty() {
            Err(Error::Argument(format!(
                "{source} names no known backend: `{text}`; choose vulkan, metal, dx12 or gl"
            )))
        } else {
            Ok(set)
        }
    };
    match (&choice.backend, std::env::var("WGPU_BACKEND")) {
        (Some(text), _) => named(text, "--backend"),
        (None, Ok(text)) if !text.is_empty() => named(&text, "WGPU_BACKEND"),
        _ => Ok(all),
    }
}

/// The adapters of the wanted backends, best first: discrete, integrated,
/// virtual, software, and among equals Vulkan or Metal before DX12 before GL.
async fn ranked(choice: &AdapterChoice) -> Result<(wgpu::Instance, Vec<wgpu::Adapter>)> {
    let wanted = backends(choice)?;
    // OpenGL only where it is asked for, or where there is nothing better: it
    // lists the same devices again, and its loaders write to stderr.
    let found = enumerate(wanted - wgpu::Backends::GL).await;
    if found.1.is_empty() || wanted == wgpu::Backends::GL {
        return Ok(enumerate(wanted & wgpu::Backends::GL).await);
    }
    Ok(found)
}

async fn enumerate(backends: wgpu::Backends) -> (wgpu::Instance, Vec<wgpu::Adapter>) {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    // Validating every indirect call costs a dispatch and three barriers each.
    descriptor.flags =
        (wgpu::InstanceFlags::empty().with_env()) - wgpu::InstanceFlags::VALIDATION_INDIRECT_CALL;
    let instance = wgpu::Instance::new(descriptor);
    if backends.is_empty() {
        return (instance, Vec::new());
    }
    let mut adapters = instance.enumerate_adapters(backends).await;
    adapters.retain(|a| {
        a.get_downlevel_capabilities()
            .flags
            .contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
    });
    adapters.sort_by_key(|a| {
        let info = a.get_info();
        (class_of(&info), backend_rank(info.backend))
    });
    (instance, adapters)
}

/// Lists the adapters, best first; the position is the index that
/// [`AdapterChoice::adapter`] takes.
///
/// # Errors
/// [`Error::Argument`] when the backend's name is unknown.
pub async fn adapters(choice: &AdapterChoice) -> Result<Vec<AdapterSummary>> {
    Ok(ranked(choice)
        .await?
        .1
        .iter()
        .map(AdapterSummary::new)
        .collect())
}

/// Takes the best adapter, or the one asked for.
///
/// # Errors
/// [`Error::Adapter`] when there is none, or none of that name or index.
pub(super) async fn choose(
    choice: &AdapterChoice,
) -> Result<(wgpu::Instance, wgpu::Adapter, AdapterSummary)> {
    let (instance, mut found) = ranked(choice).await?;
    let names: Vec<String> = found
        .iter()
        .enumerate()
        .map(|(i, a)| format!("{i}: {}", a.get_info().name))
        .collect();
    if found.is_empty() {
        return Err(Error::Adapter(
            "no graphics adapter found: install a GPU driver, or a software one \
             (Debian and Ubuntu: `apt-get install mesa-vulkan-drivers`)"
                .to_owned(),
        ));
    }
    let index = match &choice.adapter {
        None => Some(0),
        Some(text) => match text.parse::<usize>() {
            Ok(index) => (index < found.len()).then_some(index),
            Err(_) => {
                let wanted = text.to_lowercase();
                found
                    .iter()
                    .position(|a| a.get_info().name.to_lowercase().contains(&wanted))
            }
        },
    };
    let Some(index) = index else {
        return Err(Error::Adapter(format!(
            "no adapter `{}`; there is {}",
            choice.adapter.as_deref().unwrap_or_default(),
            names.join(", ")
        )));
    };
    let adapter = found.swap_remove(index);
    let summary = AdapterSummary::new(&adapter);
    Ok((instance, adapter, summary))
}
