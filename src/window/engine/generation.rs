//! The work of the generate screen.

use std::sync::Arc;

use super::{Model, Outbox};
use crate::error::Result;

/// What the generate screen asks for.
#[derive(Debug)]
pub(crate) enum GenerateRequest {}

/// What has come for the generate screen.
#[derive(Debug)]
pub(crate) enum GenerateUpdate {}

/// The work of the generate screen.
#[derive(Debug, Default)]
pub(super) struct Generation {}

impl Generation {
    /// Another model is there.
    pub(super) fn use_model(&mut self, _model: &Arc<Model>) -> Result<()> {
        Ok(())
    }

    pub(super) async fn ask(
        &mut self,
        request: GenerateRequest,
        _model: Option<&Arc<Model>>,
        _outbox: &Outbox,
    ) -> Result<()> {
        match request {}
    }

    /// Whether there is something to do.
    pub(super) fn is_busy(&self) -> bool {
        false
    }

    /// Does a piece of the work.
    pub(super) async fn slice(&mut self, _outbox: &Outbox) -> Result<()> {
        Ok(())
    }

    /// After a failure: drop what may be unusable.
    pub(super) fn give_up(&mut self) {
        *self = Self::default();
    }
}
