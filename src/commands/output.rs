//! Where the data goes: standard output, or a file that appears when it is whole.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write, stdout};
use std::path::{Path, PathBuf};

use blt::Error;
use clap::Args;
use tempfile::NamedTempFile;

use super::failure::{Failure, Outcome};
use super::interrupt;

#[derive(Debug, Args)]
pub(super) struct OutputArgs {
    /// Write to a file instead of standard output; it appears when it is whole
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl OutputArgs {
    /// A file named by another argument.
    pub(super) fn to(path: &Path) -> Self {
        Self {
            output: Some(path.to_owned()),
        }
    }
}

/// Where the data goes.
#[derive(Debug)]
pub(super) enum Output {
    Standard,
    /// A temporary file that takes the place of the path in the end.
    Replace(NamedTempFile, PathBuf),
    /// A device or a pipe, which nothing can take the place of.
    Device(File, PathBuf),
}

/// Prints data that is there at once.
///
/// # Errors
/// What standard output says.
pub(super) fn print(text: &str) -> Outcome {
    let mut output = Output::Standard;
    output.write(text.as_bytes())?;
    if !text.ends_with('\n') {
        output.write(b"\n")?;
    }
    output.commit()
}

/// Why standard output took no more.
///
/// # Errors
/// Always one: [`Failure::Closed`] if nobody reads any more.
#[cfg(not(feature = "window"))]
pub(super) fn print_failed(error: io::Error) -> Outcome {
    refused(error, Path::new("standard output"))
}

fn refused(source: io::Error, path: &Path) -> Outcome {
    Err(match source.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Error(Error::Io {
            action: "write",
            path: path.into(),
            source,
        }),
    })
}

/// What a console gets: one of Windows refuses bytes that are not UTF-8 and would end the
/// run, so it shows U+FFFD in their place. Pipes and files get every byte.
fn shown(data: &[u8], only_utf8: bool) -> Cow<'_, [u8]> {
    match only_utf8 {
        false => Cow::Borrowed(data),
        true => match String::from_utf8_lossy(data) {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
    }
}

impl Output {
    /// Opens what the arguments name.
    ///
    /// # Errors
    /// If the file cannot be created there.
    pub(super) fn open(arguments: &OutputArgs) -> blt::Result<Self> {
        let path = match arguments.output.as_deref() {
            Some(path) if path != Path::new("-") && path != Path::new("/dev/stdout") => path,
            _ => return Ok(Self::Standard),
        };
        let refused = |source| Error::Io {
            action: "create",
            path: path.into(),
            source,
        };
        // A link stays a link; what it leads to is replaced.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        match target.metadata() {
            Ok(facts) if facts.is_dir() => {
                return Err(refused(io::ErrorKind::IsADirectory.into()));
            }
            // Where /dev leads to a file (/dev/fd/3), somebody else has it open.
            Ok(facts) if !facts.is_file() || path.starts_with("/dev") => {
                let file = OpenOptions::new()
                    .write(true)
                    .open(&target)
                    .map_err(refused)?;
                return Ok(Self::Device(file, path.into()));
            }
            _ => {}
        }
        let folder = match target.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".blt-").suffix(".part");
        #[cfg(unix)]
        let builder = {
            use std::os::unix::fs::PermissionsExt;
            // As for any new file: the process's umask takes its share.
            builder.permissions(std::fs::Permissions::from_mode(0o666))
        };
        let file = builder.tempfile_in(folder).map_err(|error| {
            // Without the temporary name, which tells nobody anything.
            let text = error.to_string();
            refused(io::Error::other(
                text.split(" at path ").next().unwrap_or(&text).to_owned(),
            ))
        })?;
        interrupt::unfinished(file.path());
        Ok(Self::Replace(file, target))
    }

    /// Whether what is written can be seen at once on the user's terminal.
    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Self::Standard) && stdout().is_terminal()
    }

    /// Whether a run that stops early leaves what it has written so far.
    pub(super) fn keeps_part(&self) -> bool {
        !matches!(self, Self::Replace(..))
    }

    /// Writes it all, now.
    ///
    /// # Errors
    /// [`Failure::Closed`] if nobody reads any more, and what the system says.
    pub(super) fn write(&mut self, data: &[u8]) -> Outcome {
        if data.is_empty() {
            return Ok(());
        }
        let (result, path) = match self {
            Self::Standard => {
                let mut out = stdout().lock();
                let shown = shown(data, cfg!(windows) && out.is_terminal());
                let result = out.write_all(&shown).and_then(|()| out.flush());
                (result, Path::new("standard output"))
            }
            Self::Replace(file, path) => (file.write_all(data), path.as_path()),
            Self::Device(file, path) => (file.write_all(data), path.as_path()),
        };
        result.or_else(|error| refused(error, path))
    }

    /// Ends it: a file takes its place.
    ///
    /// # Errors
    /// If the system does not let it.
    pub(super) fn commit(self) -> Outcome {
        // Results of weights that were changed meanwhile are none.
        blt::checkpoint::check_open_files()?;
        if let Self::Replace(file, path) = self {
            let refused = |source| Error::Io {
                action: "write",
                path: path.clone(),
                source,
            };
            let temporary = file.path().to_owned();
            file.persist(&path).map_err(|error| refused(error.error))?;
            interrupt::finished(&temporary);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_console_that_refuses_bytes_gets_others() {
        let bytes = b"a\xFF\xED\xA0\x80\xEC\x98z";
        assert_eq!(*shown(bytes, false), bytes[..]);
        let text = String::from_utf8(shown(bytes, true).into_owned());
        assert!(text.is_ok_and(|text| text.starts_with("a\u{FFFD}") && text.ends_with('z')));
        assert_eq!(*shown("한".as_bytes(), true), *"한".as_bytes());
    }
}
