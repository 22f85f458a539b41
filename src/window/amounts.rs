//! Amounts, short enough for a line.

use super::words::{self, Language};

/// Bytes as a size: `24.1 MB`.
pub(crate) fn size(bytes: u64) -> String {
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
pub(crate) fn percent(done: u64, total: u64) -> String {
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

/// What a length of time is counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TimeUnit {
    Second,
    Minute,
    Hour,
    Day,
}

/// How long it will still take.
pub(crate) fn left(language: Language, seconds: f64) -> String {
    let (number, unit) = match seconds {
        ..59.5 => (seconds, TimeUnit::Second),
        ..3570.0 => (seconds / 60.0, TimeUnit::Minute),
        ..170_000.0 => (seconds / 3600.0, TimeUnit::Hour),
        _ => (seconds / 86_400.0, TimeUnit::Day),
    };
    words::loading::time_left(language, number.max(1.0), unit)
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
