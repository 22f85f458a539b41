//! Runs over rows of which it is known what goes into some of the layers.

use std::sync::Arc;

use super::{EntropySession, Tokens};
use crate::device::Tensor;
use crate::device::plan::Plan;
use crate::device::recorder::Recorder;
use crate::error::Result;
use crate::model::entropy::Known;
use crate::model::layer_inputs::LayerInputs;
use crate::model::part::{RowClass, count};
use crate::session::plans::RowPlans;

/// Rows of a run that go into a layer, beside a copy of them in another buffer on the
/// GPU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InputCopy<'a> {
    /// The layer.
    pub(crate) layer: usize,
    /// The first row of the run, and how many.
    pub(crate) rows: (usize, usize),
    /// The copy.
    pub(crate) copy: &'a Tensor,
    /// The row of it that is the first.
    pub(crate) at: usize,
}

/// What is known of the rows of a run, in a session that
/// [keeps what goes into layers](EntropySession::keep_layer_inputs).
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownRows<'a> {
    /// Layers of which only keys and values are wanted.
    pub(crate) layers: usize,
    /// What goes into them and into the next one; into the first goes the embedding.
    pub(crate) given: Vec<InputCopy<'a>>,
    /// Where to put what goes into the others.
    pub(crate) kept: Vec<InputCopy<'a>>,
}

impl EntropySession {
    /// Makes ready for runs of which something is known. To be called before the first
    /// token.
    pub(crate) fn keep_layer_inputs(&mut self) {
        self.layer_inputs = Some(self.model.layer_inputs(self.chunk));
        self.plans = (0..=self.model.layers())
            .map(|_| RowPlans::default())
            .collect();
    }

    /// Begins behind the first `taken` tokens of a text whose context is not cut,
    /// without their keys and values. What the first token to be computed looks back at
    /// is to be passed over before that.
    pub(crate) fn begin_within(&mut self, taken: u64) {
        self.reset();
        self.place.begin_within(taken);
    }

    /// Takes tokens, at most those of one run, of which all layers are known, without
    /// a result: the logits after them are not known.
    ///
    /// # Errors
    /// The device's errors.
    pub(crate) fn pass_over(&mut self, ids: &[u32], known: &KnownRows<'_>) -> Result<()> {
        self.begin(ids.len())?;
        self.ready(&Tokens {
            ids,
            after: None,
            begins: &[],
        })?;
        let plan = self.plan(RowClass::of(ids.len()), known.layers)?;
        self.load(known);
        plan.submit(self.model.device(), count(ids.len()), |_| ());
        self.place.taken += ids.len() as u64;
        self.place.logits.clear();
        self.settled = None;
        self.model.device().check()
    }

    /// The plan for a class of rows, with `layers` layers known.
    pub(super) fn plan(&self, class: RowClass, layers: usize) -> Result<Arc<Plan>> {
        let inputs = self.layer_inputs.as_ref();
        let known = inputs.map(|inputs| Known { inputs, layers });
        let plan = self.plans[layers].get(class, || {
            let (inputs, buffers) = (&self.inputs, &self.buffers);
            let plan = (self.model).plan_from(inputs, buffers, class, self.extras, known)?;
            self.model.device().check()?;
            Ok(plan)
        })?;
        Ok(Arc::clone(plan))
    }

    /// Submits the copies of what is given to a run.
    pub(super) fn load(&self, known: &KnownRows<'_>) {
        let Some(inputs) = &self.layer_inputs else {
            return;
        };
        if known.given.is_empty() {
            return;
        }
        self.model.device().submit(|recorder| {
            for given in &known.given {
                let own = match given.layer {
                    layer if layer == known.layers => self.buffers.x(),
                    layer => inputs.of(layer),
                };
                let ((first, rows), bytes) = (given.rows, |rows| inputs.bytes_of(rows));
                let (from, to) = (bytes(given.at), bytes(first));
                given.copy.copy_to(own, recorder, from, to, bytes(rows));
            }
        });
    }
}

impl KnownRows<'_> {
    /// Records the copies of what is kept of a run whose first row has this slot.
    pub(super) fn keep(
        &self,
        inputs: Option<&LayerInputs>,
        recorder: &mut Recorder<'_>,
        slot: usize,
    ) {
        let Some(inputs) = inputs else {
            return;
        };
        let bytes = |rows| inputs.bytes_of(rows);
        for kept in &self.kept {
            let (first, rows) = kept.rows;
            let start = (slot + first) % inputs.rows();
            let before_wrap = rows.min(inputs.rows() - start);
            let pieces = [
                (start, 0, before_wrap),
                (0, before_wrap, rows - before_wrap),
            ];
            for (from, skip, rows) in pieces.into_iter().filter(|(_, _, rows)| *rows > 0) {
                let (from, to) = (bytes(from), bytes(kept.at + skip));
                let own = inputs.of(kept.layer);
                own.copy_to(kept.copy, recorder, from, to, bytes(rows));
            }
        }
    }
}
