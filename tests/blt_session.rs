//! The session of the whole model against the golden data and against itself:
//! what is cached must be what a full recompute gives.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod common;

use std::sync::Arc;

use blt::gpu::{Gpu, GpuOptions, Tier};
use blt::model::blt::{BltLoad, BltModel};
use blt::session::{BltOptions, BltSession};
use common::{INPUTS, MADE, VARIANTS, golden, open, rule_of};

/// Opens a tier, or `None` where the adapter lacks it.
async fn tier(tier: Tier) -> Option<Arc<Gpu>> {
    let options = GpuOptions {
        tier: Some(tier),
        ..Default::default()
    };
    match Gpu::open(&options).await {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            let gpu = Gpu::open(&GpuOptions::default()).await.unwrap();
            assert!(!gpu.summary().tier.includes(tier), "{error}");
            None
        }
    }
}

async fn session(gpu: &Arc<Gpu>, variant: &str, load: BltLoad, options: BltOptions) -> BltSession {
    let checkpoint = Arc::new(open(variant));
    let rule = rule_of(&checkpoint);
    let model = BltModel::load(gpu, &checkpoint, load, |_| ())
        .await
        .unwrap();
    let options = BltOptions {
        rule: options.rule.clone().or(Some(rule)),
        ..options
    };
    BltSession::new(&Arc::new(model), options).unwrap()
}

fn largest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |a, b| if b.is_nan() { f32::NAN } else { a.max(b) })
}

async fn agrees_with_golden(wanted: Tier) {
    let Some(gpu) = tier(wanted).await else {
        return;
    };
    for variant in VARIANTS.iter().chain(&MADE) {
        let mut session = session(&gpu, variant, BltLoad::default(), BltOptions::default()).await;
        for input in &INPUTS {
            let at = format!("{variant} {input}, tier {wanted}");
            let Some(golden) = golden(variant, input) else {
                continue;
            };
            session.reset();
            let ids = golden.ids();
            let rows = session.prefill_ids(ids).await.unwrap();
            let starts: Vec<bool> = std::iter::once(true).chain(rows.starts).collect();
            assert_eq!(starts, golden.starts(), "{at}");
            if let Some(entropies) = golden.floats("entropies") {
                let error = largest(&rows.entropies, entropies);
                assert!(error < 1e-4, "{at}: entropies are off by {error}");
            }
            let mistaken = *variant == "maxpatch" && ["ascii", "korean", "two"].contains(input);
            let logits = golden.floats("logits").unwrap();
            let last = &logits[logits.len() - 260..];
            let error = largest(session.logits(), last);
            assert!(mistaken || error < 2e-4, "{at}: logits are off by {error}");
        }
    }
}

#[test]
fn base_agrees_with_golden() {
    pollster::block_on(agrees_with_golden(Tier::BASE));
}
