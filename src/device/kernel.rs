//! Kernels: what the build script read from `shaders/`.

use super::cpu::Call;
use super::slice::Slice;
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
    /// Does it hold f32 numbers, and not integers, records or packed weights?
    pub floats: bool,
}

/// One expanded and validated form of a shader.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// The value chosen on each axis.
    pub choices: &'static [(&'static str, &'static str)],
    /// The tier it needs.
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
    /// The name of its CPU form; `None` where only GPUs need the kernel.
    pub form: Option<&'static str>,
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
    /// [`Error::Device`] when there is none: a mistake in the tuning table.
    pub fn variant(&self, wanted: Choice<'_>, tier: Tier) -> Result<usize> {
        self.variants
            .iter()
            .position(|variant| {
                tier.includes(variant.needs) && wanted.iter().all(|w| variant.choices.contains(w))
            })
            .ok_or_else(|| {
                Error::Device(format!(
                    "{} has no variant {wanted:?} for tier {tier}",
                    self.name
                ))
            })
    }
}

/// The buffers of one use of a shader; implemented by the generated types of
/// [`crate::device::kernels`].
pub trait Kernel<'a> {
    /// The shader's `Params` struct.
    type Params: bytemuck::Pod;
    /// The shader.
    const SHADER: &'static Shader;
    /// Its CPU form.
    #[doc(hidden)]
    const ON_CPU: CpuForm;
    /// The buffers in binding order, without `params`.
    fn slices(&self) -> Vec<Slice<'a>>;
}

/// The CPU form of a kernel, given its parameters and bindings.
#[derive(Clone, Copy, Debug)]
pub struct CpuForm(pub(crate) fn(Call<'_>));
