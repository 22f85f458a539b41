//! Sessions against the same text read at once, on the processor.

use std::sync::Arc;

use blt::bytes::id_of;
use blt::checkpoint::{Checkpoint, Environment};
use blt::device::{AdapterChoice, Device, DeviceOptions};
use blt::generate::{ByteModel as _, TextModel};
use blt::model::blt::{BltLoad, BltModel};
use blt::model::entropy::EntropyModel;
use blt::session::{BltOptions, BltSession, EntropyOptions, EntropySession};
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::{run, tests};

fn checkpoint() -> Arc<Checkpoint> {
    let path = tests().join("oracle/gqa");
    Arc::new(Checkpoint::open_in(path.to_str().unwrap(), &Environment::default()).unwrap())
}

fn device() -> Arc<Device> {
    let options = DeviceOptions {
        choice: AdapterChoice {
            adapter: Some("cpu".to_owned()),
            ..AdapterChoice::default()
        },
        ..DeviceOptions::default()
    };
    pollster::block_on(Device::open(&options)).unwrap()
}

fn text(rng: &mut StdRng, most: usize) -> Vec<u8> {
    let count = rng.random_range(0..most);
    (0..count)
        .map(|_| match rng.random_range(0..8) {
            0 => b' ',
            1 => rng.random(),
            _ => rng.random_range(b'a'..=b'z'),
        })
        .collect()
}

/// A few operations; then the logits are those of the text read at once, unless an entropy is
/// so near to the threshold that rounding decides whether a patch starts.
fn operations(model: &mut TextModel, fresh: &mut TextModel, threshold: f32, rng: &mut StdRng) {
    pollster::block_on(async {
        let go_on = |_| std::ops::ControlFlow::Continue(());
        let mut plain = text(rng, 80);
        model.read(&plain, go_on).await.unwrap();
        for _ in 0..rng.random_range(1..6) {
            match rng.random_range(0..4) {
                0 => {
                    let left = rng.random_range(0..=plain.len());
                    if model.truncate(left + 1).await.unwrap() {
                        plain.truncate(left);
                    }
                }
                1 => {
                    plain = text(rng, 80);
                    model.read(&plain, go_on).await.unwrap();
                }
                _ => {
                    for byte in text(rng, 12) {
                        model.push(id_of(byte)).await.unwrap();
                        plain.push(byte);
                    }
                }
            }
        }
        let read = fresh.read(&plain, go_on).await.unwrap();
        if let (TextModel::Blt(model), TextModel::Blt(fresh)) = (&*model, &*fresh)
            && let Some(at) =
                // The last entropy decides about the byte that is still to come.
                (1..=plain.len() + 1).find(|at| model.starts_at(*at) != fresh.starts_at(*at))
        {
            let entropy = read.entropies[at - 1];
            let far = (entropy - threshold).abs();
            assert!(
                far < 1e-5,
                "position {at} starts a patch or not at {entropy} nats"
            );
            // Everything behind it is of other patches.
            return;
        }
        let pairs = model.logits().iter().zip(fresh.logits());
        for (at, (a, b)) in pairs.enumerate() {
            assert!((a - b).abs() < 1e-4, "logit {at}: {a}, {b}");
        }
    });
}

#[test]
fn entropy_sessions() {
    let (device, checkpoint) = (device(), checkpoint());
    let weights = checkpoint.entropy_weights().unwrap();
    let model =
        Arc::new(pollster::block_on(EntropyModel::load(&device, &weights, |_| ())).unwrap());
    let session = || {
        let session = EntropySession::new(&model, EntropyOptions::default()).unwrap();
        TextModel::Entropy(Box::new(session))
    };
    let (mut one, mut other) = (session(), session());
    let threshold = checkpoint.patching().threshold.unwrap();
    run(&[], 50, |rng| {
        operations(&mut one, &mut other, threshold, rng);
    });
}

#[test]
fn whole_sessions() {
    let (device, checkpoint) = (device(), checkpoint());
    let loading = BltModel::load(&device, &checkpoint, BltLoad::default(), |_| ());
    let model = Arc::new(pollster::block_on(loading).unwrap());
    let session = || {
        let session = BltSession::new(&model, BltOptions::default()).unwrap();
        TextModel::Blt(Box::new(session))
    };
    let (mut one, mut other) = (session(), session());
    let threshold = checkpoint.patching().threshold.unwrap();
    run(&[192_848, 219_188], 100, |rng| {
        operations(&mut one, &mut other, threshold, rng);
    });
}
