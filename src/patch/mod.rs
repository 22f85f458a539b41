//! Where patches start.
//!
//! Every patching scheme of the paper (sections 2.1 to 2.4) reduces to one flag
//! per position: *does a patch start here?* Positions count tokens; position 0
//! is BOS, and a text of S tokens has S + 1 flags, the last for the byte not
//! yet known. Flags 0 and 1 are always true: BOS is a patch of its own, and the
//! first byte starts the next.
//!
//! A [`Patcher`] gives the flags one by one, from the past alone (the
//! *incremental* property of section 2.4: the patches of a prefix are the
//! prefix of the patches). A [`Rule`] says which patcher, as plain data.
//! [`starts`] runs one over a whole text; [`statistics`] and [`solve`] measure
//! and choose, and a [`SizeCurve`] has the mean patch for every threshold at once.
//! A [`Tokenizer`] cuts a text by a vocabulary, to compare with.
//!
//! **Sizes that people read** ([`Statistics`], [`Solved`]) are over the bytes of
//! the text: neither the patch of BOS nor the byte not yet known counts, so the
//! mean patch is the bytes divided by the patches among them.

mod both;
mod byte;
mod curve;
mod delimiter;
mod fixed;
mod lookup;
mod max_length;
mod mode;
mod monotonic;
mod predicted;
mod rule;
mod solve;
mod space;
mod statistics;
mod threshold;
mod tokens;
mod whole;

use std::fmt;

pub use both::Both;
pub use byte::EveryByte;
pub use curve::{SizeCurve, SizePoint};
pub use delimiter::Delimiter;
pub use fixed::Static;
pub use lookup::{Lookup, LookupTable};
pub use max_length::MaxLength;
pub use mode::Mode;
pub use monotonic::Monotonic;
pub use predicted::DelimiterPredicted;
pub use rule::{Rule, Scheme};
pub use solve::{Solved, solve};
pub use space::Space;
pub use statistics::{Statistics, statistics};
pub use threshold::Threshold;
pub use tokens::Tokenizer;
pub use whole::{decoder_patch_ids, lengths, patch_ids, starts, starts_known, top_k};

/// The entropy threshold, in nats, of the released 1B and 7B models.
pub const RELEASED_THRESHOLD: f32 = 1.335_442_1;

/// What is known at a position once its token has arrived and the byte-level
/// model has looked at it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known {
    /// The token at this position.
    pub id: u32,
    /// The entropy of the distribution of the *next* token, in nats.
    pub entropy: Option<f32>,
    /// The most probable next token.
    pub best: Option<u32>,
}

impl Known {
    /// A token of which nothing else is known.
    #[must_use]
    pub const fn of_id(id: u32) -> Self {
        Self {
            id,
            entropy: None,
            best: None,
        }
    }

    /// A token and the entropy (nats) of what follows it.
    #[must_use]
    pub const fn of_entropy(id: u32, entropy: f32) -> Self {
        Self {
            id,
            entropy: Some(entropy),
            best: None,
        }
    }
}

/// Decides, position by position and from the past alone, where patches start.
///
/// Call [`next_starts`](Self::next_starts) once per token, beginning with
/// position 0. The rules are infallible: one that needs an entropy or a
/// prediction and is given none starts no patch (ask
/// [`needs_entropy`](Self::needs_entropy) and [`needs_best`](Self::needs_best)
/// beforehand; [`starts_known`] checks).
pub trait Patcher: fmt::Debug + Send + Sync {
    /// Takes what is known at position i and says whether a patch starts at
    /// position i + 1. Always true at position 0.
    fn next_starts(&mut self, known: &Known) -> bool;

    /// Goes back to position 0.
    fn reset(&mut self);

    /// Whether [`Known::entropy`] must be there.
    fn needs_entropy(&self) -> bool {
        false
    }

    /// Whether [`Known::best`] must be there.
    fn needs_best(&self) -> bool {
        false
    }

    /// A patcher in the same state, to follow another continuation.
    fn fork(&self) -> Box<dyn Patcher + Send>;
}

impl Clone for Box<dyn Patcher + Send> {
    fn clone(&self) -> Self {
        self.fork()
    }
}
