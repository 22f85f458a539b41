//! What went wrong, in each language of the window.

use std::fmt;

use super::words::{Language, errors};
use crate::Error;

/// An error as the window shows it. The library's own messages are English: in another
/// language the kind of error and the remedy come first, and the library's message after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorMessage {
    english: String,
    korean: String,
}

impl ErrorMessage {
    pub(crate) fn of(error: &Error) -> Self {
        let english = error.to_string();
        Self {
            korean: errors::in_korean(error, &english),
            english,
        }
    }

    /// For a device whose driver computes wrong results or does not compile kernels, in the
    /// library's words.
    pub(crate) fn of_wrong_results(said: String) -> Self {
        Self {
            korean: errors::wrong_results_in_korean(&said),
            english: said,
        }
    }

    pub(crate) fn text(&self, language: Language) -> &str {
        match language {
            Language::English => &self.english,
            Language::Korean => &self.korean,
        }
    }
}

/// For logs.
impl fmt::Display for ErrorMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn korean_says_what_and_keeps_the_details() {
        let said = ErrorMessage::of(&Error::Checkpoint("config.json has no `vocab_size`".into()));
        assert_eq!(
            said.text(Language::English),
            "config.json has no `vocab_size`"
        );
        let korean = said.text(Language::Korean);
        assert!(korean.starts_with("이 파일을 쓸 수 없습니다.") && korean.contains("`vocab_size`"));
        let missing = ErrorMessage::of(&Error::Io {
            action: "read",
            path: "글.txt".into(),
            source: ErrorKind::NotFound.into(),
        });
        assert_eq!(
            missing.text(Language::Korean),
            "글.txt 파일을 읽을 수 없습니다: 파일이 없습니다."
        );
        assert!(
            missing
                .text(Language::English)
                .starts_with("cannot read 글.txt")
        );
    }
}
