//! Where the window's content is drawn: onto a window, onto a page, or onto a picture.

#[cfg(not(target_arch = "wasm32"))]
mod damage;
#[cfg(not(target_arch = "wasm32"))]
mod drawing;
#[cfg(not(target_arch = "wasm32"))]
mod frames;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(not(target_arch = "wasm32"))]
mod offscreen;
#[cfg(not(target_arch = "wasm32"))]
mod paint;
#[cfg(not(target_arch = "wasm32"))]
mod pasting;
#[cfg(not(target_arch = "wasm32"))]
mod picker;
mod reopening;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
pub use native::run;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use offscreen::Canvas as OffscreenCanvas;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use offscreen::save_figure;
#[cfg(not(target_arch = "wasm32"))]
pub use offscreen::{Picture, PictureOptions, picture};
#[cfg(target_arch = "wasm32")]
pub(crate) use web::save_figure;
#[cfg(target_arch = "wasm32")]
pub use web::{Canvas, PageWindow, start};
