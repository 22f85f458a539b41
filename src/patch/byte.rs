//! Every byte a patch of its own: a plain byte-level model.

use super::{Known, Patcher};

/// A patch starts everywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct EveryByte;

impl Patcher for EveryByte {
    fn next_starts(&mut self, _: &Known) -> bool {
        true
    }

    fn reset(&mut self) {}

    fn fork(&self) -> Box<dyn Patcher + Send> {
        Box::new(*self)
    }
}
