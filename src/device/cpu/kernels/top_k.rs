//! The k most likely next bytes of each row: ids by falling logit (the smaller id
//! first among equals) and their log-probabilities.

use super::entropy::{Softmax, Sums};
use super::size;
use crate::device::bindings::{TopKCpu, TopKParams};
use crate::device::cpu::Cpu;

pub(crate) fn run(k: TopKCpu<'_>, p: &TopKParams, cpu: &Cpu) {
    let TopKCpu {
        state,
        logits,
        best_ids,
        best_log_p,
        ..
    } = k;
    let (vocabulary, entries) = (size(p.vocabulary), size(p.k));
    for row in 0..size(state.rows) {
        let logits = &logits[row * size(p.stride)..][..vocabulary];
        let Sums { largest, total, .. } = cpu.lanes(Softmax { logits });
        let log_total = largest + total.ln();
        let best = row * entries..(row + 1) * entries;
        let (ids, log_p) = (&mut best_ids[best.clone()], &mut best_log_p[best]);
        let mut found = 0;
        for (id, logit) in (0u32..).zip(logits.iter().copied()) {
            // log_p holds logits until all are found.
            let place = log_p[..found].partition_point(|other| *other >= logit);
            if place < entries {
                found = (found + 1).min(entries);
                log_p.copy_within(place..found - 1, place + 1);
                ids.copy_within(place..found - 1, place + 1);
                (log_p[place], ids[place]) = (logit, id);
            }
        }
        for log_p in log_p {
            *log_p -= log_total;
        }
    }
}
