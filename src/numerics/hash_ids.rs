use crate::bytes::BOE;

/// The multipliers of the hash functions, in order; function 11 uses the first
/// again. Spec section 6.
pub const HASH_PRIMES: [u64; 11] = [
    1_000_000_007,
    5_915_587_277,
    1_500_450_271,
    3_267_000_013,
    5_754_853_343,
    4_093_082_899,
    9_576_890_767,
    3_628_273_133,
    2_860_486_313,
    5_463_458_053,
    3_367_900_313,
];

/// What a window of `n` tokens is multiplied by under a hash function:
/// prime^j mod 2^64, the oldest token first. Spec section 6.
#[must_use]
pub fn hash_powers(function: usize, n: usize) -> Vec<u64> {
    let prime = HASH_PRIMES[function % HASH_PRIMES.len()];
    std::iter::successors(Some(1u64), |power| Some(power.wrapping_mul(prime)))
        .take(n)
        .collect()
}

/// Twin of `hash_ids`: for the rows `first..` of `ids` the row of every hash
/// table, counted within its table (below `vocabulary`); `[T, E]` with
/// E = `functions * groups.len()` tables, that of function f and n-gram length
/// `groups[g]` at e = f * groups.len() + g. Spec section 6.
///
/// The sum wraps as a signed 64-bit integer and the remainder is that of the
/// floor, both as in the published code. Tokens before `ids[0]` are the number 0.
#[must_use]
pub fn hash_ids(
    ids: &[u32],
    first: usize,
    groups: &[u32],
    functions: usize,
    vocabulary: u32,
) -> Vec<u32> {
    let mut rows = Vec::new();
    for row in first..ids.len() {
        for function in 0..functions {
            for n in groups.iter().map(|n| *n as usize) {
                let mut sum = 0u64;
                for (j, power) in hash_powers(function, n).into_iter().enumerate() {
                    let id = (row + 1 + j).checked_sub(n).map_or(BOE, |i| ids[i]);
                    sum = sum.wrapping_add(u64::from(id).wrapping_mul(power));
                }
                let id = sum.cast_signed().rem_euclid(i64::from(vocabulary));
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "at least 0 and below the vocabulary"
                )]
                rows.push(id as u32);
            }
        }
    }
    rows
}
