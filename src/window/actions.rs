//! Everything that can be done by a menu, a key or the palette, in one list.

use std::path::PathBuf;

use egui::{Key, KeyboardShortcut, Modifiers};

use super::screens::Screen;
use super::settings::{Settings, ThemeChoice};
use super::storage;
use super::words::{self, Language};
use crate::samples::SAMPLES;

/// Something that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Screen(Screen),
    Undo,
    Redo,
    OpenFile,
    RecentFile(usize),
    Sample(usize),
    OpenModel,
    EmbeddedModel,
    RecentModel(usize),
    CachedModel(usize),
    OpenTable,
    RecentTable(usize),
    CopyBrackets,
    CopyJsonl,
    CopyMarkdown,
    CopyLink,
    ExportSvg,
    ExportPng,
    Figure,
    RaiseThreshold,
    LowerThreshold,
    NextPatch,
    PreviousPatch,
    Jump(Jump),
    Generate(Command),
    Theme(ThemeChoice),
    Language(Language),
    ZoomIn,
    ZoomOut,
    ZoomReset,
    ReduceMotion,
    Palette,
    Shortcuts,
    Quit,
}

/// A jump that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Jump {
    /// To the highest entropy, then to the next lower ones.
    Hottest,
    /// To the longest patch.
    Longest,
    /// To the next invalid UTF-8.
    Invalid,
    /// To an offset that is asked for.
    Offset,
}

impl Jump {
    /// All of them, as their buttons stand.
    pub(crate) const ALL: [Self; 4] = [Self::Hottest, Self::Longest, Self::Invalid, Self::Offset];
}

/// What can be done to the text by a button or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    StartOrPause,
    Byte,
    Patch,
    Back,
    Restart,
}

impl Command {
    /// All of them, as their buttons and keys stand.
    pub(crate) const ALL: [Self; 5] = [
        Self::StartOrPause,
        Self::Byte,
        Self::Patch,
        Self::Back,
        Self::Restart,
    ];
}

const CONTROL: Modifiers = Modifiers::COMMAND;

impl Action {
    /// What makes something of the text for others.
    pub(crate) fn exports() -> impl Iterator<Item = Self> {
        let all = [
            Self::CopyBrackets,
            Self::CopyJsonl,
            Self::CopyMarkdown,
            Self::CopyLink,
            Self::ExportSvg,
            Self::ExportPng,
        ];
        // Only a page has an address.
        let has_link = storage::has_address();
        all.into_iter()
            .filter(move |action| has_link || *action != Self::CopyLink)
    }

    /// All that can be done now, as the palette lists them.
    pub(crate) fn all(settings: &Settings) -> Vec<Self> {
        let mut all: Vec<Self> = Screen::ALL.map(Self::Screen).to_vec();
        all.extend([Self::Undo, Self::Redo, Self::OpenFile]);
        all.extend((0..settings.recent_files.len()).map(Self::RecentFile));
        all.extend((0..SAMPLES.len()).map(Self::Sample));
        all.extend([Self::OpenModel, Self::EmbeddedModel]);
        all.extend((0..settings.recent_models.len()).map(Self::RecentModel));
        all.extend((0..settings.cached_models.len()).map(Self::CachedModel));
        all.push(Self::OpenTable);
        all.extend((0..settings.recent_tables.len()).map(Self::RecentTable));
        all.extend(Self::exports());
        all.extend([
            Self::Figure,
            Self::RaiseThreshold,
            Self::LowerThreshold,
            Self::NextPatch,
            Self::PreviousPatch,
        ]);
        all.extend(Jump::ALL.map(Self::Jump));
        all.extend(Command::ALL.map(Self::Generate));
        all.extend(ThemeChoice::ALL.map(Self::Theme));
        all.extend(Language::ALL.map(Self::Language));
        all.extend([
            Self::ZoomIn,
            Self::ZoomOut,
            Self::ZoomReset,
            Self::ReduceMotion,
            Self::Shortcuts,
            Self::Quit,
        ]);
        all
    }

    /// Its keys, if it has any.
    pub(crate) fn shortcut(self) -> Option<KeyboardShortcut> {
        let keys = |modifiers, key| Some(KeyboardShortcut::new(modifiers, key));
        match self {
            Self::Screen(Screen::Patch) => keys(CONTROL, Key::Num1),
            Self::Screen(Screen::Generate) => keys(CONTROL, Key::Num2),
            Self::Screen(Screen::Compare) => keys(CONTROL, Key::Num3),
            Self::Screen(Screen::File) => keys(CONTROL, Key::Num4),
            Self::Undo => keys(CONTROL, Key::Z),
            Self::Redo => keys(CONTROL.plus(Modifiers::SHIFT), Key::Z),
            Self::OpenFile => keys(CONTROL, Key::O),
            Self::OpenModel => keys(CONTROL, Key::M),
            Self::CopyBrackets => keys(CONTROL.plus(Modifiers::SHIFT), Key::B),
            Self::CopyJsonl => keys(CONTROL.plus(Modifiers::SHIFT), Key::J),
            Self::CopyMarkdown => keys(CONTROL.plus(Modifiers::SHIFT), Key::M),
            Self::ExportSvg => keys(CONTROL, Key::E),
            Self::ExportPng => keys(CONTROL.plus(Modifiers::SHIFT), Key::E),
            Self::Figure => keys(CONTROL, Key::G),
            Self::RaiseThreshold => keys(Modifiers::ALT, Key::ArrowUp),
            Self::LowerThreshold => keys(Modifiers::ALT, Key::ArrowDown),
            Self::NextPatch => keys(Modifiers::ALT, Key::ArrowRight),
            Self::PreviousPatch => keys(Modifiers::ALT, Key::ArrowLeft),
            Self::Jump(Jump::Hottest) => keys(CONTROL.plus(Modifiers::SHIFT), Key::H),
            Self::Jump(Jump::Longest) => keys(CONTROL.plus(Modifiers::SHIFT), Key::L),
            Self::Jump(Jump::Invalid) => keys(CONTROL.plus(Modifiers::SHIFT), Key::I),
            Self::Jump(Jump::Offset) => keys(CONTROL.plus(Modifiers::SHIFT), Key::G),
            Self::Generate(Command::StartOrPause) => keys(Modifiers::NONE, Key::F5),
            Self::Generate(Command::Byte) => keys(Modifiers::NONE, Key::F6),
            Self::Generate(Command::Patch) => keys(Modifiers::NONE, Key::F7),
            Self::Generate(Command::Back) => keys(Modifiers::NONE, Key::F8),
            Self::Generate(Command::Restart) => keys(Modifiers::NONE, Key::F9),
            Self::ZoomIn => keys(CONTROL, Key::Plus),
            Self::ZoomOut => keys(CONTROL, Key::Minus),
            Self::ZoomReset => keys(CONTROL, Key::Num0),
            Self::Palette => keys(CONTROL, Key::K),
            Self::Shortcuts => keys(Modifiers::NONE, Key::F1),
            Self::Quit => keys(CONTROL, Key::Q),
            _ => None,
        }
    }

    /// What it is called.
    pub(crate) fn title(self, language: Language, settings: &Settings) -> String {
        let path = |path: Option<&PathBuf>| path.map(|path| path.display().to_string());
        let name = match self {
            Self::RecentFile(index) => path(settings.recent_files.get(index)),
            Self::RecentTable(index) => path(settings.recent_tables.get(index)),
            Self::RecentModel(index) => settings.recent_models.get(index).cloned(),
            Self::CachedModel(index) => settings.cached_models.get(index).cloned(),
            Self::Sample(index) => {
                let sample = SAMPLES.get(index);
                sample.map(|sample| words::actions::sample(language, sample).to_owned())
            }
            _ => None,
        };
        words::actions::title(language, self, &name.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_have_the_same_keys_or_the_same_title() {
        let settings = Settings::default();
        let mut all = Action::all(&settings);
        all.push(Action::Palette);
        for (index, one) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                if let (Some(a), Some(b)) = (one.shortcut(), other.shortcut()) {
                    assert_ne!(a, b, "{one:?} {other:?}");
                }
                for language in Language::ALL {
                    assert_ne!(
                        one.title(language, &settings),
                        other.title(language, &settings)
                    );
                }
            }
        }
    }
}
