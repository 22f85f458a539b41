//! The text of the patch screen on its way through the entropy model.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use web_time::Instant;

use super::job::{Job, Slice};
use super::task::ROWS;
use super::{Cells, Model, Outbox, Update};
use crate::error::Result;
use crate::session::{ContextOptions, EditOptions, EditSession};
use crate::window::document::Edit;
use crate::window::pace;

/// What the patch screen asks for.
#[derive(Debug)]
pub(crate) enum AnalysisRequest {
    /// The text is this now.
    Text {
        /// Counts up with every change of the text.
        revision: u64,
        /// All of it.
        bytes: Arc<Vec<u8>>,
    },
    /// The text has been changed.
    Edit {
        /// Of the text after it.
        revision: u64,
        /// The change.
        edit: Edit,
    },
    /// The context is cut so.
    Context(ContextOptions),
    /// The next edit will probably be here.
    Caret(usize),
    /// What could stand in place of this byte?
    Inspect {
        /// The text that is meant.
        revision: u64,
        /// The byte; behind the last one the byte to come.
        at: usize,
    },
}

/// What has come for the patch screen.
#[derive(Debug)]
pub(crate) enum AnalysisUpdate {
    /// What is known by now.
    Entropies {
        /// Of this text.
        revision: u64,
        /// Of each byte and of the byte to come, in nats, `[N + 1]`.
        entropies: Arc<Vec<f32>>,
        /// -ln p of each byte, `[N]`.
        nlls: Arc<Vec<f32>>,
        /// The most likely token in place of each byte and of the byte to come,
        /// `[N + 1]`.
        best: Arc<Vec<Option<u32>>>,
        /// Entries that have still to come.
        stale: Range<usize>,
        /// The same on the device.
        cells: Cells,
        /// Since the text was there.
        took: Duration,
    },
    /// What could stand at a place.
    Distribution {
        /// Of this text.
        revision: u64,
        /// The byte.
        at: usize,
        /// ln p of each token id.
        log_p: Vec<f32>,
    },
}

/// Bytes of memory on the device for places in a text from which it can be
/// computed anew.
const SNAPSHOT_BYTES: u64 = 192 << 20;

/// Bytes of memory on the device for what goes into layers, so that a key costs less.
const LAYER_INPUT_BYTES: u64 = 128 << 20;

/// From one news of a long text to the next: a frame of a window that draws 30 of
/// them in a second.
const FRAME: Duration = Duration::from_millis(33);

/// Rows of a step on a software driver, which takes a millisecond for three of them:
/// a frame has to wait for the step at hand.
const SOFTWARE_ROWS: usize = 64;

/// The text of the patch screen.
#[derive(Default)]
pub(super) struct Analysis {
    model: Option<Arc<Model>>,
    context: ContextOptions,
    /// The text while no session holds it: before the first model, and after a failure.
    text: Vec<u8>,
    session: Option<EditSession>,
    revision: u64,
    /// Whether there are numbers that the window has not been told.
    untold: bool,
    /// How often it was told.
    tellings: u64,
    /// When it was told last.
    told_at: Option<Instant>,
    /// When the text came.
    began: Option<Instant>,
    caret: Option<usize>,
    inspect: Option<(u64, usize)>,
}

impl Job for Analysis {
    /// The text stays; the window asks for its numbers when it has taken the model.
    fn use_model(&mut self, model: &Arc<Model>) -> Result<()> {
        self.give_up();
        self.model = Some(Arc::clone(model));
        Ok(())
    }

    fn is_busy(&self) -> bool {
        self.session.as_ref().is_some_and(|session| {
            self.untold
                || session.stale().is_some()
                || self.inspect.is_some()
                || self.caret.is_some()
        })
    }

    fn slice<'a>(&'a mut self, outbox: &'a Outbox) -> Slice<'a> {
        Box::pin(self.work(outbox))
    }

    /// The next request makes a new session.
    fn give_up(&mut self) {
        if let Some(session) = self.session.take() {
            self.text = session.bytes().to_vec();
        }
    }
}

impl Analysis {
    pub(super) fn ask(&mut self, request: AnalysisRequest) -> Result<()> {
        match request {
            AnalysisRequest::Text { revision, bytes } => {
                self.text_changes(revision);
                let replaced = match &mut self.session {
                    Some(session) => session.replace(&bytes),
                    None => {
                        self.text.clone_from(&bytes);
                        Ok(())
                    }
                };
                if replaced.is_err() {
                    // As for an edit: the window has this text.
                    self.give_up();
                    self.text.clone_from(&bytes);
                }
                replaced?;
                self.open()?;
            }
            AnalysisRequest::Edit { revision, edit } => {
                self.text_changes(revision);
                if let Some(session) = &mut self.session {
                    let edited = session.edit(edit.gone(), &edit.came);
                    if edited.is_err() {
                        // The window has this text, whether the model can take it or not.
                        self.give_up();
                        edit.apply(&mut self.text);
                    }
                    return edited;
                }
                edit.apply(&mut self.text);
                self.open()?;
            }
            AnalysisRequest::Context(context) => {
                self.context = context;
                self.give_up();
                self.open()?;
            }
            AnalysisRequest::Caret(at) => self.caret = Some(at),
            AnalysisRequest::Inspect { revision, at } => self.inspect = Some((revision, at)),
        }
        Ok(())
    }

    fn text_changes(&mut self, revision: u64) {
        self.revision = revision;
        self.untold = true;
        // The first number of an edit is shown at once.
        self.told_at = None;
        self.began = Some(Instant::now());
        self.caret = None;
    }

    /// Gives the text to a session, if there is a model and none yet.
    fn open(&mut self) -> Result<()> {
        let Some(model) = self.model.as_ref().filter(|_| self.session.is_none()) else {
            return Ok(());
        };
        let device = model.entropy.device();
        let options = EditOptions {
            context: self.context,
            snapshot_bytes: SNAPSHOT_BYTES,
            layer_input_bytes: LAYER_INPUT_BYTES,
            rows_per_step: match device.gpu() {
                Some(gpu) if pace::is_slow(gpu) => SOFTWARE_ROWS,
                Some(_) => usize::MAX,
                None => ROWS,
            },
            keep_best: true,
            ..EditOptions::default()
        };
        let mut session = EditSession::new(&model.entropy, options)?;
        session.replace(&self.text)?;
        self.text = Vec::new();
        self.session = Some(session);
        self.untold = true;
        Ok(())
    }

    async fn work(&mut self, outbox: &Outbox) -> Result<()> {
        let inspected = self.inspected();
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        if let Some(at) = inspected {
            self.inspect = None;
            let log_p = session.distribution(at).await?;
            outbox.put(Update::Analysis(AnalysisUpdate::Distribution {
                revision: self.revision,
                at,
                log_p,
            }));
        } else if session.stale().is_some() {
            let more = session.step().await?;
            self.untold = true;
            // A window draws no more often, and a long text is not copied for each step.
            if !more
                || self
                    .told_at
                    .is_none_or(|at| at.elapsed() >= FRAME.max(outbox.pause))
            {
                self.tell(outbox);
            }
        } else if self.untold {
            self.tell(outbox);
        } else if self.inspect.take().is_none()
            && let Some(at) = self.caret.take()
        {
            session.prepare(at.min(session.bytes().len())).await?;
        }
        Ok(())
    }

    /// The byte that is asked about, once it can be answered without computing what has
    /// still to come: a long text is not waited for, but the first number of an edit is.
    fn inspected(&self) -> Option<usize> {
        let (revision, at) = self.inspect?;
        let session = self.session.as_ref()?;
        let known = match session.stale() {
            None => !self.untold,
            Some(stale) => self.told_at.is_some() && at < stale.start,
        };
        (known && revision == self.revision && at <= session.bytes().len()).then_some(at)
    }

    /// Says what is known by now.
    fn tell(&mut self, outbox: &Outbox) {
        let Some(session) = &self.session else {
            return;
        };
        self.untold = false;
        self.tellings += 1;
        self.told_at = Some(Instant::now());
        let length = session.bytes().len();
        let entropies = Arc::new(session.entropies().to_vec());
        outbox.put(Update::Analysis(AnalysisUpdate::Entropies {
            revision: self.revision,
            entropies: Arc::clone(&entropies),
            nlls: Arc::new(session.nlls().to_vec()),
            best: Arc::new(session.best().to_vec()),
            stale: session.stale().unwrap_or(length + 1..length + 1),
            cells: match session.cells().buffer() {
                Some(buffer) => Cells::Device {
                    buffer: buffer.clone(),
                    written: self.tellings,
                },
                None => Cells::Values(Arc::clone(&entropies)),
            },
            took: self.began.map_or(Duration::ZERO, |began| began.elapsed()),
        }));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use std::sync::mpsc::channel;

    use super::*;
    use crate::device::{Device, DeviceOptions};
    use crate::window::engine::loading::Going;

    #[test]
    fn a_byte_is_looked_into_before_a_long_text_is_read() {
        pollster::block_on(async {
            let device = Device::open(&DeviceOptions::default()).await.unwrap();
            let (updates, come) = channel();
            let outbox = Outbox::new(updates, Arc::new(|| ()));
            let model = Going::alone(&outbox, |going| {
                pollster::block_on(Model::open(&device, None, None, going)).unwrap()
            });
            let mut analysis = Analysis::default();
            analysis.use_model(&Arc::new(model)).unwrap();
            let bytes = Arc::new(b"The quick brown fox. ".repeat(1000));
            let text = AnalysisRequest::Text { revision: 7, bytes };
            analysis.ask(text).unwrap();
            let inspect = AnalysisRequest::Inspect { revision: 7, at: 3 };
            analysis.ask(inspect).unwrap();
            let mut numbers = 0;
            let log_p = loop {
                analysis.slice(&outbox).await.unwrap();
                let found = come.try_iter().find_map(|update| match update {
                    Update::Analysis(AnalysisUpdate::Distribution { log_p, .. }) => Some(log_p),
                    Update::Analysis(AnalysisUpdate::Entropies { .. }) => {
                        numbers += 1;
                        None
                    }
                    _ => None,
                });
                if let Some(log_p) = found {
                    break log_p;
                }
            };
            assert_eq!(numbers, 1, "the first numbers come before it, no more");
            assert!(analysis.session.as_ref().unwrap().stale().is_some());
            let total: f32 = log_p.iter().map(|log_p| log_p.exp()).sum();
            assert!((total - 1.0).abs() < 1e-4, "{total}");
            // Of another text nothing is said, and nothing is left to do about it.
            let inspect = AnalysisRequest::Inspect { revision: 6, at: 3 };
            analysis.ask(inspect).unwrap();
            let text = AnalysisRequest::Text {
                revision: 8,
                bytes: Arc::default(),
            };
            analysis.ask(text).unwrap();
            while analysis.is_busy() {
                analysis.slice(&outbox).await.unwrap();
            }
            assert!(come.try_iter().all(|update| !matches!(
                update,
                Update::Analysis(AnalysisUpdate::Distribution { .. })
            )));
        });
    }
}
