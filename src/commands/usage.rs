//! Help, and wrong usage in one sentence.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;

#[cfg(not(feature = "window"))]
use super::failure::Outcome;
use super::global;
#[cfg(not(feature = "window"))]
use super::output;

/// What `blt` alone prints where there is no window.
#[cfg(not(feature = "window"))]
pub(super) fn help(parser: &mut clap::Command) -> Outcome {
    // Through clap, which knows whether standard output has colours.
    match parser.print_help() {
        Ok(()) => Ok(()),
        Err(error) => output::print_failed(error),
    }
}

/// Prints help or the version, or says what is wrong with the arguments.
pub(super) fn exit(
    error: &clap::Error,
    parser: &clap::Command,
    arguments: &[OsString],
) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        // Who closes the pipe has read enough of the help.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let said = sentence(&error.to_string());
    let help = format!("blt {}--help", command(parser, arguments));
    let color = global::colored(global::color_of(arguments));
    global::complain(&format!("{said}; see `{help}`"), color);
    ExitCode::from(2)
}

/// The command that the arguments name, and the one within it, with spaces after them.
fn command(mut parser: &clap::Command, arguments: &[OsString]) -> String {
    let mut names = String::new();
    for word in arguments.iter().skip(1) {
        if let Some(named) = parser.find_subcommand(word) {
            names = names + named.get_name() + " ";
            parser = named;
        }
    }
    names
}

/// clap's paragraphs as one sentence: what is wrong, and its tips in brackets.
fn sentence(text: &str) -> String {
    let mut what = Vec::new();
    let mut tips = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(tip) = line.strip_prefix("tip: ") {
            tips.push(tip);
        } else if !line.starts_with("Usage: ") && !line.starts_with("For more information") {
            what.push(line.strip_prefix("error: ").unwrap_or(line));
        }
    }
    let what = what.join(" ");
    match tips.as_slice() {
        [] => what,
        tips => format!("{what} ({})", tips.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_becomes_one_sentence() {
        let text = "error: unexpected argument '--fromat' found\n\n  tip: a similar argument exists: \
                    '--format'\n\nUsage: blt patch --format <FORMAT> [TEXT]\n\nFor more \
                    information, try '--help'.\n";
        assert_eq!(
            sentence(text),
            "unexpected argument '--fromat' found (a similar argument exists: '--format')"
        );
        let text = "error: invalid value 'x' for '--format <FORMAT>'\n  [possible values: a, b]\n\n\
                    For more information, try '--help'.\n";
        assert_eq!(
            sentence(text),
            "invalid value 'x' for '--format <FORMAT>' [possible values: a, b]"
        );
    }
}
