//! How much memory an adapter has; WebGPU itself does not say.

use crate::device::summary::DeviceClass;

/// Bytes that weights may take: the largest heap of a GPU's own memory, or for a
/// software driver what the system has left. `None` where nobody says.
pub(super) fn available(adapter: &wgpu::Adapter, class: DeviceClass) -> Option<u64> {
    if class == DeviceClass::Software {
        return crate::device::cpu::free_memory();
    }
    heap(adapter)
}

#[cfg(all(
    not(target_arch = "wasm32"),
    any(target_os = "linux", target_os = "windows", target_os = "android")
))]
fn heap(adapter: &wgpu::Adapter) -> Option<u64> {
    /// `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT`
    const DEVICE_LOCAL: u32 = 1;
    // SAFETY: the adapter is only asked for its properties; nothing is created,
    // changed or destroyed behind wgpu's back.
    let heaps = unsafe {
        let adapter = adapter.as_hal::<wgpu::hal::api::Vulkan>()?;
        let instance = adapter.shared_instance().raw_instance();
        instance.get_physical_device_memory_properties(adapter.raw_physical_device())
    };
    heaps
        .memory_heaps_as_slice()
        .iter()
        .filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0)
        .map(|heap| heap.size)
        .max()
}

#[cfg(not(all(
    not(target_arch = "wasm32"),
    any(target_os = "linux", target_os = "windows", target_os = "android")
)))]
fn heap(_adapter: &wgpu::Adapter) -> Option<u64> {
    None
}
