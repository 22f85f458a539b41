//! The steps of a plan on the processor.

use std::sync::Arc;

use super::super::cpu::{Access, Binding, Bindings, Call, CpuDevice};
use super::super::kernel::{BindingKind, CpuForm};
use super::super::slice::{Storage, place};
use super::Draft;
use crate::error::{Error, Result};

/// A step on the processor.
#[derive(Debug)]
pub(in crate::device) struct CpuStep {
    form: CpuForm,
    bindings: Bindings,
    params: Vec<u8>,
    /// How weights are stored: the value of the variant's axis `WEIGHTS`.
    stored: &'static str,
}

impl CpuStep {
    /// The step on the processor.
    ///
    /// # Errors
    /// [`Error::Device`] if it writes what it reads, or is for another device.
    pub(super) fn new(draft: Draft) -> Result<Self> {
        let refused = |why: &str| Err(Error::Device(format!("{} {why}", draft.label)));
        let mut bindings = Vec::with_capacity(draft.slices.len());
        for (slice, declared) in draft.slices.iter().zip(&draft.shader.bindings[1..]) {
            let Storage::Cpu(memory) = &slice.storage else {
                return refused("has a tensor of another device");
            };
            bindings.push(Binding {
                memory: Arc::clone(memory),
                range: place(slice.offset)..place(slice.offset + slice.size),
                written: declared.kind == BindingKind::ReadWrite,
            });
        }
        let Some(bindings) = Bindings::new(bindings) else {
            return refused("writes what it reads");
        };
        let variant = &draft.shader.variants[draft.variant];
        let mut choices = variant.choices.iter();
        let axis = choices.find(|(axis, _)| *axis == "WEIGHTS");
        Ok(Self {
            form: draft.form,
            bindings,
            params: draft.params,
            stored: axis.map_or("f32", |(_, value)| *value),
        })
    }

    pub(super) fn run(&self, cpu: &CpuDevice, access: &mut Access) {
        let params = (self.params.as_slice(), self.stored);
        (self.form.0)(Call::new(access, &self.bindings, params, cpu.cpu()));
    }
}
