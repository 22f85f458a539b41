//! A model as what an adapter is checked and tuned by.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::Rates;
use crate::bytes::{BOS, prompt};
use crate::checkpoint::Checkpoint;
use crate::clock::Clock;
use crate::device::trials::Trials;
use crate::device::{AdapterChoice, Device, DeviceOptions};
use crate::error::Result;
use crate::measure::bench::TEXT;
use crate::model::blt::{BltLoad, BltModel};
use crate::model::entropy::EntropyModel;
use crate::model::part::RowClass;
use crate::patch::{Rule, Scheme};
use crate::session::{BltOptions, BltSession, EntropyOptions, EntropySession};

/// Rows of a run of [`RowClass::Many`] that is timed, at most.
const MANY: usize = 256;
/// A run is about as much work as this many of its heaviest steps.
const STEPS: f64 = 30.0;
/// Bytes that are read before writing is timed, written before, and timed.
const WRITING: [usize; 3] = [32, 2, 8];
/// Bytes per second that no processor reads from memory: where even that would not be
/// faster than the adapter, the processor is not asked.
const FASTEST_MEMORY: f64 = 1e11;

/// A model on a device, with what tells how fast it would be on the processor.
#[derive(Debug)]
pub enum Subject<'a> {
    /// An entropy model alone.
    Entropy(&'a Arc<EntropyModel>),
    /// A whole model, and what it was loaded from.
    Blt(&'a Arc<BltModel>, &'a Arc<Checkpoint>),
}

/// A session whose runs are there to be measured.
pub(super) enum Rehearsal {
    Entropy(Box<EntropySession>),
    Blt(Box<BltSession>),
}

impl Subject<'_> {
    /// The device that holds it.
    #[must_use]
    pub fn device(&self) -> &Arc<Device> {
        match self {
            Self::Entropy(model) => model.device(),
            Self::Blt(model, _) => model.device(),
        }
    }

    /// A name for its shapes: models that take the same steps have the same. A tier that was
    /// asked for by name has other steps.
    pub(super) fn name(&self) -> String {
        let mut hash = DefaultHasher::new();
        self.device().forced_tier().hash(&mut hash);
        match self {
            Self::Entropy(model) => model.shapes().hash(&mut hash),
            // Random weights are not compared with the processor.
            Self::Blt(model, checkpoint) => {
                (model.shapes(), checkpoint.is_random()).hash(&mut hash);
            }
        }
        format!("{:016x}", hash.finish())
    }

    pub(super) fn rehearsal(&self) -> Result<Rehearsal> {
        Ok(match self {
            Self::Entropy(model) => {
                let options = EntropyOptions {
                    rule: Some(Rule::new(Scheme::Static { size: 1 })?),
                    best: 1,
                    ..EntropyOptions::default()
                };
                Rehearsal::Entropy(Box::new(EntropySession::new(model, options)?))
            }
            Self::Blt(model, _) => {
                let options = BltSession::rehearsal()?;
                Rehearsal::Blt(Box::new(BltSession::new(model, options)?))
            }
        })
    }

    /// How fast a whole model writes here and on the processor; `None` where the
    /// processor surely is slower.
    pub(super) async fn rates(&self) -> Result<Option<Rates>> {
        let Self::Blt(model, checkpoint) = self else {
            return Ok(None);
        };
        let adapter = writing(model).await?;
        let weights = model.memory().adapter;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        if FASTEST_MEMORY / (weights as f64) < adapter || checkpoint.is_random() {
            return Ok(None);
        }
        let options = DeviceOptions {
            choice: AdapterChoice {
                adapter: Some("cpu".to_owned()),
                backend: None,
            },
            ..DeviceOptions::default()
        };
        // Where the processor cannot take the model, there is nothing to compare with.
        let on_processor = async {
            let processor = Device::open(&options).await?;
            let load = BltLoad::default();
            let model = BltModel::load(&processor, checkpoint, load, |_| ()).await?;
            writing(&Arc::new(model)).await
        };
        Ok(match on_processor.await {
            Ok(processor) => Some(Rates { adapter, processor }),
            Err(_) => None,
        })
    }
}

/// Bytes per second.
async fn writing(model: &Arc<BltModel>) -> Result<f64> {
    let rule = match model.entropy() {
        Some(_) => None,
        None => Some(Rule::new(Scheme::Static { size: 4 })?),
    };
    let options = BltOptions {
        rule,
        ..BltOptions::default()
    };
    let mut session = BltSession::new(model, options)?;
    let ([read, before, timed], text) = (WRITING, TEXT.as_bytes());
    session.prefill(&text[..read]).await?;
    for byte in &text[read..read + before] {
        session.push(*byte).await?;
    }
    let clock = Clock::start();
    for byte in &text[read + before..][..timed] {
        session.push(*byte).await?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few bytes")]
    Ok(timed as f64 / (clock.milliseconds().max(1e-3) / 1e3))
}

impl Rehearsal {
    /// The steps of runs of a class.
    pub(super) fn steps(&self, class: RowClass, trials: &mut Trials) -> Result<()> {
        match self {
            Self::Entropy(session) => session.steps(class, trials),
            Self::Blt(session) => session.steps(class, trials),
        }
    }

    /// One run of a class, which leaves its inputs with the device; gives its rows.
    pub(super) async fn run(&mut self, class: RowClass) -> Result<u32> {
        let rows = match class {
            RowClass::One => 1,
            RowClass::Few => 8,
            RowClass::Many => self.many().await?,
        };
        self.take(rows).await?;
        Ok(u32::try_from(rows).unwrap_or(u32::MAX))
    }

    /// So many rows that a run takes no more than about a fifth of a second, which a
    /// small run tells.
    async fn many(&mut self) -> Result<usize> {
        self.take(16).await?;
        Ok(match self {
            Self::Entropy(session) => {
                let model = session.model();
                let all = model.heaviest_step().times(STEPS);
                model.device().rows_at_once(all, MANY)
            }
            Self::Blt(session) => {
                let model = session.model();
                let all = model.heaviest_step(MANY).times(STEPS);
                model.device().rows_at_once(all, MANY)
            }
        })
    }

    async fn take(&mut self, rows: usize) -> Result<()> {
        let mut ids = prompt(&TEXT.as_bytes()[..rows]);
        ids.retain(|id| *id != BOS);
        ids.truncate(rows);
        match self {
            Self::Entropy(session) => {
                let known = Default::default();
                session.push_run(&ids, None, &[], &known).await?;
            }
            Self::Blt(session) => session.rehearse(&ids).await?,
        }
        Ok(())
    }
}
