//! The flags of every command.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr};

use blt::device::{AdapterChoice, DeviceOptions, Tier, Tune};
use clap::{Args, ColorChoice, ValueEnum};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Args)]
pub(super) struct Global {
    /// Device: `cpu`, part of a name, or an index in `blt devices` [default: the best]
    #[arg(
        long,
        global = true,
        value_name = "cpu|NAME|INDEX",
        env = "BLT_ADAPTER",
        hide_env_values = true,
        help_heading = "Device"
    )]
    pub(super) adapter: Option<String>,

    /// Threads of the processor; results do not depend on it [default: one per core]
    #[arg(long, global = true, value_name = "N", help_heading = "Device", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,

    /// Graphics API: vulkan, metal, dx12 or gl [env: WGPU_BACKEND] [default: all]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Device")]
    pub(super) backend: Option<String>,

    /// Device features to use: base, subgroups, matrix8 or matrix16 [default: all it has]
    #[arg(long, global = true, value_name = "TIER", help_heading = "Device")]
    pub(super) tier: Option<Tier>,

    /// When to time a GPU's kernels and keep the fastest: with a model's first load, never, or now
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "auto|off|again",
        default_value = "auto",
        hide_possible_values = true,
        help_heading = "Device"
    )]
    pub(super) tune: When,

    /// Memory of the device, in place of what its driver says: 6G, 512M or bytes
    #[arg(long, global = true, value_name = "SIZE", help_heading = "Device", value_parser = memory)]
    pub(super) memory: Option<u64>,

    /// Compile shaders with the bounds checks that a browser would add
    #[arg(long, global = true, help_heading = "Device")]
    pub(super) checked_shaders: bool,

    /// Colours in messages
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Messages"
    )]
    pub(super) color: ColorChoice,

    /// No progress and no summary on standard error
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Messages"
    )]
    pub(super) quiet: bool,

    /// Say more on standard error; -vv even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Messages")]
    pub(super) verbose: u8,
}

/// The values of `--tune`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// When a model is loaded for the first time on a GPU
    Auto,
    /// Never: the built-in choices are taken
    Off,
    /// Now, whatever is known already
    Again,
}

impl From<When> for Tune {
    fn from(when: When) -> Self {
        match when {
            When::Auto => Self::Auto,
            When::Off => Self::Off,
            When::Again => Self::Again,
        }
    }
}

impl Global {
    /// What the flags ask of the device.
    pub(super) fn choice(&self) -> AdapterChoice {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        AdapterChoice {
            adapter: given(&self.adapter),
            backend: given(&self.backend),
        }
    }

    /// What the flags ask of the device.
    pub(super) fn device(&self) -> DeviceOptions {
        DeviceOptions {
            choice: self.choice(),
            tier: self.tier,
            checked_shaders: self.checked_shaders,
            threads: self.threads.map(usize::from),
            tune: self.tune.into(),
            memory: self.memory,
            ..DeviceOptions::default()
        }
    }

    /// A line of summary on standard error, unless it is to be quiet.
    pub(super) fn say(&self, line: &dyn Display) {
        if !self.quiet {
            // If standard error is closed there is nobody to tell.
            let _ = writeln!(stderr(), "{line}");
        }
    }

    /// Whether messages have colours.
    pub(super) fn colored(&self) -> bool {
        colored(self.color)
    }

    /// Sends the log to standard error.
    pub(super) fn start_log(&self) {
        let default = match (self.quiet, self.verbose) {
            (true, _) => "error,rfd=off",
            // Where there are no dialogs the window says so.
            (false, 0) => "error,rfd=off,blt=warn",
            (false, 1) => "warn,blt=info",
            (false, 2) => "info,blt=debug",
            (false, _) => "trace",
        };
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(stderr)
            .with_ansi(self.colored())
            .without_time()
            .with_target(self.verbose > 1);
        // Only fails if there is a log already; then that one serves.
        let _ = log.try_init();
    }
}

/// Reads a size for clap.
fn memory(text: &str) -> Result<u64, String> {
    let wrong = || "a size like 6G, 512M or a number of bytes is wanted".to_owned();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text
        .get(digits.len()..)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let shift = match unit.trim().trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(wrong()),
    };
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    count
        .checked_mul(1 << shift)
        .filter(|bytes| *bytes > 0)
        .ok_or_else(wrong)
}

/// When messages have colours, from arguments that are not parsed yet: what
/// parsing says about them has colours too.
pub(super) fn color_of(arguments: &[OsString]) -> ColorChoice {
    let mut arguments = arguments.iter().skip(1).filter_map(|a| a.to_str());
    let mut wish = None;
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--color") {
            Some("") => wish = arguments.next(),
            Some(rest) => wish = rest.strip_prefix('=').or(wish),
            None if argument == "--" => break,
            None => {}
        }
    }
    wish.and_then(|wish| ColorChoice::from_str(wish, true).ok())
        .unwrap_or(ColorChoice::Auto)
}

/// Whether messages on standard error have colours.
pub(super) fn colored(choice: ColorChoice) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        }
    }
}

/// Says what went wrong, in one line.
pub(super) fn complain(what: &dyn Display, color: bool) {
    let name = if color {
        "\x1b[1;31mblt:\x1b[0m"
    } else {
        "blt:"
    };
    // If standard error is gone there is nobody to tell.
    let what = blt::text_file::printable(&what.to_string());
    let _ = writeln!(stderr(), "{name} {what}");
}

#[cfg(test)]
mod tests {
    use super::memory;

    #[test]
    fn sizes_are_binary() {
        for (text, bytes) in [
            ("1", 1),
            ("512M", 512 << 20),
            ("6G", 6 << 30),
            ("6GiB", 6 << 30),
            ("6 gb", 6 << 30),
            ("2k", 2048),
        ] {
            assert_eq!(memory(text), Ok(bytes), "{text}");
        }
        for bad in ["", "0", "G", "-1", "1.5G", "6X", "99999999999T"] {
            assert!(memory(bad).is_err(), "{bad}");
        }
    }
}
