/// One step of the PCG-RXS-M-XS generator, as a hash of 32 bits (Jarzynski and
/// Olano, "Hash Functions for GPU Rendering", 2020).
#[must_use]
pub fn pcg(value: u32) -> u32 {
    let state = value.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let word = ((state >> ((state >> 28) + 4)) ^ state).wrapping_mul(277_803_737);
    (word >> 22) ^ word
}

/// The element `index` of a random weight: an odd whole number from -127 to 127
/// times `2^exponent`.
///
/// All 128 values are equally likely, so the mean is 0 and the standard
/// deviation `73.9 * 2^exponent`; with exponents from -24 to 9 they are exact in
/// f32, f16 and bf16. A value depends on nothing but the three arguments, so
/// that any piece of a weight can be made anywhere.
#[must_use]
pub fn random_weight(seed: u32, index: u32, exponent: i32) -> f32 {
    let seven_bits = (pcg(index ^ pcg(seed)) >> 25) as f32;
    (2.0 * seven_bits - 127.0) * 2f32.powi(exponent)
}

#[cfg(test)]
mod tests {
    use super::{pcg, random_weight};

    #[test]
    fn the_hash_is_pinned() {
        // From unbounded integers cut to 32 bits after each step.
        let found = [0, 1, 2, 0xDEAD_BEEF, u32::MAX].map(pcg);
        assert_eq!(found, PINNED);
    }

    const PINNED: [u32; 5] = [129708002, 2831084092, 2055130248, 1730779506, 3861530882];

    #[test]
    fn values_are_odd_and_fill_the_range() {
        let mut seen = [0u32; 128];
        let (mut sum, mut squares) = (0.0, 0.0);
        for index in 0..1 << 16 {
            let value = f64::from(random_weight(7, index, -3)) * 8.0;
            assert!(value % 2.0 != 0.0 && value.abs() <= 127.0, "{value}");
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let slot = ((value + 127.0) / 2.0) as usize;
            seen[slot] += 1;
            sum += value;
            squares += value * value;
        }
        // 512 of each are expected; the seed is fixed, so this cannot flicker.
        assert!(seen.iter().all(|n| (400..630).contains(n)), "{seen:?}");
        assert!((sum / 65536.0).abs() < 1.0, "{sum}");
        assert!(((squares / 65536.0).sqrt() - 73.9).abs() < 0.5, "{squares}");
    }
}
