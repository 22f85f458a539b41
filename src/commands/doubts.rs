//! What a reader of a result should doubt: settings and thresholds that give no error and
//! ruin it.

use blt::checkpoint::Checkpoint;

/// Bytes of text from which on a lost window shows.
const LONG: u64 = 512;
/// Bytes of text from which on a mean says something, and the means that a threshold of the
/// model's own gives.
const TELLING: u64 = 2048;
const MEANS: std::ops::RangeInclusive<f64> = 2.0..=12.0;

/// The sentences, once per run of `bytes` bytes in all texts together: about settings where
/// that is enough for them to matter, and about patches by a threshold of entropies.
pub(super) fn about<'c>(
    models: impl IntoIterator<Item = &'c Checkpoint>,
    bytes: u64,
    by_threshold: bool,
    mean: Option<f64>,
) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut random = false;
    for model in models {
        random |= model.is_random();
        if bytes > LONG {
            sentences.extend(model.warnings());
        }
    }
    if let Some(mean) = mean.filter(|mean| !MEANS.contains(mean))
        && bytes >= TELLING
        && by_threshold
        && !random
    {
        sentences.push(format!(
            "the mean patch is {mean:.2} bytes, where a model's own threshold gives {} to {}: the \
             threshold may be that of another model (--patch-size finds one), or the text unlike \
             any that the model knows",
            MEANS.start(),
            MEANS.end()
        ));
    }
    sentences
        .iter()
        .map(|sentence| format!("warning: {sentence}"))
        .collect()
}
