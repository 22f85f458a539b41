//! Models, and what is asked of them.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the arguments of a call from Python are its own"
)]

mod batches;
mod load;
mod opened;
mod sessions;

use std::sync::{Arc, Mutex, PoisonError};

use blt::checkpoint::Checkpoint;
use blt::device::Device;
use blt::generate::{GenerateOptions, Generator, Given, Sampler, Speculate};
use blt::measure::score::Request;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

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
use opened::Opened;
use sessions::{AtRest, read_into, score_into};

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
    at_rest: AtRest,
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

    /// The part that scores where none is named.
    fn part(&self, py: Python<'_>, name: Option<&str>) -> PyResult<Part> {
        match (name, &self.checkpoint.config().blt) {
            (Some(name), _) => Part::of(py, name),
            (None, Some(_)) => Ok(Part::Blt),
            (None, None) => Ok(Part::Entropy),
        }
    }
}

#[pymethods]
impl Model {
    /// Opens a model: a folder or file, ``org/name`` in the cache of Hugging Face, or
    /// ``None`` for the one inside this package. Nothing is downloaded.
    ///
    /// ``device`` is ``"auto"``, ``"cpu"``, a part of a name or an index in
    /// :func:`devices`; ``weights`` are the most bits of a weight: ``"auto"``, 16, 8,
    /// ``"mixed"`` (4 for hash tables and the latent model, 8 for the rest) or 4.
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
        Opened::of(py, (model, entropy_model), device, weights, threads)?.open(py)
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
            self.in_texts(&reading, false, signals, |session, signals| {
                let mut records = Vec::with_capacity(text.bytes().len() + 1);
                read_into(session, text.bytes(), &mut records, signals)?;
                Ok(Patches::new(text.bytes(), &records, session))
            })
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
            self.in_texts(&reading, true, signals, |session, signals| {
                let mut records = Vec::with_capacity(text.bytes().len() + 1);
                read_into(session, text.bytes(), &mut records, signals)?;
                let entropies = records.iter().filter_map(|record| record.entropy);
                Ok(entropies.take(count).collect())
            })
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
            self.in_scorer((part, piece), &reading, signals, |scorer, signals| {
                let mut score = Score::default();
                score_into(scorer, text.bytes(), signals, |scored| score.add(scored))?;
                score.pieces = scorer.pieces();
                Ok(score)
            })
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
            self.in_answerer(part, &reading, signals, |answerer, signals| {
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

    /// Cuts many texts into patches: a batch with the column ``patch_lengths`` (a list of
    /// ``int32`` per text), and on demand ``entropies`` and ``nll`` (lists of ``float32``,
    /// in nats), which are those of ``blt corpus --layout patches``.
    #[pyo3(signature = (texts, *, entropies = false, nll = false, **arguments))]
    fn patch_batch(
        &self,
        py: Python<'_>,
        texts: &Bound<'_, PyAny>,
        entropies: bool,
        nll: bool,
        arguments: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Batch> {
        let named = Named::of("patch_batch", arguments)?;
        let reading = named.reading(py)?;
        named.done()?;
        let texts = Texts::of(texts)?;
        let bytes = texts.bytes();
        let columns = self.with(py, |signals| {
            self.patch_all(&bytes, &reading, (entropies, nll), signals)
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
        slf.get().opened.reduced(&slf.get_type().getattr("open")?)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
