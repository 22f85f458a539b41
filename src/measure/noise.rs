//! The character noises of the paper's robustness benchmarks (section 6.1,
//! table 3): a model that sees bytes should mind them less.
//!
//! The paper says little more than their names; these are the definitions here,
//! over characters (Unicode scalar values):
//!
//! | noise | what happens |
//! |---|---|
//! | AntSpeak | upper case, and a space between any two characters |
//! | Drop | each character is left out with a probability of 1/10 |
//! | RandomCase | each character becomes upper or lower case, as a coin falls |
//! | Repeat | with a probability of 1/5 a character is written two, three or four times, each as likely |
//! | UpperCase | upper case |
//!
//! Upper and lower case are those of Unicode, so that a character can become
//! several (ß: SS). Bytes that are no UTF-8 stay as they are.

use std::fmt;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use crate::bytes::{Piece, Utf8};

/// A noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Noise {
    /// Upper case, spaced out.
    AntSpeak,
    /// Characters are missing.
    Drop,
    /// Upper and lower case at random.
    RandomCase,
    /// Characters are repeated.
    Repeat,
    /// Upper case.
    UpperCase,
}

/// How likely [`Noise::Drop`] leaves a character out.
const DROPPED: f64 = 0.1;
/// How likely [`Noise::Repeat`] repeats a character.
const REPEATED: f64 = 0.2;
/// How often it is then written at most.
const MOST: u32 = 4;

impl Noise {
    /// All of them, in the paper's order.
    pub const ALL: [Self; 5] = [
        Self::AntSpeak,
        Self::Drop,
        Self::RandomCase,
        Self::Repeat,
        Self::UpperCase,
    ];

    /// The text with the noise in it. The same text and seed give the same
    /// bytes; noises without chance in them take no notice of the seed.
    #[must_use]
    pub fn apply(self, text: &[u8], seed: u64) -> Vec<u8> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut out = Vec::with_capacity(text.len() * 2);
        let mut after_character = false;
        let mut utf8 = Utf8::default();
        let mut take = |piece| match piece {
            Piece::Invalid(byte) => {
                out.push(byte);
                after_character = false;
            }
            Piece::Char(c) => {
                self.add(c, after_character, &mut rng, &mut out);
                after_character = true;
            }
        };
        for byte in text {
            utf8.push(*byte).for_each(&mut take);
        }
        utf8.finish().for_each(&mut take);
        out
    }

    fn add(self, c: char, after_character: bool, rng: &mut StdRng, out: &mut Vec<u8>) {
        let mut write = |c: char| out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        match self {
            Self::AntSpeak => {
                for (at, c) in c.to_uppercase().enumerate() {
                    if after_character || at > 0 {
                        write(' ');
                    }
                    write(c);
                }
            }
            Self::Drop => {
                if !rng.random_bool(DROPPED) {
                    write(c);
                }
            }
            Self::RandomCase => {
                if rng.random() {
                    c.to_uppercase().for_each(write);
                } else {
                    c.to_lowercase().for_each(write);
                }
            }
            Self::Repeat => {
                let times = match rng.random_bool(REPEATED) {
                    true => rng.random_range(2..=MOST),
                    false => 1,
                };
                (0..times).for_each(|_| write(c));
            }
            Self::UpperCase => c.to_uppercase().for_each(write),
        }
    }
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AntSpeak => "antspeak",
            Self::Drop => "drop",
            Self::RandomCase => "randomcase",
            Self::Repeat => "repeat",
            Self::UpperCase => "uppercase",
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn apply(noise: Noise, text: &str, seed: u64) -> String {
        String::from_utf8(noise.apply(text.as_bytes(), seed)).unwrap()
    }

    const TEXT: &str = "The quick brown fox; 빠른 갈색 여우. Straße, 😀!\n";

    #[test]
    fn upper_case_and_ant_speak_are_as_defined() {
        assert_eq!(apply(Noise::UpperCase, "aß 한é😀", 1), "ASS 한É😀");
        assert_eq!(apply(Noise::AntSpeak, "aß 한", 1), "A S S   한");
        assert_eq!(apply(Noise::AntSpeak, "a b", 1), "A   B");
        assert_eq!(apply(Noise::AntSpeak, "", 1), "");
    }

    #[test]
    fn bytes_that_are_no_text_stay() {
        let text = b"\xFFab\xE2\x82cd\x80";
        let kept = |noise: Noise, seed| -> Vec<u8> {
            let noisy = noise.apply(text, seed);
            noisy.into_iter().filter(|byte| *byte >= 0x80).collect()
        };
        for noise in Noise::ALL {
            for seed in 0..9 {
                assert_eq!(kept(noise, seed), b"\xFF\xE2\x82\x80", "{noise}");
            }
        }
        assert_eq!(Noise::AntSpeak.apply(text, 1), b"\xFFA B\xE2\x82C D\x80");
    }

    #[test]
    fn the_seed_decides() {
        let text = TEXT.repeat(9);
        for noise in Noise::ALL {
            assert_eq!(
                noise.apply(text.as_bytes(), 5),
                noise.apply(text.as_bytes(), 5)
            );
            let chance = !matches!(noise, Noise::AntSpeak | Noise::UpperCase);
            let other = noise.apply(text.as_bytes(), 6);
            assert_eq!(noise.apply(text.as_bytes(), 5) != other, chance, "{noise}");
        }
    }

    #[test]
    fn rates_are_the_papers() {
        let text = "abcdefghij".repeat(2000);
        // 18000 expected, spread 42.
        let left = apply(Noise::Drop, &text, 1).len();
        assert!((17_800..18_200).contains(&left), "{left}");

        let noisy = apply(Noise::Repeat, &text, 1);
        let mut runs = [0; 5];
        for run in noisy.as_bytes().chunk_by(|a, b| a == b) {
            runs[run.len()] += 1;
        }
        assert_eq!(runs.iter().sum::<i32>(), 20_000);
        assert!((15_700..16_300).contains(&runs[1]), "{runs:?}");
        // 1333 expected of each, spread 35.
        assert!(
            runs[2..].iter().all(|n| (1150..1520).contains(n)),
            "{runs:?}"
        );

        let noisy = apply(Noise::RandomCase, &text, 1);
        let upper = noisy.chars().filter(|c| c.is_uppercase()).count();
        assert!((9_700..10_300).contains(&upper), "{upper}");
        assert_eq!(noisy.to_lowercase(), text);
    }

    #[test]
    fn what_is_dropped_or_repeated_are_whole_characters() {
        let kept = apply(Noise::Drop, TEXT, 2);
        let mut rest = TEXT.chars();
        assert!(kept.chars().all(|c| rest.any(|other| other == c)));
        let repeated = apply(Noise::Repeat, TEXT, 2);
        let mut once: Vec<char> = repeated.chars().collect();
        once.dedup();
        let mut original: Vec<char> = TEXT.chars().collect();
        original.dedup();
        assert_eq!(once, original);
    }
}
