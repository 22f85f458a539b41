//! Finding graphics adapters.

use crate::device::summary::{AdapterChoice, DeviceClass, DeviceSummary};
use crate::device::tier::Tier;
use crate::error::{Error, Result};

impl From<wgpu::DeviceType> for DeviceClass {
    fn from(kind: wgpu::DeviceType) -> Self {
        match kind {
            wgpu::DeviceType::DiscreteGpu => Self::Discrete,
            wgpu::DeviceType::IntegratedGpu => Self::Integrated,
            wgpu::DeviceType::VirtualGpu | wgpu::DeviceType::Other => Self::Virtual,
            wgpu::DeviceType::Cpu => Self::Software,
        }
    }
}

impl From<&wgpu::Adapter> for DeviceSummary {
    fn from(adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        let limits = adapter.limits();
        let tier = Tier::of(adapter);
        let driver = format!("{} {}", info.driver, info.driver_info)
            .trim()
            .to_owned();
        Self {
            class: class_of(&info),
            // Browsers do not say whose adapter it is.
            name: match info.name.as_str() {
                "" => format!("WebGPU ({:?})", info.device_type),
                _ => info.name,
            },
            driver,
            backend: Some(info.backend),
            tier,
            binding_bytes: limits.max_storage_buffer_binding_size,
            buffer_bytes: limits.max_buffer_size,
            subgroup_sizes: if tier.includes(Tier::Subgroups) {
                (info.subgroup_min_size, info.subgroup_max_size)
            } else {
                (0, 0)
            },
        }
    }
}

/// OpenGL drivers do not say that they run on the CPU; their name does.
fn class_of(info: &wgpu::AdapterInfo) -> DeviceClass {
    let name = info.name.to_lowercase();
    if ["llvmpipe", "swiftshader", "softpipe"]
        .iter()
        .any(|known| name.contains(known))
    {
        DeviceClass::Software
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
pub(in crate::device) async fn ranked(
    choice: &AdapterChoice,
) -> Result<(wgpu::Instance, Vec<wgpu::Adapter>)> {
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

/// Can there be a GPU at all? Asking graphics drivers costs more than a short
/// text, and the software ones among them are not wanted unless named.
pub(in crate::device) fn may_exist() -> bool {
    #[cfg(target_os = "linux")]
    {
        let named = |folder: &str, prefixes: &[&str]| {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name()).any(|name| {
                prefixes
                    .iter()
                    .any(|p| name.to_string_lossy().starts_with(p))
            })
        };
        // Render nodes of the kernel, and what drivers have that do without them.
        named("/dev/dri", &["render"]) || named("/dev", &["nvidia", "dxg", "kgsl", "mali"])
    }
    #[cfg(not(target_os = "linux"))]
    true
}
