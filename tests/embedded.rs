//! The embedded model against PyTorch's f32 entropies of the same f16 weights.
#![cfg(feature = "embedded-model")]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use blt::checkpoint::Checkpoint;
use blt::gpu::{Gpu, GpuOptions, Tier};
use blt::model::entropy::EntropyModel;
use blt::session::{EntropyOptions, EntropySession};

#[derive(serde::Deserialize)]
struct Fixture {
    threshold: f32,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    text: String,
    /// H at each position, BOS first: entry i is about byte i.
    entropies: Vec<f32>,
    /// Positions at which a patch starts, BOS at 0: byte i is position i + 1.
    starts: Vec<usize>,
}

#[test]
fn it_agrees_with_pytorch() {
    let fixture: Fixture =
        serde_json::from_str(include_str!("fixtures/embedded_entropy.json")).unwrap();
    pollster::block_on(async {
        let options = GpuOptions {
            tier: Some(Tier::BASE),
            ..Default::default()
        };
        let gpu = Gpu::open(&options).await.unwrap();
        let checkpoint = Checkpoint::embedded().unwrap();
        assert_eq!(checkpoint.patching().threshold, Some(fixture.threshold));
        let weights = checkpoint.entropy_weights().unwrap();
        let model = Arc::new(EntropyModel::load(&gpu, &weights, |_| ()).await.unwrap());
        let rule = Some(blt::patch::Rule::entropy(fixture.threshold).unwrap());
        let options = EntropyOptions {
            rule,
            ..Default::default()
        };
        let mut session = EntropySession::new(&model, options).unwrap();
        for case in fixture.cases {
            session.reset();
            let rows = session
                .push(&blt::bytes::prompt(case.text.as_bytes()))
                .await
                .unwrap();
            let bytes = case.text.len();
            assert!(case.entropies.len() >= bytes, "{}", case.name);
            for (i, (got, want)) in rows.entropies.iter().zip(&case.entropies).enumerate() {
                assert!((got - want).abs() < 1e-4, "{} {i}: {got} {want}", case.name);
            }
            let starts: Vec<usize> = (0..bytes).filter(|i| rows.starts[*i]).collect();
            let want: Vec<usize> = case
                .starts
                .iter()
                .filter(|p| (1..=bytes).contains(*p))
                .map(|p| p - 1)
                .collect();
            assert_eq!(starts, want, "{}", case.name);
        }
    });
}
