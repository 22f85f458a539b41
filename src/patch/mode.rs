//! The ways to cut a text, without their numbers.

use std::str::FromStr;

use super::Scheme;
use crate::{Error, Result};

/// A way to cut a text: that of a [`Scheme`], or [`top_k`](super::top_k), which
/// needs the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Entropy above a threshold.
    Entropy,
    /// Entropy risen by more than a threshold.
    Monotonic,
    /// Entropy above a threshold and risen by another.
    Both,
    /// Words.
    Space,
    /// A fixed number of bytes.
    Static,
    /// Each byte.
    Byte,
    /// Delimiter tokens.
    Delimiter,
    /// As many patches as give the wanted mean, at the largest entropies.
    TopK,
    /// Where the model expects a delimiter token.
    BpePatcher,
    /// By a table over the last two tokens.
    Lookup,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Entropy,
        Self::Monotonic,
        Self::Both,
        Self::Space,
        Self::Static,
        Self::Byte,
        Self::Delimiter,
        Self::TopK,
        Self::BpePatcher,
        Self::Lookup,
    ];

    /// That of a scheme.
    #[must_use]
    pub fn of(scheme: &Scheme) -> Self {
        match scheme {
            Scheme::Entropy { .. } => Self::Entropy,
            Scheme::Monotonic { .. } => Self::Monotonic,
            Scheme::Both { .. } => Self::Both,
            Scheme::Space => Self::Space,
            Scheme::Static { .. } => Self::Static,
            Scheme::Byte => Self::Byte,
            Scheme::Delimiter => Self::Delimiter,
            Scheme::DelimiterPredicted => Self::BpePatcher,
            Scheme::Lookup { .. } => Self::Lookup,
        }
    }

    /// Its name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entropy => "entropy",
            Self::Monotonic => "monotonic",
            Self::Both => "both",
            Self::Space => "space",
            Self::Static => "static",
            Self::Byte => "byte",
            Self::Delimiter => "delimiter",
            Self::TopK => "top-k",
            Self::BpePatcher => "bpe-patcher",
            Self::Lookup => "lookup",
        }
    }

    /// Whether it compares each entropy, or its rise, with a threshold.
    #[must_use]
    pub fn has_threshold(self) -> bool {
        matches!(self, Self::Entropy | Self::Monotonic | Self::Both)
    }

    /// Whether it has a number of bytes per patch.
    #[must_use]
    pub fn has_size(self) -> bool {
        matches!(self, Self::Static | Self::TopK)
    }

    /// Whether it looks at entropies.
    #[must_use]
    pub fn needs_entropy(self) -> bool {
        self.has_threshold() || self == Self::TopK
    }

    /// Whether it looks at anything that the entropy model says.
    #[must_use]
    pub fn needs_model(self) -> bool {
        self.needs_entropy() || self == Self::BpePatcher
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let named = Self::ALL.into_iter().find(|mode| mode.as_str() == name);
        named.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Error::Argument(format!("there is no mode {name:?}; the modes are {names}"))
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn each_is_found_by_its_name_and_a_wrong_name_gets_the_right_ones() {
        for mode in Mode::ALL {
            assert_eq!(mode.as_str().parse::<Mode>().unwrap(), mode);
        }
        let sentence = "entropies".parse::<Mode>().unwrap_err().to_string();
        assert!(sentence.contains("entropies"), "{sentence}");
        assert!(sentence.contains("entropy, monotonic, both"), "{sentence}");
    }
}
