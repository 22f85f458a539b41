//! Bytes through a session, piece by piece.

use std::time::{Duration, Instant};

use blt::record::Summary;
use blt::session::TextSession;

use super::documents::Documents;
use super::failure::Outcome;
use super::interrupt;
use super::progress::Progress;
use super::sink::Sink;

/// How long one push should take: ctrl-C is heard and the bar moves between
/// pushes.
const BEAT: Duration = Duration::from_millis(400);

/// How many bytes to push at a time on this device.
struct Pace {
    piece: usize,
    most: usize,
}

impl Pace {
    fn new(most: usize) -> Self {
        Self {
            piece: most.min(256),
            most,
        }
    }

    fn took(&mut self, bytes: usize, time: Duration) {
        // A short piece at the end of the input says nothing.
        if bytes < self.piece {
            return;
        }
        self.piece = if time * 2 < BEAT {
            self.piece * 2
        } else if time > BEAT {
            self.piece / 2
        } else {
            self.piece
        }
        .clamp(self.most.min(16), self.most);
    }
}

/// Pushes all documents, each from its own beginning, and writes their records;
/// gives the totals.
///
/// # Errors
/// What reading, the session and writing say, and an interruption.
pub(super) async fn stream(
    documents: &mut Documents,
    session: &mut TextSession,
    sink: &mut Sink,
    progress: &mut Progress,
) -> Outcome<Summary> {
    let mut summary = Summary::default();
    let mut pace = Pace::new(session.comfortable_push());
    while documents.begin()? {
        if summary.texts() > 0 {
            session.reset();
            sink.next_text()?;
        }
        loop {
            interrupt::check()?;
            let Some(bytes) = documents.next(pace.piece)? else {
                break;
            };
            let start = Instant::now();
            let records = session.push(&bytes).await?;
            pace.took(bytes.len(), start.elapsed());
            progress.add(bytes.len() as u64);
            if !records.is_empty() {
                records.iter().for_each(|record| summary.add(record));
                sink.write(&records, session.best(), session.rule())?;
            }
        }
        let records = session.finish().await?;
        interrupt::check()?;
        records.iter().for_each(|record| summary.add(record));
        sink.write(&records, session.best(), session.rule())?;
    }
    progress.end();
    Ok(summary)
}
