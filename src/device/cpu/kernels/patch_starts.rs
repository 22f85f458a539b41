//! Where patches start, and the patch each byte belongs to.

use super::size;
use crate::device::bindings::{PatchStartsCpu, PatchStartsParams};
use crate::device::cpu::Cpu;

const GLOBAL: u32 = 0;
const MONOTONIC: u32 = 1;
const GLOBAL_AND_MONOTONIC: u32 = 2;
const SPACE: u32 = 3;
const STATIC: u32 = 4;
const BYTE: u32 = 5;

pub(crate) fn run(k: PatchStartsCpu<'_>, p: &PatchStartsParams, _: &Cpu) {
    let PatchStartsCpu {
        carry,
        state,
        ids,
        entropies,
        starts,
        patches,
        ..
    } = k;
    for row in 0..size(state.rows) {
        let (id, entropy) = (ids[row], entropies[2 * row]);
        let rise = entropy - carry.previous_entropy;
        let position = carry.position;
        let start = position == 0
            || match p.rule {
                GLOBAL => entropy > p.threshold,
                MONOTONIC => position == 1 || rise > p.threshold,
                GLOBAL_AND_MONOTONIC => {
                    let rises = rise > p.threshold_add;
                    position == 1 || (position != 2 && rises && entropy > p.threshold)
                }
                SPACE => id < 4 || (space_like(id) && !space_like(carry.previous_id)),
                STATIC => carry.phase.is_multiple_of(p.size),
                BYTE => true,
                _ => id == 3,
            };
        carry.distance = if start { 0 } else { carry.distance + 1 };
        let cut = p.max_length > 0 && carry.distance.is_multiple_of(p.max_length);
        starts[row] = u32::from(start || cut);
        carry.patches = carry.patches.wrapping_add(starts[row]);
        patches[row] = carry.patches.wrapping_sub(1);
        // Positions beyond the third make no difference.
        carry.position = (position + 1).min(3);
        carry.phase = (carry.phase + 1) % p.size.max(1);
        carry.previous_id = id;
        carry.previous_entropy = entropy;
        carry.distance %= p.max_length.max(1);
    }
}

/// Neither letter, digit nor the continuation of a UTF-8 character; special ids
/// are space-like too.
fn space_like(id: u32) -> bool {
    let Some(byte) = id.checked_sub(4) else {
        return true;
    };
    !matches!(byte, 0x30..=0x39 | 0x41..=0x5a | 0x61..=0x7a | 0x80..=0xbf)
}
