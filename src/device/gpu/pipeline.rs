//! The compiled variants of kernels.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};

use crate::device::faults::TierFault;
use crate::device::kernel::{BindingKind, Shader, Variant};

/// A compiled variant.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
    pub(crate) variant: &'static Variant,
    /// Does it leave out the second half of its workgroups, as a bad driver might?
    pub(crate) wrong: bool,
}

/// Compiled variants, made at most once per device.
#[derive(Debug, Default)]
pub(crate) struct PipelineCache {
    fault: Option<TierFault>,
    made: Mutex<HashMap<(&'static str, usize), Arc<Pipeline>>>,
}

impl PipelineCache {
    /// None yet.
    pub(crate) fn new(fault: Option<TierFault>) -> Self {
        Self {
            fault,
            ..Self::default()
        }
    }

    /// Is something wrong with them on purpose?
    pub(crate) fn has_fault(&self) -> bool {
        self.fault.is_some()
    }

    pub(crate) fn get(
        &self,
        device: &wgpu::Device,
        shader: &'static Shader,
        index: usize,
        checked: bool,
    ) -> Arc<Pipeline> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = made.entry((shader.name, index));
        let fault = (self.fault).filter(|fault| {
            let needs = shader.variants[index].needs;
            [
                TierFault::NotCompiled(needs),
                TierFault::WrongNumbers(needs),
            ]
            .contains(fault)
        });
        let make = || Arc::new(compile(device, shader, index, checked, fault));
        Arc::clone(entry.or_insert_with(make))
    }
}

fn compile(
    device: &wgpu::Device,
    shader: &'static Shader,
    index: usize,
    checked: bool,
    fault: Option<TierFault>,
) -> Pipeline {
    let variant = &shader.variants[index];
    let text = match fault {
        Some(TierFault::NotCompiled(_)) => "this is not WGSL",
        _ => variant.wgsl,
    };
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(shader.name),
        source: wgpu::ShaderSource::Wgsl(text.into()),
    };
    let module = if checked {
        device.create_shader_module(descriptor)
    } else {
        // SAFETY: the shaders are ours. Every loop in them is bounded by a
        // parameter, every index that is read from data (token ids, ring slots,
        // row counts) is clamped in the shader, and the tests run all of them
        // with checks on as well (`--checked-shaders`).
        unsafe {
            device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
        }
    };
    let entries: Vec<wgpu::BindGroupLayoutEntry> = (0u32..)
        .zip(shader.bindings)
        .map(|(binding, b)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: match b.kind {
                    BindingKind::Uniform => wgpu::BufferBindingType::Uniform,
                    BindingKind::Read => wgpu::BufferBindingType::Storage { read_only: true },
                    BindingKind::ReadWrite => wgpu::BufferBindingType::Storage { read_only: false },
                },
                has_dynamic_offset: false,
                min_binding_size: match b.kind {
                    BindingKind::Uniform => NonZeroU64::new(shader.params_size as u64),
                    _ => None,
                },
            },
            count: None,
        })
        .collect();
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(shader.name),
        entries: &entries,
    });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(shader.name),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(shader.name),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    });
    Pipeline {
        pipeline,
        layout,
        variant,
        wrong: matches!(fault, Some(TierFault::WrongNumbers(_))),
    }
}
