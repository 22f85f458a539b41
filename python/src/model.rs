//! Models, and what is asked of them.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the arguments of a call from Python are its own"
)]

mod batches;
mod load;

use std::sync::{Arc, Mutex, PoisonError};

use blt::checkpoint::Checkpoint;
use blt::device::{AdapterChoice, Device, DeviceOptions};
use blt::generate::{GenerateOptions, Generator, Given, Sampler, Speculate, TextModel};
use blt::measure::score::Request;
use blt::model::blt::WeightBits;
use blt::record::ByteRecord;
use blt::session::{EntropyOptions, EntropySession, TextBatch, TextOptions, TextSession};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::arguments::{Named, Part, Reading};
use crate::arrow::Batch;
use crate::error::{argument, raised};
use crate::generation::Generation;
use crate::numbers::array;
use crate::patches::Patches;
use crate::scores::{Answer, Score};
use crate::texts::{Text, Texts};
use crate::wait::{Signals, without_interpreter};
use load::Loaded;

/// A model on a device. Threads may share it; the processes of ``multiprocessing`` get a
/// copy each, which opens the model again.
#[pyclass(frozen, module = "blt")]
pub(crate) struct Model {
    opened: Opened,
    checkpoint: Arc<Checkpoint>,
    entropy_checkpoint: Option<Arc<Checkpoint>>,
    device: Arc<Device>,
    /// The process that opened it: threads of the device do not survive a fork.
    process: u32,
    loaded: Mutex<Loaded>,
}

/// How a model was opened.
struct Opened {
    model: Option<String>,
    device: String,
    bits: WeightBits,
    weights: String,
    entropy_model: Option<String>,
    threads: Option<usize>,
}

fn checkpoint(name: Option<&str>) -> blt::Result<Arc<Checkpoint>> {
    let opened = match name {
        None | Some("embedded") => Checkpoint::embedded(),
        Some(name) => Checkpoint::open(name),
    };
    opened.map(Arc::new)
}

fn options(device: &str, threads: Option<usize>) -> DeviceOptions {
    DeviceOptions {
        choice: AdapterChoice {
            adapter: Some(device.to_owned()).filter(|name| name != "auto"),
            backend: None,
        },
        threads,
        ..DeviceOptions::default()
    }
}

/// A path or name of a model.
fn name(py: Python<'_>, path: Option<Bound<'_, PyAny>>) -> PyResult<Option<String>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let path = py.import("os")?.call_method1("fspath", (path,))?;
    path.extract()
        .map(Some)
        .map_err(|_| argument(py, "the path of a model is str, not bytes"))
}

/// What was found out about a text.
struct ReadText {
    records: Vec<ByteRecord>,
    session: TextSession,
}

impl Model {
    /// Does long work with the model.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Signals) -> blt::Result<T> + Send,
    ) -> PyResult<T> {
        if self.process != std::process::id() {
            return Err(raised(
                py,
                &blt::Error::Device(
                    "this model was opened before the process was forked, and the threads of its \
                     device are not here; open the model in the process that uses it"
                        .to_owned(),
                ),
            ));
        }
        without_interpreter(py, |signals| {
            work(signals).map_err(|error| {
                let checkpoints = [Some(&self.checkpoint), self.entropy_checkpoint.as_ref()];
                let checkpoints = checkpoints.into_iter().flatten();
                checkpoints.fold(error, |error, checkpoint| checkpoint.blame(error, |_| ()))
            })
        })
    }

    /// What is asked of texts, and whether the entropy model must run for it.
    fn text_options(&self, reading: &Reading, entropies: bool) -> blt::Result<(TextOptions, bool)> {
        let options = TextOptions {
            cut: reading.cut.cut(Some(&self.checkpoint))?,
            context: reading.context,
            best: 0,
            profile: false,
        };
        let needed = entropies || options.needs_model();
        Ok((options, needed))
    }

    /// A session for texts, with the entropy model if the cut needs it or `entropies` are
    /// wanted.
    fn text_session(
        &self,
        reading: &Reading,
        entropies: bool,
        signals: &mut Signals,
    ) -> blt::Result<TextSession> {
        let (options, entropies) = self.text_options(reading, entropies)?;
        let model = entropies.then(|| self.entropy(signals)).transpose()?;
        TextSession::new(model.as_ref(), options)
    }

    /// Reads a text.
    fn read(
        &self,
        text: &[u8],
        reading: &Reading,
        entropies: bool,
        signals: &mut Signals,
    ) -> blt::Result<ReadText> {
        let mut session = self.text_session(reading, entropies, signals)?;
        let mut records = Vec::with_capacity(text.len() + 1);
        read_into(&mut session, text, &mut records, signals)?;
        Ok(ReadText { records, session })
    }

    /// The part that scores where none is named.
    fn part(&self, py: Python<'_>, name: Option<&str>) -> PyResult<Part> {
        match (name, &self.checkpoint.config().blt) {
            (Some(name), _) => Part::of(py, name),
            (None, Some(_)) => Ok(Part::Blt),
            (None, None) => Ok(Part::Entropy),
        }
    }

    /// A session of the whole model, or of an entropy model alone.
    fn text_model(
        &self,
        part: Part,
        reading: &Reading,
        signals: &mut Signals,
    ) -> blt::Result<TextModel> {
        Ok(match part {
            Part::Entropy => {
                let options = EntropyOptions {
                    context: reading.context,
                    rule: Some(reading.cut.cut(Some(&self.checkpoint))?.into_rule()?),
                    ..EntropyOptions::default()
                };
                let session = EntropySession::new(&self.entropy(signals)?, options)?;
                TextModel::Entropy(Box::new(session))
            }
            Part::Blt | Part::Both => TextModel::Blt(Box::new(self.blt_session(reading, signals)?)),
        })
    }

    /// What reads many texts at a time, if the entropy model reads them and none has to
    /// be seen as a whole first.
    fn text_batch(
        &self,
        reading: &Reading,
        entropies: bool,
        signals: &mut Signals,
    ) -> blt::Result<Option<TextBatch>> {
        let (options, entropies) = self.text_options(reading, entropies)?;
        if !entropies || options.cut.needs_whole_text() {
            return Ok(None);
        }
        TextBatch::new(&self.entropy(signals)?, options).map(Some)
    }
}

/// Pushes a text into a session that has none, piece by piece.
fn read_into(
    session: &mut TextSession,
    text: &[u8],
    records: &mut Vec<ByteRecord>,
    signals: &mut Signals,
) -> blt::Result<()> {
    for piece in text.chunks(session.comfortable_push()) {
        signals.check()?;
        records.extend(pollster::block_on(session.push(piece))?);
    }
    records.extend(pollster::block_on(session.finish())?);
    Ok(())
}

#[pymethods]
impl Model {
    /// Opens a model: a folder or file, ``org/name`` in the cache of Hugging Face, or
    /// ``None`` for the one inside this package. Nothing is downloaded.
    ///
    /// ``device`` is ``"auto"``, ``"cpu"``, a part of a name or an index in
    /// :func:`devices`; ``weights`` are the most bits of a weight: ``"auto"``, 16, 8 or 4.
    #[staticmethod]
    #[pyo3(signature = (model = None, device = "auto", weights = None, *, entropy_model = None, threads = None))]
    fn open(
        py: Python<'_>,
        model: Option<Bound<'_, PyAny>>,
        device: &str,
        weights: Option<Bound<'_, PyAny>>,
        entropy_model: Option<Bound<'_, PyAny>>,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        let weights = weights.map_or("auto".to_owned(), |weights| weights.to_string());
        let bits = weights
            .parse()
            .map_err(|error: blt::Error| raised(py, &error))?;
        if threads.is_some_and(|threads| !(1..=1024).contains(&threads)) {
            return Err(argument(py, "threads is a number from 1 to 1024"));
        }
        let opened = Opened {
            model: name(py, model)?,
            device: device.to_owned(),
            bits,
            weights,
            entropy_model: name(py, entropy_model)?,
            threads,
        };
        without_interpreter(py, |_| {
            let entropy = opened.entropy_model.as_deref();
            let own = checkpoint(opened.model.as_deref())?;
            let entropy = entropy.map(|name| checkpoint(Some(name))).transpose()?;
            let device = options(&opened.device, opened.threads);
            Ok(Self {
                checkpoint: own,
                entropy_checkpoint: entropy,
                device: pollster::block_on(Device::open(&device))?,
                process: std::process::id(),
                loaded: Mutex::default(),
                opened,
            })
        })
    }

    /// What was opened.
    #[getter]
    fn name(&self) -> &str {
        self.checkpoint.origin()
    }

    /// The device that computes.
    #[getter]
    fn device(&self) -> &str {
        &self.device.summary().name
    }

    /// ``"blt"`` for a whole model, ``"entropy"`` for an entropy model alone.
    #[getter]
    fn kind(&self) -> &'static str {
        match self.checkpoint.config().blt {
            Some(_) => "blt",
            None => "entropy",
        }
    }

    /// Cuts a text into patches; see the stubs for the arguments, which are those of
    /// ``blt patch``.
    #[pyo3(signature = (text, **arguments))]
    fn patch(
        &self,
        py: Python<'_>,
        text: Text,
        arguments: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Patches> {
        let named = Named::of("patch", arguments)?;
        let reading = named.reading(py)?;
        named.done()?;
        self.with(py, |signals| {
            let read = self.read(text.bytes(), &reading, false, signals)?;
            Ok(Patches::new(text.bytes(), &read.records, &read.session))
        })
    }

    /// The entropy of each byte before it is known, in nats: ``float32``. With
    /// ``to_come`` one more, of the byte after the last.
    #[pyo3(signature = (text, *, to_come = false, **arguments))]
    fn entropies<'py>(
        &self,
        py: Python<'py>,
        text: Text,
        to_come: bool,
        arguments: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let named = Named::of("entropies", arguments)?;
        let reading = Reading {
            context: named.context(py)?,
            ..Reading::default()
        };
        named.done()?;
        let count = text.bytes().len() + usize::from(to_come);
        let entropies: Vec<f32> = self.with(py, |signals| {
            let read = self.read(text.bytes(), &reading, true, signals)?;
            let entropies = read.records.iter().filter_map(|record| record.entropy);
            Ok(entropies.take(count).collect())
        })?;
        array(py, &entropies)
    }

    /// How well the model predicts a text.
    #[pyo3(signature = (text, *, part = None, piece = None, **arguments))]
    fn score(
        &self,
        py: Python<'_>,
        text: Text,
        part: Option<&str>,
        piece: Option<u64>,
        arguments: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Score> {
        let named = Named::of("score", arguments)?;
        let reading = named.reading(py)?;
        named.done()?;
        let part = self.part(py, part)?;
        self.with(py, |signals| {
            let mut scorer = self.scorer(part, piece, &reading, signals)?;
            let mut score = Score::default();
            for bytes in text.bytes().chunks(scorer.comfortable_push()) {
                signals.check()?;
                score.add(&pollster::block_on(scorer.push(bytes))?);
            }
            score.add(&pollster::block_on(scorer.finish())?);
            score.pieces = scorer.pieces();
            Ok(score)
        })
    }

    /// How likely each continuation is after its context: an answer per pair.
    #[pyo3(signature = (requests, *, part = None, **arguments))]
    fn answers(
        &self,
        py: Python<'_>,
        requests: &Bound<'_, PyAny>,
        part: Option<&str>,
        arguments: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<Answer>> {
        let named = Named::of("answers", arguments)?;
        let reading = named.reading(py)?;
        named.done()?;
        let part = self.part(py, part)?;
        if part == Part::Both {
            return Err(argument(
                py,
                "an answer is that of one model: blt or entropy",
            ));
        }
        let requests = requests
            .try_iter()?
            .map(|request| {
                let (context, continuation) = request?.extract::<(Text, Text)>()?;
                Ok(Request {
                    context: context.bytes().to_vec(),
                    continuation: continuation.bytes().to_vec(),
                })
            })
            .collect::<PyResult<Vec<_>>>()?;
        self.with(py, |signals| {
            let mut answerer = self.answerer(part, &reading, signals)?;
            let mut answers = Vec::with_capacity(requests.len());
            let answer = answerer.answer(
                &requests,
                || signals.go_on(),
                |answer| {
                    answers.push(Answer::from(*answer));
                    Ok::<_, blt::Error>(())
                },
            );
            pollster::block_on(answer)?;
            Ok(answers)
        })
    }

    /// Continues a prompt: an iterator of events, with the text as ``bytes`` and
    /// ``text``. The arguments are those of ``blt generate``.
    #[pyo3(signature = (prompt = None, max_bytes = 256, *, stop = None, ignore_end = false, speculate = None, part = None, **arguments))]
    #[expect(clippy::too_many_arguments, reason = "Python names each of them")]
    fn generate(
        &self,
        py: Python<'_>,
        prompt: Option<Text>,
        max_bytes: u64,
        stop: Option<&Bound<'_, PyAny>>,
        ignore_end: bool,
        speculate: Option<Bound<'_, PyAny>>,
        part: Option<&str>,
        arguments: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Generation> {
        let named = Named::of("generate", arguments)?;
        let (sampling, utf8) = (named.sampling()?, named.utf8(py)?);
        let reading = named.reading(py)?;
        named.done()?;
        let stops = match stop {
            None => Vec::new(),
            // One string, or several.
            Some(stop) => match Text::of(stop) {
                Ok(stop) => vec![stop.bytes().to_vec()],
                Err(_) => Texts::of(stop)?
                    .bytes()
                    .into_iter()
                    .flatten()
                    .map(<[u8]>::to_vec)
                    .collect(),
            },
        };
        let speculate = match speculate {
            None => Speculate::Off,
            Some(bytes) => (bytes.to_string().parse()).map_err(|error| raised(py, &error))?,
        };
        let part = self.part(py, part)?;
        if part == Part::Both {
            return Err(argument(py, "one model writes a text: blt or entropy"));
        }
        let options = GenerateOptions {
            max_bytes: Some(max_bytes),
            stops,
            utf8,
            ignore_end,
            speculate,
        };
        let prompt = prompt.as_ref().map_or(&[][..], Text::bytes);
        self.with(py, |signals| {
            let sampler = Sampler::new(sampling)?;
            let mut model = self.text_model(part, &reading, signals)?;
            let read = pollster::block_on(model.read(prompt, |_| signals.go_on()))?;
            let given = Given {
                text: prompt,
                starts: &read.starts,
                entropy: read.entropy,
            };
            Generator::new(model, &given, sampler, options).map(Generation::new)
        })
    }

    /// Cuts many texts into patches: a batch with the column ``lengths`` (a list of
    /// ``int32`` per text), and with ``entropies`` another (a list of ``float32``).
    #[pyo3(signature = (texts, *, entropies = false, **arguments))]
    fn patch_batch(
        &self,
        py: Python<'_>,
        texts: &Bound<'_, PyAny>,
        entropies: bool,
        arguments: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Batch> {
        let named = Named::of("patch_batch", arguments)?;
        let reading = named.reading(py)?;
        named.done()?;
        let texts = Texts::of(texts)?;
        let bytes = texts.bytes();
        let columns = self.with(py, |signals| {
            self.patch_all(&bytes, &reading, entropies, signals)
        })?;
        Batch::new(columns)
    }

    /// Scores many texts: a batch with the columns ``bytes``, ``patches``, ``nll`` (in
    /// nats) and ``bits_per_byte``, and with ``part="both"`` also
    /// ``entropy_bits_per_byte``.
    #[pyo3(signature = (texts, *, part = None, piece = None, **arguments))]
    fn score_batch(
        &self,
        py: Python<'_>,
        texts: &Bound<'_, PyAny>,
        part: Option<&str>,
        piece: Option<u64>,
        arguments: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Batch> {
        let named = Named::of("score_batch", arguments)?;
        let reading = named.reading(py)?;
        named.done()?;
        let part = self.part(py, part)?;
        let texts = Texts::of(texts)?;
        let bytes = texts.bytes();
        let columns = self.with(py, |signals| {
            self.score_all(&bytes, (part, piece), &reading, signals)
        })?;
        Batch::new(columns)
    }

    fn __repr__(&self) -> String {
        format!(
            "Model({:?}, device={:?})",
            self.checkpoint.origin(),
            self.device.summary().name
        )
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let Opened {
            model,
            device,
            weights,
            entropy_model,
            threads,
            ..
        } = &slf.get().opened;
        let named = PyDict::new(py);
        named.set_item("entropy_model", entropy_model)?;
        named.set_item("threads", threads)?;
        let partial = py.import("functools")?.getattr("partial")?;
        let open = slf.get_type().getattr("open")?;
        let open = partial.call((open,), Some(&named))?;
        (open, (model, device, weights)).into_pyobject(py)
    }
}

/// The devices that can compute, best first: name, class and driver of each.
#[pyfunction]
pub(crate) fn devices(py: Python<'_>) -> PyResult<Vec<(String, String, String)>> {
    let options = DeviceOptions::default();
    let found = blt::device::devices(&options);
    let (all, _) = without_interpreter(py, |_| pollster::block_on(found))?;
    let all = all.into_iter();
    Ok(all
        .map(|device| (device.name, device.class.to_string(), device.driver))
        .collect())
}

/// The names of the short texts that are inside the library.
#[pyfunction]
pub(crate) fn samples() -> Vec<&'static str> {
    let samples = blt::samples::SAMPLES.iter();
    samples.map(|sample| sample.name).collect()
}

/// The bytes of a short text that is inside the library.
#[pyfunction]
pub(crate) fn sample<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyBytes>> {
    let sample = blt::samples::sample(name).map_err(|error| raised(py, &error))?;
    Ok(PyBytes::new(py, sample.bytes))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
