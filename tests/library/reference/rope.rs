/// Cosine and sine of the rotary embedding for consecutive positions from
/// `first`: `[T, head / 2]` pairs. `angle = position * theta^(-2j / head)`.
///
/// Below 32768 the product is rounded to f32 as both public implementations
/// do; beyond their range of positions it is kept in f64, because an f32 angle
/// loses whole turns in long streams.
pub(crate) fn rope_angles(first: u64, rows: usize, head: usize, theta: f32) -> Vec<[f32; 2]> {
    let mut angles = Vec::with_capacity(rows * head / 2);
    for row in 0..rows as u64 {
        for pair in 0..head / 2 {
            angles.push(rope_angle(first + row, pair, head, theta));
        }
    }
    angles
}

const EXACT_FROM: u64 = 32768;

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the rounding to f32 is the reference's own"
)]
fn rope_angle(position: u64, pair: usize, head: usize, theta: f32) -> [f32; 2] {
    let exponent = (2 * pair) as f32 / head as f32;
    let inverse = 1.0 / theta.powf(exponent);
    let angle = if position < EXACT_FROM {
        f64::from(position as f32 * inverse)
    } else {
        position as f64 * f64::from(inverse)
    };
    [angle.cos() as f32, angle.sin() as f32]
}

/// Twin of `rope_store`'s rotation: interleaved pairs of each head of
/// `x` (`[T, heads, head]`) turned by `angles` (`[T, head / 2]`), in place.
pub(crate) fn rope(x: &mut [f32], angles: &[[f32; 2]], heads: usize, head: usize) {
    let rows = x
        .chunks_exact_mut(heads * head)
        .zip(angles.chunks_exact(head / 2));
    for (row, angles) in rows {
        for head in row.chunks_exact_mut(head) {
            for (pair, [cos, sin]) in head.chunks_exact_mut(2).zip(angles) {
                let (a, b) = (pair[0], pair[1]);
                pair[0] = a * cos - b * sin;
                pair[1] = b * cos + a * sin;
            }
        }
    }
}
