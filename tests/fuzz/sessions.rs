//! Sessions against the same text read at once, on the processor.

use std::sync::Arc;

use blt::bytes::{BOS, id_of};
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
            && near_the_threshold(model, fresh, &read.entropies, threshold)
        {
            // Everything behind it is of other patches.
            return;
        }
        same_logits(model.logits(), fresh.logits());
    });
}

/// Do the sessions have different patches, because an entropy is so near to the threshold
/// that rounding decides?
fn near_the_threshold(
    one: &BltSession,
    other: &BltSession,
    entropies: &[f32],
    threshold: f32,
) -> bool {
    // Behind the last byte of the text its entropy decides whether the next one starts a patch.
    let mut positions = 1..=entropies.len();
    let Some(at) = positions.find(|at| one.starts_at(*at) != other.starts_at(*at)) else {
        return false;
    };
    let entropy = entropies[at - 1];
    assert!(
        (entropy - threshold).abs() < 1e-5,
        "position {at} starts a patch or not at {entropy} nats"
    );
    true
}

fn same_logits(one: &[f32], other: &[f32]) {
    assert_eq!(one.len(), other.len());
    for (at, (a, b)) in one.iter().zip(other).enumerate() {
        assert!((a - b).abs() < 1e-4, "logit {at}: {a}, {b}");
    }
}

/// Pushes, rewinds, truncations and forks; then both sides of every fork are the text that
/// they have, read at once.
fn branches(
    sessions: &mut Vec<BltSession>,
    fresh: &mut TextModel,
    threshold: f32,
    rng: &mut StdRng,
) {
    pollster::block_on(async {
        let go_on = |_| std::ops::ControlFlow::Continue(());
        // The first of them goes on from BOS.
        sessions.truncate(1);
        sessions[0].truncate(1).await.unwrap();
        let mut texts = vec![Vec::new()];
        for _ in 0..rng.random_range(2..9) {
            let at = rng.random_range(0..sessions.len());
            let branches = sessions.len();
            let (session, plain) = (&mut sessions[at], &mut texts[at]);
            match rng.random_range(0..6) {
                0 => {
                    let left = rng.random_range(0..=plain.len());
                    session.truncate(left + 1).await.unwrap();
                    plain.truncate(left);
                }
                1 => {
                    let left = rng.random_range(0..=plain.len());
                    if session.rewind(left + 1) {
                        plain.truncate(left);
                    }
                }
                2 if branches < 3 => {
                    let (session, plain) = (session.fork().unwrap(), plain.clone());
                    sessions.push(session);
                    texts.push(plain);
                }
                3 => {
                    let more = text(rng, 60);
                    session.prefill(&more).await.unwrap();
                    plain.extend(more);
                }
                _ => {
                    for byte in text(rng, 12) {
                        session.push(byte).await.unwrap();
                        plain.push(byte);
                    }
                }
            }
        }
        for (session, plain) in sessions.iter_mut().zip(&mut texts) {
            // After a rewind there are no logits until the next byte.
            session.push(b'e').await.unwrap();
            plain.push(b'e');
            let read = fresh.read(plain, go_on).await.unwrap();
            let TextModel::Blt(fresh) = &*fresh else {
                unreachable!("a whole model");
            };
            if !near_the_threshold(session, fresh, &read.entropies, threshold) {
                same_logits(session.logits(), fresh.logits());
            }
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

#[test]
fn branches_of_sessions() {
    let (device, checkpoint) = (device(), checkpoint());
    let loading = BltModel::load(&device, &checkpoint, BltLoad::default(), |_| ());
    let model = Arc::new(pollster::block_on(loading).unwrap());
    let session = || BltSession::new(&model, BltOptions::default()).unwrap();
    let (mut sessions, mut fresh) = (vec![session()], TextModel::Blt(Box::new(session())));
    pollster::block_on(sessions[0].prefill_ids(&[BOS])).unwrap();
    let threshold = checkpoint.patching().threshold.unwrap();
    run(&[], 100, |rng| {
        branches(&mut sessions, &mut fresh, threshold, rng);
    });
}
