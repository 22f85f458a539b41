//! Kernels: what the build script read from `shaders/`, and the pipelines
//! made from it.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};

use super::tensor::Slice;
use super::tier::Tier;
use crate::error::{Error, Result};

/// How a shader uses a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingKind {
    /// The uniform `params`.
    Uniform,
    /// A storage buffer that is only read.
    Read,
    /// A storage buffer that is written.
    ReadWrite,
}

/// One binding of a shader, in group 0; its number is its position.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The variable's name in the shader.
    pub name: &'static str,
    /// How it is used.
    pub kind: BindingKind,
}

/// One expanded and validated form of a shader.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// The value chosen on each axis.
    pub choices: &'static [(&'static str, &'static str)],
    /// The features it needs.
    pub needs: Tier,
    /// Invocations per workgroup in x, y, z.
    pub workgroup: [u32; 3],
    /// Items that one workgroup covers in x and y.
    pub tile: [u32; 2],
    /// The expanded text.
    pub wgsl: &'static str,
}

impl Variant {
    /// The chosen values, for people: `WEIGHTS=f16 ROWS=1`.
    #[must_use]
    pub fn label(&self) -> String {
        let parts: Vec<String> = self
            .choices
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        parts.join(" ")
    }
}

/// A shader file with all its variants.
#[derive(Debug)]
pub struct Shader {
    /// The file's name without extension.
    pub name: &'static str,
    /// Its bindings, the same in every variant.
    pub bindings: &'static [Binding],
    /// Size of the uniform `params` in bytes.
    pub params_size: usize,
    /// Its variants.
    pub variants: &'static [Variant],
}

/// A choice of values for some axes of a shader.
pub type Choice<'c> = &'c [(&'c str, &'c str)];

impl Shader {
    /// The first variant that has all the wanted values and runs on `tier`.
    ///
    /// # Errors
    /// [`Error::Gpu`] when there is none: a mistake in the tuning table.
    pub fn variant(&self, wanted: Choice<'_>, tier: Tier) -> Result<usize> {
        self.variants
            .iter()
            .position(|variant| {
                tier.includes(variant.needs) && wanted.iter().all(|w| variant.choices.contains(w))
            })
            .ok_or_else(|| {
                Error::Gpu(format!(
                    "{} has no variant {wanted:?} for tier {tier}",
                    self.name
                ))
            })
    }
}

/// The buffers of one use of a shader; implemented by the generated types of
/// [`crate::gpu::kernels`].
pub trait Kernel<'a> {
    /// The shader's `Params` struct.
    type Params: bytemuck::Pod;
    /// The shader.
    const SHADER: &'static Shader;
    /// The buffers in binding order, without `params`.
    fn slices(&self) -> Vec<Slice<'a>>;
}

/// A compiled variant.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
    pub(crate) variant: &'static Variant,
}

/// Compiled variants, made at most once per device.
#[derive(Debug, Default)]
pub(crate) struct PipelineCache {
    made: Mutex<HashMap<(&'static str, usize), Arc<Pipeline>>>,
}

impl PipelineCache {
    pub(crate) fn get(
        &self,
        device: &wgpu::Device,
        shader: &'static Shader,
        index: usize,
        checked: bool,
    ) -> Arc<Pipeline> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = made.entry((shader.name, index));
        Arc::clone(entry.or_insert_with(|| Arc::new(compile(device, shader, index, checked))))
    }
}

fn compile(
    device: &wgpu::Device,
    shader: &'static Shader,
    index: usize,
    checked: bool,
) -> Pipeline {
    let variant = &shader.variants[index];
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(shader.name),
        source: wgpu::ShaderSource::Wgsl(variant.wgsl.into()),
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
    }
}
