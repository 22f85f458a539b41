//! The text as a score: where each byte of a laid-out text is, and how its staff,
//! its threshold and its patches are drawn.

mod cells;
mod layout;
mod motion;
mod painter;
mod settle;
mod shaders;
mod shown;
mod view;

pub(crate) use cells::Cells;
pub(crate) use layout::Layout;
pub(crate) use painter::Pipelines;
pub(crate) use view::{Around, View};
