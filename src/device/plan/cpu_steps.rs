//! The steps of a plan on the processor.

use std::sync::Arc;

use super::super::cpu::kernels::one_row::{OneRow, WEIGHTS};
use super::super::cpu::kernels::shared_product;
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
    /// Set for kernels that multiply a single row.
    one_row: Option<OneRow>,
    /// Does its first binding say how many rows there are?
    has_state: bool,
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
            one_row: draft.shader.form.and_then(shared_product::parts_of),
            has_state: (draft.shader.bindings.get(1)).is_some_and(|first| first.name == "state"),
        })
    }

    pub(super) fn run(&self, cpu: &CpuDevice, access: &mut Access) {
        (self.form.0)(self.call(cpu, access));
    }

    /// The rows that it computes, where a step before it decides that.
    pub(super) fn rows(&self, cpu: &CpuDevice, access: &mut Access) -> Option<u32> {
        (self.has_state).then(|| self.call(cpu, access).state(0).rows)
    }

    fn call<'t>(&'t self, cpu: &'t CpuDevice, access: &'t mut Access) -> Call<'t> {
        let params = (self.params.as_slice(), self.stored);
        Call::new(access, &self.bindings, params, cpu.cpu())
    }

    /// Whether it is the same step of another session: the same kernel with the same
    /// parameters and weights.
    pub(in crate::device) fn is_like(&self, other: &Self) -> bool {
        let same_weights = || self.bindings.same(&other.bindings, WEIGHTS);
        std::ptr::fn_addr_eq(self.form.0, other.form.0)
            && (&self.params, self.stored) == (&other.params, other.stored)
            && (self.one_row.is_none() || same_weights())
    }

    /// Runs steps that are [like](Self::is_like) each other. Rows that are multiplied by the
    /// same weights share one reading of them.
    pub(in crate::device) fn run_all(steps: &[&Self], cpu: &CpuDevice, access: &mut Access) {
        let Some(one_row) = steps.first().and_then(|step| step.one_row) else {
            return steps.iter().for_each(|step| step.run(cpu, access));
        };
        let (single, others): (Vec<&Self>, Vec<&Self>) = steps
            .iter()
            .partition(|step| step.call(cpu, access).state(0).rows == 1);
        match *single {
            [] => {}
            [step] => step.run(cpu, access),
            _ => shared_product::run(one_row, single.len(), cpu.cpu(), |at, with| {
                with(single[at].call(cpu, access));
            }),
        }
        others.iter().for_each(|step| step.run(cpu, access));
    }
}
