//! What happens while a text is generated.

use serde::Serialize;

use crate::record::ByteRecord;

/// What happens while a text is generated, in order.
///
/// As JSON each is an object whose `event` is `draft`, `byte`, `boundary`,
/// `latent_step` or `done`; numbers of bytes and patches count the prompt too.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A byte of the text, with its index, the entropy of its prediction (by
    /// the entropy model), its -ln p (by the model that generates, before
    /// temperature and filters), and its patch.
    Byte(ByteRecord),
    /// The next byte was taken together with drafts of the bytes after it, see
    /// [`Speculate`](super::Speculate).
    Draft {
        /// Those that the whole model took with it.
        drafted: usize,
        /// The first of them that it chose itself; they follow the next byte.
        accepted: usize,
    },
    /// The last byte closed a patch.
    Boundary {
        /// The patch, from 0; that of BOS does not count.
        patch: u64,
        /// Its bytes, those of the prompt included.
        length: u64,
    },
    /// The latent model ran on the patch that was just closed.
    LatentStep {
        /// The patch, from 0; that of BOS does not count.
        patch: u64,
    },
    /// The end; nothing follows.
    Done {
        /// Why.
        #[serde(flatten)]
        reason: StopReason,
        /// The bytes chosen, those of a stop string included.
        bytes: u64,
        /// How often the latent model ran for them.
        latent_steps: u64,
    },
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StopReason {
    /// It has as many bytes as were wanted.
    Length,
    /// The model has no room for another byte.
    Full,
    /// The model ended it.
    EndOfText,
    /// A stop string came.
    Stop {
        /// Which of them, from 0.
        stop: usize,
    },
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn events_are_flat_json_objects() {
        let byte = ByteRecord {
            index: 7,
            byte: Some(121),
            entropy: Some(1.5),
            nll: Some(2.25),
            start: true,
            patch: 3,
        };
        let done = |reason| Event::Done {
            reason,
            bytes: 9,
            latent_steps: 2,
        };
        let cases = [
            (
                Event::Byte(byte),
                r#"{"event":"byte","i":7,"byte":121,"entropy":1.5,"nll":2.25,"start":true,"patch":3}"#,
            ),
            (
                Event::Draft {
                    drafted: 7,
                    accepted: 5,
                },
                r#"{"event":"draft","drafted":7,"accepted":5}"#,
            ),
            (
                Event::Boundary {
                    patch: 3,
                    length: 4,
                },
                r#"{"event":"boundary","patch":3,"length":4}"#,
            ),
            (
                Event::LatentStep { patch: 3 },
                r#"{"event":"latent_step","patch":3}"#,
            ),
            (
                done(StopReason::Stop { stop: 1 }),
                r#"{"event":"done","reason":"stop","stop":1,"bytes":9,"latent_steps":2}"#,
            ),
            (
                done(StopReason::Full),
                r#"{"event":"done","reason":"full","bytes":9,"latent_steps":2}"#,
            ),
            (
                done(StopReason::EndOfText),
                r#"{"event":"done","reason":"end_of_text","bytes":9,"latent_steps":2}"#,
            ),
        ];
        for (event, json) in cases {
            assert_eq!(serde_json::to_string(&event).unwrap(), json);
        }
    }
}
