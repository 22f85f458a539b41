//! Short texts for trying things, inside the library. Their sources and
//! licences are in `assets/samples/SOURCES.md`.

use crate::{Error, Result};

/// A text to try things on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What to call it by.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Its bytes: UTF-8, but for the random ones.
    pub bytes: &'static [u8],
}

macro_rules! samples {
    ($($name:literal, $title:literal, $file:literal;)*) => {
        /// All samples.
        pub const SAMPLES: &[Sample] = &[$(Sample {
            name: $name,
            title: $title,
            bytes: include_bytes!(concat!("../assets/samples/", $file)),
        }),*];
    };
}

samples! {
    "english", "English prose", "english.txt";
    "korean", "Korean prose", "korean.txt";
    "japanese", "Japanese prose", "japanese.txt";
    "arabic", "Arabic prose", "arabic.txt";
    "rust", "Rust source", "rust.rs";
    "python", "Python source", "python.py";
    "json", "JSON", "orders.json";
    "emoji", "Chat with emoji", "emoji.txt";
    "dna", "DNA", "dna.fasta";
    "repeat", "Repeated bytes", "repeat.txt";
    "random", "Random bytes", "random.bin";
}

/// The sample of a name.
///
/// # Errors
/// [`Error::Argument`] that lists the names if there is none.
pub fn sample(name: &str) -> Result<&'static Sample> {
    let found = SAMPLES.iter().find(|sample| sample.name == name);
    found.ok_or_else(|| {
        let names: Vec<_> = SAMPLES.iter().map(|sample| sample.name).collect();
        Error::Argument(format!(
            "there is no sample `{}`; the samples are {}",
            name.escape_debug(),
            names.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn each_is_found_by_its_name_and_only_the_random_one_is_no_text() {
        for (at, wanted) in SAMPLES.iter().enumerate() {
            // Only the first of two with one name would be found.
            assert_eq!(sample(wanted.name).unwrap(), &SAMPLES[at]);
            assert!((300..=2000).contains(&wanted.bytes.len()), "{wanted:?}");
            assert!(!wanted.title.is_empty());
            let text = std::str::from_utf8(wanted.bytes).is_ok();
            assert_eq!(text, wanted.name != "random", "{}", wanted.name);
            // A checkout that changed line ends would change the patches.
            assert!(!text || !wanted.bytes.contains(&b'\r'), "{}", wanted.name);
        }
    }

    #[test]
    fn a_wrong_name_gets_the_right_ones() {
        let sentence = sample("englisch").unwrap_err().to_string();
        assert!(sentence.contains("`englisch`"), "{sentence}");
        for sample in SAMPLES {
            assert!(sentence.contains(sample.name), "{sentence}");
        }
    }

    #[test]
    fn each_file_has_a_source_and_a_licence() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/samples");
        let sources = include_str!("../assets/samples/SOURCES.md");
        let mut files = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if ["SOURCES.md", ".gitattributes"].contains(&name.as_str()) {
                continue;
            }
            let begin = format!("| `{name}` | ");
            let row = sources.lines().find(|line| line.starts_with(&begin));
            let cells: Vec<_> = row.unwrap_or_default().split('|').map(str::trim).collect();
            // The table's own borders are empty cells.
            assert_eq!(cells.len(), 6, "{name}: {row:?}");
            assert!(cells[2..5].iter().all(|cell| !cell.is_empty()), "{row:?}");
            files += 1;
        }
        assert_eq!(files, SAMPLES.len());
    }
}
