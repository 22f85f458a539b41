//! The entropy model inside the embedded one against PyTorch's f32 entropies of the
//! same rounded weights, and where the weights are.
use std::sync::Arc;

use blt::checkpoint::{BlockWeights, Checkpoint, TensorData, TensorView};
use blt::device::{Device, DeviceOptions, Tier};
use blt::model::blt::{BltLoad, BltModel};
use blt::model::entropy::EntropyModel;
use blt::patch::{Rule, Scheme};
use blt::session::{BltOptions, BltSession, EntropyOptions, EntropySession};

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
        serde_json::from_str(include_str!("../fixtures/embedded_entropy.json")).unwrap();
    pollster::block_on(async {
        let options = DeviceOptions {
            tier: Some(Tier::Base),
            ..crate::common::options()
        };
        let device = Device::open(&options).await.unwrap();
        let checkpoint = Checkpoint::embedded().unwrap();
        assert_eq!(checkpoint.patching().threshold, Some(fixture.threshold));
        let weights = checkpoint.entropy_weights().unwrap();
        let model = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap());
        let rule = Some(Rule::entropy(fixture.threshold).unwrap());
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

fn of_block<'a>(block: &BlockWeights<'a>) -> [TensorView<'a>; 9] {
    [
        block.attention_norm,
        block.q,
        block.k,
        block.v,
        block.o,
        block.mlp_norm,
        block.gate,
        block.up,
        block.down,
    ]
}

#[test]
fn its_weights_stay_in_the_program_and_are_aligned() {
    let [first, second] = [(), ()].map(|()| Checkpoint::embedded().unwrap());
    let addresses = |checkpoint: &Checkpoint| -> Vec<usize> {
        let entropy = checkpoint.entropy_weights().unwrap();
        let blt = checkpoint.blt_weights().unwrap();
        let blocks = [&entropy.layers, &blt.encoder, &blt.latent, &blt.decoder];
        let mut all: Vec<TensorView<'_>> =
            blocks.into_iter().flatten().flat_map(of_block).collect();
        all.extend([entropy.embed, entropy.lm_head, blt.embed, blt.head]);
        all.extend(blt.hash_tables);
        all.iter()
            .map(|tensor| {
                let (bytes, size) = match tensor.data {
                    TensorData::Packed(packed) => (packed.numbers, 4),
                    _ => (tensor.bytes().unwrap(), tensor.dtype.size()),
                };
                let address = bytes.as_ptr().addr();
                assert!(address.is_multiple_of(size), "{}", tensor.name);
                address
            })
            .collect()
    };
    // A copy would be somewhere else each time.
    assert_eq!(addresses(&first), addresses(&second));
}

/// The latent model's steps count for the patches that there are, not for as many as could be.
#[test]
fn a_profile_counts_the_rows_that_were_computed() {
    let flops = |bytes_of_a_patch: u32| {
        pollster::block_on(async {
            let device = Device::open(&crate::common::of_processor()).await.unwrap();
            let checkpoint = Arc::new(Checkpoint::embedded().unwrap());
            let model = BltModel::load(&device, &checkpoint, BltLoad::default(), |_| ());
            let scheme = Scheme::Static {
                size: bytes_of_a_patch,
            };
            let options = BltOptions {
                rule: Some(Rule::new(scheme).unwrap()),
                profile: true,
                ..Default::default()
            };
            let model = Arc::new(model.await.unwrap());
            let mut session = BltSession::new(&model, options).unwrap();
            session.prefill_ids(&[20; 96]).await.unwrap();
            let all = session.profile();
            let linear = all
                .entries()
                .filter(|(label, _)| *label == "linear gate up");
            linear.map(|(_, entry)| entry.flops).sum::<f64>()
        })
    };
    // Three latent blocks are most of the work if each byte is a patch.
    assert!(flops(1) > 1.8 * flops(8));
}
