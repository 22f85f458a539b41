//! The documents of an input, one after another.

use blt::Result;
use blt::session::Cut;
use clap::Args;

use super::escape::{Bytes, unescaped};
use super::failure::argument;
use super::input::Input;

#[derive(Debug, Args)]
pub(super) struct DocumentArgs {
    /// What stands between the documents of a text: the model reads each from its own beginning,
    /// and this not at all. \n, \t, \r, \\ and \xHH stand for bytes
    #[arg(long, value_name = "STRING", value_parser = unescaped)]
    separator: Option<Bytes>,
}

impl DocumentArgs {
    /// Whether a text may have more than one.
    pub(super) fn several(&self) -> bool {
        self.separator.is_some()
    }

    /// Refuses a way to find patches that needs all of one text.
    ///
    /// # Errors
    /// [`blt::Error::Argument`] that says what to do.
    pub(super) fn check(&self, cut: &Cut) -> Result<()> {
        match self.several() && cut.needs_whole_text() {
            false => Ok(()),
            true => Err(argument(
                "patches of a wanted size are found over one text, and --separator makes several; \
                 find the threshold on one of them and give it as --threshold",
            )),
        }
    }

    /// The documents of an input.
    pub(super) fn of(&self, input: Input) -> Documents {
        let separator = self.separator.as_ref();
        Documents {
            input,
            separator: separator.map_or(Vec::new(), |separator| separator.0.clone()),
            held: Vec::new(),
            at: At::Start,
        }
    }
}

/// The documents of an input, in memory that does not grow with them. A
/// separator at the end ends the last one and begins no other.
#[derive(Debug)]
pub(super) struct Documents {
    input: Input,
    /// Empty: all of the input is one document.
    separator: Vec<u8>,
    /// What was read and not given yet.
    held: Vec<u8>,
    at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the first document.
    Start,
    /// In a document.
    Inside,
    /// After a document.
    Between,
}

impl Documents {
    /// Goes on to the next document, once [`next`](Self::next) has given all of
    /// the last one; false if there is none. The first one is there even if the
    /// input is empty.
    ///
    /// # Errors
    /// What reading says.
    pub(super) fn begin(&mut self) -> Result<bool> {
        let more = match self.at {
            At::Start => true,
            At::Inside => false,
            At::Between => !self.held.is_empty() || self.read(1)?,
        };
        if more {
            self.at = At::Inside;
        }
        Ok(more)
    }

    /// The next bytes of the document, at most that many; `None` at its end.
    ///
    /// # Errors
    /// What reading says.
    pub(super) fn next(&mut self, most: usize) -> Result<Option<Vec<u8>>> {
        while self.at == At::Inside {
            let settled = match find(&self.held, &self.separator) {
                Some(0) => {
                    self.held.drain(..self.separator.len());
                    self.at = At::Between;
                    break;
                }
                Some(at) => at,
                None => self.held.len() - begun(&self.held, &self.separator),
            };
            if settled > 0 {
                return Ok(self.give(settled.min(most.max(1))));
            }
            if !self.read(most)? {
                // What might have begun a separator was none.
                if self.held.is_empty() {
                    self.at = At::Between;
                    break;
                }
                return Ok(self.give(self.held.len().min(most.max(1))));
            }
        }
        Ok(None)
    }

    /// All of the document that has begun, if it has at most that many bytes; else
    /// [`next`](Self::next) gives it from its beginning.
    ///
    /// # Errors
    /// What reading says.
    pub(super) fn short(&mut self, most: usize) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        while bytes.len() <= most {
            match self.next(most + 1 - bytes.len())? {
                Some(more) => bytes.extend(more),
                None => return Ok(Some(bytes)),
            }
        }
        bytes.append(&mut self.held);
        self.held = bytes;
        Ok(None)
    }

    /// All documents, whole.
    ///
    /// # Errors
    /// What reading says.
    pub(super) fn whole(mut self) -> Result<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        while self.begin()? {
            let mut document = Vec::new();
            while let Some(bytes) = self.next(WHOLE)? {
                document.extend(bytes);
            }
            all.push(document);
        }
        Ok(all)
    }

    fn give(&mut self, count: usize) -> Option<Vec<u8>> {
        Some(self.held.drain(..count).collect())
    }

    fn read(&mut self, most: usize) -> Result<bool> {
        let bytes = self.input.next(most)?;
        self.held.extend_from_slice(bytes.unwrap_or_default());
        Ok(bytes.is_some())
    }
}

/// Bytes at a time where a document is wanted whole.
const WHOLE: usize = 64 << 10;

/// Where the separator is.
fn find(bytes: &[u8], separator: &[u8]) -> Option<usize> {
    match separator {
        [] => None,
        separator => bytes
            .windows(separator.len())
            .position(|window| window == separator),
    }
}

/// How many of the last bytes may be the beginning of a separator.
fn begun(bytes: &[u8], separator: &[u8]) -> usize {
    let mut lengths = (1..separator.len()).rev();
    let longest = lengths.find(|length| bytes.ends_with(&separator[..*length]));
    longest.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn documents(text: &[u8], separator: Option<&str>) -> Documents {
        let separator = separator.map(|text| unescaped(text).unwrap());
        DocumentArgs { separator }.of(Input::of_bytes(text.to_vec(), None))
    }

    /// Each document in the pieces that it came in.
    fn pieces(text: &[u8], separator: Option<&str>, most: usize) -> Vec<Vec<Vec<u8>>> {
        let mut documents = documents(text, separator);
        let mut all = Vec::new();
        while documents.begin().unwrap() {
            let mut one = Vec::new();
            while let Some(piece) = documents.next(most).unwrap() {
                assert!((1..=most).contains(&piece.len()));
                one.push(piece);
            }
            assert_eq!(documents.next(most).unwrap(), None);
            all.push(one);
        }
        assert!(!documents.begin().unwrap());
        all
    }

    #[test]
    fn pieces_do_not_matter() {
        let cases: [(&str, &[&str]); 10] = [
            ("one--two--three", &["one", "two", "three"]),
            ("one--two--", &["one", "two"]),
            ("--one----two", &["", "one", "", "two"]),
            ("one", &["one"]),
            ("", &[""]),
            ("--", &[""]),
            ("-", &["-"]),
            ("a-b-", &["a-b-"]),
            ("a---b", &["a", "-b"]),
            ("a-----", &["a", "", "-"]),
        ];
        for (text, expected) in cases {
            for most in 1..=text.len() + 1 {
                let found = pieces(text.as_bytes(), Some("--"), most);
                let found: Vec<Vec<u8>> = found.into_iter().map(|one| one.concat()).collect();
                assert_eq!(
                    found,
                    expected.iter().map(|d| d.as_bytes()).collect::<Vec<_>>(),
                    "{text} {most}"
                );
            }
            let whole = documents(text.as_bytes(), Some("--")).whole().unwrap();
            assert_eq!(whole.len(), expected.len());
        }
    }

    #[test]
    fn a_separator_that_begins_like_itself_is_found() {
        for most in 1..12 {
            let found = pieces(b"xaabaabaaacyaabaaac", Some("aabaaac"), most);
            let found: Vec<Vec<u8>> = found.into_iter().map(|one| one.concat()).collect();
            assert_eq!(found, [&b"xaab"[..], b"y"], "{most}");
        }
    }

    #[test]
    fn a_long_document_is_left_as_it_was() {
        let mut documents = documents(b"ab--abcdef--", Some("--"));
        let whole = |documents: &mut Documents| {
            let mut all = Vec::new();
            while let Some(piece) = documents.next(2).unwrap() {
                all.extend(piece);
            }
            all
        };
        assert!(documents.begin().unwrap());
        assert_eq!(documents.short(2).unwrap().unwrap(), b"ab");
        assert!(documents.begin().unwrap());
        for most in 0..6 {
            assert_eq!(documents.short(most).unwrap(), None);
        }
        assert_eq!(whole(&mut documents), b"abcdef");
        assert!(!documents.begin().unwrap());
    }

    #[test]
    fn without_a_separator_there_is_one_document() {
        assert_eq!(pieces(b"a--b", None, 3), [[&b"a--"[..], b"b"]]);
        assert_eq!(pieces(b"", None, 3), [Vec::<Vec<u8>>::new()]);
    }
}
