//! A text below its staves: where each byte of a laid-out text is, and how its staff,
//! its threshold and its patches are drawn.

mod layout;
mod mesh;
mod motion;
mod painter;
mod settle;
mod shaders;
mod shown;
mod view;

pub(crate) use layout::Layout;
pub(crate) use mesh::draw_triangles;
pub(crate) use painter::Pipelines;
pub(crate) use view::{Around, View};
