//! The processor and a graphics adapter compute the same: entropies, patches and greedy
//! bytes of the embedded model, in 16, 8 and 4 bits.

use std::sync::Arc;

use blt::checkpoint::Checkpoint;
use blt::device::{Device, DeviceClass};
use blt::model::blt::{BltLoad, BltModel};
use blt::session::{BltOptions, BltSession};

use crate::common::{of_processor, on_graphics};

const TEXT: &str = "Daenerys Targaryen is in Game of Thrones.\n\
    fn main() { 1 + 1 }\n바이트 \u{1F600}\n";

/// Entropies and starts of a text, and the bytes that the model would write after it.
struct Found {
    entropies: Vec<f32>,
    starts: Vec<bool>,
    written: Vec<u32>,
}

async fn on(device: &Arc<Device>, bits: u32, bytes: usize) -> Found {
    let checkpoint = Arc::new(Checkpoint::embedded().unwrap().in_bits(bits));
    let load = BltModel::load(device, &checkpoint, BltLoad::default(), |_| ());
    let model = Arc::new(load.await.unwrap());
    let mut session = BltSession::new(&model, BltOptions::default()).unwrap();
    let rows = session.prefill(TEXT.as_bytes()).await.unwrap();
    let mut written = Vec::new();
    for _ in 0..bytes {
        let logits = session.logits();
        let best = (0u32..).zip(logits).max_by(|a, b| a.1.total_cmp(b.1));
        let (id, largest) = best.unwrap();
        let next = logits.iter().filter(|logit| *logit < largest);
        let margin = largest - next.copied().fold(f32::NEG_INFINITY, f32::max);
        // Closer than rounding, either may win.
        if margin < 1e-3 {
            break;
        }
        written.push(id);
        session.prefill_ids(&[id]).await.unwrap();
    }
    Found {
        entropies: rows.entropies,
        starts: rows.starts,
        written,
    }
}

#[test]
fn processor_and_graphics_adapter() {
    pollster::block_on(async {
        let (cpu, gpu) = (Device::open(&of_processor()).await.unwrap(), on_graphics());
        let bytes = match gpu.summary().class {
            DeviceClass::Software => 12,
            _ => 24,
        };
        for bits in [16, 8, 4] {
            let (cpu, gpu) = (on(&cpu, bits, bytes).await, on(&gpu, bits, bytes).await);
            for (at, (a, b)) in cpu.entropies.iter().zip(&gpu.entropies).enumerate() {
                assert!(
                    (a - b).abs() < 1e-4,
                    "{bits} bits, position {at}: {a} and {b}"
                );
            }
            assert_eq!(cpu.starts, gpu.starts);
            assert!(
                cpu.written.len() + 4 > bytes,
                "{bits} bits: too few bytes are clear"
            );
            assert_eq!(cpu.written, gpu.written);
        }
    });
}
