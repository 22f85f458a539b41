//! What the window remembers from one time to the next: how it looks, and what was
//! opened. How a text is cut belongs to its model: each start begins with the model's
//! own rule and a whole context, as `blt patch` does.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::storage;
use super::words::Language;
use crate::text_file;

/// So many files, models and tables are remembered.
const RECENT: usize = 8;
/// The most bytes of settings: what has more is something else.
const MOST: usize = 1 << 20;

/// What the window remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// `None` is that of the system.
    pub(crate) language: Option<Language>,
    pub(crate) theme: ThemeChoice,
    /// Of everything, 1 by default.
    pub(crate) zoom: f32,
    pub(crate) reduce_motion: bool,
    pub(crate) recent_files: Vec<PathBuf>,
    pub(crate) recent_models: Vec<String>,
    /// Tables of the lookup rule.
    pub(crate) recent_tables: Vec<PathBuf>,
    /// Models in the Hugging Face cache, which is looked into when the window opens.
    #[serde(skip)]
    pub(crate) cached_models: Vec<String>,
}

/// Light, dark, or as the system has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ThemeChoice {
    #[default]
    System,
    Light,
    Dark,
}

impl ThemeChoice {
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub(crate) fn preference(self) -> egui::ThemePreference {
        match self {
            Self::System => egui::ThemePreference::System,
            Self::Light => egui::ThemePreference::Light,
            Self::Dark => egui::ThemePreference::Dark,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            language: None,
            theme: ThemeChoice::default(),
            zoom: 1.0,
            reduce_motion: false,
            recent_files: Vec::new(),
            recent_models: Vec::new(),
            recent_tables: Vec::new(),
            cached_models: Vec::new(),
        }
    }
}

impl Settings {
    /// The least and the greatest zoom.
    pub(crate) const ZOOMS: std::ops::RangeInclusive<f32> = 0.5..=3.0;

    /// Where they are kept: in the system's folder for settings.
    pub(crate) fn path() -> Option<PathBuf> {
        Some(storage::folder()?.join("window.json"))
    }

    /// Reads them; what cannot be read is as if it were not there.
    pub(crate) fn read(path: &Path) -> Self {
        let read = storage::read(path, MOST).ok().flatten();
        let mut settings: Self = read
            .and_then(|bytes| text_file::json(&bytes, "").ok())
            .unwrap_or_default();
        if !Self::ZOOMS.contains(&settings.zoom) {
            settings.zoom = 1.0;
        }
        settings.recent_files.truncate(RECENT);
        settings.recent_models.truncate(RECENT);
        settings.recent_tables.truncate(RECENT);
        settings
    }

    /// Writes them, all or nothing.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        storage::keep(path, &serde_json::to_vec_pretty(self)?)
    }

    /// Puts a file first among the recent ones.
    pub(crate) fn remember_file(&mut self, path: PathBuf) {
        remember(&mut self.recent_files, path);
    }

    /// Puts a model first among the recent ones.
    pub(crate) fn remember_model(&mut self, name: String) {
        remember(&mut self.recent_models, name);
    }

    /// Puts a table first among the recent ones.
    pub(crate) fn remember_table(&mut self, path: PathBuf) {
        remember(&mut self.recent_tables, path);
    }
}

fn remember<T: PartialEq>(recent: &mut Vec<T>, newest: T) {
    recent.retain(|other| *other != newest);
    recent.insert(0, newest);
    recent.truncate(RECENT);
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn settings_come_back_and_broken_ones_do_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/window.json");
        assert_eq!(Settings::read(&path), Settings::default());
        let mut settings = Settings {
            language: Some(Language::Korean),
            theme: ThemeChoice::Dark,
            zoom: 1.25,
            ..Settings::default()
        };
        for name in 0..12 {
            settings.remember_file(PathBuf::from(name.to_string()));
        }
        settings.remember_file(PathBuf::from("7"));
        assert_eq!(settings.recent_files.len(), RECENT);
        assert_eq!(settings.recent_files[0], PathBuf::from("7"));
        assert_eq!(settings.recent_files[1], PathBuf::from("11"));
        settings.remember_table(PathBuf::from("pairs.json"));
        settings.write(&path).unwrap();
        assert_eq!(Settings::read(&path), settings);
        for broken in ["", "{", r#"{"zoom":"wide"}"#, r#"{"zoom":1e9}"#] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(Settings::read(&path), Settings::default(), "{broken}");
        }
        // Older versions knew less, and newer ones may know more.
        std::fs::write(
            &path,
            r#"{"zoom":2,"recent_files":["a"],"recent_models":[]}"#,
        )
        .unwrap();
        let older = Settings::read(&path);
        assert_eq!((older.zoom, older.recent_files.len()), (2.0, 1));
        assert!(older.recent_tables.is_empty());
        std::fs::write(&path, r#"{"zoom":2,"later":true}"#).unwrap();
        assert_eq!(Settings::read(&path).zoom, 2.0);
    }
}
