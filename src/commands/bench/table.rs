//! What `blt bench` prints.

use std::sync::Arc;

use blt::checkpoint::Checkpoint;
use blt::measure::bench::{BenchReport, BenchTest, DecodeReads};
use blt::measure::peaks::Peaks;
use blt::model::memory::MemoryPlan;

use crate::commands::summary::{binary, scaled};
use crate::commands::table::{Cell, Table, TableFormat};

/// What all tests of a run have in common.
pub(super) struct Setting {
    pub(super) checkpoint: Arc<Checkpoint>,
    pub(super) adapter: String,
    /// Is the device a software driver?
    pub(super) software: bool,
    /// The tier in use, or the instructions of the processor.
    pub(super) tier: String,
    /// Are the weights random?
    pub(super) random: bool,
    /// Bytes per patch; `None` for the model's own rule.
    pub(super) patch_size: Option<u32>,
    /// `None` for what suits the device.
    pub(super) latent_step: Option<String>,
    pub(super) memory: MemoryPlan,
    pub(super) peaks: Peaks,
    pub(super) reads: DecodeReads,
}

impl Setting {
    /// The table; for people, below what it rests on.
    pub(super) fn rendered(&self, reports: &[BenchReport], format: TableFormat) -> String {
        if !matches!(format, TableFormat::Md | TableFormat::Text) {
            return self.for_programs(reports).render(format);
        }
        let Peaks { flops, copy } = self.peaks;
        let patches = match (self.patch_size, self.random) {
            (Some(size), false) => format!("Patches of {size} bytes."),
            (Some(size), true) => format!(
                "Random weights, whose entropies mean nothing: patches of {size} bytes; the entropy \
                 model runs all the same."
            ),
            (None, _) => "Patches by the model's own rule.".to_owned(),
        };
        format!(
            "{}{}: copies {}, computes {} in f32, measured in this run.\n{patches}\n\n{}",
            self.adapter,
            if self.software {
                ", a software driver"
            } else {
                ""
            },
            scaled(copy, "B/s"),
            scaled(flops, "FLOP/s"),
            self.for_people(reports).render(format)
        )
    }

    fn for_programs(&self, reports: &[BenchReport]) -> Table {
        let mut table = Table::new(&[
            ("model", "model"),
            ("random weights", "random_weights"),
            ("adapter", "adapter"),
            ("tier", "tier"),
            ("test", "test"),
            ("context", "context"),
            ("bytes", "bytes"),
            ("repetitions", "repetitions"),
            ("bytes/s", "bytes_per_second"),
            ("±", "bytes_per_second_sd"),
            ("steps", "latent_steps"),
            ("bytes/step", "bytes_per_step"),
            ("patch size", "patch_size"),
            ("latent step", "latent_step"),
            ("weights", "weight_bytes"),
            ("with the host", "host_bytes"),
            ("session", "session_bytes"),
            ("reads", "read_bytes_per_second"),
            ("copy", "copy_bytes_per_second"),
            ("computes", "flops_per_second"),
            ("peak", "peak_flops_per_second"),
            ("of copy", "copy_share"),
            ("of peak", "peak_share"),
            ("decoded", "decoded"),
            ("longest submission", "longest_submission_ms"),
        ]);
        let config = self.checkpoint.config();
        let step = self.latent_step.as_deref().unwrap_or("auto");
        for report in reports {
            let test = report.test;
            let [copy, peak] = self.shares(report);
            table.add(vec![
                Cell::word(self.checkpoint.origin()),
                Cell::word(if self.random { "yes" } else { "no" }),
                Cell::word(&self.adapter),
                Cell::word(&self.tier),
                Cell::word(test.name()),
                Cell::count(test.context() as u64),
                Cell::count(test.bytes() as u64),
                Cell::count(report.rates.len() as u64),
                Cell::number(report.mean(), 3),
                Cell::maybe(report.deviation(), 3),
                Cell::count(report.latent_steps),
                Cell::maybe(report.bytes_per_step(), 3),
                self.patch_size
                    .map_or(Cell::maybe(None, 0), |size| Cell::count(size.into())),
                Cell::word(step),
                Cell::count(self.memory.adapter),
                Cell::count(self.memory.host),
                Cell::count(report.session_bytes),
                Cell::maybe(report.read_rate(&self.reads), 0),
                Cell::number(self.peaks.copy, 0),
                Cell::maybe(report.flops_rate(config), 0),
                Cell::number(self.peaks.flops, 0),
                copy,
                peak,
                Cell::word(hexadecimal(&report.decoded)),
                Cell::number(report.longest_submission, 3),
            ]);
        }
        table
    }

    /// What share of the copy bandwidth and of the arithmetic peak a test reached;
    /// each is asked of the kind of test that it bounds.
    fn shares(&self, report: &BenchReport) -> [Cell; 2] {
        let config = self.checkpoint.config();
        let share = report.share(config, &self.reads, &self.peaks);
        let none = Cell::maybe(None, 0);
        let share = share.map_or(none.clone(), |share| {
            Cell::shown(share, format!("{:.1} %", 100.0 * share))
        });
        match report.test {
            BenchTest::Prefill { .. } => [none, share],
            BenchTest::Decode { .. } => [share, none],
        }
    }

    fn for_people(&self, reports: &[BenchReport]) -> Table {
        let mut table = Table::new(&[
            ("model", "model"),
            ("test", "test"),
            ("bytes/s", "bytes_per_second"),
            ("latent steps", "latent_steps"),
            ("bytes/step", "bytes_per_step"),
            ("weights", "weight_bytes"),
            ("session", "session_bytes"),
            ("of copy", "copy_share"),
            ("of peak", "peak_share"),
            ("tier", "tier"),
            ("adapter", "adapter"),
        ]);
        for report in reports {
            let [copy, peak] = self.shares(report);
            table.add(vec![
                Cell::word(self.checkpoint.origin()),
                Cell::word(report.test.to_string()),
                Cell::shown(report.mean(), spread(report.mean(), report.deviation())),
                Cell::count(report.latent_steps),
                Cell::maybe(report.bytes_per_step(), 2),
                Cell::word(binary(self.memory.adapter)),
                Cell::word(binary(report.session_bytes)),
                copy,
                peak,
                Cell::word(&self.tier),
                Cell::word(&self.adapter),
            ]);
        }
        table
    }
}

/// A mean with its standard deviation, in as many digits as mean something.
fn spread(mean: f64, deviation: Option<f64>) -> String {
    let digits = match mean {
        m if m < 99.5 => 2,
        m if m < 999.5 => 1,
        _ => 0,
    };
    match deviation {
        Some(deviation) => format!("{mean:.digits$} ± {deviation:.digits$}"),
        None => format!("{mean:.digits$}"),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn setting() -> Setting {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/k2_base");
        let checkpoint = Arc::new(Checkpoint::open(folder).unwrap());
        let reads = DecodeReads::of(&checkpoint);
        Setting {
            adapter: "a card".to_owned(),
            software: false,
            tier: "base".to_owned(),
            random: false,
            patch_size: Some(4),
            latent_step: None,
            memory: MemoryPlan {
                adapter: 3 << 20,
                host: 0,
                host_tables: false,
                session: 5 << 20,
                patch: 1 << 10,
                patches: 256,
                available: None,
            },
            // A decode of 100 bytes/s reads a quarter of what is copied.
            peaks: Peaks {
                flops: 1e12,
                copy: 400.0 * reads.per_byte(18.0, 0.25),
            },
            reads,
            checkpoint,
        }
    }

    fn report(test: BenchTest, latent_steps: u64) -> BenchReport {
        BenchReport {
            test,
            rates: vec![90.0, 100.0, 110.0],
            latent_steps,
            session_bytes: 5 << 20,
            decoded: match test {
                BenchTest::Prefill { .. } => Vec::new(),
                BenchTest::Decode { .. } => b"\x0aAbc".to_vec(),
            },
            longest_submission: 42.5,
        }
    }

    fn reports() -> [BenchReport; 2] {
        let decode = BenchTest::Decode {
            context: 16,
            bytes: 4,
        };
        [
            report(BenchTest::Prefill { bytes: 16 }, 5),
            report(decode, 1),
        ]
    }

    #[test]
    fn people_get_a_row_per_test_below_what_it_rests_on() {
        let setting = setting();
        let text = setting.rendered(&reports(), TableFormat::Md);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("a card: copies "), "{text}");
        assert!(lines[0].contains("computes 1.00 TFLOP/s in f32"), "{text}");
        assert_eq!(lines[1], "Patches of 4 bytes.");
        assert_eq!(lines.len(), 7);
        let prefill = "| prefill 16 | 100.0 ± 10.0 | 5 | 3.20 | 3 MiB | 5 MiB | - | 0.0 % | base |";
        assert!(lines[5].contains(prefill), "{text}");
        let decode =
            "| decode 4 @ 16 | 100.0 ± 10.0 | 1 | 4.00 | 3 MiB | 5 MiB | 25.0 % | - | base |";
        assert!(lines[6].contains(decode), "{text}");

        let random = Setting {
            random: true,
            ..setting
        };
        let text = random.rendered(&reports(), TableFormat::Md);
        assert!(
            text.contains("entropies mean nothing: patches of 4 bytes"),
            "{text}"
        );
    }

    #[test]
    fn programs_get_every_number() {
        let text = setting().rendered(&reports(), TableFormat::Json);
        let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (&rows[0]["test"], &rows[1]["test"]),
            (&"prefill".into(), &"decode".into())
        );
        assert_eq!(
            (&rows[1]["context"], &rows[1]["bytes"]),
            (&16.into(), &4.into())
        );
        assert_eq!(rows[1]["bytes_per_second"], 100.0);
        assert_eq!(rows[1]["bytes_per_second_sd"], 10.0);
        assert_eq!(rows[1]["copy_share"], 0.25);
        assert_eq!(rows[1]["longest_submission_ms"], 42.5);
        assert_eq!(rows[1]["decoded"], "0a416263");
        assert!(rows[1]["peak_share"].is_null() && rows[1]["flops_per_second"].is_null());
        assert!(rows[0]["copy_share"].is_null() && rows[0]["peak_share"].as_f64() > Some(0.0));
        let csv = setting().rendered(&reports(), TableFormat::Csv);
        assert_eq!(csv.lines().count(), 3);
        assert!(
            csv.starts_with("model,random_weights,adapter,tier,test,"),
            "{csv}"
        );
    }

    #[test]
    fn a_mean_has_the_digits_that_mean_something() {
        assert_eq!(spread(1.234, Some(0.05)), "1.23 ± 0.05");
        assert_eq!(spread(123.44, Some(1.26)), "123.4 ± 1.3");
        assert_eq!(spread(12_345.6, None), "12346");
    }
}
