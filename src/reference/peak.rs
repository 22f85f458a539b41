/// Twin of `peak`: what one invocation of the arithmetic-peak kernel ends with.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "small counts")]
pub fn peak(invocation: u32, turns: u32) -> f32 {
    let factor = 0.999f32;
    let sum: f32 = (0..16)
        .map(|i| {
            let start = (invocation + i) as f32;
            (0..turns).fold(start, |value, _| value.mul_add(factor, factor))
        })
        .sum();
    4.0 * sum
}
