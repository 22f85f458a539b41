//! How the encoder's bytes become one vector per patch (spec section 7).

use serde::Serialize;

use super::section::Section;
use crate::Result;

/// What is taken over the bytes of a patch, column by column.
///
/// Ordered as several are concatenated: that order is fixed, not the config's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The mean.
    Mean,
    /// The smallest.
    Min,
    /// The largest, as in the released models.
    Max,
}

/// The joined vectors of a patch must fit the widest latent model.
const MOST_JOINED: u32 = 1024;

/// The poolings in the order of concatenation, and the number of joined byte
/// vectors where there are none.
///
/// Without a pooling, cross-attention starts from the maximum (transformers has
/// no key for it), and an encoder without it joins byte vectors, as Meta's code
/// does.
pub(super) fn pooling(
    root: &Section<'_>,
    encoder_cross: bool,
) -> Result<(Vec<Pooling>, Option<u32>)> {
    const KEY: &str = "downsampling_by_pooling";
    let named = root.text(KEY)?.filter(|text| !text.is_empty());
    let Some(named) = named else {
        if encoder_cross || !root.has("patch_size") {
            return Ok((vec![Pooling::Max], None));
        }
        // Meta's files hold the size as a fraction such as 4.0.
        let must = format!("a whole number from 1 to {MOST_JOINED}, the byte vectors to join");
        let size = root.number("patch_size", &must, |n| {
            n.fract() == 0.0 && (1.0..=1024.0).contains(&n)
        })?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        return Ok((Vec::new(), size.map(|n| n as u32)));
    };
    let mut found = Vec::new();
    for word in named.split([',', '+', ' ']).filter(|w| !w.is_empty()) {
        let pooling = match word {
            "max" | "amax" => Pooling::Max,
            "mean" | "avg" => Pooling::Mean,
            "min" | "amin" => Pooling::Min,
            _ => return Err(root.wrong(KEY, "made of max, mean and min, with commas between")),
        };
        if found.contains(&pooling) {
            return Err(root.wrong(KEY, "without repetition"));
        }
        found.push(pooling);
    }
    if found.is_empty() {
        return Err(root.wrong(KEY, "made of max, mean and min, with commas between"));
    }
    found.sort_unstable();
    Ok((found, None))
}
