//! How fast a model reads a text, and how fast it continues one.
//!
//! A repetition begins with an empty session and ends when the last logits are
//! on the host. One repetition before those that count compiles the kernels and
//! makes room in the buffers.

mod reads;
mod text;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

pub use reads::DecodeReads;
pub use text::TEXT;

use super::flops::{Flops, TextShape};
use super::peaks::Peaks;
use crate::bytes::id_of;
use crate::checkpoint::{BltConfig, Config};
use crate::device::Profile;
use crate::error::{Error, Result};
use crate::model::blt::BltModel;
use crate::session::{BltOptions, BltSession};

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BenchTest {
    /// Reading a text.
    Prefill {
        /// Its bytes.
        bytes: usize,
    },
    /// Taking one byte after the other, each with the logits that follow it.
    Decode {
        /// Bytes read before, which are not timed.
        context: usize,
        /// Bytes taken.
        bytes: usize,
    },
}

impl BenchTest {
    /// Bytes that are timed.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Prefill { bytes } | Self::Decode { bytes, .. } => bytes,
        }
    }

    /// Bytes read before them.
    #[must_use]
    pub fn context(self) -> usize {
        match self {
            Self::Prefill { .. } => 0,
            Self::Decode { context, .. } => context,
        }
    }

    /// `prefill` or `decode`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prefill { .. } => "prefill",
            Self::Decode { .. } => "decode",
        }
    }
}

impl fmt::Display for BenchTest {
    /// `prefill 256`, `decode 64 @ 256`: 64 bytes after 256 others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefill { bytes } => write!(f, "prefill {bytes}"),
            Self::Decode { context, bytes } => write!(f, "decode {bytes} @ {context}"),
        }
    }
}

/// How to measure.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The session's options; a session is made anew for each test.
    pub options: BltOptions,
    /// What to read; repeated where it is too short.
    pub text: Vec<u8>,
    /// Repetitions that count, at least 1.
    pub repetitions: usize,
    /// Decode the bytes that the model itself holds most likely, rather than
    /// those of the text.
    pub greedy: bool,
}

/// What came out of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchReport {
    /// The test.
    pub test: BenchTest,
    /// Bytes per second, one per repetition.
    pub rates: Vec<f64>,
    /// Steps of the latent model in a repetition, without those of the context.
    pub latent_steps: u64,
    /// The adapter's memory that the session took, without the weights.
    pub session_bytes: u64,
    /// The bytes decoded; empty for a prefill.
    pub decoded: Vec<u8>,
    /// Milliseconds of the longest submission of the repetitions that count, of those
    /// that were long enough to be measured; 0 on the processor.
    pub longest_submission: f64,
}

impl Bench {
    /// Refuses what cannot be measured, before anything is.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty text, and for a test that the model has
    /// no positions for.
    pub fn check(&self, model: &BltConfig, tests: &[BenchTest]) -> Result<()> {
        if self.text.is_empty() {
            return Err(Error::Argument(
                "the text is empty; there must be a byte to read".to_owned(),
            ));
        }
        let most = [model.encoder.max_positions, model.decoder.max_positions];
        let most = most.into_iter().flatten().min().map(|most| most as usize);
        for test in tests {
            // BOS takes one.
            let needed = test.context() + test.bytes() + 1;
            if let Some(most) = most.filter(|most| needed > *most) {
                return Err(Error::Argument(format!(
                    "`{test}` needs {needed} positions, and this model has {most}; measure fewer bytes"
                )));
            }
        }
        Ok(())
    }

    /// Runs a test. `on_repetition` is told when a repetition, the first that
    /// does not count included, is done, and may stop there.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and those of the session.
    pub async fn run(
        &self,
        model: &Arc<BltModel>,
        test: BenchTest,
        mut on_repetition: impl FnMut() -> ControlFlow<()>,
    ) -> Result<BenchReport> {
        let mut session = BltSession::new(model, self.options.clone())?;
        let mut report = BenchReport {
            test,
            rates: Vec::with_capacity(self.repetitions),
            latent_steps: 0,
            session_bytes: 0,
            decoded: Vec::new(),
            longest_submission: 0.0,
        };
        let longest = || {
            let gpu = model.device().gpu();
            gpu.map_or(0.0, |gpu| gpu.longest_submission())
        };
        for repetition in 0..=self.repetitions {
            let rate = self.repeat(&mut session, &mut report).await?;
            let submission = longest();
            if repetition > 0 {
                report.rates.push(rate);
                report.longest_submission = report.longest_submission.max(submission);
            }
            if on_repetition().is_break() {
                return Err(Error::Interrupted);
            }
        }
        report.session_bytes = session.bytes();
        Ok(report)
    }

    /// The text of a test, its context included.
    fn text_of(&self, test: BenchTest) -> Vec<u8> {
        let all = self.text.iter().copied().cycle();
        all.take(test.context() + test.bytes()).collect()
    }

    /// Runs a test once with the time of each kernel; `None` where the device cannot
    /// tell. Slower than without, because each kernel has its own pass.
    ///
    /// # Errors
    /// Those of the session.
    pub async fn profile(&self, model: &Arc<BltModel>, test: BenchTest) -> Result<Option<Profile>> {
        if !model.device().has_timestamps() {
            return Ok(None);
        }
        let options = BltOptions {
            profile: true,
            ..self.options.clone()
        };
        let mut session = BltSession::new(model, options)?;
        let text = self.text_of(test);
        let (before, timed) = text.split_at(test.context());
        // Without a byte before there is still BOS.
        session.prefill(before).await?;
        let earlier = session.profile();
        match test {
            BenchTest::Prefill { .. } => {
                session.prefill(timed).await?;
            }
            BenchTest::Decode { .. } => {
                for byte in timed {
                    session.push(*byte).await?;
                }
            }
        }
        Ok(Some(session.profile().since(&earlier)))
    }

    /// One repetition; gives bytes per second.
    async fn repeat(&self, session: &mut BltSession, report: &mut BenchReport) -> Result<f64> {
        let test = report.test;
        let (context, bytes) = (test.context(), test.bytes());
        let text = self.text_of(test);
        let (before, timed) = text.split_at(context);
        session.reset();
        if let BenchTest::Decode { .. } = test {
            // Without a byte before there is still BOS.
            session.prefill(before).await?;
        }
        report.decoded.clear();
        let steps = session.counters().latent_steps;
        let start = Instant::now();
        match test {
            BenchTest::Prefill { .. } => {
                session.prefill(timed).await?;
            }
            BenchTest::Decode { .. } => {
                for byte in timed {
                    let byte = match self.greedy {
                        true => likeliest(session.logits()),
                        false => *byte,
                    };
                    session.push(byte).await?;
                    report.decoded.push(byte);
                }
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        report.latent_steps = session.counters().latent_steps - steps;
        Ok(as_f64(bytes) / seconds)
    }
}

/// The byte with the largest logit, the smallest such among equals.
fn likeliest(logits: &[f32]) -> u8 {
    let mut best = (0, f32::NEG_INFINITY);
    for byte in u8::MIN..=u8::MAX {
        if let Some(logit) = logits.get(id_of(byte) as usize)
            && *logit > best.1
        {
            best = (byte, *logit);
        }
    }
    best.0
}

impl BenchReport {
    /// Bytes per second, the mean over the repetitions.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.rates.iter().sum::<f64>() / as_f64(self.rates.len())
    }

    /// The standard deviation of a repetition, estimated from those there were;
    /// `None` from one alone.
    #[must_use]
    pub fn deviation(&self) -> Option<f64> {
        let mean = self.mean();
        let squares: f64 = self.rates.iter().map(|rate| (rate - mean).powi(2)).sum();
        (self.rates.len() > 1).then(|| (squares / as_f64(self.rates.len() - 1)).sqrt())
    }

    /// Bytes per step of the latent model; `None` if there was none.
    #[must_use]
    pub fn bytes_per_step(&self) -> Option<f64> {
        let steps = usize::try_from(self.latent_steps).ok()?;
        (steps > 0).then(|| as_f64(self.test.bytes()) / as_f64(steps))
    }

    /// For decoding: bytes per second that it had to read at least.
    #[must_use]
    pub fn read_rate(&self, reads: &DecodeReads) -> Option<f64> {
        let BenchTest::Decode { context, bytes } = self.test else {
            return None;
        };
        // Its keys and values grow as it goes on.
        let context = as_f64(context) + as_f64(bytes) / 2.0;
        let steps = self.bytes_per_step().map_or(0.0, f64::recip);
        Some(self.mean() * reads.per_byte(context, steps))
    }

    /// For a prefill: floating-point operations per second that it took, by the
    /// count of [`Flops`].
    #[must_use]
    pub fn flops_rate(&self, model: &Config) -> Option<f64> {
        let BenchTest::Prefill { bytes } = self.test else {
            return None;
        };
        // BOS closes a patch too, so a step can have less than a byte.
        let patch = self.bytes_per_step()?.max(1.0);
        let shape = TextShape::new(patch, u32::try_from(bytes).ok()?).ok()?;
        Some(self.mean() * Flops::of(model, shape).total())
    }

    /// What share of the device's peak bounds it: of the copy bandwidth for
    /// decoding, of the arithmetic for a prefill.
    #[must_use]
    pub fn share(&self, model: &Config, reads: &DecodeReads, peaks: &Peaks) -> Option<f64> {
        match self.test {
            BenchTest::Prefill { .. } => Some(self.flops_rate(model)? / peaks.flops),
            BenchTest::Decode { .. } => Some(self.read_rate(reads)? / peaks.copy),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of bytes of a short text"
)]
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(test: BenchTest, rates: &[f64], latent_steps: u64) -> BenchReport {
        BenchReport {
            test,
            rates: rates.to_vec(),
            latent_steps,
            session_bytes: 0,
            decoded: Vec::new(),
            longest_submission: 0.0,
        }
    }

    #[test]
    fn rates_are_summed_up_as_statistics_does() {
        let decode = BenchTest::Decode {
            context: 256,
            bytes: 64,
        };
        let some = report(decode, &[2.0, 4.0, 4.0, 6.0], 16);
        assert_eq!(some.mean(), 4.0);
        assert_eq!(some.deviation(), Some((8.0f64 / 3.0).sqrt()));
        assert_eq!(some.bytes_per_step(), Some(4.0));
        let one = report(decode, &[3.0], 0);
        assert_eq!((one.mean(), one.deviation()), (3.0, None));
        assert_eq!(one.bytes_per_step(), None);
        assert_eq!(decode.to_string(), "decode 64 @ 256");
    }

    #[test]
    fn the_likeliest_byte_is_no_special_token() {
        let mut logits = vec![0.0; 260];
        logits[1] = 9.0;
        assert_eq!(likeliest(&logits), 0);
        (logits[4 + 7], logits[4 + 200]) = (1.0, 1.0);
        assert_eq!(likeliest(&logits), 7);
        logits[259] = 1.5;
        assert_eq!(likeliest(&logits), 255);
    }

    #[test]
    fn the_text_does_not_repeat_itself_in_the_usual_tests() {
        assert!(TEXT.len() > 1024 + 256);
    }
}
