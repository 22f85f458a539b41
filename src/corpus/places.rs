//! Where the results of an input go, and what it takes to get there.

use std::path::{Path, PathBuf};

use super::input::Input;
use super::layout::TableFormat;
use super::shard::Shard;

/// Working files, which go when the results are there, and records, which stay.
pub(super) const WORK: &str = ".blt-corpus";
/// Bad lines.
pub(super) const BAD: &str = "bad";

/// Where the files of an input are.
pub(super) struct Places {
    /// The folder of its batches.
    pub(super) parts: PathBuf,
    pub(super) record: PathBuf,
    pub(super) bad: PathBuf,
    pub(super) output: PathBuf,
    /// The same from the folder of all.
    pub(super) relative: PathBuf,
}

impl Places {
    /// Those of the input whose results go to `relative` in the folder `out`.
    pub(super) fn of(out: &Path, relative: &Path) -> Self {
        let name = relative.file_name().unwrap_or_default().to_string_lossy();
        let work = out.join(WORK);
        Self {
            parts: work.join(format!("{name}.batches")),
            record: work.join(format!("{name}.json")),
            bad: out.join(BAD).join(format!("{name}.jsonl")),
            output: out.join(relative),
            relative: relative.to_owned(),
        }
    }

    pub(super) fn rows(&self, batch: u64) -> PathBuf {
        self.parts.join(format!("{batch:08}.arrow"))
    }

    pub(super) fn beside(&self, batch: u64) -> PathBuf {
        self.parts.join(format!("{batch:08}.json"))
    }
}

/// What the data set is called, by what names it.
pub(super) fn data_set(arguments: &[PathBuf], inputs: &[Input]) -> String {
    let mut chunks = inputs
        .iter()
        .map(|input| input.chunk().map(|(name, _)| name));
    if let Some(Some(first)) = chunks.next()
        && chunks.all(|name| name == Some(first))
    {
        return first.to_owned();
    }
    let folder = match arguments {
        [folder] if folder.is_dir() => folder.canonicalize().ok(),
        _ => None,
    };
    let folder = folder.as_ref().and_then(|folder| folder.file_name());
    match (folder, inputs.first()) {
        (Some(folder), _) => folder.to_string_lossy().into_owned(),
        (None, Some(first)) => first.stem.clone(),
        (None, None) => "corpus".to_owned(),
    }
}

/// A name as one part of a path.
fn file_name(name: &str) -> String {
    let kept = |c: char| match c {
        '/' | '\\' | ':' => '_',
        c if c.is_control() || c.is_whitespace() => '_',
        c => c,
    };
    let name: String = name.chars().map(kept).collect();
    match name.trim_start_matches('.') {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}

/// As the reference trainer looks for them. The numbers are those in the names of the
/// inputs, if each has one of its own, else they count.
pub(super) fn meta_outputs(
    inputs: &[Input],
    data_set: &str,
    model: &str,
    shard: Shard,
) -> Vec<PathBuf> {
    let (data_set, model) = (file_name(data_set), file_name(model));
    let named: Option<Vec<u64>> = inputs
        .iter()
        .map(|input| input.chunk().map(|(_, number)| number))
        .collect();
    let distinct = |numbers: &Vec<u64>| {
        let set: std::collections::BTreeSet<_> = numbers.iter().collect();
        set.len() == numbers.len()
    };
    let numbers = named
        .filter(distinct)
        .unwrap_or_else(|| (0..inputs.len() as u64).collect());
    let folder = Path::new(&data_set).join(model);
    let file = |number: u64| {
        let shard = shard.index;
        folder.join(format!(
            "{data_set}.chunk.{number:02}.jsonl.shard_{shard}.arrow"
        ))
    };
    numbers.into_iter().map(file).collect()
}

/// Named by the inputs, with a number where several have a name.
pub(super) fn patch_outputs(inputs: &[Input], format: TableFormat, shard: Shard) -> Vec<PathBuf> {
    let end = match format {
        TableFormat::Parquet => "parquet",
        TableFormat::Arrow => "arrow",
    };
    let shard = match shard {
        Shard { count: 1, .. } => String::new(),
        Shard { index, .. } => format!(".shard_{index}"),
    };
    let file = |(at, input): (usize, &Input)| {
        let same = |other: &&Input| other.stem.eq_ignore_ascii_case(&input.stem);
        let number = match inputs.iter().filter(same).count() {
            1 => String::new(),
            // Of no other input's name.
            _ => format!(".input_{at:02}"),
        };
        PathBuf::from(format!("{}{number}{shard}.{end}", file_name(&input.stem)))
    };
    inputs.iter().enumerate().map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str) -> Input {
        Input {
            path: name.into(),
            stem: name.to_owned(),
            name: name.to_owned(),
            kind: super::super::input::Kind::Json,
            bytes: 1,
        }
    }

    #[test]
    fn outputs_have_names_of_their_own() {
        let inputs = [input("a"), input("b"), input("A")];
        let all = Shard::default();
        let names = patch_outputs(&inputs, TableFormat::Parquet, all);
        let names: Vec<_> = names.iter().map(|path| path.to_string_lossy()).collect();
        assert_eq!(
            names,
            ["a.input_00.parquet", "b.parquet", "A.input_02.parquet"]
        );
        let chunks = [input("s.chunk.03"), input("s.chunk.10")];
        let names = meta_outputs(&chunks, "s", "m", Shard { index: 1, count: 2 });
        let want = |number: &str| format!("s.chunk.{number}.jsonl.shard_1.arrow");
        let folder = Path::new("s").join("m");
        assert_eq!(names, ["03", "10"].map(|n| folder.join(want(n))));
        let names = meta_outputs(&inputs, "s", "m", all);
        assert!(names[2].ends_with("s.chunk.02.jsonl.shard_0.arrow"));
        assert_eq!(data_set(&[], &chunks), "s");
        assert_eq!(data_set(&["x".into()], &inputs), "a");
        assert_eq!(file_name("../org/na me"), "_org_na_me");
    }
}
