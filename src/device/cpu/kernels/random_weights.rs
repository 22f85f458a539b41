//! Weights of a model that exists only in shape: odd integers from -127 to 127
//! times a power of two, from the seed and the element's index.

use super::size;
use crate::device::bindings::{RandomWeightsCpu, RandomWeightsParams};
use crate::device::cpu::Cpu;
use crate::numerics::pcg;

pub(crate) fn run(k: RandomWeightsCpu<'_>, p: &RandomWeightsParams, cpu: &Cpu) {
    let RandomWeightsCpu { state, y, stored } = k;
    if state.rows == 0 {
        return;
    }
    let per_word = if stored == "f32" { 1 } else { 2 };
    let words = size(p.padded) / size(per_word);
    let y = &mut y[size(p.skip) * words..][..size(p.rows) * words];
    cpu.chunks(y, words, 4 * size(p.rows) * size(p.padded), |row, y| {
        let row = u32::try_from(row).unwrap_or(u32::MAX);
        let weight = |column: u32| {
            if column >= p.columns {
                return 0.0;
            }
            let index = p
                .first_row
                .wrapping_add(row)
                .wrapping_mul(p.columns)
                .wrapping_add(column);
            let random = (pcg(index ^ pcg(p.seed)) >> 25).cast_signed();
            #[expect(clippy::cast_precision_loss, reason = "seven bits")]
            let odd = (2 * random - 127) as f32;
            odd * p.scale
        };
        let mut column = 0;
        for word in y {
            *word = match stored {
                "f16" => narrow_f16(weight(column)) | narrow_f16(weight(column + 1)) << 16,
                "bf16" => {
                    weight(column).to_bits() >> 16 | weight(column + 1).to_bits() & 0xffff_0000
                }
                _ => weight(column).to_bits(),
            };
            column += per_word;
        }
    });
}

/// The half-precision bits of a number that half precision holds exactly.
fn narrow_f16(value: f32) -> u32 {
    let bits = value.to_bits();
    let sign = bits >> 16 & 0x8000;
    // The bias goes from 127 to 15; what is too small becomes denormal.
    let scaled = f32::from_bits(bits & 0x7fff_ffff) * f32::from_bits(0x0780_0000);
    sign | (scaled.to_bits() >> 13).min(0x7c00)
}
