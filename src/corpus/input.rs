//! The files of a corpus: folders and patterns become lists of them.

use std::fs;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use crate::{Error, Result};

/// How the texts of a file are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    JsonGzip,
    JsonZstd,
    Parquet,
    Arrow,
}

/// The ends of names, the longest first.
const KINDS: [(&str, Kind); 12] = [
    (".jsonl.gz", Kind::JsonGzip),
    (".jsonl.zst", Kind::JsonZstd),
    (".ndjson.gz", Kind::JsonGzip),
    (".ndjson.zst", Kind::JsonZstd),
    (".json.gz", Kind::JsonGzip),
    (".json.zst", Kind::JsonZstd),
    (".jsonl", Kind::Json),
    (".ndjson", Kind::Json),
    (".parquet", Kind::Parquet),
    (".arrow", Kind::Arrow),
    (".feather", Kind::Arrow),
    (".ipc", Kind::Arrow),
];

/// A file of a corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// Its path from what named it; the same wherever the corpus lies.
    pub(super) name: String,
    /// Its name without what says how it is stored.
    pub(super) stem: String,
    pub(super) kind: Kind,
    pub(super) bytes: u64,
}

/// The files that paths, folders and patterns name, each once, in the order of the
/// arguments and by name within them. What is in the folder `out` of the results is none.
///
/// # Errors
/// [`Error::Io`] if there is no such file, [`Error::Argument`] for one of an unknown kind
/// and where none is found.
pub(super) fn inputs(arguments: &[PathBuf], out: &Path) -> Result<Vec<Input>> {
    let mut all: Vec<Input> = Vec::new();
    // It need not be there yet.
    let out = out.canonicalize().ok();
    for argument in arguments {
        let mut found = of_argument(argument, out.as_deref())?;
        found.retain(|input| !all.iter().any(|other| other.path == input.path));
        all.append(&mut found);
    }
    Ok(all)
}

fn of_argument(argument: &Path, out: Option<&Path>) -> Result<Vec<Input>> {
    let facts = match fs::metadata(argument) {
        Ok(facts) => facts,
        Err(error) => {
            return of_pattern(argument, out).unwrap_or_else(|| Err(unread(argument, error)));
        }
    };
    if !facts.is_dir() {
        let name = argument.file_name().unwrap_or(argument.as_os_str());
        let name = name.to_string_lossy().into_owned();
        return match Input::new(argument, name.clone(), facts.len()) {
            Some(input) => Ok(vec![input]),
            None => Err(Error::Argument(format!(
                "{} is of no kind that is read; the names of inputs end in .jsonl, .jsonl.gz, \
                 .jsonl.zst, .parquet or .arrow",
                argument.display()
            ))),
        };
    }
    let found = below(argument, out, None, |_| true)?;
    if found.is_empty() {
        return Err(none(argument));
    }
    Ok(found)
}

fn none(argument: &Path) -> Error {
    Error::Argument(format!(
        "there is no file of a corpus (.jsonl, .jsonl.gz, .jsonl.zst, .parquet or .arrow) in {}",
        argument.display()
    ))
}

/// The files of a pattern; `None` if it is none.
fn of_pattern(argument: &Path, out: Option<&Path>) -> Option<Result<Vec<Input>>> {
    let pattern = argument.to_str()?;
    let first = pattern.find(['*', '?', '[', '{'])?;
    let folder = pattern[..first]
        .rfind(['/', '\\'])
        .map_or("", |at| &pattern[..=at]);
    let glob = GlobBuilder::new(&pattern[folder.len()..])
        .literal_separator(true)
        .build();
    let matcher = match glob {
        Ok(glob) => glob.compile_matcher(),
        Err(error) => {
            return Some(Err(Error::Argument(format!(
                "{pattern} is no pattern of file names: {}",
                error.kind()
            ))));
        }
    };
    let root = match folder {
        "" => Path::new("."),
        folder => Path::new(folder),
    };
    let glob = &pattern[folder.len()..];
    let depth = (!glob.contains("**")).then(|| glob.matches(['/', '\\']).count());
    let found = below(root, out, depth, |name| matcher.is_match(name));
    Some(found.and_then(|found| match found.is_empty() {
        true => Err(none(argument)),
        false => Ok(found),
    }))
}

/// The files of a corpus in a folder and those below it, by name; folders within folders
/// only so deep, if a depth is given.
fn below(
    root: &Path,
    out: Option<&Path>,
    depth: Option<usize>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Input>> {
    let mut found = Vec::new();
    // Each with its path from the root, and the folders that it is in, links resolved.
    let mut folders = vec![(root.to_owned(), String::new(), Vec::new())];
    while let Some((folder, prefix, mut above)) = folders.pop() {
        let own = folder.canonicalize().ok();
        if !prefix.is_empty() && out.is_some() && own.as_deref() == out {
            continue;
        }
        // A link to a folder that it is in would go on for ever.
        if above.contains(&own) {
            continue;
        }
        let is_deepest = depth == Some(above.len());
        above.push(own);
        for entry in fs::read_dir(&folder).map_err(|error| unread(&folder, error))? {
            let entry = entry.map_err(|error| unread(&folder, error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // What is hidden is somebody's working file, our own among them.
            if name.starts_with('.') {
                continue;
            }
            let path = entry.path();
            let facts = fs::metadata(&path).map_err(|error| unread(&path, error))?;
            let name = format!("{prefix}{name}");
            if facts.is_dir() {
                if !is_deepest {
                    folders.push((path, format!("{name}/"), above.clone()));
                }
            } else if wanted(&name) {
                found.extend(Input::new(&path, name, facts.len()));
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

impl Input {
    fn new(path: &Path, name: String, bytes: u64) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let (end, kind) = KINDS.into_iter().find(|(end, _)| lower.ends_with(end))?;
        let file = name.rsplit('/').next().unwrap_or(&name);
        let stem = file
            .get(..file.len() - end.len())
            .filter(|stem| !stem.is_empty())?;
        Some(Self {
            path: path.to_owned(),
            stem: stem.to_owned(),
            name,
            kind,
            bytes,
        })
    }

    /// The data set and the number in a name like `NAME.chunk.07`.
    pub(super) fn chunk(&self) -> Option<(&str, u64)> {
        let (data_set, number) = self.stem.rsplit_once(".chunk.")?;
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        Some((data_set, number.parse().ok().filter(|_| digits)?))
    }
}

pub(super) fn unread(path: &Path, source: std::io::Error) -> Error {
    Error::Io {
        action: "read",
        path: path.into(),
        source,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn names(arguments: &[PathBuf]) -> Vec<String> {
        let found = inputs(arguments, Path::new("nowhere")).unwrap();
        found.into_iter().map(|input| input.name).collect()
    }

    #[test]
    fn folders_and_patterns_are_lists_of_files() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("b/c")).unwrap();
        fs::create_dir_all(root.join(".hidden")).unwrap();
        for name in [
            "z.jsonl",
            "a.JSONL.gz",
            "b/two.parquet",
            "b/c/one.arrow",
            "b/readme.md",
            ".hidden/x.jsonl",
            "b/.part.jsonl",
            ".jsonl",
        ] {
            fs::write(root.join(name), name).unwrap();
        }
        let all = ["a.JSONL.gz", "b/c/one.arrow", "b/two.parquet", "z.jsonl"];
        assert_eq!(names(&[root.to_owned()]), all);
        // Results are no inputs.
        let without = inputs(&[root.to_owned()], &root.join("b")).unwrap();
        assert_eq!(without.len(), 2);
        // Twice named is once read.
        let twice = names(&[root.join("z.jsonl"), root.to_owned()]);
        assert_eq!(
            twice,
            ["z.jsonl", "a.JSONL.gz", "b/c/one.arrow", "b/two.parquet"]
        );
        assert_eq!(names(&[root.join("b/*.parquet")]), ["two.parquet"]);
        assert_eq!(
            names(&[root.join("**/*.{arrow,parquet}")]),
            ["b/c/one.arrow", "b/two.parquet"]
        );
        for (bad, said) in [
            (root.join("*.txt"), "no file of a corpus"),
            (root.join("b/readme.md"), "no kind"),
            (root.join("none.jsonl"), "cannot read"),
            (root.join(".hidden/y*"), "no file of a corpus"),
            (root.join("[a"), "no pattern"),
        ] {
            let error = inputs(std::slice::from_ref(&bad), root)
                .unwrap_err()
                .to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_end_and_a_pattern_looks_only_where_it_can_match() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("a")).unwrap();
        fs::create_dir_all(root.join("b/c")).unwrap();
        for name in ["a/one.jsonl", "b/c/two.jsonl", "zero.jsonl"] {
            fs::write(root.join(name), name).unwrap();
        }
        // To itself, and to each other.
        std::os::unix::fs::symlink(root, root.join("a/root")).unwrap();
        std::os::unix::fs::symlink(root.join("b"), root.join("a/b")).unwrap();
        std::os::unix::fs::symlink(root.join("a"), root.join("b/a")).unwrap();
        let all = [
            "a/b/c/two.jsonl",
            "a/one.jsonl",
            "b/a/one.jsonl",
            "b/c/two.jsonl",
            "zero.jsonl",
        ];
        assert_eq!(names(&[root.to_owned()]), all);
        // What a pattern cannot name may be broken.
        std::os::unix::fs::symlink("nowhere", root.join("b/c/broken")).unwrap();
        assert_eq!(names(&[root.join("*.jsonl")]), ["zero.jsonl"]);
        assert_eq!(names(&[root.join("a/*.jsonl")]), ["one.jsonl"]);
        assert!(inputs(&[root.join("**/two.jsonl")], root).is_err());
    }

    #[test]
    fn chunks_are_known_by_their_names() {
        let chunk = |name: &str| {
            let input = Input::new(Path::new(name), name.to_owned(), 0).unwrap();
            input.chunk().map(|(set, number)| (set.to_owned(), number))
        };
        assert_eq!(
            chunk("my.set.chunk.07.jsonl.zst"),
            Some(("my.set".to_owned(), 7))
        );
        assert_eq!(chunk("set.chunk.x.jsonl"), None);
        assert_eq!(chunk("set.jsonl"), None);
    }
}
