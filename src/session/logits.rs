//! What the host reads off logits.

use crate::error::{Error, Result};

/// -ln p of a token under logits; `None` before the first.
pub(super) fn nll(logits: &[f32], id: u32) -> Option<f32> {
    let logit = f64::from(*logits.get(id as usize)?);
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let largest = f64::from(largest);
    let total: f64 = logits.iter().map(|l| (f64::from(*l) - largest).exp()).sum();
    #[expect(clippy::cast_possible_truncation, reason = "the kernel's precision")]
    Some((total.ln() + largest - logit).max(0.0) as f32)
}

/// ln p of every token under logits.
pub(super) fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let largest = f64::from(largest);
    let total: f64 = logits.iter().map(|l| (f64::from(*l) - largest).exp()).sum();
    #[expect(clippy::cast_possible_truncation, reason = "the kernel's precision")]
    let log_p = |logit: &f32| (f64::from(*logit) - largest - total.ln()) as f32;
    logits.iter().map(log_p).collect()
}

/// -ln p of the token that followed, from a pair of the entropy kernel.
pub(super) fn surprise([_, log_p]: &[f32; 2]) -> Option<f32> {
    // No -0: what is certain has none.
    Some((-log_p).max(0.0))
}

/// Refuses what non-finite weights lead to. `rows` are the pairs of the
/// entropy kernel for a run that began at `position`, `logits` those of its last
/// row, which no token follows yet.
///
/// The entropies themselves show nothing: a comparison in a shader may take any
/// number over NaN.
///
/// # Errors
/// [`Error::NonFinite`].
pub(super) fn check(whose: &str, position: u64, rows: &[[f32; 2]], logits: &[f32]) -> Result<()> {
    let broken = rows.iter().position(|[_, log_p]| !log_p.is_finite());
    let last = rows.len().saturating_sub(1);
    let broken = broken.or_else(|| {
        let finite = logits.iter().all(|logit| logit.is_finite());
        (!finite).then_some(last)
    });
    match broken {
        None => Ok(()),
        Some(row) => Err(Error::NonFinite(format!(
            "{whose} logits after position {}",
            position + row as u64
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn the_surprise_is_that_of_the_softmax() {
        let logits = [0.0, 3f32.ln(), 0.0];
        assert_eq!(nll(&logits, 3), None);
        assert!((nll(&logits, 1).unwrap() - (5f32 / 3.0).ln()).abs() < 1e-6);
        assert_eq!(surprise(&[1.0, 0.0]).unwrap().to_bits(), 0);
    }

    #[test]
    fn the_first_non_finite_row_is_named() {
        let said = |rows: &[[f32; 2]], logits: &[f32]| {
            let error = check("the model's", 7, rows, logits).err();
            error.map(|error| error.to_string())
        };
        let fine = [[1.0, -2.0], [0.5, 0.0]];
        assert_eq!(said(&fine, &[1.0, -3e38]), None);
        let last = said(&fine, &[1.0, f32::INFINITY]).unwrap();
        assert!(
            last.starts_with("the model's logits after position 8 are non-finite"),
            "{last}"
        );
        let first = said(&[[0.0, f32::NAN], [0.0, f32::NAN]], &[f32::NAN]).unwrap();
        assert!(first.contains("position 7 "), "{first}");
        assert!(said(&[[0.0, f32::NEG_INFINITY]], &[0.0]).is_some());
    }
}
