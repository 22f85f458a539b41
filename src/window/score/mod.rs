//! The text as a score: where each byte of a laid-out text is, and how its staff,
//! its threshold and its patches are drawn.

mod layout;
mod painter;
mod shown;
mod view;

pub(crate) use layout::Layout;
pub(crate) use painter::{Cells, Pipelines};
pub(crate) use view::{Around, View};
