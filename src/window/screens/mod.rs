//! The screens: each keeps what it shows, asks the engine, and draws.

pub(crate) mod patch;

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
}
