//! A text through a model to be scored: by the entropy model alone, by the
//! whole model, or by both.

use super::score::ScoredByte;
use crate::record::{ByteRecord, Recorder};
use crate::session::{BltSession, TextSession};
use crate::{Error, Result};

/// Reads texts and scores their bytes.
///
/// The scores do not depend on how the bytes were cut into pushes.
#[derive(Debug)]
pub struct Scorer {
    reader: Reader,
    /// The bytes after which the model begins anew.
    piece: Option<u64>,
    taken: u64,
    /// What earlier pieces have had.
    bytes: u64,
    patches: u64,
    pieces: u64,
    /// The patches so far.
    seen: u64,
}

#[derive(Debug)]
enum Reader {
    Entropy(Box<TextSession>),
    Blt(Box<Blt>),
}

/// The whole model.
#[derive(Debug)]
struct Blt {
    session: BltSession,
    both: bool,
    recorder: Recorder,
    /// Whether a patch starts at the next byte.
    starts: bool,
}

impl Scorer {
    /// Scores by the entropy model of the session.
    #[must_use]
    pub fn of_entropy(session: TextSession) -> Self {
        Self::new(Reader::Entropy(Box::new(session)))
    }

    /// Scores by the whole model and, with `both`, by its entropy model too.
    ///
    /// # Errors
    /// [`Error::Argument`] if both are wanted and there is no entropy model.
    pub fn of_blt(session: BltSession, both: bool) -> Result<Self> {
        if both && session.model().entropy().is_none() {
            return Err(Error::Argument(
                "this model has no entropy model to score by; score by the whole model alone"
                    .to_owned(),
            ));
        }
        let blt = Blt {
            session,
            both,
            recorder: Recorder::default(),
            starts: true,
        };
        Ok(Self::new(Reader::Blt(Box::new(blt))))
    }

    fn new(reader: Reader) -> Self {
        Self {
            reader,
            piece: None,
            taken: 0,
            bytes: 0,
            patches: 0,
            pieces: 0,
            seen: 0,
        }
    }

    /// Lets the model begin anew, after BOS, each time this many bytes have
    /// passed. It does so anyway where its positions or those of its patches are
    /// used up.
    #[must_use]
    pub fn with_piece(mut self, bytes: Option<u64>) -> Self {
        self.piece = bytes.map(|bytes| bytes.max(1));
        self
    }

    /// In how many pieces the text was read so far, 0 before its first byte.
    #[must_use]
    pub const fn pieces(&self) -> u64 {
        self.pieces
    }

    /// How many bytes to push at a time at most, so that a caller can show
    /// progress and stop.
    #[must_use]
    pub fn comfortable_push(&self) -> usize {
        match &self.reader {
            Reader::Entropy(session) => session.comfortable_push(),
            Reader::Blt(_) => COMFORTABLE,
        }
    }

    /// Forgets the text.
    pub fn reset(&mut self) {
        self.reader.reset();
        (self.taken, self.bytes, self.pieces) = (0, 0, 0);
        (self.patches, self.seen) = (0, 0);
    }

    /// Takes bytes and gives what was found: a score per byte, or none as long
    /// as the whole text must be seen first.
    ///
    /// # Errors
    /// What the session says.
    pub async fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<ScoredByte>> {
        let mut scored = Vec::with_capacity(bytes.len());
        while !bytes.is_empty() {
            let full = self.taken > 0 && self.reader.room() == 0;
            if full || self.piece == Some(self.taken) {
                self.begin_anew(&mut scored).await?;
            }
            if self.taken == 0 {
                self.pieces += 1;
            }
            let room = self.piece.map_or(u64::MAX, |piece| piece - self.taken);
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            // What fits nowhere is the session's to refuse.
            let room = room.min(self.reader.room().max(1));
            let (now, later) = bytes.split_at(bytes.len().min(room));
            let found = self.reader.push(now).await?;
            self.note(found, &mut scored);
            self.taken += now.len() as u64;
            bytes = later;
        }
        Ok(scored)
    }

    /// The scores still to come, at the end of a text.
    ///
    /// # Errors
    /// What the session says.
    pub async fn finish(&mut self) -> Result<Vec<ScoredByte>> {
        let mut scored = Vec::new();
        let found = self.reader.finish().await?;
        self.note(found, &mut scored);
        Ok(scored)
    }

    async fn begin_anew(&mut self, scored: &mut Vec<ScoredByte>) -> Result<()> {
        let found = self.reader.finish().await?;
        self.note(found, scored);
        self.reader.reset();
        self.bytes += self.taken;
        self.patches = self.seen;
        self.taken = 0;
        Ok(())
    }

    /// Numbers bytes and patches over all pieces.
    fn note(&mut self, found: Vec<ScoredByte>, scored: &mut Vec<ScoredByte>) {
        scored.extend(found.into_iter().map(|byte| ScoredByte {
            index: byte.index + self.bytes,
            patch: byte.patch + self.patches,
            ..byte
        }));
        if let Some(last) = scored.last() {
            self.seen = last.patch + 1;
        }
    }
}

/// Bytes at a time of the whole model.
const COMFORTABLE: usize = 2048;

impl Reader {
    /// Bytes that surely fit.
    fn room(&self) -> usize {
        match self {
            Self::Entropy(_) => usize::MAX,
            Self::Blt(blt) => {
                let bos = usize::from(blt.session.position() == 0);
                blt.session.room().saturating_sub(bos)
            }
        }
    }

    fn reset(&mut self) {
        match self {
            Self::Entropy(session) => session.reset(),
            Self::Blt(blt) => {
                blt.session.reset();
                (blt.recorder, blt.starts) = (Recorder::default(), true);
            }
        }
    }

    async fn push(&mut self, bytes: &[u8]) -> Result<Vec<ScoredByte>> {
        match self {
            Self::Entropy(session) => Ok(known(&session.push(bytes).await?)),
            Self::Blt(blt) => blt.push(bytes).await,
        }
    }

    async fn finish(&mut self) -> Result<Vec<ScoredByte>> {
        match self {
            Self::Entropy(session) => Ok(known(&session.finish().await?)),
            Self::Blt(_) => Ok(Vec::new()),
        }
    }
}

fn known(records: &[ByteRecord]) -> Vec<ScoredByte> {
    records.iter().filter_map(ScoredByte::of).collect()
}

impl Blt {
    async fn push(&mut self, bytes: &[u8]) -> Result<Vec<ScoredByte>> {
        let rows = self.session.prefill(bytes).await?;
        // At the beginning of a text the first row is that of BOS.
        let bos = rows.starts.len().saturating_sub(bytes.len());
        let mut scored = Vec::with_capacity(bytes.len());
        for (byte, row) in bytes.iter().zip(bos..) {
            let at = |values: &[Option<f32>]| values.get(row).copied().flatten();
            let nll = at(&rows.nlls);
            let record = self.recorder.byte(*byte, None, nll, self.starts);
            self.starts = rows.starts.get(row).copied().unwrap_or(false);
            scored.extend(ScoredByte::of(&record).map(|scored| ScoredByte {
                nll_entropy: at(&rows.entropy_nlls).filter(|_| self.both),
                ..scored
            }));
        }
        Ok(scored)
    }
}
