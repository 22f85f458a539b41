//! Generation: a byte is chosen from the logits, goes into the model, and what
//! happens on the way comes out as events.
//!
//! ```text
//! logits → penalty → allowed ids → temperature → top-k → top-p → min-p → id
//!   ↑                                                                     ↓
//!   └──────────────────────────── ByteModel::push ────────────────────────┘
//!                        Event: byte, boundary, latent step, done
//! ```
//!
//! A [`Generator`] writes a text at one go; a [`Continuation`] grows one step by
//! step, goes back, and branches. They need only what [`ByteModel`] and
//! [`RewindModel`] say of a model, so all of it can be tested without one. A
//! [`Sampler`] chooses; [`Allowed`] says among which ids; [`Utf8State`] keeps to
//! well-formed UTF-8; [`StopMatcher`] finds the end.

mod allowed;
mod continuation;
mod draft;
mod event;
mod filter;
mod generator;
mod model;
mod options;
mod sampler;
mod session;
mod stop;
mod utf8;

pub use allowed::Allowed;
pub use continuation::{Alternative, Branch, Continuation, GeneratedByte, StepTimes};
pub use draft::Drafts;
pub use event::{Event, StopReason};
pub use filter::{Filter, Prediction};
pub use generator::{Generator, Given};
pub use model::{ByteModel, Read, RewindModel, Step, Taken};
pub use options::{GenerateOptions, SamplerOptions, Speculate};
pub use sampler::{Candidate, Chosen, Sampler, log_p};
pub use session::TextModel;
pub use stop::{StopMatcher, Verdict};
pub use utf8::{Utf8Mode, Utf8State, Utf8Text};
