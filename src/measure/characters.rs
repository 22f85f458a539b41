//! Small tasks about the letters of words, in the manner of CUTE (Edman et al. 2024), which the
//! paper measures models of bytes by (section 6.1, table 3).
//!
//! Each question comes after examples of its task. The words are made up of syllables by chance,
//! so no model has learned them by heart:
//!
//! | task | a line |
//! |---|---|
//! | copy | `tovaku -> tovaku` |
//! | reverse | `tovaku -> ukavot` |
//! | spell | `tovaku -> t o v a k u` |
//! | count | `a in tovaka -> 2` |

use std::fmt;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use super::score::Request;

/// What is asked about a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// The word again.
    Copy,
    /// Its letters from the last to the first.
    Reverse,
    /// Its letters, spaced out.
    Spell,
    /// How often a letter is in it.
    Count,
}

const CONSONANTS: &[u8] = b"bdfgklmnprstvz";
const VOWELS: &[u8] = b"aeiou";
/// Fewest and most syllables of a word.
const SYLLABLES: (usize, usize) = (2, 4);

impl Task {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Copy, Self::Reverse, Self::Spell, Self::Count];

    /// Questions, each after `shots` examples of its own: the continuation is the answer and the
    /// end of its line. The same seed gives the same words to every task.
    #[must_use]
    pub fn requests(self, questions: usize, shots: usize, seed: u64) -> Vec<Request> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut request = || {
            let mut context = String::new();
            for _ in 0..shots {
                let (question, answer) = self.line(&mut rng);
                context.push_str(&question);
                context.push_str(&answer);
            }
            let (question, answer) = self.line(&mut rng);
            context.push_str(&question);
            Request {
                context: context.into_bytes(),
                continuation: answer.into_bytes(),
            }
        };
        (0..questions).map(|_| request()).collect()
    }

    /// A question and its answer.
    fn line(self, rng: &mut StdRng) -> (String, String) {
        let word = word(rng);
        // Drawn for every task, so that all have the same words.
        let letter = char::from(*VOWELS.choose(rng).unwrap_or(&b'a'));
        let answer = match self {
            Self::Copy => word.clone(),
            Self::Reverse => word.chars().rev().collect(),
            Self::Spell => {
                let letters: Vec<String> = word.chars().map(String::from).collect();
                letters.join(" ")
            }
            Self::Count => word.matches(letter).count().to_string(),
        };
        let question = match self {
            Self::Count => format!("{letter} in {word} -> "),
            _ => format!("{word} -> "),
        };
        (question, answer + "\n")
    }
}

fn word(rng: &mut StdRng) -> String {
    let syllables = rng.random_range(SYLLABLES.0..=SYLLABLES.1);
    let letters = (0..syllables)
        .flat_map(|_| [CONSONANTS, VOWELS].map(|of| char::from(*of.choose(rng).unwrap_or(&b'a'))));
    letters.collect()
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Copy => "copy",
            Self::Reverse => "reverse",
            Self::Spell => "spell",
            Self::Count => "count",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(task: Task, shots: usize) -> Vec<(String, String)> {
        let request = &task.requests(1, shots, 7)[0];
        let text = [&request.context[..], &request.continuation].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(text.ends_with('\n') && request.context.ends_with(b" -> "));
        let halves = text.lines().filter_map(|line| line.split_once(" -> "));
        halves.map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    }

    #[test]
    fn every_line_is_right_and_all_tasks_have_the_same_words() {
        let copied = lines(Task::Copy, 5);
        assert_eq!(copied.len(), 6);
        for (at, (word, same)) in copied.iter().enumerate() {
            assert_eq!(word, same);
            assert!((4..=8).contains(&word.len()), "{word}");
            let reversed: String = word.chars().rev().collect();
            assert_eq!(lines(Task::Reverse, 5)[at], (word.clone(), reversed));
            let (question, spelled) = &lines(Task::Spell, 5)[at];
            assert_eq!((question, &spelled.replace(' ', "")), (word, word));
            assert_eq!(spelled.len(), 2 * word.len() - 1);
            let (question, count) = &lines(Task::Count, 5)[at];
            let asked = question
                .split_once(" in ")
                .map(|(letter, of)| (of, of.matches(letter).count().to_string()));
            assert_eq!(asked, Some((word.as_str(), count.clone())));
        }
    }

    #[test]
    fn questions_differ_and_a_seed_repeats_them() {
        let asked = Task::Copy.requests(20, 0, 1);
        assert_eq!(asked, Task::Copy.requests(20, 0, 1));
        assert_ne!(asked, Task::Copy.requests(20, 0, 2));
        let mut distinct: Vec<_> = asked.iter().map(|request| &request.context).collect();
        distinct.sort();
        distinct.dedup();
        assert!(distinct.len() > 15);
    }
}
