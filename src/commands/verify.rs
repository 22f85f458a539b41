//! `blt verify`

use std::fmt::Write as _;

use blt::Error;
use blt::device::{Device, DeviceOptions, Tier};
use blt::verify::{KernelReport, Verifier};
use clap::Args;
use serde_json::{Value, json};

use super::failure::Outcome;
use super::global::Global;
use super::output::{self, Output};
use super::summary;

const EXAMPLES: &str = "\
Examples:
  blt verify
  blt verify --tier base --checked-shaders
  blt verify -v --seed 7

Exit code 5 if a kernel is off by more than its tolerance.";

/// Compare every kernel on this device with the same kernel on the processor
///
/// Runs each kernel on random inputs, once per tier of features that a GPU has,
/// and prints the greatest error of its variants. The processor itself is compared
/// with its own plain form, without vector instructions; linear layers and attention
/// are compared with plain sums in double precision as well. -v lists every variant.
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
    // Ctrl-C ends it as it ends any program: there is nothing to leave whole.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        pollster::block_on(self.run_tiers(global))
    }

    async fn run_tiers(&self, global: &Global) -> Outcome {
        let first = Device::open(&global.device()).await?;
        let adapter = first.summary();
        let tiers: Vec<Option<Tier>> = match (global.tier, first.gpu()) {
            (Some(tier), _) => vec![Some(tier)],
            // The processor has no tiers.
            (None, None) => vec![None],
            (None, Some(_)) => Tier::ALL
                .into_iter()
                .filter(|tier| adapter.tier.includes(*tier))
                .map(Some)
                .collect(),
        };
        let mut table = Table::new(self.json, global.verbose > 0);
        table.print(&format!(
            "{}\n\n{}",
            summary::adapter(adapter),
            head().line()
        ));
        let mut reports = Vec::new();
        for tier in tiers {
            let options = DeviceOptions {
                tier,
                ..global.device()
            };
            let device = Device::open(&options).await?;
            let verifier = Verifier::new(&device, self.seed);
            let found = verifier.all(&mut |report| table.add(report)).await?;
            table.end_kernel();
            reports.extend(found);
        }
        table.printed?;
        if self.json {
            output::print(&format!("{:#}", self.value(&adapter.name, &reports)))?;
        }
        judge(&reports)?;
        let cases: usize = reports.iter().map(|report| report.cases).sum();
        global.say(&format_args!("{cases} cases agree with the reference"));
        Ok(())
    }

    fn value(&self, adapter: &str, reports: &[KernelReport]) -> Value {
        let kernels: Vec<_> = reports
            .iter()
            .map(|report| {
                json!({
                    "kernel": report.kernel,
                    "variant": report.variant,
                    "tier": report.features,
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

/// The table as it grows: a line per kernel and tier, or per variant.
struct Table {
    silent: bool,
    every: bool,
    /// The variants so far of the kernel at hand.
    kernel: Vec<KernelReport>,
    /// What went wrong with printing.
    printed: Outcome,
}

impl Table {
    fn new(silent: bool, every: bool) -> Self {
        Self {
            silent,
            every,
            kernel: Vec::new(),
            printed: Ok(()),
        }
    }

    fn print(&mut self, text: &str) {
        if !self.silent && self.printed.is_ok() {
            self.printed = Output::Standard.write(text.as_bytes());
        }
    }

    fn add(&mut self, report: &KernelReport) {
        if self.every {
            self.print(&Row::of(report, report.cases, true).line());
            return;
        }
        if self
            .kernel
            .last()
            .is_some_and(|last| last.kernel != report.kernel)
        {
            self.end_kernel();
        }
        self.kernel.push(report.clone());
    }

    /// Prints the variant nearest to, or farthest beyond, its tolerance.
    fn end_kernel(&mut self) {
        let kernel = std::mem::take(&mut self.kernel);
        let cases = kernel.iter().map(|report| report.cases).sum();
        if let Some(worst) = kernel.iter().max_by(|a, b| share(a).total_cmp(&share(b))) {
            self.print(&Row::of(worst, cases, !worst.passed).line());
        }
    }
}

/// How much of its tolerance a variant needs; a non-finite error needs
/// more than any.
fn share(report: &KernelReport) -> f64 {
    let share = report.max_error / report.tolerance.max(f64::MIN_POSITIVE);
    match report.passed {
        true => share,
        false if share.is_nan() => f64::INFINITY,
        false => share.max(1.0),
    }
}

/// One line of the table.
struct Row {
    cells: [String; 6],
}

fn head() -> Row {
    let head = ["kernel", "tier", "cases", "max error", "tolerance", ""];
    Row {
        cells: head.map(str::to_owned),
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
                report.features.clone(),
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

/// The verdict: [`Error::Verify`] names the kernels that failed.
fn judge(reports: &[KernelReport]) -> Outcome {
    let mut failed: Vec<String> = reports
        .iter()
        .filter(|report| !report.passed)
        .map(|report| format!("{} ({})", report.kernel, report.features))
        .collect();
    failed.dedup();
    match failed.as_slice() {
        [] => Ok(()),
        some => Err(Error::Verify(format!(
            "{} from the reference by more than the tolerance: {}",
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

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kernel: &'static str, max_error: f64, passed: bool) -> KernelReport {
        KernelReport {
            kernel,
            variant: "WIDTH=8".into(),
            tier: Tier::Base,
            features: "base".to_owned(),
            cases: 3,
            max_error,
            tolerance: 1e-5,
            passed,
        }
    }

    #[test]
    fn failing_kernels_are_named_with_exit_code_5() {
        assert!(judge(&[report("embed", 0.0, true)]).is_ok());
        let reports = [
            report("embed", 0.0, true),
            report("swiglu", f64::NAN, false),
            report("swiglu", 1.0, false),
            report("top_k", 2e-5, false),
        ];
        let Err(super::super::failure::Failure::Error(error)) = judge(&reports) else {
            unreachable!("two kernels failed");
        };
        assert_eq!(error.exit_code(), 5);
        assert_eq!(
            error.to_string(),
            "kernels differ from the reference by more than the tolerance: \
             swiglu (base), top_k (base)"
        );
    }

    #[test]
    fn the_worst_variant_stands_for_its_kernel() {
        let share_of = |error, passed| share(&report("embed", error, passed));
        assert!(share_of(f64::NAN, false) > share_of(2e-5, false));
        assert!(share_of(0.0, false) > share_of(0.9e-5, true));
        assert!(
            Row::of(&report("embed", 2e-5, false), 3, true)
                .line()
                .contains("FAILED  WIDTH=8")
        );
    }
}
