//! How much memory an adapter has, and how much of it one buffer may be; WebGPU itself
//! does not say the former, and drivers understate both.

use crate::device::summary::DeviceClass;

/// Bytes that weights and caches may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Available {
    pub(super) bytes: u64,
    /// Whether more is refused; otherwise it is tried, after a warning.
    pub(super) sure: bool,
}

/// A heap of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Heap {
    bytes: u64,
    /// Whether it is the device's own.
    local: bool,
}

/// What weights may take on an adapter. `None` where nobody says.
pub(super) fn available(adapter: &wgpu::Adapter, class: DeviceClass) -> Option<Available> {
    of_heaps(&heaps(adapter), class, crate::device::cpu::free_memory())
}

/// Software drivers have what the system has left. A GPU with memory of its own has all of
/// its heaps: some drivers split one, for the part that the processor can write to. An
/// integrated one takes the system's memory, of which its own heap says little: some call
/// half a gigabyte local, and the rest is the host's.
fn of_heaps(heaps: &[Heap], class: DeviceClass, free: Option<u64>) -> Option<Available> {
    let local = || {
        heaps
            .iter()
            .filter(|heap| heap.local)
            .map(|heap| heap.bytes)
    };
    match class {
        DeviceClass::Software | DeviceClass::Cpu => {
            free.map(|bytes| Available { bytes, sure: true })
        }
        DeviceClass::Discrete => Some(local().sum::<u64>())
            .filter(|bytes| *bytes > 0)
            .map(|bytes| Available { bytes, sure: true }),
        DeviceClass::Integrated | DeviceClass::Virtual => {
            let all: u64 = heaps.iter().map(|heap| heap.bytes).sum();
            // What lies in the system's memory cannot be more than that has left, beyond
            // what is set aside.
            let set_aside = local().max().unwrap_or(0);
            let bytes = match free {
                Some(free) => all.min(free.max(set_aside)),
                None => all,
            };
            (bytes > 0).then_some(Available { bytes, sure: false })
        }
    }
}

/// The largest binding: what the adapter says, and never what its backend gets wrong.
///
/// Metal computes offsets of bindings in 32 bits where indirect calls are not validated
/// (gfx-rs/wgpu#10305), as they are not here.
pub(super) fn binding_limit(backend: wgpu::Backend, limits: &wgpu::Limits) -> u64 {
    let own = limits
        .max_storage_buffer_binding_size
        .min(limits.max_buffer_size);
    match backend {
        wgpu::Backend::Metal => own.min((1 << 32) - 256),
        _ => own,
    }
}

#[cfg(all(
    not(target_arch = "wasm32"),
    any(target_os = "linux", target_os = "windows", target_os = "android")
))]
fn heaps(adapter: &wgpu::Adapter) -> Vec<Heap> {
    /// `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT`
    const DEVICE_LOCAL: u32 = 1;
    // SAFETY: the adapter is only asked for its properties; nothing is created,
    // changed or destroyed behind wgpu's back.
    let heaps = unsafe {
        let Some(adapter) = adapter.as_hal::<wgpu::hal::api::Vulkan>() else {
            return Vec::new();
        };
        let instance = adapter.shared_instance().raw_instance();
        instance.get_physical_device_memory_properties(adapter.raw_physical_device())
    };
    let heaps = heaps.memory_heaps_as_slice().iter();
    heaps
        .map(|heap| Heap {
            bytes: heap.size,
            local: heap.flags.as_raw() & DEVICE_LOCAL != 0,
        })
        .collect()
}

#[cfg(not(all(
    not(target_arch = "wasm32"),
    any(target_os = "linux", target_os = "windows", target_os = "android")
)))]
fn heaps(_adapter: &wgpu::Adapter) -> Vec<Heap> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn heap(bytes: u64, local: bool) -> Heap {
        Heap { bytes, local }
    }

    #[test]
    fn a_card_has_all_of_its_heaps_and_no_more() {
        let split = [
            heap(GIB / 4, true),
            heap(8 * GIB, true),
            heap(16 * GIB, false),
        ];
        let found = of_heaps(&split, DeviceClass::Discrete, Some(GIB));
        let bytes = 8 * GIB + GIB / 4;
        assert_eq!(found, Some(Available { bytes, sure: true }));
        assert_eq!(of_heaps(&[], DeviceClass::Discrete, Some(GIB)), None);
    }

    /// AMD's integrated ones call half a gigabyte their own.
    #[test]
    fn an_integrated_one_is_counted_with_the_system_and_never_sure() {
        let heaps = [heap(GIB / 2, true), heap(15 * GIB, false)];
        for (free, bytes) in [
            (Some(8 * GIB), 8 * GIB),
            (Some(64 * GIB), 15 * GIB + GIB / 2),
            // Next to nothing is left, but what is set aside is.
            (Some(1), GIB / 2),
            (None, 15 * GIB + GIB / 2),
        ] {
            for class in [DeviceClass::Integrated, DeviceClass::Virtual] {
                let found = of_heaps(&heaps, class, free);
                assert_eq!(found, Some(Available { bytes, sure: false }));
            }
        }
        assert_eq!(of_heaps(&[], DeviceClass::Integrated, None), None);
    }

    #[test]
    fn a_software_driver_has_what_is_left() {
        let found = of_heaps(&[heap(GIB, true)], DeviceClass::Software, Some(7));
        assert_eq!(
            found,
            Some(Available {
                bytes: 7,
                sure: true
            })
        );
    }

    #[test]
    fn no_binding_is_larger_than_the_backend_can_count() {
        let limits = |binding, buffer| wgpu::Limits {
            max_storage_buffer_binding_size: binding,
            max_buffer_size: buffer,
            ..wgpu::Limits::default()
        };
        let huge = limits(u64::MAX, u64::MAX);
        assert!(binding_limit(wgpu::Backend::Metal, &huge) < 1 << 32);
        assert_eq!(binding_limit(wgpu::Backend::Vulkan, &huge), u64::MAX);
        // A driver that says 2 GiB gets no more, whichever of both it says.
        for limits in [limits(2 * GIB, 4 * GIB), limits(4 * GIB, 2 * GIB)] {
            for backend in [wgpu::Backend::Metal, wgpu::Backend::Vulkan] {
                assert_eq!(binding_limit(backend, &limits), 2 * GIB);
            }
        }
    }
}
