//! The angles of the rotary embedding, computed on the host.

/// Cosines and sines for rows of consecutive positions.
///
/// The device's own sine is not exact enough for large angles, so a run brings
/// its angles along: `rows * head / 2` pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    inverse: Vec<f32>,
}

/// From this position on angles are kept in f64. Below it they are rounded to
/// f32 exactly as the public implementations do; their positions end at 24576.
const EXACT_FROM: u64 = 32768;

impl Rotary {
    /// Frequencies `theta^(-2j / head)` for heads of `head` columns.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "heads are small")]
    pub fn new(head: usize, theta: f32) -> Self {
        let inverse = (0..head / 2).map(|j| 1.0 / theta.powf((2 * j) as f32 / head as f32));
        Self {
            inverse: inverse.collect(),
        }
    }

    /// Values per row: a cosine and a sine for each pair.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.inverse.len() * 2
    }

    /// Appends (cos, sin) of every pair at `position`.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "rounding to f32 is the reference's own"
    )]
    pub fn append(&self, position: u64, angles: &mut Vec<[f32; 2]>) {
        angles.extend(self.inverse.iter().map(|inverse| {
            let angle = if position < EXACT_FROM {
                f64::from(position as f32 * inverse)
            } else {
                position as f64 * f64::from(*inverse)
            };
            let (sin, cos) = angle.sin_cos();
            [cos as f32, sin as f32]
        }));
    }
}
