//! The screens: each keeps what it shows, asks the engine, and draws.

pub(crate) mod compare;
mod content;
pub(crate) mod file;
pub(crate) mod generate;
pub(crate) mod patch;

use super::words::Language;

pub(crate) use content::Content;

/// The sentence of the paper's figure 4.
pub(crate) const FIRST_TEXT: &str =
    "Daenerys Targaryen is in Game of Thrones, a fantasy epic by George R.R. Martin.";

/// Which screen shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Screen {
    /// A text and its patches, while it is written.
    #[default]
    Patch,
    /// A text that the model writes.
    Generate,
    /// One text, cut in several ways.
    Compare,
    /// A file of any size.
    File,
}

impl Screen {
    /// All of them, as the tabs stand.
    pub const ALL: [Self; 4] = [Self::Patch, Self::Generate, Self::Compare, Self::File];

    /// What it is called.
    pub(crate) fn name(self, language: Language) -> &'static str {
        let words = language.words();
        match self {
            Self::Patch => words.patch,
            Self::Generate => words.generate,
            Self::Compare => words.compare,
            Self::File => words.file,
        }
    }
}
