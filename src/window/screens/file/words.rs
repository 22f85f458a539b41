//! What the file screen says.

use super::jumps::{Jump, Patch};
use super::source::Trouble;
use crate::window::widgets::thousands;
use crate::window::words::Language;

impl Jump {
    /// On its button.
    pub(super) fn label(self, language: Language) -> &'static str {
        match self {
            Self::Hottest => language.pick("Highest entropy", "최고 엔트로피"),
            Self::Longest => language.pick("Longest patch", "가장 긴 패치"),
            Self::Invalid => language.pick("Next invalid UTF-8", "다음 잘못된 UTF-8"),
            Self::Offset => language.pick("Go to", "이동"),
        }
    }

    /// In the palette.
    pub(crate) fn title(self, language: Language) -> &'static str {
        match self {
            Self::Hottest => {
                language.pick("File: next highest entropy", "파일: 다음 최고 엔트로피")
            }
            Self::Longest => language.pick("File: longest patch", "파일: 가장 긴 패치"),
            Self::Invalid => language.pick("File: next invalid UTF-8", "파일: 다음 잘못된 UTF-8"),
            Self::Offset => language.pick("File: go to an offset", "파일: 오프셋으로 이동"),
        }
    }
}

/// Why a file cannot be shown, in a sentence or two.
pub(super) fn trouble(language: Language, trouble: &Trouble) -> String {
    match trouble {
        Trouble::NoFile => language
            .pick(
                "This is no file: only something with a length can be read here.",
                "파일이 아닙니다. 길이가 있는 파일만 읽을 수 있습니다.",
            )
            .to_owned(),
        Trouble::Unreadable(why) => language.pick(
            format!("This file cannot be read: {why}. Check that it is there and may be read."),
            format!("파일을 읽을 수 없습니다: {why}. 파일과 읽기 권한을 확인하세요."),
        ),
        Trouble::Shorter { was, is } => {
            let (was, is) = (thousands(*was), thousands(*is));
            language.pick(
                format!(
                    "This file has become shorter while it was open, from {was} to {is} bytes. \
                     Read it again."
                ),
                format!(
                    "열려 있는 동안 파일이 {was}바이트에서 {is}바이트로 줄었습니다. 다시 읽으세요."
                ),
            )
        }
        Trouble::Changed => language
            .pick(
                "This file has become another one since it was opened. Read it again.",
                "파일을 연 뒤에 내용이 다른 파일로 바뀌었습니다. 다시 읽으세요.",
            )
            .to_owned(),
        Trouble::Scan(why) => why.clone(),
    }
}

/// Bytes as a size: `24.1 MB`.
pub(super) fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in units {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, larger);
    }
    match unit {
        "B" => format!("{bytes} B"),
        _ if value < 99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// A share in percent, with as many digits as let one see it grow.
pub(super) fn percent(done: u64, total: u64) -> String {
    // Rounded down: what is not done yet is not 100 %.
    let share = done as f64 / total.max(1) as f64 * 100.0;
    let down = |digits: f64| (share * digits).floor() / digits;
    match share {
        _ if done >= total => "100 %".to_owned(),
        _ if done == 0 => "0 %".to_owned(),
        ..0.01 => "< 0.01 %".to_owned(),
        0.0..1.0 => format!("{:.2} %", down(100.0)),
        1.0..10.0 => format!("{:.1} %", down(10.0)),
        _ => format!("{:.0} %", down(1.0)),
    }
}

/// How long it will still take.
pub(super) fn left(language: Language, seconds: f64) -> String {
    let (number, english, korean) = match seconds {
        ..59.5 => (seconds, "s", "초"),
        ..3570.0 => (seconds / 60.0, "min", "분"),
        ..170_000.0 => (seconds / 3600.0, "h", "시간"),
        _ => (seconds / 86_400.0, "days", "일"),
    };
    let number = number.max(1.0);
    language.pick(
        format!("{number:.0} {english} left"),
        format!("{number:.0}{korean} 남음"),
    )
}

/// A patch, in the line about a byte.
pub(super) fn patch(language: Language, patch: &Patch) -> String {
    match patch {
        Patch::Whole(range) => {
            let bytes = range.end - range.start;
            let (first, last) = (range.start, range.end - 1);
            let place = match bytes {
                1 => format!("0x{first:X}"),
                _ => format!("0x{first:X}–0x{last:X}"),
            };
            let (count, unit) = (thousands(bytes), if bytes == 1 { "byte" } else { "bytes" });
            language.pick(
                format!("patch {place}, {count} {unit}"),
                format!("패치 {place}, {count}바이트"),
            )
        }
        Patch::AtLeast(bytes) => language.pick(
            format!("patch of {} bytes or more", thousands(*bytes)),
            format!("{}바이트 이상인 패치", thousands(*bytes)),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_shares_and_times_are_short() {
        let sizes = [0, 999, 1000, 24_060_384, 99_960_000, 1 << 30, u64::MAX].map(size);
        assert_eq!(
            sizes,
            [
                "0 B", "999 B", "1.0 kB", "24.1 MB", "100 MB", "1.1 GB", "18.4 EB"
            ]
        );
        let shares = [(0, 9), (1, 90_000), (1, 900), (1, 20), (999, 1000), (0, 0)];
        assert_eq!(
            shares.map(|(done, total)| percent(done, total)),
            ["0 %", "< 0.01 %", "0.11 %", "5.0 %", "99 %", "100 %"]
        );
        let times = [0.2, 42.0, 61.0, 7300.0, 1e6].map(|s| left(Language::English, s));
        assert_eq!(
            times,
            [
                "1 s left",
                "42 s left",
                "1 min left",
                "2 h left",
                "12 days left"
            ]
        );
        assert_eq!(left(Language::Korean, 7300.0), "2시간 남음");
    }
}
