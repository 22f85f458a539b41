//! A corpus on its way through a model.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bad::BadLine;
use super::batch::{Batch, next_batch};
use super::document::Columns;
use super::input::{Input, inputs, unread};
use super::layout::Layout;
use super::manifest::{self, Counts, ModelId, Record};
use super::output::{appear, join, make_folder, read_json, unwritten, write_json, write_part};
use super::places::{BAD, Places, WORK, data_set, meta_outputs, patch_outputs};
use super::read::Source;
use super::reader::Reader;
use super::result::TextResult;
use super::shard::{Shard, Share};
use crate::{Error, Result};

/// What is asked of a corpus.
#[derive(Clone, Debug, Default)]
pub struct CorpusOptions {
    /// Where its texts are.
    pub columns: Columns,
    /// What the data set is called in the layout of the reference trainer [default: the
    /// name of the folder or file].
    pub data_set: Option<String>,
    /// The model; `None` where none runs.
    pub model: Option<ModelId>,
    /// Which share of it is read.
    pub shard: Shard,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Texts that this run has read.
    pub texts: u64,
    /// Bytes of text that this run has read.
    pub bytes: u64,
    /// Bytes of the input files that are done, in whichever run.
    pub done: u64,
    /// Bytes of all input files.
    pub total: u64,
    /// Bytes of the input files that earlier runs had done.
    pub earlier: u64,
}

/// How a run has ended.
#[derive(Debug, Default)]
pub struct Done {
    /// What the results hold, those of earlier runs too.
    pub counts: Counts,
    /// What this run has read.
    pub progress: Progress,
    /// The first bad line, for people.
    pub first_bad: Option<String>,
    /// The inputs that could not be read to their end, and why.
    pub unread: Vec<(String, Error)>,
}

/// A corpus, and where its results go.
#[derive(Debug)]
pub struct Corpus {
    out: PathBuf,
    inputs: Vec<Input>,
    shares: Vec<Share>,
    /// The paths of the results, from the folder of all.
    outputs: Vec<PathBuf>,
    options: CorpusOptions,
    settings: Value,
    layout: Layout,
    /// Held as long as this is.
    _lock: File,
}

/// What is kept beside the rows of a batch.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Beside {
    counts: Counts,
    bad: Vec<BadLine>,
}

impl Corpus {
    /// Finds the inputs and makes the folder of the results ready.
    ///
    /// # Errors
    /// [`Error::Io`] if something cannot be read or made, [`Error::Argument`] if there is
    /// no input, the folder holds results of other settings, or another run is at work
    /// in it.
    pub fn open(
        arguments: &[PathBuf],
        out: &Path,
        reader: &Reader,
        options: CorpusOptions,
    ) -> Result<Self> {
        let inputs = inputs(arguments, out)?;
        let layout = reader.layout();
        let shard = options.shard;
        let sizes: Vec<u64> = inputs.iter().map(|input| input.bytes).collect();
        let model = options.model.as_ref();
        let settings = manifest::settings(reader, model, &inputs, &options.columns, shard);
        let outputs = match layout {
            Layout::Meta => {
                let own = data_set(arguments, &inputs);
                let data_set = options.data_set.clone().unwrap_or(own);
                let model = model.map_or("", |model| model.name.as_str());
                meta_outputs(&inputs, &data_set, model, shard)
            }
            Layout::Patches { format, .. } => patch_outputs(&inputs, format, shard),
        };
        make_folder(out)?;
        manifest::check(out, &settings)?;
        make_folder(&out.join(WORK))?;
        let lock = lock(out, shard)?;
        Ok(Self {
            out: out.to_owned(),
            shares: shard.shares(&sizes),
            inputs,
            outputs,
            options,
            settings,
            layout,
            _lock: lock,
        })
    }

    /// Reads all that is not done yet. `go_on` is told how far it is and may stop at any
    /// time. Whenever a run ends, whatever ends it, the next one goes on from there.
    ///
    /// # Errors
    /// What the model and the disk say, and [`Error::Interrupted`]. An input that cannot
    /// be read is no error: the others are read, and [`Done::unread`] names it.
    pub async fn run(
        &self,
        reader: &mut Reader,
        mut go_on: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Done> {
        let mut done = Done::default();
        done.progress.total = self.own().map(|(_, input)| input.bytes).sum();
        let mut records = Vec::new();
        manifest::write(&self.out, self.options.shard, &self.settings, &[], false)?;
        let read = self.read(reader, &mut done, &mut records, &mut go_on).await;
        let complete = read.is_ok() && done.unread.is_empty();
        let shard = self.options.shard;
        let written = manifest::write(&self.out, shard, &self.settings, &records, complete);
        read?;
        written?;
        for record in &records {
            done.counts.add(&record.counts);
        }
        Ok(done)
    }

    /// The inputs of which this run has a share.
    fn own(&self) -> impl Iterator<Item = (usize, &Input)> {
        let own = |(at, _): &(usize, &Input)| self.shares[*at] != Share::Nothing;
        self.inputs.iter().enumerate().filter(own)
    }

    async fn read(
        &self,
        reader: &mut Reader,
        done: &mut Done,
        records: &mut Vec<Record>,
        go_on: &mut impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        for (at, input) in self.own() {
            let places = Places::of(&self.out, &self.outputs[at]);
            let before = done.progress.done;
            let record = if places.record.exists() {
                done.progress.earlier += input.bytes;
                Some(read_json(&places.record)?)
            } else {
                let found = self
                    .read_input(at, input, &places, reader, done, go_on)
                    .await?;
                found
                    .map_err(|error| done.unread.push((input.name.clone(), error)))
                    .ok()
            };
            if let Some(record) = record {
                self.finish(&places, &record)?;
                if record.counts.bad_lines > 0 && done.first_bad.is_none() {
                    done.first_bad = first_bad(&places.bad);
                }
                records.push(record);
            }
            done.progress.done = before + input.bytes;
            if go_on(&done.progress).is_break() {
                return Err(Error::Interrupted);
            }
        }
        Ok(())
    }

    /// Reads the batches of an input that are not there yet and joins all of them. The
    /// inner error is the input's.
    async fn read_input(
        &self,
        at: usize,
        input: &Input,
        places: &Places,
        reader: &mut Reader,
        done: &mut Done,
        go_on: &mut impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Result<Record>> {
        let mut source = match Source::open(input, &self.options.columns) {
            Ok(source) => source,
            Err(error) => return Ok(Err(error)),
        };
        make_folder(&places.parts)?;
        let before = done.progress.done;
        let mut batches = Vec::new();
        for batch in 0u64.. {
            let texts = match next_batch(&mut source, input) {
                Ok(Some(texts)) => texts,
                Ok(None) => break,
                Err(error) => return Ok(Err(error)),
            };
            if !self.shares[at].has(batch) {
                continue;
            }
            batches.push(batch);
            let position = before + source.position().min(input.bytes);
            if places.rows(batch).exists() {
                done.progress.earlier += position.saturating_sub(done.progress.done);
            } else {
                let read = done.progress.bytes;
                let progress = &mut done.progress;
                let results = reader.read(&texts.documents, |tokens| {
                    // BOS and EOS are among them until the batch is done.
                    progress.bytes += tokens as u64;
                    go_on(progress)
                });
                let results = results.await?;
                done.progress.bytes = read + texts.bytes();
                done.progress.texts += texts.documents.len() as u64;
                self.keep(&texts, &results, places, batch)?;
            }
            done.progress.done = position;
            if go_on(&done.progress).is_break() {
                return Err(Error::Interrupted);
            }
        }
        self.join(input, places, &batches).map(Ok)
    }

    /// Writes a batch: what is beside its rows first, for the rows are its mark.
    fn keep(
        &self,
        batch: &Batch,
        results: &[TextResult],
        places: &Places,
        number: u64,
    ) -> Result<()> {
        let patches = match self.layout {
            Layout::Meta => 0,
            Layout::Patches { .. } => results
                .iter()
                .map(|result| result.lengths.len() as u64)
                .sum(),
        };
        let counts = Counts {
            texts: batch.documents.len() as u64,
            bytes: batch.bytes(),
            patches,
            bad_lines: batch.bad.len() as u64,
        };
        let beside = Beside {
            counts,
            bad: batch.bad.clone(),
        };
        write_json(&places.beside(number), &beside)?;
        let rows = self.layout.rows(&batch.documents, results)?;
        write_part(&places.rows(number), &rows)
    }

    /// Joins the batches of an input to its results, and writes its record last.
    fn join(&self, input: &Input, places: &Places, batches: &[u64]) -> Result<Record> {
        let mut counts = Counts::default();
        for batch in batches {
            counts.add(&read_json::<Beside>(&places.beside(*batch))?.counts);
        }
        if counts.bad_lines > 0 {
            make_folder(&self.out.join(BAD))?;
            appear(&places.bad, |file| {
                for batch in batches {
                    let beside = read_json::<Beside>(&places.beside(*batch));
                    for line in beside.map_err(std::io::Error::other)?.bad {
                        serde_json::to_writer(&mut *file, &line)?;
                        file.write_all(b"\n")?;
                    }
                }
                Ok(())
            })?;
        }
        let mut sha256 = None;
        if counts.texts > 0 {
            let parts: Vec<PathBuf> = batches.iter().map(|batch| places.rows(*batch)).collect();
            if let Some(folder) = places.output.parent() {
                make_folder(folder)?;
            }
            let schema = self.layout.schema();
            sha256 = Some(join(&parts, &schema, self.layout.format(), &places.output)?);
        }
        let output = places.relative.to_string_lossy().replace('\\', "/");
        let record = Record {
            input: input.name.clone(),
            output: sha256.is_some().then_some(output),
            sha256,
            counts,
        };
        write_json(&places.record, &record)?;
        Ok(record)
    }

    /// What is left to do for an input that has its record.
    fn finish(&self, places: &Places, record: &Record) -> Result<()> {
        if record.output.is_some() && self.layout == Layout::Meta {
            let mut complete = places.output.clone().into_os_string();
            complete.push(".complete");
            let complete = PathBuf::from(complete);
            if !complete.exists() {
                File::create(&complete).map_err(|source| unwritten(&complete, source))?;
            }
        }
        match fs::remove_dir_all(&places.parts) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(unwritten(&places.parts, error))
            }
            _ => Ok(()),
        }
    }
}

fn first_bad(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line: BadLine = serde_json::from_str(text.lines().next()?).ok()?;
    Some(line.named())
}

/// Keeps a second run of the same share away.
fn lock(out: &Path, shard: Shard) -> Result<File> {
    let path = out
        .join(WORK)
        .join(format!("lock.{}-of-{}", shard.index, shard.count));
    let file = File::create(&path).map_err(|source| unwritten(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Argument(format!(
            "another run is at work on this share in {}; wait for it, or give each its own \
             --shard",
            out.display()
        ))),
        Err(TryLockError::Error(source)) => Err(unread(&path, source)),
    }
}
