//! How well a model predicts a text: bits per byte and byte perplexity (spec
//! section 10; the names are those of the evaluation harnesses), and the
//! likelihood of a continuation.

use serde::{Deserialize, Serialize};

use crate::bytes::id_of;
use crate::generate::log_p;
use crate::record::ByteRecord;
use crate::session::EntropyRows;
use crate::text_file::from_json;

/// What a model says about one byte of a text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScoredByte {
    /// The position among the bytes of the text, from 0.
    #[serde(rename = "i")]
    pub index: u64,
    /// The byte.
    pub byte: u8,
    /// -ln p of the byte given those before it, in nats, by the model that is
    /// scored.
    pub nll: f32,
    /// The same by the entropy model, where both are scored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nll_entropy: Option<f32>,
    /// The patch of the byte, from 0; that of BOS does not count.
    pub patch: u64,
}

impl ScoredByte {
    /// The scored byte of a record; `None` for the next byte, and where no
    /// model ran.
    #[must_use]
    pub fn of(record: &ByteRecord) -> Option<Self> {
        Some(Self {
            index: record.index,
            byte: record.byte?,
            nll: record.nll?,
            nll_entropy: None,
            patch: record.patch,
        })
    }
}

/// Bytes, patches and nats of a text or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    bytes: u64,
    patches: u64,
    nats: f64,
    nats_entropy: Option<f64>,
    last_patch: Option<u64>,
}

impl Score {
    /// Counts the next byte of the text.
    pub fn add(&mut self, scored: &ScoredByte) {
        self.bytes += 1;
        if self.last_patch.replace(scored.patch) != Some(scored.patch) {
            self.patches += 1;
        }
        self.nats += f64::from(scored.nll);
        if let Some(nll) = scored.nll_entropy {
            *self.nats_entropy.get_or_insert(0.0) += f64::from(nll);
        }
    }

    /// Counts another text.
    pub fn merge(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.patches += other.patches;
        self.nats += other.nats;
        if let Some(nats) = other.nats_entropy {
            *self.nats_entropy.get_or_insert(0.0) += nats;
        }
        self.last_patch = None;
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The patches.
    #[must_use]
    pub const fn patches(&self) -> u64 {
        self.patches
    }

    /// Bytes per patch; `None` without a byte.
    #[must_use]
    pub fn mean_patch(&self) -> Option<f64> {
        (self.patches > 0).then(|| self.bytes as f64 / self.patches as f64)
    }

    /// The sum of -ln p, in nats.
    #[must_use]
    pub const fn nats(&self) -> f64 {
        self.nats
    }

    /// Bits per byte: nats / (ln 2 · bytes); `None` without a byte.
    #[must_use]
    pub fn bits_per_byte(&self) -> Option<f64> {
        self.per_byte(self.nats).map(bits)
    }

    /// The bits per byte of the entropy model, where both were scored.
    #[must_use]
    pub fn entropy_bits_per_byte(&self) -> Option<f64> {
        self.per_byte(self.nats_entropy?).map(bits)
    }

    /// Byte perplexity: e to the nats per byte; `None` without a byte.
    #[must_use]
    pub fn byte_perplexity(&self) -> Option<f64> {
        self.per_byte(self.nats).map(f64::exp)
    }

    fn per_byte(&self, nats: f64) -> Option<f64> {
        (self.bytes > 0).then(|| nats / self.bytes as f64)
    }
}

fn bits(nats: f64) -> f64 {
    nats / std::f64::consts::LN_2
}

/// A question about the likelihood of a text after another. In JSON each is a string,
/// or, for any bytes, under its name with `_base64` in that encoding.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Stated")]
pub struct Request {
    /// What comes before; may be empty.
    pub context: Vec<u8>,
    /// What is asked about.
    pub continuation: Vec<u8>,
}

#[derive(Deserialize)]
struct Stated {
    context: Option<String>,
    context_base64: Option<String>,
    continuation: Option<String>,
    continuation_base64: Option<String>,
}

impl TryFrom<Stated> for Request {
    type Error = String;

    fn try_from(stated: Stated) -> Result<Self, String> {
        Ok(Self {
            context: from_json("context", stated.context, stated.context_base64)?,
            continuation: from_json(
                "continuation",
                stated.continuation,
                stated.continuation_base64,
            )?,
        })
    }
}

/// The answer to a [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The sum of ln p over the bytes of the continuation, in nats.
    pub logprob: f64,
    /// Whether each byte of it is the likeliest id where it stands (the
    /// smallest id among equals).
    pub is_greedy: bool,
    /// Its bytes.
    pub bytes: u64,
}

impl Default for Answer {
    /// That about an empty continuation.
    fn default() -> Self {
        Self {
            logprob: 0.0,
            is_greedy: true,
            bytes: 0,
        }
    }
}

impl Answer {
    /// That about the tokens of a text from `from` on, of what the entropy model says
    /// about all of them, the most likely token after each included.
    #[must_use]
    pub fn of_rows(ids: &[u32], rows: &EntropyRows, from: usize) -> Self {
        let mut answer = Self::default();
        let asked = (from.max(1)..).zip(ids.iter().skip(from.max(1)));
        for (row, id) in asked {
            let nll = rows.nlls.get(row).copied().flatten().unwrap_or_default();
            let best = rows.best.get(row - 1).and_then(|best| best.first());
            answer.logprob -= f64::from(nll);
            answer.is_greedy &= best.is_some_and(|(best, _)| best == id);
            answer.bytes += 1;
        }
        answer
    }

    /// Counts the next byte of the continuation, from the logits over the ids,
    /// `[VOCAB]`, where it stands.
    pub fn add(&mut self, logits: &[f32], byte: u8) {
        let id = id_of(byte);
        self.logprob += log_p(logits, id);
        self.is_greedy &= greedy(logits) == Some(id);
        self.bytes += 1;
    }
}

/// The id of the largest logit, the smallest among equals.
fn greedy(logits: &[f32]) -> Option<u32> {
    let best = (0..)
        .zip(logits)
        .reduce(|best, next| match next.1 > best.1 {
            true => next,
            false => best,
        });
    best.map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::bytes::VOCAB;

    fn byte(index: u64, nll: f32, patch: u64) -> ScoredByte {
        ScoredByte {
            index,
            byte: b'x',
            nll,
            nll_entropy: None,
            patch,
        }
    }

    #[test]
    fn scores_are_per_byte() {
        let nothing = Score::default();
        assert_eq!(
            (
                nothing.bits_per_byte(),
                nothing.byte_perplexity(),
                nothing.mean_patch()
            ),
            (None, None, None)
        );
        let ln2 = std::f32::consts::LN_2;
        let mut score = Score::default();
        for (i, patch) in [0, 0, 1, 1, 1, 2].into_iter().enumerate() {
            score.add(&byte(i as u64, 3.0 * ln2, patch));
        }
        assert_eq!((score.bytes(), score.patches()), (6, 3));
        assert_eq!(score.mean_patch(), Some(2.0));
        assert!((score.bits_per_byte().unwrap() - 3.0).abs() < 1e-6);
        assert!((score.byte_perplexity().unwrap() - 8.0).abs() < 1e-5);
        assert_eq!(score.entropy_bits_per_byte(), None);
    }

    #[test]
    fn several_texts_weigh_by_their_bytes() {
        let ln2 = std::f32::consts::LN_2;
        let of = |nlls: &[f32]| {
            let mut score = Score::default();
            for (i, nll) in (0..).zip(nlls) {
                score.add(&ScoredByte {
                    nll_entropy: Some(2.0 * nll),
                    ..byte(i, *nll, i)
                });
            }
            score
        };
        let mut total = of(&[ln2; 3]);
        total.merge(&of(&[5.0 * ln2]));
        assert_eq!((total.bytes(), total.patches()), (4, 4));
        assert!((total.bits_per_byte().unwrap() - 2.0).abs() < 1e-6);
        assert!((total.entropy_bits_per_byte().unwrap() - 4.0).abs() < 1e-6);
        // The patches of the next text begin anew.
        total.add(&byte(0, ln2, 0));
        assert_eq!(total.patches(), 5);
    }

    #[test]
    fn rows_have_the_keys_of_a_score() {
        let record = ByteRecord {
            index: 3,
            byte: Some(65),
            entropy: Some(1.0),
            nll: Some(0.5),
            start: false,
            patch: 1,
        };
        let scored = ScoredByte::of(&record).unwrap();
        assert_eq!(
            serde_json::to_string(&scored).unwrap(),
            r#"{"i":3,"byte":65,"nll":0.5,"patch":1}"#
        );
        let to_come = ByteRecord {
            byte: None,
            ..record
        };
        assert_eq!(ScoredByte::of(&to_come), None);
        let unknown = ByteRecord {
            nll: None,
            ..record
        };
        assert_eq!(ScoredByte::of(&unknown), None);
    }

    #[test]
    fn an_answer_adds_up_and_is_greedy_only_throughout() {
        let logits = |best: u8| {
            let mut logits = vec![0.0; VOCAB as usize];
            logits[id_of(best) as usize] = 2.0;
            logits
        };
        let total = (2_f64.exp() + 259.0).ln();
        let mut answer = Answer::default();
        assert!(answer.is_greedy);
        answer.add(&logits(b'a'), b'a');
        assert!((answer.logprob - (2.0 - total)).abs() < 1e-12 && answer.is_greedy);
        answer.add(&logits(b'a'), b'b');
        answer.add(&logits(b'c'), b'c');
        assert!((answer.logprob - (4.0 - 3.0 * total)).abs() < 1e-12);
        assert_eq!((answer.is_greedy, answer.bytes), (false, 3));
        // A special id can be the likeliest: then no byte is greedy.
        let mut flat = Answer::default();
        flat.add(&vec![0.0; VOCAB as usize], 0);
        assert!(!flat.is_greedy);
        assert_eq!(
            serde_json::to_string(&Answer::default()).unwrap(),
            r#"{"logprob":0.0,"is_greedy":true,"bytes":0}"#
        );
    }

    #[test]
    fn an_answer_of_rows_is_about_the_rest_of_the_text() {
        let ids = crate::bytes::prompt(b"abc");
        let best = |byte| vec![(id_of(byte), -0.1)];
        let rows = EntropyRows {
            nlls: vec![None, Some(4.0), Some(2.0), Some(0.5)],
            best: vec![best(b'x'), best(b'b'), best(b'c'), best(b'y')],
            ..EntropyRows::default()
        };
        let of = |from| {
            let Answer {
                logprob,
                is_greedy,
                bytes,
            } = Answer::of_rows(&ids, &rows, from);
            (logprob, is_greedy, bytes)
        };
        assert_eq!(of(1), (-6.5, false, 3));
        assert_eq!(of(2), (-2.5, true, 2));
        assert_eq!(of(4), (0.0, true, 0));
    }

    #[test]
    fn a_request_may_say_more() {
        let text = r#"{"context":"a","continuation":" b","doc":7}"#;
        let request: Request = serde_json::from_str(text).unwrap();
        assert_eq!(
            (request.context, request.continuation),
            (b"a".to_vec(), b" b".to_vec())
        );
        assert!(serde_json::from_str::<Request>(r#"{"context":"a"}"#).is_err());
    }

    #[test]
    fn a_request_may_hold_any_bytes() {
        let text = r#"{"context_base64":"7aCA/w==","continuation":""}"#;
        let request: Request = serde_json::from_str(text).unwrap();
        assert_eq!(request.context, b"\xED\xA0\x80\xFF");
        assert!(request.continuation.is_empty());
        for (bad, why) in [
            (
                r#"{"context":"a","context_base64":"YQ==","continuation":"b"}"#,
                "both",
            ),
            (
                r#"{"context_base64":"a!","continuation":"b"}"#,
                "`context_base64`",
            ),
            (r#"{"context":"\ud800","continuation":"b"}"#, "hex escape"),
        ] {
            let error = serde_json::from_str::<Request>(bad).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
