//! The integer arithmetic around patches on the CPU: hashed n-grams and the
//! bookkeeping of closed patches.
use crate::reference::{ClosePatches, Closed};
use blt::numerics::{HASH_PRIMES, hash_ids, hash_powers};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The definition in numbers wide enough never to wrap.
fn hash(window: &[u32], prime: u64, vocabulary: u32) -> u32 {
    let modulus = 1i128 << 64;
    let (mut sum, mut power) = (0i128, 1i128);
    for id in window {
        sum = (sum + i128::from(*id) * power) % modulus;
        power = power * i128::from(prime) % modulus;
    }
    let signed = if sum >= modulus / 2 {
        sum - modulus
    } else {
        sum
    };
    u32::try_from(signed.rem_euclid(i128::from(vocabulary))).unwrap()
}

#[test]
fn hashes_are_exact() {
    let mut rng = StdRng::seed_from_u64(21);
    let groups: Vec<u32> = (1..=16).collect();
    for vocabulary in [257, 30_000, 50_002, 500_002, 1 << 20, (1 << 28) - 57] {
        // Random ids, then the largest and the smallest there are.
        let mut ids: Vec<u32> = (0..24).map(|_| rng.random_range(0..260)).collect();
        ids.extend([259; 17]);
        ids.extend([0; 17]);
        ids.extend([1, 259, 0, 2]);
        for first in [0, 5] {
            let rows = hash_ids(&ids, first, &groups, HASH_PRIMES.len(), vocabulary);
            let mut rows = rows.into_iter();
            for row in first..ids.len() {
                for prime in HASH_PRIMES {
                    for n in 1..=16 {
                        let mut window = vec![0; 16 + row + 1];
                        window[16..].copy_from_slice(&ids[..=row]);
                        let window = &window[16 + row + 1 - n..];
                        let want = hash(window, prime, vocabulary);
                        assert_eq!(rows.next(), Some(want), "{window:?} {prime} {vocabulary}");
                    }
                }
            }
            assert_eq!(rows.next(), None);
        }
    }
    // A twelfth function uses the first prime again.
    let ids: Vec<u32> = (0..20).map(|i| 13 * i).collect();
    for row in hash_ids(&ids, 0, &[8], 12, 1002).chunks_exact(12) {
        assert_eq!(row[0], row[11]);
    }
    assert_eq!(hash_powers(11, 3), hash_powers(0, 3));
    assert_eq!(hash_powers(0, 2), [1, HASH_PRIMES[0]]);
}

/// The definition: every sort of visibility by asking each position.
fn by_definition(
    ids: &[u32],
    starts: &[bool],
    k: usize,
    encoder_window: usize,
    decoder_window: usize,
) -> Closed {
    let patch_of = |position: usize| starts[..=position].iter().filter(|s| **s).count() - 1;
    let patches = patch_of(ids.len());
    let range = |inside: &dyn Fn(usize) -> bool| {
        let held: Vec<usize> = (0..ids.len()).filter(|i| inside(*i)).collect();
        (held[0], held.len())
    };
    let holds_eos = |patch| (0..ids.len()).any(|i| patch_of(i) == patch && ids[i] == 2);
    let document = |patch| (0..patch).filter(|p| holds_eos(*p)).count();
    let mut closed = Closed::default();
    for p in 0..patches {
        closed.own.push(range(&|i| patch_of(i) == p));
        closed.seen.push(range(&|i| {
            patch_of(i) <= p && patch_of(i) + encoder_window > p
        }));
        let seen = (0..=p).filter(|q| document(*q) == document(p)).count();
        closed.spans.push(u32::try_from(seen).unwrap());
    }
    for i in 0..ids.len() {
        let last = patch_of(i + 1) - 1;
        let seen: Vec<usize> = (0..=last).filter(|p| p + decoder_window > last).collect();
        closed.keys.push((seen[0] * k, seen.len() * k));
    }
    closed
}

#[test]
fn patches_close_in_runs_of_any_size() {
    let mut rng = StdRng::seed_from_u64(22);
    for round in 0..60 {
        let length = rng.random_range(1..50);
        let ids: Vec<u32> = (0..length)
            .map(|_| {
                if rng.random_bool(0.1) {
                    2
                } else {
                    rng.random_range(4..260)
                }
            })
            .collect();
        let mut starts = vec![true, true];
        starts.extend((1..length).map(|_| rng.random_bool(0.4)));
        let (k, encoder_window, decoder_window) = (1 + round % 4, 1 + round % 3, 1 + round % 5);
        let want = by_definition(&ids, &starts, k, encoder_window, decoder_window);

        let mut closing = ClosePatches::new(k, encoder_window, decoder_window);
        let mut got = Closed::default();
        let (mut at, mut patches) = (0, 0);
        while at < length {
            let end = (at + rng.random_range(1..12)).min(length);
            let last: Vec<u32> = starts[at + 1..=end]
                .iter()
                .map(|starts| {
                    patches += u32::from(*starts);
                    patches - 1
                })
                .collect();
            let run = closing.run(&ids[at..end], &starts[at + 1..=end], &last);
            assert_eq!(run.first, got.own.len());
            got.own.extend(run.own);
            got.seen.extend(run.seen);
            got.spans.extend(run.spans);
            got.keys.extend(run.keys);
            at = end;
        }
        assert_eq!(got, want);
    }
}
