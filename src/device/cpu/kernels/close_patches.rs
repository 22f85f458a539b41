//! What a run of bytes closes: for each patch that ends in it, its bytes and what
//! it may see; for each byte, the patches that its decoder attends to.

use super::size;
use crate::device::bindings::{ClosePatchesCpu, ClosePatchesParams};
use crate::device::cpu::Cpu;

const EOS: u32 = 2;
// Words of `carry`.
const POSITION: usize = 128;
const DOCUMENT: usize = 129;
const ENDED: usize = 130;

pub(crate) fn run(k: ClosePatchesCpu<'_>, p: &ClosePatchesParams, _: &Cpu) {
    let ClosePatchesCpu {
        state,
        carry,
        patches,
        starts,
        ids,
        begins,
        ranges,
        spans,
        ..
    } = k;
    let rows = size(state.rows);
    let position = carry[POSITION];
    let mut document = carry[DOCUMENT];
    let mut ended = carry[ENDED] == 1;
    // Patches closed before this run.
    let before = match rows {
        0 => 0,
        _ => (patches[0] + 1).wrapping_sub(starts[0]),
    };
    let mut closed = 0;
    let mut end = position;
    for t in 0..rows {
        end += 1;
        ended |= ids[t] == EOS;
        if starts[t] == 1 {
            let patch = before + closed;
            let begin = begins[size(patch % p.begins)];
            let oldest = patch + 1 - p.encoder_window.min(patch + 1);
            let first = begins[size(oldest % p.begins)];
            let at = 2 * size(p.rows + 2 * closed);
            ranges[at..at + 4].copy_from_slice(&[first, end - first, begin, end - begin]);
            spans[size(closed)] = patch + 1 - document;
            if std::mem::take(&mut ended) {
                document = patch + 1;
            }
            begins[size((patch + 1) % p.begins)] = end;
            closed += 1;
        }
        // Nothing is closed yet only before the first token.
        let last = patches[t].wrapping_add(1);
        let seen = p.decoder_window.min(last);
        ranges[2 * t] = (last - seen) * p.k;
        ranges[2 * t + 1] = seen * p.k;
    }
    carry[0] = closed;
    carry[1] = before;
    carry[64] = closed * p.k;
    carry[65] = before * p.k;
    carry[POSITION] = end;
    carry[DOCUMENT] = document;
    carry[ENDED] = u32::from(ended);
}
