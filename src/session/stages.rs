//! Where the time of a run goes.

/// Where the time of the last call went, in milliseconds.
///
/// The first four are the device's own time, from timestamps around each part
/// of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageTimes {
    /// The entropy model, and the decision where patches start.
    pub entropy: f64,
    /// The hash embeddings and the encoder's bytes.
    pub encoder: f64,
    /// The encoder's patches, the latent model, and what it offers the decoder;
    /// next to nothing where no patch was closed.
    pub latent: f64,
    /// The decoder and the head.
    pub decoder: f64,
    /// The rest of the wall time: recording and submitting the kernels, and
    /// waiting for what comes back.
    pub readback: f64,
}

impl StageTimes {
    /// From the milliseconds of the four parts and of the whole call.
    pub(super) fn new(parts: &[f64], wall: f64) -> Self {
        let part = |at: usize| parts.get(at).copied().unwrap_or(0.0);
        let busy: f64 = parts.iter().sum();
        Self {
            entropy: part(0),
            encoder: part(1),
            latent: part(2),
            decoder: part(3),
            readback: (wall - busy).max(0.0),
        }
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.entropy + self.encoder + self.latent + self.decoder + self.readback
    }
}
