//! The CPU forms against plain ones in f64: on random shapes, at every level that this
//! processor has, and with 1, 2 and 3 threads, which must agree to the bit.

#![expect(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "the sizes of tests are small, and a test may fail loudly"
)]

mod attention;
mod linear;
mod patches;
mod pool;
mod rows;

use crate::device::bindings::{State, Weights};
use crate::device::cpu::Cpu;
use crate::device::cpu::Level;
use crate::numerics::Quantisation;

/// Numbers from -1 to 1 from a seed.
pub(super) struct Random(pub u64);

impl Random {
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let x = self.0 ^ self.0 >> 33;
        x.wrapping_mul(0xff51_afd7_ed55_8ccd) ^ x >> 29
    }
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.bits() >> 20) as usize % n
    }
    pub(super) fn number(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
    pub(super) fn numbers(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.number()).collect()
    }
}

pub(super) fn state(rows: usize, first_slot: usize) -> State {
    State {
        rows: rows as u32,
        first_slot: first_slot as u32,
    }
}

/// Weights in each type, with their values.
pub(super) struct Stored {
    pub(super) values: Vec<f32>,
    words: Vec<u16>,
    packed: Vec<u32>,
    kind: usize,
}

/// The form of `kind` 3 and above.
pub(super) fn quantisation(kind: usize) -> Option<Quantisation> {
    let [bits, group] =
        [[8, 64], [4, 64], [8, 32], [4, 32], [4, 128], [8, 128]].get(kind.checked_sub(3)?)?;
    Quantisation::new(*bits, *group as usize)
}

/// The shaders' parameter for it.
pub(super) fn group_shift(kind: usize) -> u32 {
    quantisation(kind).map_or(0, |q| (q.group() / 4).ilog2())
}

impl Stored {
    /// Rows of `columns` weights.
    pub(super) fn rows(random: &mut Random, (rows, columns): (usize, usize), kind: usize) -> Self {
        let Some(quantisation) = quantisation(kind) else {
            return Self::new(random, rows * columns, kind);
        };
        let (mut values, mut packed) = (vec![], vec![]);
        for _ in 0..rows {
            let mut words = vec![0; quantisation.row_words(columns)];
            let mut row = random.numbers(columns);
            quantisation.quantise(&row, &mut words);
            quantisation.dequantise(&words, &mut row);
            values.extend(row);
            packed.extend(words);
        }
        Self {
            values,
            words: vec![],
            packed,
            kind,
        }
    }
    pub(super) fn new(random: &mut Random, n: usize, kind: usize) -> Self {
        let mut values = random.numbers(n);
        let mut words = vec![];
        for value in &mut values {
            match kind {
                0 => {}
                // Half precision: whole multiples of 2^-10, denormals and zeros too.
                1 => {
                    let word = (random.bits() >> 13) as u16;
                    let word = if word & 0x7c00 >= 0x3c00 {
                        word & 0x83ff
                    } else {
                        word
                    };
                    *value = widen(word);
                    words.push(word);
                }
                _ => {
                    let bits = value.to_bits() & 0xffff_0000;
                    *value = f32::from_bits(bits);
                    words.push((bits >> 16) as u16);
                }
            }
        }
        Self {
            values,
            words,
            packed: vec![],
            kind,
        }
    }
    pub(super) fn weights(&self) -> Weights<'_> {
        match self.kind {
            0 => Weights::F32(&self.values),
            1 => Weights::F16(&self.words),
            2 => Weights::Bf16(&self.words),
            _ if quantisation(self.kind).is_some_and(|q| q.bits() == 8) => {
                Weights::Q8(&self.packed)
            }
            _ => Weights::Q4(&self.packed),
        }
    }
}

/// A half-precision number by its definition.
pub(super) fn widen(word: u16) -> f32 {
    let sign = if word & 0x8000 > 0 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(word >> 10 & 31), f64::from(word & 1023) / 1024.0);
    let value = match exponent {
        0 => fraction * 2f64.powi(-14),
        31 => f64::INFINITY,
        _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
    };
    (sign * value) as f32
}

pub(super) const LEVELS: [Level; 3] = [Level::Plain, Level::Avx2, Level::Avx512];

/// Runs `work` at every level that this machine has with 1, 2 and 3 threads, and
/// checks that neither threads nor instructions beyond the level make a difference; gives what
/// each level found.
pub(super) fn everywhere<T: PartialEq + std::fmt::Debug>(work: impl Fn(&Cpu) -> T) -> Vec<T> {
    thread_local! {
        static CPUS: Vec<Vec<Cpu>> = LEVELS
            .iter()
            .filter(|level| **level <= Level::detect())
            .map(|level| {
                let cpu = |threads| Cpu::new(threads, *level).sharing_all();
                vec![cpu(1).of_the_level_alone(), cpu(2), cpu(3)]
            })
            .collect();
    }
    CPUS.with(|cpus| {
        cpus.iter()
            .map(|cpus| {
                let mut found: Vec<T> = cpus.iter().map(&work).collect();
                assert!(
                    found[0] == found[1],
                    "two threads differ at {:?}",
                    cpus[0].level()
                );
                assert!(
                    found[0] == found[2],
                    "three threads differ at {:?}",
                    cpus[0].level()
                );
                found.swap_remove(0)
            })
            .collect()
    })
}

/// Compares with f64, with a tolerance for each number.
pub(super) fn close(found: &[f32], expected: &[f64], tolerance: impl Fn(usize) -> f64, what: &str) {
    assert_eq!(found.len(), expected.len());
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(*a) - b).abs();
        assert!(
            difference <= tolerance(i),
            "{what}: {i}: {a} instead of {b}"
        );
    }
}
