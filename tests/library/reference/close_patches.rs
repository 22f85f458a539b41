use blt::bytes::EOS;

/// Rows that something sees: the first of them and their number.
pub(crate) type RowRange = (usize, usize);

/// Twin of `close_patches`: told where patches start, it says which patches are
/// closed, what each of them is made of and sees, and what each byte sees of
/// them. It is carried from run to run. Spec sections 2, 5, 7 and 9.
#[derive(Clone, Debug)]
pub(crate) struct ClosePatches {
    /// Vectors per patch.
    k: usize,
    /// Patches whose bytes the encoder's cross-attention sees, its own included.
    encoder_window: usize,
    /// Patches that the decoder's cross-attention sees.
    decoder_window: usize,
    /// Position of the next row.
    position: usize,
    /// Begins of the patches so far, the open one last.
    begins: Vec<usize>,
    /// The first patch of the current document.
    document: usize,
    /// Whether the open patch holds an EOS.
    holds_eos: bool,
}

/// What [`ClosePatches::run`] found in its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Closed {
    /// Number of the first patch that closed.
    pub(crate) first: usize,
    /// The positions of each closed patch's own bytes: what is pooled.
    pub(crate) own: Vec<RowRange>,
    /// The positions that each closed patch's queries see: its own bytes, and
    /// with a window those of the patches just before.
    pub(crate) seen: Vec<RowRange>,
    /// The patches that each closed patch sees in the latent model, itself and
    /// those just before it, of its document only.
    pub(crate) spans: Vec<u32>,
    /// For each row, closed or not, the rows of the `[P * k, D]` patch vectors
    /// that its byte sees in the decoder.
    pub(crate) keys: Vec<RowRange>,
}

impl ClosePatches {
    /// Before the first position. A window counts patches and is at least 1;
    /// the released models have none, which is the window 1.
    pub(crate) fn new(k: usize, encoder_window: usize, decoder_window: usize) -> Self {
        Self {
            k,
            encoder_window,
            decoder_window,
            position: 0,
            begins: vec![0],
            document: 0,
            holds_eos: false,
        }
    }

    /// Takes rows at consecutive positions. `starts[t]`: a patch starts at the
    /// next position. `patches[t]`: the number of the last closed patch once row
    /// t is done, Q of spec section 5. Position 0 must start a patch after it.
    pub(crate) fn run(&mut self, ids: &[u32], starts: &[bool], patches: &[u32]) -> Closed {
        let mut closed = Closed {
            first: self.begins.len() - 1,
            ..Closed::default()
        };
        for ((id, starts), last) in ids.iter().zip(starts).zip(patches) {
            self.holds_eos |= *id == EOS;
            self.position += 1;
            let last = *last as usize;
            if *starts {
                let begin = self.begins[last];
                let seen = self.begins[(last + 1).saturating_sub(self.encoder_window)];
                closed.own.push((begin, self.position - begin));
                closed.seen.push((seen, self.position - seen));
                let span = u32::try_from(last + 1 - self.document);
                closed.spans.push(span.unwrap_or(u32::MAX));
                if std::mem::take(&mut self.holds_eos) {
                    self.document = last + 1;
                }
                self.begins.push(self.position);
            }
            let sees = self.decoder_window.min(last + 1);
            let first = last + 1 - sees;
            closed.keys.push((first * self.k, sees * self.k));
        }
        closed
    }
}
