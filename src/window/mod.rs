//! The desktop window: type, and see entropies and patches move.
//!
//! ```text
//! shell (winit, a page, or a picture without a display)
//!   └ App: what shows, drawn with egui ──ask──→ Engine: the models, beside it
//!       └ screens ←───────────────updates──────────┘
//! ```
//!
//! The staves of a text and its patch starts are drawn by our own shaders
//! from the buffers that the entropy kernel has written where both are on one GPU.

mod accessibility;
mod actions;
mod amounts;
mod app;
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub mod bench;
mod context;
mod devices;
mod dialog;
mod document;
mod engine;
mod error_message;
mod export;
mod link;
mod pace;
mod palette;
mod program_model;
mod screens;

mod settings;
mod sheet;
mod shell;
mod staff;
mod storage;
#[cfg_attr(target_arch = "wasm32", path = "page_fonts.rs")]
mod system_fonts;
#[cfg(test)]
mod tests;
mod theme;
mod top;
mod widgets;
mod words;

pub use app::{App, AppOptions};
pub use devices::Devices;
pub use link::Link;
pub use screens::Screen;
#[cfg(target_arch = "wasm32")]
pub use shell::{Canvas, PageWindow, start};
#[cfg(not(target_arch = "wasm32"))]
pub use shell::{Picture, PictureOptions, picture, run};
pub use words::Language;
