//! `blt view`, and `blt` alone.

use std::path::PathBuf;

use blt::window::{App, AppOptions, Devices, Language, Link, PictureOptions, Screen, picture, run};
use blt::{Error, Result};
use clap::{Args, ValueEnum};

use super::failure::Outcome;
use super::global::Global;
use super::model::ModelArgs;

const EXAMPLES: &str = "\
Examples:
  blt view
  blt view notes.txt
  blt view -m models/blt-1b
  blt view --screenshot picture.png --size 1280x800 --theme dark --text 'Hello'

Exit codes and environment variables: blt --help";

/// Open the window: type, and see entropies and patches move
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct View {
    /// A file to open: text in the editor, anything else or larger as a file
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    model: ModelArgs,

    /// The screen to begin with
    #[arg(long, value_enum)]
    screen: Option<ScreenName>,

    /// The text to begin with
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    text: Option<String>,

    /// Light, dark, or as the system has it
    #[arg(long, value_enum, default_value = "system")]
    theme: ThemeName,

    /// The language of the interface [default: that of the system]
    #[arg(long, value_enum)]
    language: Option<LanguageName>,

    /// Draw the window into a PNG file instead, without a display
    #[arg(long, value_name = "FILE", help_heading = "Picture")]
    screenshot: Option<PathBuf>,

    /// Its size in points
    #[arg(long, value_name = "WxH", default_value = "1280x800", value_parser = size, help_heading = "Picture")]
    size: [u32; 2],

    /// Its pixels per point
    #[arg(long, value_name = "S", default_value = "1", help_heading = "Picture")]
    scale: f32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScreenName {
    Patch,
    Generate,
    Compare,
    File,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum ThemeName {
    System,
    Light,
    Dark,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LanguageName {
    En,
    Ko,
}

fn size(text: &str) -> std::result::Result<[u32; 2], String> {
    let wrong = || "is no size like 1280x800".to_owned();
    let (width, height) = text.split_once(['x', 'X', '×']).ok_or_else(wrong)?;
    let side = |text: &str| text.parse::<u32>().ok().filter(|side| *side > 0);
    match (side(width), side(height)) {
        (Some(width), Some(height)) => Ok([width, height]),
        _ => Err(wrong()),
    }
}

impl View {
    /// What `blt` without a command opens.
    pub(super) fn plain() -> Self {
        Self {
            file: None,
            model: ModelArgs::default(),
            screen: None,
            text: None,
            theme: ThemeName::System,
            language: None,
            screenshot: None,
            size: [1280, 800],
            scale: 1.0,
        }
    }

    pub(super) fn run(&self, global: &Global) -> Outcome {
        let options = self.options()?;
        match &self.screenshot {
            None => run(global.device(), options)?,
            Some(path) => {
                let picture = pollster::block_on(async {
                    let devices = Devices::open(&global.device()).await?;
                    let options = PictureOptions {
                        size: self.size,
                        scale: self.scale,
                        app: options,
                    };
                    picture(&devices, options).await
                })?;
                picture.save(path)?;
            }
        }
        Ok(())
    }

    fn options(&self) -> Result<AppOptions> {
        if let Some(path) = &self.file {
            std::fs::metadata(path).map_err(|source| Error::Io {
                action: "read",
                path: path.clone(),
                source,
            })?;
        }
        Ok(AppOptions {
            model: self.model.name()?,
            text: self.text.as_ref().map(|text| text.clone().into_bytes()),
            link: Link::default(),
            file: self.file.clone(),
            screen: self.screen.map(|screen| match screen {
                ScreenName::Patch => Screen::Patch,
                ScreenName::Generate => Screen::Generate,
                ScreenName::Compare => Screen::Compare,
                ScreenName::File => Screen::File,
            }),
            language: self.language.map(|language| match language {
                LanguageName::En => Language::English,
                LanguageName::Ko => Language::Korean,
            }),
            theme: match self.theme {
                ThemeName::System => None,
                ThemeName::Light => Some(App::LIGHT),
                ThemeName::Dark => Some(App::DARK),
            },
            still: false,
            system_fonts: true,
            // A picture does not depend on what the user has set.
            settings: match self.screenshot {
                Some(_) => None,
                None => AppOptions::system_settings(),
            },
        })
    }
}
