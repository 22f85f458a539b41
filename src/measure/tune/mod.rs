//! A graphics adapter is checked and tuned by the model that it is to run: each kernel
//! that the model takes computes small known data, which the processor computes too,
//! and of kernels with several variants the fastest is found.
//!
//! It is done when a model is loaded on an adapter for the first time, and the
//! [`TuningRecord`] keeps what was found. Which variant a kernel takes changes results
//! by rounding alone.

mod record;
mod subject;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::device::trials::Trials;
use crate::device::{Device, DeviceClass, Tune};
use crate::error::{Error, Result};
use crate::model::part::RowClass;
use crate::verify::Verifier;
pub use record::{About, Choice, TuningRecord, Wrong};
pub use subject::Subject;

/// Milliseconds that timing takes at most; what is left over is timed the next time.
const BUDGET: f64 = 1000.0;
/// Seed of the data that kernels are checked with.
const SEED: u64 = 1;

/// What was done for a model.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// A tier that computes wrong numbers or does not compile, if that was found just now.
    pub wrong: Option<Wrong>,
    /// Variants that were checked, and the milliseconds that it took.
    pub checked: (usize, f64),
    /// Shapes of steps whose variants were timed, and the milliseconds.
    pub timed: (usize, f64),
    /// How fast the model writes, where it was measured now or before.
    pub rates: Option<Rates>,
}

/// How fast a model writes on the adapter and on the processor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Bytes per second on the adapter.
    pub adapter: f64,
    /// Bytes per second on the processor.
    pub processor: f64,
}

impl Rates {
    /// Is the processor clearly faster?
    #[must_use]
    pub fn processor_wins(&self) -> bool {
        self.processor > 1.2 * self.adapter
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.compiled {
            true => "computes wrong numbers in",
            false => "does not compile kernels of",
        };
        write!(
            f,
            "this driver {what} the tier {} ({}); the tier {} is used instead",
            self.tier, self.variant, self.instead
        )
    }
}

/// Checks and tunes the device of a model by what the model runs, as far as the record
/// does not know it yet, and lets the device take the fastest variants in all sessions
/// that begin later. Does nothing on the processor, nor on a software driver unless with
/// [`Tune::Again`].
///
/// # Errors
/// [`Error::Adapter`] when a kernel is wrong in every tier, and the device's errors.
pub async fn prepare(subject: &Subject<'_>, record: &mut TuningRecord) -> Result<Prepared> {
    let device = subject.device();
    let again = device.tune() == Tune::Again;
    let software = device.summary().class == DeviceClass::Software;
    let mut done = Prepared::default();
    match device.gpu() {
        None => return Ok(done),
        Some(gpu) if software && !again && !gpu.is_under_test() => return Ok(done),
        Some(_) => {}
    }
    let kept = std::mem::take(record);
    *record = match again {
        true => TuningRecord::new(device.summary()),
        false => kept.about(device.summary()),
    };
    record.lower(device);
    if device.tune() != Tune::Off {
        record.choose(device);
    }
    let name = subject.name();
    if let Some(rates) = record.models.get(&name) {
        done.rates = *rates;
        return Ok(done);
    }

    let clock = Clock::start();
    let mut rehearsal = subject.rehearsal()?;
    let trials = loop {
        let mut trials = Trials::default();
        for class in [RowClass::One, RowClass::Few, RowClass::Many] {
            rehearsal.steps(class, &mut trials)?;
        }
        let Some(wrong) = check(device, &trials, record, &mut done).await? else {
            break trials;
        };
        device.lower_tier(wrong.instead.parse()?);
        record.wrong = Some(wrong.clone());
        done.wrong = Some(wrong);
    };
    done.checked.1 = clock.milliseconds();
    if device.tune() == Tune::Off {
        return Ok(done);
    }

    let mut all = true;
    if !trials.open().is_empty() {
        // Keys for a byte to look back at, and first what decides how fast it is written.
        rehearsal.run(RowClass::Many).await?;
        'classes: for class in [RowClass::One, RowClass::Few, RowClass::Many] {
            let rows = rehearsal.run(class).await?;
            let mut trials = Trials::default();
            rehearsal.steps(class, &mut trials)?;
            for shape in trials.open() {
                if record.knows(&shape) {
                    continue;
                }
                if done.timed.1 > BUDGET {
                    all = false;
                    break 'classes;
                }
                let clock = Clock::start();
                if let Some(timing) = trials.time(device, &shape, rows).await? {
                    device.choose(shape, timing.fastest);
                    record.choices.extend(Choice::of(&timing));
                    done.timed.0 += 1;
                    done.timed.1 += clock.milliseconds();
                }
            }
        }
    }
    drop(rehearsal);
    if all {
        done.rates = subject.rates().await?;
        record.models.insert(name, done.rates);
    }
    Ok(done)
}

/// Checks the variants that are not known to be right; gives the first that is wrong.
async fn check(
    device: &std::sync::Arc<Device>,
    trials: &Trials,
    record: &mut TuningRecord,
    done: &mut Prepared,
) -> Result<Option<Wrong>> {
    let verifier = Verifier::new(device, SEED);
    for (kernel, at) in trials.variants() {
        let Some(shader) = record::shader(kernel) else {
            continue;
        };
        let name = record::name_of(shader, at);
        if record.right.contains(&name) {
            continue;
        }
        let report = match device.compiles(shader, at).await {
            true => Some(verifier.largest(shader, at).await?),
            false => None,
        };
        done.checked.0 += 1;
        if report.as_ref().is_some_and(|report| report.passed) {
            record.right.push(name);
            continue;
        }
        let adapter = &device.summary().name;
        let needs = shader.variants[at].needs;
        let Some(instead) = needs.next_lower() else {
            let what = match report {
                Some(_) => "computes wrong numbers even in",
                None => "does not even compile kernels of",
            };
            return Err(Error::Adapter(format!(
                "{adapter} {what} the base tier ({name}); take another driver, or the processor \
                 with --adapter cpu"
            )));
        };
        return Ok(Some(Wrong {
            variant: name,
            tier: needs.to_string(),
            instead: instead.to_string(),
            compiled: report.is_some(),
            error: (report.map(|report| report.max_error)).filter(|error| error.is_finite()),
        }));
    }
    Ok(None)
}

/// Like [`prepare`], with the record that the system keeps for this adapter. A record
/// that cannot be read or written is not an error: it is made anew, or left out.
///
/// # Errors
/// As for [`prepare`].
#[cfg(not(target_arch = "wasm32"))]
pub async fn prepare_kept(subject: &Subject<'_>) -> Result<Prepared> {
    let summary = subject.device().summary();
    let path = TuningRecord::path(summary);
    let mut record = match &path {
        Some(path) => TuningRecord::read(path, summary),
        None => TuningRecord::new(summary),
    };
    let before = record.clone();
    let done = prepare(subject, &mut record).await;
    if let Some(path) = path
        && record != before
        && let Err(error) = record.write(&path)
    {
        tracing::info!("{} cannot be written: {error}", path.display());
    }
    done
}

/// Like [`prepare`]: a page keeps no record.
///
/// # Errors
/// As for [`prepare`].
#[cfg(target_arch = "wasm32")]
pub async fn prepare_kept(subject: &Subject<'_>) -> Result<Prepared> {
    let mut record = TuningRecord::new(subject.device().summary());
    prepare(subject, &mut record).await
}
