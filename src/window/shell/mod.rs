//! Where the window's content is drawn: onto a window, or onto a picture.

mod frames;
mod native;
mod offscreen;
mod paint;
mod picker;

pub use native::run;
pub(crate) use offscreen::{Canvas, figure};
pub use offscreen::{Picture, PictureOptions, picture};
