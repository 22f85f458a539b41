//! Numbers for people, and the line at the end of a run.

use std::fmt;
use std::time::Duration;

use blt::device::{Device, DeviceClass, DeviceSummary};
use blt::record::Summary;

/// A number of bytes in decimal units, as disks and networks count.
#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
pub(super) fn bytes(count: u64) -> String {
    scaled(count as f64, "B")
}

/// Three digits and a decimal unit.
pub(super) fn scaled(mut value: f64, unit: &str) -> String {
    let mut prefix = "";
    for next in ["k", "M", "G", "T"] {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        prefix = next;
    }
    let digits = match value {
        _ if prefix.is_empty() => 0,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {prefix}{unit}")
}

/// A binary size as GPUs have them: `2.0 GiB`.
#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
pub(super) fn binary(count: u64) -> String {
    let mib = count as f64 / f64::from(1 << 20);
    if mib < 1024.0 {
        format!("{mib:.0} MiB")
    } else {
        format!("{:.1} GiB", mib / 1024.0)
    }
}

/// Bytes per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate(f64);

impl Rate {
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    pub(super) fn new(bytes: u64, time: Duration) -> Self {
        Self(bytes as f64 / time.as_secs_f64().max(1e-9))
    }

    /// How long that many bytes take.
    #[expect(clippy::cast_precision_loss, reason = "shown in seconds")]
    pub(super) fn time_for(self, bytes: u64) -> String {
        let seconds = (bytes as f64 / self.0.max(1e-9)).ceil().min(1e12);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bounded above"
        )]
        let seconds = seconds as u64;
        if seconds >= 48 * 3600 {
            return format!("{} days", seconds / 86_400);
        }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        let seconds = seconds % 60;
        if hours > 0 {
            format!("{hours}:{minutes:02}:{seconds:02}")
        } else {
            format!("{minutes}:{seconds:02}")
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&scaled(self.0, "B/s"))
    }
}

/// A number of things.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// An adapter's name, and that it is software if it is.
pub(super) fn adapter(summary: &DeviceSummary) -> String {
    match summary.class {
        DeviceClass::Software => format!("{}, a software driver", summary.name),
        _ => summary.name.clone(),
    }
}

/// The line at the end of a run.
pub(super) fn line(summary: &Summary, time: Duration, device: Option<&Device>) -> String {
    let mut parts = Vec::new();
    if summary.texts() > 1 {
        parts.push(format!("{} documents", summary.texts()));
    }
    parts.push(counted(summary.bytes(), "byte", "bytes"));
    parts.push(counted(summary.patches(), "patch", "patches"));
    if let Some(mean) = summary.mean_patch() {
        parts.push(format!("mean {mean:.2}"));
    }
    if summary.boundaries() > 0 {
        let (inside, all) = (summary.boundaries_in_characters(), summary.boundaries());
        let share = 100.0 * inside as f64 / all as f64;
        parts.push(format!(
            "{inside} of {} inside a character ({share:.1} %)",
            counted(all, "boundary", "boundaries")
        ));
    }
    if let Some(bits) = summary.bits_per_byte() {
        parts.push(format!("{bits:.3} bits per byte"));
    }
    if summary.bytes() > 0 {
        parts.push(Rate::new(summary.bytes(), time).to_string());
    }
    parts.push(match device {
        Some(device) => format!("on {}", adapter(device.summary())),
        None => "on the CPU (no model needed)".to_owned(),
    });
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        for (count, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (12_345, "12.3 kB"),
            (999_900, "1.00 MB"),
            (123_456_789, "123 MB"),
        ] {
            assert_eq!(bytes(count), shown);
        }
        assert_eq!(
            Rate::new(500, Duration::from_secs(2)).to_string(),
            "250 B/s"
        );
        assert_eq!(Rate(10.0).time_for(655), "1:06");
        assert_eq!(Rate(1.0).time_for(3_725), "1:02:05");
        assert_eq!(Rate(0.0).time_for(0), "0:00");
        assert_eq!(Rate(1.0).time_for(1 << 20), "12 days");
        assert_eq!(
            (binary(134_217_728), binary(4 << 30)),
            ("128 MiB".into(), "4.0 GiB".into())
        );
    }
}
