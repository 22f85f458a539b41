//! Where the bytes come from: an argument, a file or standard input.

use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal, Read, stdin};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use blt::samples::{SAMPLES, Sample, sample};
use blt::{Error, Result};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::failure::argument;
use super::interrupt;

#[derive(Debug, Args)]
pub(super) struct TextArgs {
    /// The text; `-`, or nothing in a pipe, reads standard input. Any bytes will do
    #[arg(value_name = "TEXT", conflicts_with = "file")]
    text: Option<OsString>,

    /// Read the text from a file, in pieces; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Take one of the samples inside the program as the text
    #[arg(
        long,
        value_name = "NAME",
        value_parser = samples(),
        conflicts_with_all = ["text", "file"]
    )]
    sample: Option<&'static Sample>,
}

/// Bytes read at a time.
const READ: usize = 64 << 10;
/// How often a wait for input looks whether the run was interrupted.
const GLANCE: Duration = Duration::from_millis(100);

/// The bytes of a text, piece by piece.
#[derive(Debug)]
pub(super) struct Input {
    /// The piece at hand and how much of it is used up.
    piece: Vec<u8>,
    used: usize,
    /// A reader on a thread of its own, so that ctrl-C need not wait for it.
    more: Option<Receiver<Result<Vec<u8>>>>,
    /// How many bytes there are, where that is known.
    pub(super) total: Option<u64>,
    /// The file's name.
    pub(super) name: Option<String>,
}

impl Input {
    /// Opens what the arguments name.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no such file, [`Error::Argument`] if no text is
    /// named and nobody pipes one in.
    pub(super) fn open(arguments: &TextArgs) -> Result<Self> {
        let dash = Path::new("-");
        if let Some(sample) = arguments.sample {
            let title = sample.title.to_owned();
            return Ok(Self::of_bytes(sample.bytes.to_vec(), Some(title)));
        }
        match (&arguments.text, &arguments.file) {
            (None, Some(path)) if path != dash => Self::of_file(path),
            (Some(text), None) if text != "-" => {
                Ok(Self::of_bytes(text.clone().into_encoded_bytes(), None))
            }
            (None, None) if stdin().is_terminal() => Err(argument(
                "no text; give one as an argument, name a file with -f, or pipe one in",
            )),
            _ => Self::of_reader(stdin(), Path::new("standard input"), None),
        }
    }

    /// Bytes that are already here.
    pub(super) fn of_bytes(bytes: Vec<u8>, name: Option<String>) -> Self {
        Self {
            total: Some(bytes.len() as u64),
            piece: bytes,
            used: 0,
            more: None,
            name,
        }
    }

    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no such file.
    pub(super) fn of_path(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            Self::of_reader(stdin(), Path::new("standard input"), None)
        } else {
            Self::of_file(path)
        }
    }

    /// Opens standard input, which must not be a terminal.
    ///
    /// # Errors
    /// [`Error::Argument`] with `else_say` if it is one.
    pub(super) fn of_pipe(else_say: &str) -> Result<Self> {
        if stdin().is_terminal() {
            return Err(argument(else_say));
        }
        Self::of_path(Path::new("-"))
    }

    /// All of the bytes.
    ///
    /// # Errors
    /// What reading says, and [`Error::Interrupted`].
    pub(super) fn whole(mut self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(bytes) = self.next(READ)? {
            all.extend_from_slice(bytes);
        }
        Ok(all)
    }

    fn of_file(path: &Path) -> Result<Self> {
        let refused = |source| Error::Io {
            action: "read",
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(refused)?;
        let facts = file.metadata().map_err(refused)?;
        if facts.is_dir() {
            return Err(refused(std::io::ErrorKind::IsADirectory.into()));
        }
        // Devices and the files of /proc say 0.
        let total = Some(facts.len()).filter(|bytes| facts.is_file() && *bytes > 0);
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        Ok(Self {
            name,
            ..Self::of_reader(file, path, total)?
        })
    }

    fn of_reader(
        source: impl Read + Send + 'static,
        path: &Path,
        total: Option<u64>,
    ) -> Result<Self> {
        let (sender, more) = sync_channel(2);
        let path = path.to_owned();
        // The thread ends with the text, with its receiver or with the process.
        std::thread::Builder::new()
            .name("input".into())
            .spawn(move || read(source, &path, &sender))
            .map_err(|source| Error::Io {
                action: "read",
                path: "the input".into(),
                source,
            })?;
        Ok(Self {
            piece: Vec::new(),
            used: 0,
            more: Some(more),
            total,
            name: None,
        })
    }

    /// The next bytes, at most that many; `None` at the end.
    ///
    /// # Errors
    /// What reading says, and [`Error::Interrupted`].
    pub(super) fn next(&mut self, most: usize) -> Result<Option<&[u8]>> {
        while self.used == self.piece.len() {
            let Some(more) = &self.more else {
                return Ok(None);
            };
            interrupt::check()?;
            match more.recv_timeout(GLANCE) {
                Ok(piece) => (self.piece, self.used) = (piece?, 0),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.more = None,
            }
        }
        let rest = self.piece.get(self.used..).unwrap_or_default();
        let next = rest.get(..most.max(1)).unwrap_or(rest);
        self.used += next.len();
        Ok(Some(next))
    }
}

/// What to call the file of a path, where `-` is standard input.
pub(super) fn shown(path: &Path) -> std::path::Display<'_> {
    match path == Path::new("-") {
        true => Path::new("standard input").display(),
        false => path.display(),
    }
}

/// Reads the name of a sample for clap, which lists them.
fn samples() -> impl TypedValueParser<Value = &'static Sample> {
    let named = |sample: &Sample| PossibleValue::new(sample.name).help(sample.title);
    PossibleValuesParser::new(SAMPLES.iter().map(named)).try_map(|name| sample(&name))
}

fn read(mut source: impl Read, path: &Path, sender: &SyncSender<Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; READ];
        let said = match source.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => {
                piece.truncate(count);
                Ok(piece)
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(source) => Err(Error::Io {
                action: "read",
                path: path.into(),
                source,
            }),
        };
        let end = said.is_err();
        if sender.send(said).is_err() || end {
            return;
        }
    }
}
