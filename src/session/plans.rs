//! Plans for one row, for a few, and for many.

use std::sync::{Arc, OnceLock};

use crate::device::plan::Plan;
use crate::error::Result;
use crate::model::part::RowClass;

/// One plan per class of rows. Each is made when a run first needs it, because
/// compiling kernels takes longer than a short text.
#[derive(Debug, Default)]
pub(super) struct RowPlans([OnceLock<Arc<Plan>>; 3]);

impl RowPlans {
    /// The plan of a class; made if there is none.
    pub(super) fn get(
        &self,
        class: RowClass,
        make: impl FnOnce() -> Result<Plan>,
    ) -> Result<&Arc<Plan>> {
        let place = &self.0[class.index()];
        Ok(match place.get() {
            Some(plan) => plan,
            None => {
                let plan = Arc::new(make()?);
                place.get_or_init(|| plan)
            }
        })
    }
}
