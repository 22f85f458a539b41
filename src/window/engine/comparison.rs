//! The work of the compare screen: other entropy models and tokenizers over its
//! text.
//!
//! The screen says what it wants, all of it each time. What it no longer wants is
//! dropped, and its memory with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use web_time::Instant;

use super::job::{Job, Slice};
use super::loading::{Going, Loader};
use super::task::spawn;
use super::{Model, Outbox, Update};
use crate::bytes::{BOS, id_of};
use crate::checkpoint::Checkpoint;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::measure::tune::{Subject, prepare_kept};
use crate::model::entropy::EntropyModel;
use crate::patch::Tokenizer;
use crate::session::{EntropyOptions, EntropySession};
use crate::window::error_message::ErrorMessage;

/// Where a lane takes what the open model does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The entropies of another model, by its name or folder.
    Model(String),
    /// The tokens of a `tokenizer.json`.
    Tokenizer(PathBuf),
}

/// What the compare screen asks for.
#[derive(Debug)]
pub(crate) struct CompareRequest {
    /// Counts up with every change of the text.
    pub(crate) revision: u64,
    /// The text.
    pub(crate) bytes: Arc<Vec<u8>>,
    /// All that is wanted of it.
    pub(crate) sources: Vec<Source>,
}

/// What has come for the compare screen.
#[derive(Clone, Debug)]
pub(crate) struct CompareUpdate {
    /// Of this text.
    pub(crate) revision: u64,
    /// From here.
    pub(crate) source: Source,
    /// What it says.
    pub(crate) found: Found,
}

/// What a source says of a text.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// A model, as far as it has got.
    Entropies {
        /// Of each byte and of the byte to come, in nats, `[N + 1]`; NaN where
        /// it is not known yet.
        entropies: Arc<Vec<f32>>,
        /// -ln p of each byte, `[N]`.
        nlls: Arc<Vec<f32>>,
        /// The most likely token in place of each byte and of the byte to come,
        /// `[N + 1]`.
        best: Arc<Vec<Option<u32>>>,
        /// Whether nothing has still to come.
        complete: bool,
    },
    /// A tokenizer: does a token start at each byte? `[N]`.
    Starts(Arc<Vec<bool>>),
    /// It cannot be used, and why.
    Failed(ErrorMessage),
}

/// How often the screen is told how far a model has got.
const TELL_AFTER: Duration = Duration::from_millis(150);

/// The work of the compare screen.
#[derive(Default)]
pub(super) struct Comparison {
    model: Option<Arc<Model>>,
    revision: u64,
    text: Arc<Vec<u8>>,
    /// Of the lane whose model is loaded now.
    loader: Loader<Arc<EntropyModel>>,
    loading: Option<String>,
    others: Vec<Other>,
    tokenizers: Vec<Tokens>,
}

/// Another model on its way over the text.
struct Other {
    name: String,
    model: Option<Arc<EntropyModel>>,
    session: Option<EntropySession>,
    entropies: Vec<f32>,
    nlls: Vec<f32>,
    best: Vec<Option<u32>>,
    /// Tokens that have been pushed, BOS among them.
    done: usize,
    failed: bool,
    told: Instant,
}

/// A tokenizer beside what computes: reading a large one takes longer than a frame may.
struct Tokens {
    path: PathBuf,
    texts: UnboundedSender<(u64, Arc<Vec<u8>>)>,
}

impl Job for Comparison {
    fn use_model(&mut self, model: &Arc<Model>) -> Result<()> {
        self.model = Some(Arc::clone(model));
        Ok(())
    }

    fn is_busy(&self) -> bool {
        self.loader.is_ready() || self.model.is_some() && self.next().is_some()
    }

    fn slice<'a>(&'a mut self, outbox: &'a Outbox) -> Slice<'a> {
        Box::pin(self.work(outbox))
    }

    /// The failures of these models are told where they happen, so this one was
    /// another's, and they begin again.
    fn give_up(&mut self) {
        for other in self.others.iter_mut().filter(|other| !other.failed) {
            other.restart();
        }
    }
}

impl Comparison {
    pub(super) fn ask(&mut self, request: CompareRequest, outbox: &Outbox) {
        let other_text = self.revision != request.revision || self.text != request.bytes;
        self.revision = request.revision;
        self.text = request.bytes;
        self.others
            .retain(|other| request.sources.contains(&Source::Model(other.name.clone())));
        self.tokenizers.retain(|tokens| {
            request
                .sources
                .contains(&Source::Tokenizer(tokens.path.clone()))
        });
        if let Some(name) = &self.loading
            && !request.sources.contains(&Source::Model(name.clone()))
        {
            self.loader.cancel();
            self.loading = None;
        }
        for other in &mut self.others {
            if other_text || other.failed {
                other.restart();
            }
        }
        for source in request.sources {
            match source {
                Source::Model(name) => {
                    if !self.others.iter().any(|other| other.name == name) {
                        self.others.push(Other::new(name));
                    }
                }
                Source::Tokenizer(path) => self.tokenize(path, outbox),
            }
        }
    }

    /// Hands the text to a tokenizer.
    fn tokenize(&mut self, path: PathBuf, outbox: &Outbox) {
        let work = (self.revision, Arc::clone(&self.text));
        if let Some(held) = self.tokenizers.iter().find(|held| held.path == path) {
            // It waits as long as there is a sender.
            let _ = held.texts.unbounded_send(work);
            return;
        }
        let (texts, taken) = unbounded();
        let _ = texts.unbounded_send(work);
        let (own, outbox) = (path.clone(), outbox.clone());
        spawn(move || cut(own, taken, outbox));
        self.tokenizers.push(Tokens { path, texts });
    }

    /// The lane to go on with. One model is loaded at a time; lanes whose model is
    /// there go on meanwhile.
    fn next(&self) -> Option<usize> {
        let length = self.text.len();
        let can = |other: &Other| other.model.is_some() || self.loading.is_none();
        let mut others = self.others.iter();
        others.position(|other| other.is_busy(length) && can(other))
    }

    async fn work(&mut self, outbox: &Outbox) -> Result<()> {
        if let Some(loaded) = self.loader.take() {
            let name = self.loading.take().unwrap_or_default();
            return self.take_loaded(&name, loaded, outbox);
        }
        let length = self.text.len();
        let (Some(open), Some(at)) = (self.model.clone(), self.next()) else {
            return Ok(());
        };
        let other = &mut self.others[at];
        if other.model.is_none() {
            if open.name.as_ref() == Some(&other.name) {
                other.model = Some(Arc::clone(&open.entropy));
            } else {
                let name = other.name.clone();
                self.load(open.entropy.device(), name, outbox);
            }
            return Ok(());
        }
        match other.step(&self.text).await {
            Ok(()) if other.is_busy(length) && other.told.elapsed() < TELL_AFTER => {}
            Ok(()) => {
                let found = Found::Entropies {
                    entropies: Arc::new(other.entropies.clone()),
                    nlls: Arc::new(other.nlls.clone()),
                    best: Arc::new(other.best.clone()),
                    complete: !other.is_busy(length),
                };
                self.tell(at, found, outbox);
            }
            Err(error) => self.failed(at, error, outbox)?,
        }
        Ok(())
    }

    /// Begins to load the model of a lane.
    fn load(&mut self, device: &Arc<Device>, name: String, outbox: &Outbox) {
        self.loading = Some(name.clone());
        let device = Arc::clone(device);
        self.loader.start(
            outbox,
            |_, _| (),
            async move |going: &Going<'_>| {
                let checkpoint = Checkpoint::open(&name)?;
                let weights = checkpoint.entropy_weights()?;
                let load = EntropyModel::load_while(&device, &weights, |bytes| going.add(bytes));
                let model = Arc::new(load.await?);
                prepare_kept(&Subject::Entropy(&model)).await?;
                Ok(model)
            },
        );
    }

    fn take_loaded(
        &mut self,
        name: &str,
        loaded: Result<Arc<EntropyModel>>,
        outbox: &Outbox,
    ) -> Result<()> {
        let Some(at) = self.others.iter().position(|other| other.name == name) else {
            return Ok(());
        };
        match loaded {
            Ok(model) => self.others[at].model = Some(model),
            Err(error) => self.failed(at, error, outbox)?,
        }
        Ok(())
    }

    /// Says why a lane has nothing; a lost device is everybody's.
    fn failed(&mut self, at: usize, error: Error, outbox: &Outbox) -> Result<()> {
        if matches!(error, Error::DeviceLost(_)) {
            return Err(error);
        }
        let other = &mut self.others[at];
        other.restart();
        other.model = None;
        other.failed = true;
        self.tell(at, Found::Failed(ErrorMessage::of(&error)), outbox);
        Ok(())
    }

    fn tell(&mut self, at: usize, found: Found, outbox: &Outbox) {
        let other = &mut self.others[at];
        other.told = Instant::now();
        outbox.put(Update::Compare(CompareUpdate {
            revision: self.revision,
            source: Source::Model(other.name.clone()),
            found,
        }));
    }
}

impl Other {
    fn new(name: String) -> Self {
        Self {
            name,
            model: None,
            session: None,
            entropies: Vec::new(),
            nlls: Vec::new(),
            best: Vec::new(),
            done: 0,
            failed: false,
            told: Instant::now(),
        }
    }

    fn restart(&mut self) {
        self.session = None;
        self.done = 0;
        self.failed = false;
    }

    fn is_busy(&self, length: usize) -> bool {
        !self.failed && self.done < length + 1
    }

    /// Pushes one chunk.
    async fn step(&mut self, text: &[u8]) -> Result<()> {
        let Some(model) = &self.model else {
            return Ok(());
        };
        let session = match &mut self.session {
            Some(session) => session,
            none => {
                self.entropies = vec![f32::NAN; text.len() + 1];
                self.nlls = vec![f32::NAN; text.len()];
                self.best = vec![None; text.len() + 1];
                let options = EntropyOptions {
                    best: 1,
                    ..EntropyOptions::default()
                };
                none.insert(EntropySession::new(model, options)?)
            }
        };
        let end = (self.done + model.device().tuning.chunk_rows as usize).min(text.len() + 1);
        let ids: Vec<u32> = (self.done..end)
            .map(|at| match at.checked_sub(1) {
                None => BOS,
                Some(byte) => text.get(byte).copied().map_or(BOS, id_of),
            })
            .collect();
        let rows = session.push(&ids).await?;
        for (at, (entropy, nll)) in (self.done..).zip(rows.entropies.iter().zip(&rows.nlls)) {
            if let Some(place) = self.entropies.get_mut(at) {
                *place = *entropy;
            }
            if let (Some(nll), Some(byte)) = (nll, at.checked_sub(1))
                && let Some(place) = self.nlls.get_mut(byte)
            {
                *place = *nll;
            }
        }
        for (place, best) in self.best.iter_mut().skip(self.done).zip(&rows.best) {
            *place = best.first().map(|(id, _)| *id);
        }
        self.done = end;
        Ok(())
    }
}

/// Cuts texts by the tokens of a tokenizer until nobody wants it any more. Of
/// several texts that wait only the last is wanted.
async fn cut(path: PathBuf, mut texts: UnboundedReceiver<(u64, Arc<Vec<u8>>)>, outbox: Outbox) {
    let (mut tokenizer, mut known) = (None, None);
    while let Ok(first) = texts.recv().await {
        let later = std::iter::from_fn(|| texts.try_recv().ok()).last();
        let (revision, text) = later.unwrap_or(first);
        // What could not be read is tried again each time that it is asked for.
        if known == Some(revision) {
            continue;
        }
        let opened = match tokenizer.take() {
            Some(tokenizer) => Ok(tokenizer),
            None => Tokenizer::open(&path),
        };
        let starts = opened.and_then(|opened| tokenizer.insert(opened).starts(&text));
        let found = match starts {
            Ok(starts) => {
                known = Some(revision);
                Found::Starts(Arc::new(starts))
            }
            Err(error) => Found::Failed(ErrorMessage::of(&error)),
        };
        outbox.put(Update::Compare(CompareUpdate {
            revision,
            source: Source::Tokenizer(path.clone()),
            found,
        }));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn what_is_no_tokenizer_is_said_in_a_sentence_and_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, b"{}").unwrap();
        let (updates, come) = channel();
        let outbox = Outbox::new(updates, Arc::new(|| ()));
        let mut comparison = Comparison::default();
        for revision in [1, 1, 2] {
            comparison.ask(
                CompareRequest {
                    revision,
                    bytes: Arc::new(b"some text".to_vec()),
                    sources: vec![Source::Tokenizer(path.clone())],
                },
                &outbox,
            );
            let update = come.recv_timeout(Duration::from_secs(30)).unwrap();
            let Update::Compare(update) = update else {
                unreachable!("{update:?}");
            };
            assert_eq!(update.source, Source::Tokenizer(path.clone()));
            let Found::Failed(why) = update.found else {
                unreachable!("{:?}", update.found);
            };
            let why = why.to_string();
            assert!(why.contains("tokenizer.json"), "{why}");
        }
        assert!(!comparison.is_busy());
        let none = CompareRequest {
            revision: 2,
            bytes: Arc::default(),
            sources: Vec::new(),
        };
        comparison.ask(none, &outbox);
        assert!(comparison.tokenizers.is_empty());
    }

    #[cfg(feature = "tokenizers")]
    #[test]
    fn a_tokenizer_cuts_each_text_that_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        let json = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null, "post_processor": null, "decoder": null,
            "pre_tokenizer": {"type": "Whitespace"},
            "model": {"type": "WordLevel", "vocab": {"a": 0, "bc": 1, "?": 2}, "unk_token": "?"},
        });
        std::fs::write(&path, json.to_string()).unwrap();
        let (updates, come) = channel();
        let outbox = Outbox::new(updates, Arc::new(|| ()));
        let mut comparison = Comparison::default();
        for (revision, text, begins) in [(1, "a bc", vec![0, 2]), (2, "bc d a", vec![0, 3, 5])] {
            let request = CompareRequest {
                revision,
                bytes: Arc::new(text.as_bytes().to_vec()),
                sources: vec![Source::Tokenizer(path.clone())],
            };
            pollster::block_on(comparison.ask(request, None, &outbox)).unwrap();
            let update = come.recv_timeout(Duration::from_secs(30)).unwrap();
            let Update::Compare(CompareUpdate {
                revision: of,
                found: Found::Starts(starts),
                ..
            }) = update
            else {
                unreachable!("{update:?}");
            };
            let found: Vec<usize> = (0..starts.len()).filter(|at| starts[*at]).collect();
            assert_eq!((of, starts.len(), found), (revision, text.len(), begins));
        }
    }
}
