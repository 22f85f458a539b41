//! Damaged and hostile input, made from good input by chance, the same in every run.
//!
//! A target is a function of a number: the seed of a case. A run takes the numbers from 0
//! on, or from `BLT_FUZZ_FIRST` on, and as many as `BLT_FUZZ_CASES` says, or as
//! `BLT_FUZZ_SECONDS` leave time for; without either a few. What fails names its number, and
//! `found` below keeps those that once did.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail loudly, and says how much it has tried"
)]

mod checkpoints;
mod damage;
#[allow(
    dead_code,
    clippy::collapsible_match,
    reason = "the build uses it, and more of it"
)]
#[path = "../../build/preprocess.rs"]
mod preprocess;
mod sessions;
mod shaders;
mod texts;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// Cases without a wish in the environment.
const FEW: u64 = 300;
/// No case may take longer: longer is a hang.
const PATIENCE: Duration = Duration::from_secs(10);

fn wish(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs a target. `found`: numbers of cases that once failed. `dear`: how many times as
/// dear as the cheapest a case is, for targets that cannot take as many.
fn run(found: &[u64], dear: u64, mut case: impl FnMut(&mut StdRng)) {
    let mut one = |number: u64| {
        let start = Instant::now();
        let mut rng = StdRng::seed_from_u64(number);
        let done = catch_unwind(AssertUnwindSafe(|| case(&mut rng)));
        assert!(done.is_ok(), "case {number} failed");
        assert!(
            start.elapsed() < PATIENCE,
            "case {number} took {:?}",
            start.elapsed()
        );
    };
    found.iter().for_each(|number| one(*number));
    let first = wish("BLT_FUZZ_FIRST").unwrap_or(0);
    let seconds = wish("BLT_FUZZ_SECONDS").map(Duration::from_secs);
    let cases = wish("BLT_FUZZ_CASES").map(|cases| cases.div_ceil(dear));
    let few = if seconds.is_some() {
        u64::MAX
    } else {
        FEW.div_ceil(dear)
    };
    let most = cases.unwrap_or(few);
    let start = Instant::now();
    let mut count = 0;
    for number in first..first.saturating_add(most) {
        if seconds.is_some_and(|seconds| start.elapsed() > seconds) {
            break;
        }
        one(number);
        count += 1;
    }
    println!("{count} cases in {:.1} s", start.elapsed().as_secs_f64());
}

/// An error is one sentence that can be printed.
fn sentence<T>(result: blt::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let text = error.to_string();
            let sound =
                !text.is_empty() && text.len() < 4000 && !text.chars().any(char::is_control);
            assert!(sound, "no sentence: {text:?}");
            None
        }
    }
}

fn tests() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// A folder of a memory disk, where there is one.
fn folder() -> tempfile::TempDir {
    let shared = std::path::Path::new("/dev/shm");
    match shared.is_dir() {
        true => tempfile::tempdir_in(shared).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}
