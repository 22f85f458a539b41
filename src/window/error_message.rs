//! What went wrong, in each language of the window.

use std::fmt;
use std::io::ErrorKind;

use super::words::Language;
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
            korean: korean(error, &english),
            english,
        }
    }

    /// For a device whose driver computes wrong results or does not compile kernels, in the
    /// library's words.
    pub(crate) fn of_wrong_results(said: String) -> Self {
        Self {
            korean: format!(
                "이 장치의 드라이버에 문제가 있어서 다른 방법으로 계산합니다. (자세히: {said})"
            ),
            english: said,
        }
    }

    pub(crate) fn text(&self, language: Language) -> &str {
        language.pick(&self.english, &self.korean)
    }
}

/// For logs.
impl fmt::Display for ErrorMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english)
    }
}

fn korean(error: &Error, english: &str) -> String {
    let what = match error {
        Error::Adapter(_) => {
            "쓸 수 있는 장치를 찾지 못했습니다. 드라이버를 확인하거나 다른 장치를 고르세요."
        }
        Error::Device(_) => {
            "장치에서 오류가 났습니다. 다른 장치를 고르거나 드라이버를 새로 설치하세요."
        }
        Error::OutOfMemory(_) => {
            "장치의 메모리가 모자랍니다. 더 작은 모델이나 더 적은 비트의 가중치를 쓰거나, 다른 장치를 고르세요."
        }
        Error::DeviceLost(_) => "장치와 연결이 끊어졌습니다.",
        Error::Checkpoint(_) => {
            "이 파일을 쓸 수 없습니다. 온전한 사본을 다시 내려받거나 다른 것을 고르세요."
        }
        Error::NonFinite(_) => {
            "모델의 계산 결과가 유한하지 않습니다. 가중치가 손상되었으니 모델을 다시 내려받으세요."
        }
        Error::Argument(_) => "주어진 값을 쓸 수 없습니다.",
        Error::Verify(_) => "커널의 결과가 기준과 다릅니다.",
        Error::Interrupted => return "중단되었습니다.".to_owned(),
        Error::Io {
            action,
            path,
            source,
        } => {
            let action = match *action {
                "read" | "map" => "읽을",
                "write" => "쓸",
                "create" => "만들",
                _ => "다룰",
            };
            let why = match source.kind() {
                ErrorKind::NotFound => "파일이 없습니다".to_owned(),
                ErrorKind::PermissionDenied => "권한이 없습니다".to_owned(),
                ErrorKind::StorageFull => "저장 공간이 모자랍니다".to_owned(),
                ErrorKind::IsADirectory => "폴더입니다".to_owned(),
                _ => source.to_string(),
            };
            return format!("{} 파일을 {action} 수 없습니다: {why}.", path.display());
        }
    };
    format!("{what} (자세히: {english})")
}

#[cfg(test)]
mod tests {
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
