//! What the compilers of GPUs make of the shaders, on machines without one: Mesa's
//! drivers compile for chips that are not there (`scripts/chips` names them), and
//! tell registers, scratch memory and how many waves fit.
//!
//! These tests are ignored unless asked for, because they need such a driver:
//! `scripts/test chips` runs them.

#![expect(clippy::print_stdout, reason = "what the scripts read")]

use std::collections::HashMap;
use std::ffi::{CStr, c_char};
use std::path::Path;

use ash::{khr, vk};
use blt::device::Tier;
use blt::device::kernel::{BindingKind, Shader, Variant};
use blt::device::kernels::SHADERS;
use naga::back::spv;
use naga::proc::BoundsCheckPolicy;

use crate::translation::parse;

/// Kernels whose speed depends on how many waves hide the latency of memory.
const HOT: [&str; 9] = [
    "qkv_row",
    "attention_rows",
    "attention_tile",
    "cross_attention",
    "cross_keys_row",
    "cross_row",
    "linear_rows",
    "linear_tile",
    "gate_up_row",
];

/// Prints, for each variant, what the driver says of it, and refuses scratch memory
/// and spilled registers, and on AMD's chips too few waves.
#[test]
#[ignore = "needs the driver of a chip; run by scripts/test chips"]
fn statistics() {
    let chip = Chip::open();
    println!("# {}", chip.name);
    let mut wrong = Vec::new();
    let least = std::env::var("BLT_CHIP_WAVES").ok();
    let least: Option<f64> = least.map(|waves| waves.parse().unwrap());
    for shader in SHADERS {
        for variant in shader.variants.iter().filter(|v| chip.runs(v)) {
            let name = format!("{} [{}]", shader.name, variant.label());
            for (subgroup, found) in chip.compile(shader, variant) {
                let mut all: Vec<String> = found.iter().map(|(k, v)| format!("{k}={v}")).collect();
                all.sort();
                println!("{name}\tsubgroup={subgroup}\t{}", all.join("\t"));
                let spilled = [
                    "Spilled VGPRs",
                    "Scratch size",
                    "Spill Count",
                    "Scratch Memory Size",
                    "SLM Size",
                ];
                for what in spilled {
                    if found.get(what).is_some_and(|value| *value > 0.0) {
                        wrong.push(format!("{name}: {what} {}", found[what]));
                    }
                }
                if found.is_empty() {
                    wrong.push(format!("{name}: the driver says nothing"));
                }
                if let Some(least) = least.filter(|_| HOT.contains(&shader.name)) {
                    match found.get("Subgroups per SIMD") {
                        Some(waves) if *waves >= least => {}
                        waves => {
                            wrong.push(format!("{name}: {waves:?} waves, {least} are wanted"));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", chip.name, wrong.join("\n"));
}

/// Writes the text of every variant to the folder that `BLT_SHADERS` names, for
/// compilers that read WGSL.
#[test]
#[ignore = "writes files; run by scripts/test chips"]
fn write_shaders() {
    let folder = std::env::var("BLT_SHADERS").expect("BLT_SHADERS names a folder");
    for shader in SHADERS {
        for (index, variant) in shader.variants.iter().enumerate() {
            // Matrix units are not in WebGPU's standard.
            let enable = match variant.needs {
                Tier::Base => "",
                Tier::Subgroups => "enable subgroups;\n",
                Tier::Matrix8 | Tier::Matrix16 => continue,
            };
            let tier = variant.needs;
            let path = Path::new(&folder).join(format!("{}.{index}.{tier}.wgsl", shader.name));
            std::fs::write(path, enable.to_owned() + variant.wgsl).unwrap();
        }
    }
}

/// The SPIR-V that wgpu gives a driver: without checks, and workgroup memory as it is.
fn spirv(variant: &Variant) -> Vec<u32> {
    let (module, info) = parse(variant);
    let unchecked = BoundsCheckPolicy::Unchecked;
    let options = spv::Options {
        lang_version: (1, 3),
        bounds_check_policies: naga::proc::BoundsCheckPolicies {
            index: unchecked,
            buffer: unchecked,
            image_load: unchecked,
            binding_array: unchecked,
        },
        force_loop_bounding: false,
        emit_int_div_checks: false,
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        ..Default::default()
    };
    let entry = spv::PipelineOptions {
        shader_stage: naga::ShaderStage::Compute,
        entry_point: "main".to_owned(),
    };
    spv::write_vec(&module, &info, &options, Some(&entry)).unwrap()
}

/// The first device of the Vulkan driver at hand, opened as wgpu opens it.
struct Chip {
    name: String,
    /// Has it matrix units for 16 x 16 halves?
    matrix_units: bool,
    device: ash::Device,
    executables: khr::pipeline_executable_properties::Device,
    instance: ash::Instance,
    /// The library, which must stay loaded.
    _entry: ash::Entry,
}

fn text(letters: &[c_char]) -> String {
    // SAFETY: Vulkan ends its texts with a zero, inside their arrays.
    let text = unsafe { CStr::from_ptr(letters.as_ptr()) };
    text.to_string_lossy().into_owned()
}

/// # Safety
/// The device must be the instance's.
unsafe fn has_matrix_units(
    entry: &ash::Entry,
    instance: &ash::Instance,
    physical: vk::PhysicalDevice,
) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let extensions = instance.enumerate_device_extension_properties(physical);
        let named = |own: &vk::ExtensionProperties| {
            own.extension_name_as_c_str() == Ok(khr::cooperative_matrix::NAME)
        };
        let mut later = vk::PhysicalDeviceVulkan12Features::default();
        let mut matrices = vk::PhysicalDeviceCooperativeMatrixFeaturesKHR::default();
        let mut has = vk::PhysicalDeviceFeatures2::default()
            .push_next(&mut later)
            .push_next(&mut matrices);
        instance.get_physical_device_features2(physical, &mut has);
        let has = [
            matrices.cooperative_matrix,
            later.shader_float16,
            later.vulkan_memory_model_device_scope,
        ];
        if !extensions.unwrap().iter().any(named) || has.contains(&vk::FALSE) {
            return false;
        }
        let matrices = khr::cooperative_matrix::Instance::new(entry, instance);
        let all = matrices.get_physical_device_cooperative_matrix_properties(physical);
        all.unwrap().iter().any(|own| {
            [own.m_size, own.n_size, own.k_size] == [16; 3]
                && own.a_type == vk::ComponentTypeKHR::FLOAT16
                && own.result_type == vk::ComponentTypeKHR::FLOAT32
        })
    }
}

impl Chip {
    fn open() -> Self {
        // SAFETY: the calls follow Vulkan's rules for instances and devices, which live
        // as long as what is made from them.
        unsafe {
            let entry = ash::Entry::load().expect("Vulkan's loader (package libvulkan1)");
            let app = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
            let create = vk::InstanceCreateInfo::default().application_info(&app);
            let instance = entry.create_instance(&create, None).unwrap();
            let physical = instance.enumerate_physical_devices().unwrap()[0];
            let name = text(
                &instance
                    .get_physical_device_properties(physical)
                    .device_name,
            );

            let matrix_units = has_matrix_units(&entry, &instance, physical);
            let mut robustness = vk::PhysicalDeviceRobustness2FeaturesEXT::default();
            let mut sizes = vk::PhysicalDeviceSubgroupSizeControlFeatures::default();
            let mut has = vk::PhysicalDeviceFeatures2::default()
                .push_next(&mut robustness)
                .push_next(&mut sizes);
            instance.get_physical_device_features2(physical, &mut has);
            robustness.p_next = std::ptr::null_mut();
            robustness.null_descriptor = vk::FALSE;
            sizes.p_next = std::ptr::null_mut();

            let wanted = [
                khr::pipeline_executable_properties::NAME,
                ash::ext::robustness2::NAME,
            ];
            let mut names = wanted.map(CStr::as_ptr).to_vec();
            let mut matrices =
                vk::PhysicalDeviceCooperativeMatrixFeaturesKHR::default().cooperative_matrix(true);
            let mut later = vk::PhysicalDeviceVulkan12Features::default()
                .shader_float16(true)
                .vulkan_memory_model(true)
                .vulkan_memory_model_device_scope(true);
            let mut statistics =
                vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default()
                    .pipeline_executable_info(true);
            let basic = vk::PhysicalDeviceFeatures::default().robust_buffer_access(true);
            let queues = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
            let mut create = vk::DeviceCreateInfo::default()
                .queue_create_infos(&queues)
                .enabled_features(&basic)
                .push_next(&mut statistics)
                .push_next(&mut robustness)
                .push_next(&mut sizes);
            if matrix_units {
                names.push(khr::cooperative_matrix::NAME.as_ptr());
                create = create.push_next(&mut matrices).push_next(&mut later);
            }
            create = create.enabled_extension_names(&names);
            let device = instance
                .create_device(physical, &create, None)
                .expect("a driver that tells what it has compiled");
            let executables = khr::pipeline_executable_properties::Device::new(&instance, &device);
            Self {
                name,
                matrix_units,
                device,
                executables,
                instance,
                _entry: entry,
            }
        }
    }

    fn runs(&self, variant: &Variant) -> bool {
        match variant.needs {
            Tier::Base | Tier::Subgroups => true,
            // What has these is Apple's.
            Tier::Matrix8 => false,
            Tier::Matrix16 => self.matrix_units,
        }
    }

    /// What the driver says of each program that it makes of a variant, with the
    /// program's subgroup size.
    fn compile(&self, shader: &Shader, variant: &Variant) -> Vec<(u32, HashMap<String, f64>)> {
        let words = spirv(variant);
        let bindings: Vec<_> = (0..)
            .zip(shader.bindings)
            .map(|(number, binding)| {
                vk::DescriptorSetLayoutBinding::default()
                    .binding(number)
                    .descriptor_count(1)
                    .descriptor_type(match binding.kind {
                        BindingKind::Uniform => vk::DescriptorType::UNIFORM_BUFFER,
                        _ => vk::DescriptorType::STORAGE_BUFFER,
                    })
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
            })
            .collect();
        // SAFETY: as above; everything is destroyed once, after its last use.
        unsafe {
            let device = &self.device;
            let module = vk::ShaderModuleCreateInfo::default().code(&words);
            let module = device.create_shader_module(&module, None).unwrap();
            let set = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
            let sets = [device.create_descriptor_set_layout(&set, None).unwrap()];
            let layout = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
            let layout = device.create_pipeline_layout(&layout, None).unwrap();
            let mut stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(c"main");
            if variant.needs != Tier::Base {
                stage.flags = vk::PipelineShaderStageCreateFlags::ALLOW_VARYING_SUBGROUP_SIZE;
            }
            let create = vk::ComputePipelineCreateInfo::default()
                .flags(vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR)
                .stage(stage)
                .layout(layout);
            let pipeline = device
                .create_compute_pipelines(vk::PipelineCache::null(), &[create], None)
                .unwrap_or_else(|(_, error)| {
                    panic!("{} [{}]: {error}", shader.name, variant.label())
                })[0];
            let info = vk::PipelineInfoKHR::default().pipeline(pipeline);
            let programs = self
                .executables
                .get_pipeline_executable_properties(&info)
                .unwrap();
            let found = (0..)
                .zip(&programs)
                .map(|(index, program)| {
                    let info = vk::PipelineExecutableInfoKHR::default()
                        .pipeline(pipeline)
                        .executable_index(index);
                    let statistics = self
                        .executables
                        .get_pipeline_executable_statistics(&info)
                        .unwrap();
                    let statistics = statistics.iter().map(|s| (text(&s.name), number(s)));
                    (program.subgroup_size, statistics.collect())
                })
                .collect();
            device.destroy_pipeline(pipeline, None);
            device.destroy_pipeline_layout(layout, None);
            device.destroy_descriptor_set_layout(sets[0], None);
            device.destroy_shader_module(module, None);
            found
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn number(statistic: &vk::PipelineExecutableStatisticKHR<'_>) -> f64 {
    // SAFETY: the format says which member was written; the others are integers of
    // the same width.
    unsafe {
        match statistic.format {
            vk::PipelineExecutableStatisticFormatKHR::FLOAT64 => statistic.value.f64,
            vk::PipelineExecutableStatisticFormatKHR::BOOL32 => f64::from(statistic.value.b32),
            vk::PipelineExecutableStatisticFormatKHR::INT64 => statistic.value.i64 as f64,
            _ => statistic.value.u64 as f64,
        }
    }
}

impl Drop for Chip {
    fn drop(&mut self) {
        // SAFETY: all that was made from them is destroyed.
        unsafe {
            self.device.destroy_device(None);
            self.instance.destroy_instance(None);
        }
    }
}
