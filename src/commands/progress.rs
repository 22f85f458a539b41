//! Progress on standard error: only on a terminal, and only for what takes
//! more than a second.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::summary::{Rate, bytes};

/// What may take a second before it shows.
const SILENCE: Duration = Duration::from_secs(1);

/// How far a job is.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    total: Option<u64>,
    done: u64,
    start: Instant,
    wanted: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A job, named `what`, of `total` bytes where that is known. Nothing is ever shown unless `wanted`.
    pub(super) fn new(what: &'static str, total: Option<u64>, wanted: bool) -> Self {
        Self {
            what,
            total,
            done: 0,
            start: Instant::now(),
            wanted: wanted && stderr().is_terminal(),
            bar: None,
        }
    }

    /// The job begins only now.
    pub(super) fn restart(&mut self) {
        self.start = Instant::now();
    }

    /// That many more bytes are done.
    pub(super) fn add(&mut self, bytes: u64) {
        self.done += bytes;
        if !self.wanted || self.start.elapsed() < SILENCE {
            return;
        }
        let message = self.message();
        let total = self.total;
        let bar = self.bar.get_or_insert_with(|| bar(total));
        bar.set_position(self.done);
        bar.set_message(message);
    }

    /// That many of all bytes are done; `message` says so.
    #[cfg(feature = "corpus")]
    pub(super) fn show(&mut self, done: u64, total: u64, message: impl FnOnce() -> String) {
        if !self.wanted || self.start.elapsed() < SILENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| bar(Some(total)));
        bar.set_position(done);
        bar.set_message(message());
    }

    fn message(&self) -> String {
        let rate = Rate::new(self.done, self.start.elapsed());
        match self.total {
            Some(total) => {
                let left = total.saturating_sub(self.done);
                format!(
                    "{}{} of {}, {rate}, {} left",
                    self.what,
                    bytes(self.done),
                    bytes(total),
                    rate.time_for(left)
                )
            }
            None => format!("{}{}, {rate}", self.what, bytes(self.done)),
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let template = match total {
        Some(_) => "{wide_bar} {percent:>3}%  {msg}",
        None => "{spinner} {msg}",
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("━╸ ")),
        Err(_) => bar,
    }
}
