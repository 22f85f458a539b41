//! Whole texts: start flags, and the ids and lengths that follow from them.

use super::{Known, Rule};
use crate::{Error, Result};

/// The start flags of a text of S tokens under a rule: S + 1 of them, the last
/// for the token not yet known (only `[true]` for an empty text).
///
/// `entropies[i]` is the entropy, in nats, of the prediction made at position
/// i; rules that need none ignore it. A rule that needs predictions goes
/// through [`starts_known`].
///
/// # Errors
///
/// [`Error::Argument`] if the rule needs something that is not there, or the
/// numbers of ids and entropies differ.
pub fn starts(rule: &Rule, ids: &[u32], entropies: Option<&[f32]>) -> Result<Vec<bool>> {
    if let Some(entropies) = entropies
        && entropies.len() != ids.len()
    {
        return Err(Error::Argument(format!(
            "patching needs one entropy per token; there are {} entropies and {} tokens",
            entropies.len(),
            ids.len()
        )));
    }
    let mut entropies = entropies.unwrap_or_default().iter().copied();
    run(
        rule,
        ids.iter().map(|&id| Known {
            id,
            entropy: entropies.next(),
            best: None,
        }),
    )
}

/// The start flags of a text of which more is known than ids and entropies.
///
/// # Errors
///
/// [`Error::Argument`] if the rule needs an entropy or a prediction that is not
/// there.
pub fn starts_known(rule: &Rule, known: &[Known]) -> Result<Vec<bool>> {
    run(rule, known.iter().copied())
}

fn run(rule: &Rule, known: impl ExactSizeIterator<Item = Known>) -> Result<Vec<bool>> {
    let mut patcher = rule.patcher();
    let (needs_entropy, needs_best) = (patcher.needs_entropy(), patcher.needs_best());
    let mut starts = Vec::with_capacity(known.len() + 1);
    starts.push(true);
    for (position, known) in known.enumerate() {
        if needs_entropy && known.entropy.is_none_or(f32::is_nan) {
            return Err(Error::Argument(format!(
                "the patching rule needs the entropy of every token; that at position {position} is missing"
            )));
        }
        if needs_best && known.best.is_none() {
            return Err(Error::Argument(format!(
                "the patching rule needs the most probable next token; that at position {position} is missing"
            )));
        }
        starts.push(patcher.next_starts(&known));
    }
    Ok(starts)
}

/// The start flags of the largest entropies, as many as give patches of about
/// `size` tokens: the `S / size - 2` largest `H(i)`, i >= 1, start patches at
/// i + 1, besides positions 0 and 1. Of equal entropies the earlier wins.
///
/// **Not causal**: a later byte can take the start of an earlier one away. It
/// serves training on whole texts and comparisons, never generation; it is a
/// function and no [`super::Patcher`] for that reason.
///
/// # Errors
///
/// [`Error::Argument`] for a size of 0 and for a non-finite entropy.
pub fn top_k(entropies: &[f32], size: u32) -> Result<Vec<bool>> {
    if size == 0 {
        return Err(Error::Argument(
            "the target patch size must be at least 1, not 0".into(),
        ));
    }
    if let Some(position) = entropies.iter().position(|h| h.is_nan()) {
        return Err(Error::Argument(format!(
            "the entropy at position {position} is NaN"
        )));
    }
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let count = (entropies.len() / size).saturating_sub(2);
    let mut order: Vec<(usize, f32)> = entropies.iter().copied().enumerate().skip(1).collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut starts = vec![false; entropies.len() + 1];
    for flag in starts.iter_mut().take(2) {
        *flag = true;
    }
    for &(position, _) in order.iter().take(count) {
        if let Some(flag) = starts.get_mut(position + 1) {
            *flag = true;
        }
    }
    Ok(starts)
}

/// The lengths of the patches, in tokens; they sum to the number of flags.
///
/// Over all S + 1 flags of a text the token not yet known counts: it lengthens
/// the last patch or is one.
#[must_use]
pub fn lengths(starts: &[bool]) -> Vec<u32> {
    let mut lengths: Vec<u32> = Vec::new();
    for &start in starts {
        match lengths.last_mut() {
            Some(open) if !start => *open += 1,
            _ => lengths.push(1),
        }
    }
    lengths
}

/// The patch of each of the S tokens, from S + 1 flags:
/// `P(i) = |{j <= i : starts[j]}| - 1`.
#[must_use]
pub fn patch_ids(starts: &[bool]) -> Vec<u32> {
    let mut ids = running(starts);
    ids.pop();
    ids
}

/// The patch that the decoder looks at from each of the S tokens, from S + 1
/// flags: the last one that is closed once the token is known,
/// `Q(i) = P(i + 1) - 1` (paper, section 3.3).
#[must_use]
pub fn decoder_patch_ids(starts: &[bool]) -> Vec<u32> {
    running(starts)
        .into_iter()
        .skip(1)
        .map(|id| id.saturating_sub(1))
        .collect()
}

/// The patch of each flag's position.
fn running(starts: &[bool]) -> Vec<u32> {
    let mut patches: u32 = 0;
    starts
        .iter()
        .map(|&start| {
            patches += u32::from(start);
            patches.saturating_sub(1)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::patch::Scheme;

    #[test]
    fn ids_and_lengths_follow_from_the_flags() {
        let flags = [true, true, false, true, false, false];
        assert_eq!(lengths(&flags), [1, 2, 3]);
        assert_eq!(patch_ids(&flags), [0, 1, 1, 2, 2]);
        assert_eq!(decoder_patch_ids(&flags), [0, 0, 1, 1, 1]);
        assert_eq!(lengths(&[true]), [1]);
        assert!(patch_ids(&[true]).is_empty() && decoder_patch_ids(&[true]).is_empty());
        assert!(lengths(&[]).is_empty() && patch_ids(&[]).is_empty());
    }

    #[test]
    fn what_is_missing_is_named() {
        let rule = Rule::default();
        for (entropies, word) in [
            (None, "position 0"),
            (Some(&[1.0][..]), "1 entropies and 2 tokens"),
        ] {
            let error = starts(&rule, &[1, 70], entropies).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(starts(&rule, &[1, 70], Some(&[1.0, f32::NAN])).is_err());
        let predicted = Rule::new(Scheme::DelimiterPredicted).unwrap();
        assert!(starts(&predicted, &[1], None).is_err());
        assert_eq!(starts(&rule, &[], None).unwrap(), [true]);
    }

    #[test]
    fn top_k_takes_the_largest_entropies() {
        // 12 / 3 - 2 = 2 starts besides the first two; H(0) never counts.
        let h = [9.0, 1.0, 0.1, 3.0, 0.2, 3.0, 0.0, 2.0, 0.1, 0.1, 0.1, 0.1];
        let flags = top_k(&h, 3).unwrap();
        let at: Vec<usize> = (0..flags.len()).filter(|&i| flags[i]).collect();
        assert_eq!(at, [0, 1, 4, 6]);
        assert_eq!(top_k(&h, 100).unwrap().iter().filter(|&&f| f).count(), 2);
        assert_eq!(top_k(&h, 1).unwrap().iter().filter(|&&f| f).count(), 12);
        assert_eq!(top_k(&[], 4).unwrap(), [true]);
        assert!(top_k(&h, 0).is_err() && top_k(&[f32::NAN], 1).is_err());
    }
}
