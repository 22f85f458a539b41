//! What the worker knows of the work for a screen.

use std::pin::Pin;
use std::sync::Arc;

use super::{Model, Outbox};
use crate::error::Result;

/// A piece of work on its way.
pub(super) type Slice<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// The work for a screen, done in short pieces between newer requests.
pub(super) trait Job {
    /// Another model is open.
    ///
    /// # Errors
    /// Those of what is made for it.
    fn use_model(&mut self, model: &Arc<Model>) -> Result<()>;

    /// Whether there is something to do.
    fn is_busy(&self) -> bool;

    /// Does a piece of the work.
    fn slice<'a>(&'a mut self, outbox: &'a Outbox) -> Slice<'a>;

    /// Something failed, here or in other work: drops what may be unusable since.
    fn give_up(&mut self) {}

    /// The device is lost: the window keeps what the next engine is to go on with.
    fn hand_over(&mut self, _outbox: &Outbox) {}
}
