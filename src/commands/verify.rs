//! `blt verify`

use std::collections::BTreeMap;
use std::fmt::Write as _;

use blt::Error;
use blt::gpu::{Gpu, GpuOptions, Tier};
use blt::measure::verify::{KernelReport, verify};
use clap::Args;
use serde_json::{Value, json};

use super::devices::listed;
use super::failure::Outcome;
use super::global::Global;
use super::output::{self, Output};
use super::{interrupt, summary};

const EXAMPLES: &str = "\
Examples:
  blt verify
  blt verify --tier base --checked-shaders
  blt verify -v --seed 7

Exit code 5 if a kernel is off by more than its tolerance.";

/// Compare every kernel with its CPU reference on this adapter
///
/// Runs each kernel on random inputs, once per tier of device features that the adapter has,
/// and prints the greatest error of its variants. -v lists every variant.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    /// Seed of the random inputs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        interrupt::watch(global.colored())?;
        pollster::block_on(self.run_tiers(global))
    }

    async fn run_tiers(&self, global: &Global) -> Outcome {
        let (adapters, chosen) = listed(global).await?;
        let Some(adapter) = adapters.get(chosen) else {
            return Err(Error::Adapter("the adapters have just changed".into()).into());
        };
        let tiers: Vec<Tier> = match global.tier {
            Some(tier) => vec![tier],
            None => Tier::ALL
                .into_iter()
                .filter(|tier| adapter.tier.includes(*tier))
                .collect(),
        };
        let mut output = Output::Standard;
        if !self.json {
            let title = format!("{}\n\n{}", summary::adapter(adapter), HEAD.line());
            output.write(title.as_bytes())?;
        }
        let mut reports = Vec::new();
        for tier in tiers {
            let options = GpuOptions {
                tier: Some(tier),
                ..global.gpu()
            };
            let gpu = Gpu::open(&options).await?;
            let mut stopped = Ok(());
            let found = verify(&gpu, self.seed, &mut |_| {
                if stopped.is_ok() {
                    stopped = interrupt::check();
                }
            })
            .await?;
            stopped?;
            if !self.json {
                let rows = if global.verbose > 0 {
                    every(&found)
                } else {
                    worst(&found)
                };
                let text: String = rows.iter().map(Row::line).collect();
                output.write(text.as_bytes())?;
            }
            reports.extend(found);
        }
        if self.json {
            output::print(&format!("{:#}", self.value(&adapter.name, &reports)))?;
        }
        judge(&reports)
    }

    fn value(&self, adapter: &str, reports: &[KernelReport]) -> Value {
        let kernels: Vec<_> = reports
            .iter()
            .map(|report| {
                json!({
                    "kernel": report.kernel,
                    "variant": report.variant,
                    "tier": report.tier.to_string(),
                    "cases": report.cases,
                    "max_error": report.max_error,
                    "tolerance": report.tolerance,
                    "passed": report.passed,
                })
            })
            .collect();
        let passed = reports.iter().all(|report| report.passed);
        json!({ "adapter": adapter, "seed": self.seed, "passed": passed, "kernels": kernels })
    }
}

/// One line of the table.
struct Row {
    cells: [String; 6],
}

struct Head;
const HEAD: Head = Head;

impl Head {
    fn line(&self) -> String {
        let head = ["kernel", "tier", "cases", "max error", "tolerance", ""];
        Row {
            cells: head.map(str::to_owned),
        }
        .line()
    }
}

impl Row {
    fn of(report: &KernelReport, cases: usize, variant: bool) -> Self {
        let verdict = if report.passed { "ok" } else { "FAILED" };
        let verdict = match (variant, report.variant.as_str()) {
            (false, _) | (_, "") => verdict.to_owned(),
            (true, name) => format!("{verdict}  {name}"),
        };
        Self {
            cells: [
                report.kernel.to_owned(),
                report.tier.to_string(),
                cases.to_string(),
                format!("{:.1e}", report.max_error),
                format!("{:.1e}", report.tolerance),
                verdict,
            ],
        }
    }

    fn line(&self) -> String {
        let [kernel, tier, cases, error, tolerance, verdict] = &self.cells;
        let mut line = String::new();
        let _ = write!(
            line,
            "{kernel:<16} {tier:<13} {cases:>6} {error:>10} {tolerance:>10}  {verdict}"
        );
        format!("{}\n", line.trim_end())
    }
}

fn every(reports: &[KernelReport]) -> Vec<Row> {
    reports
        .iter()
        .map(|report| Row::of(report, report.cases, true))
        .collect()
}

/// One row per kernel: its variant nearest to, or farthest beyond, its tolerance.
fn worst(reports: &[KernelReport]) -> Vec<Row> {
    let mut order = Vec::new();
    let mut kernels: BTreeMap<&str, (&KernelReport, usize)> = BTreeMap::new();
    let badness = |report: &KernelReport| {
        let share = report.max_error / report.tolerance.max(f64::MIN_POSITIVE);
        // An error that is no number is the worst of all.
        (
            !report.passed,
            if share.is_nan() { f64::INFINITY } else { share },
        )
    };
    for report in reports {
        let (held, cases) = kernels.entry(report.kernel).or_insert_with(|| {
            order.push(report.kernel);
            (report, 0)
        });
        *cases += report.cases;
        if badness(report) > badness(held) {
            *held = report;
        }
    }
    order
        .iter()
        .filter_map(|kernel| kernels.get(kernel))
        .map(|(report, cases)| Row::of(report, *cases, !report.passed))
        .collect()
}

/// The verdict: [`Error::Verify`] names the kernels that failed.
fn judge(reports: &[KernelReport]) -> Outcome {
    let mut failed: Vec<String> = reports
        .iter()
        .filter(|report| !report.passed)
        .map(|report| format!("{} ({})", report.kernel, report.tier))
        .collect();
    failed.dedup();
    match failed.as_slice() {
        [] => Ok(()),
        some => Err(Error::Verify(format!(
            "{} from the CPU reference by more than the tolerance: {}",
            if some.len() == 1 {
                "a kernel differs"
            } else {
                "kernels differ"
            },
            some.join(", ")
        ))
        .into()),
    }
}
