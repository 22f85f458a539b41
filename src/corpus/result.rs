//! What was computed for a text.

/// What was computed for a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TextResult {
    /// In nats, after BOS and each byte, and after EOS where that was read.
    pub(super) entropies: Vec<f32>,
    /// In nats, of each byte.
    pub(super) nlls: Vec<f32>,
    /// Bytes of each patch; their sum is the bytes of the text.
    pub(super) lengths: Vec<u32>,
}

impl TextResult {
    /// The entropy of the prediction of each byte, in nats.
    pub(super) fn of_bytes(&self) -> &[f32] {
        self.entropies.get(..self.nlls.len()).unwrap_or_default()
    }
}
