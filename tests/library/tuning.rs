//! A graphics adapter that is checked and tuned by the model that it is to run.

use std::sync::Arc;

use blt::bytes::{id_of, prompt};
use blt::checkpoint::Checkpoint;
use blt::device::faults::TierFault;
use blt::device::{AdapterChoice, Device, DeviceClass, DeviceOptions, Tier, Tune};
use blt::measure::tune::{Rates, Subject, TuningRecord, prepare};
use blt::model::blt::{BltLoad, BltModel};
use blt::model::entropy::EntropyModel;
use blt::patch::{Rule, Scheme};
use blt::session::{BltOptions, BltSession, EntropyOptions, EntropySession};
use pollster::block_on;

const SUBGROUPS: Tier = Tier::Subgroups;
const TEXT: &[u8] = b"The wind had dropped, and the snow, which fell in large flakes";

/// A graphics adapter, tuned even if it is a software driver.
fn options(tune: Tune) -> DeviceOptions {
    let name = crate::common::on_graphics().summary().name.clone();
    DeviceOptions {
        choice: AdapterChoice {
            adapter: Some(name),
            backend: None,
        },
        tune,
        ..DeviceOptions::default()
    }
}

fn has_subgroups() -> bool {
    let device = crate::common::on_graphics();
    device.summary().tier.includes(SUBGROUPS)
}

async fn entropy_model(device: &Arc<Device>) -> Arc<EntropyModel> {
    let checkpoint = Checkpoint::embedded().unwrap();
    let weights = checkpoint.entropy_weights().unwrap();
    Arc::new(EntropyModel::load(device, &weights, |_| ()).await.unwrap())
}

/// Entropies and patch starts of the text.
async fn numbers(model: &Arc<EntropyModel>) -> (Vec<f32>, Vec<bool>) {
    try_numbers(model).await.unwrap()
}

async fn try_numbers(model: &Arc<EntropyModel>) -> blt::Result<(Vec<f32>, Vec<bool>)> {
    let options = EntropyOptions {
        rule: Some(Rule::new(Scheme::Entropy { threshold: 1.3 }).unwrap()),
        ..EntropyOptions::default()
    };
    let mut session = EntropySession::new(model, options).unwrap();
    let rows = session.push(&prompt(TEXT)).await?;
    Ok((rows.entropies, rows.starts))
}

fn furthest(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    let all = got.iter().zip(want).map(|(got, want)| (got - want).abs());
    all.fold(0.0, f32::max)
}

async fn on_processor() -> (Vec<f32>, Vec<bool>) {
    let device = Device::open(&crate::common::of_processor()).await.unwrap();
    numbers(&entropy_model(&device).await).await
}

#[test]
fn a_tier_that_computes_wrong_numbers_is_left_and_that_is_said_once() {
    block_on(async {
        if !has_subgroups() {
            return;
        }
        let options = DeviceOptions {
            tier_fault: Some(TierFault::WrongNumbers(SUBGROUPS)),
            ..options(Tune::Again)
        };
        let (want, starts) = on_processor().await;
        let device = Device::open(&options).await.unwrap();
        let model = entropy_model(&device).await;
        // Unchecked, the adapter would have had its way.
        let unchecked = try_numbers(&model).await;
        assert!(unchecked.is_err() || furthest(&unchecked.unwrap().0, &want) > 0.1);

        let mut record = TuningRecord::new(device.summary());
        let subject = Subject::Entropy(&model);
        let done = prepare(&subject, &mut record).await.unwrap();
        let wrong = done.wrong.unwrap();
        assert_eq!(
            (wrong.tier.as_str(), wrong.instead.as_str()),
            ("subgroups", "base")
        );
        assert!(
            wrong
                .to_string()
                .contains("wrong numbers in the tier subgroups")
        );
        assert_eq!(device.tier(), Tier::Base);
        assert_eq!(device.features(), "base");
        let (entropies, found) = numbers(&model).await;
        assert!(furthest(&entropies, &want) < 1e-4);
        assert_eq!(found, starts);

        // Another start knows it already, checks nothing and says nothing.
        let options = DeviceOptions {
            tune: Tune::Auto,
            ..options
        };
        let device = Device::open(&options).await.unwrap();
        let model = entropy_model(&device).await;
        let before = record.clone();
        let done = prepare(&Subject::Entropy(&model), &mut record)
            .await
            .unwrap();
        assert_eq!((done.wrong, done.checked.0, done.timed.0), (None, 0, 0));
        assert_eq!((device.tier(), record), (Tier::Base, before));
        let (entropies, _) = numbers(&model).await;
        assert!(furthest(&entropies, &want) < 1e-4);
    });
}

#[test]
fn a_kernel_that_is_wrong_in_every_tier_is_an_error_that_says_what_to_do() {
    block_on(async {
        let options = DeviceOptions {
            tier: Some(Tier::Base),
            ..options(Tune::Again)
        };
        for (fault, what) in [
            (
                TierFault::WrongNumbers(Tier::Base),
                "computes wrong numbers even in",
            ),
            (
                TierFault::NotCompiled(Tier::Base),
                "does not even compile kernels of",
            ),
        ] {
            let options = DeviceOptions {
                tier_fault: Some(fault),
                ..options.clone()
            };
            let device = Device::open(&options).await.unwrap();
            let model = entropy_model(&device).await;
            let mut record = TuningRecord::default();
            let error = prepare(&Subject::Entropy(&model), &mut record)
                .await
                .unwrap_err();
            let said = error.to_string();
            assert!(said.contains(&format!("{what} the base tier")), "{said}");
            assert!(said.contains("--adapter cpu"), "{said}");
        }
    });
}

#[test]
fn a_tier_that_does_not_compile_is_left() {
    block_on(async {
        if !has_subgroups() {
            return;
        }
        let options = DeviceOptions {
            tier_fault: Some(TierFault::NotCompiled(SUBGROUPS)),
            ..options(Tune::Again)
        };
        let device = Device::open(&options).await.unwrap();
        let model = entropy_model(&device).await;
        let mut record = TuningRecord::new(device.summary());
        let done = prepare(&Subject::Entropy(&model), &mut record)
            .await
            .unwrap();
        let said = done.wrong.unwrap().to_string();
        assert!(
            said.contains("does not compile kernels of the tier subgroups"),
            "{said}"
        );
        assert_eq!(device.tier(), Tier::Base);
        let (want, starts) = on_processor().await;
        let (entropies, found) = numbers(&model).await;
        assert!(furthest(&entropies, &want) < 1e-4);
        assert_eq!(found, starts);
    });
}

#[test]
fn a_device_that_is_refused_with_a_tier_is_opened_with_the_next_lower() {
    block_on(async {
        let adapter = crate::common::on_graphics().summary().tier;
        let options = DeviceOptions {
            tier_fault: Some(TierFault::Refused(adapter)),
            ..options(Tune::Off)
        };
        match adapter.next_lower() {
            Some(lower) => {
                let device = Device::open(&options).await.unwrap();
                assert_eq!(device.tier(), lower);
                let (want, _) = on_processor().await;
                let (entropies, _) = numbers(&entropy_model(&device).await).await;
                assert!(furthest(&entropies, &want) < 1e-4);
            }
            None => assert!(Device::open(&options).await.is_err()),
        }
        // What was asked for is not replaced.
        let forced = DeviceOptions {
            tier: Some(adapter),
            ..options
        };
        let error = Device::open(&forced).await.unwrap_err();
        assert!(error.to_string().contains("refused on purpose"), "{error}");
    });
}

#[test]
fn a_model_is_tuned_once_and_its_numbers_stay() {
    block_on(async {
        let device = Device::open(&options(Tune::Again)).await.unwrap();
        let model = entropy_model(&device).await;
        let (before, starts) = numbers(&model).await;
        let mut record = TuningRecord::default();
        let subject = Subject::Entropy(&model);
        let done = prepare(&subject, &mut record).await.unwrap();
        assert_eq!(done.wrong, None);
        assert!(done.checked.0 > 10 && done.checked.0 == record.right.len());
        assert_eq!(done.timed.0, record.choices.len());
        let has_choice = device.tier() != Tier::Base;
        assert_eq!(has_choice, !record.choices.is_empty());
        for choice in &record.choices {
            assert!(choice.candidates.len() > 1 && !choice.shape().is_empty());
            let taken = choice
                .candidates
                .iter()
                .find(|(name, _)| *name == choice.taken);
            assert!(taken.unwrap().1.unwrap() > 0.0, "{choice:?}");
        }
        let (after, found) = numbers(&model).await;
        assert!(furthest(&after, &before) < 1e-4);
        assert_eq!(found, starts);

        // Another variant everywhere, as if an adapter liked it.
        for choice in &mut record.choices {
            let mut others = choice.candidates.iter().map(|(name, _)| name);
            choice.taken = others.find(|name| **name != choice.taken).unwrap().clone();
        }
        let kept = serde_json::to_vec(&record).unwrap();
        let record: TuningRecord = serde_json::from_slice(&kept).unwrap();
        let other = Device::open(&options(Tune::Again)).await.unwrap();
        record.use_on(&other);
        let model = entropy_model(&other).await;
        let (changed, found) = numbers(&model).await;
        assert!(furthest(&changed, &before) < 1e-4);
        assert_eq!(found, starts);
    });
}

/// The model inside the program continues a text greedily.
async fn greedy(model: &Arc<BltModel>) -> Vec<u8> {
    let mut session = BltSession::new(model, BltOptions::default()).unwrap();
    session.prefill(TEXT).await.unwrap();
    let mut text = Vec::new();
    for _ in 0..12 {
        let logit = |byte: &u8| session.logits()[id_of(*byte) as usize];
        let likelier = |a: &u8, b: &u8| logit(a).total_cmp(&logit(b));
        let byte = (0..=u8::MAX).max_by(likelier).unwrap();
        session.push(byte).await.unwrap();
        text.push(byte);
    }
    text
}

#[test]
fn the_whole_model_writes_the_same_bytes_tuned_or_not() {
    block_on(async {
        let checkpoint = Arc::new(Checkpoint::embedded().unwrap());
        let load = async |device: &Arc<Device>| {
            let load = BltModel::load(device, &checkpoint, BltLoad::default(), |_| ());
            Arc::new(load.await.unwrap())
        };
        let device = Device::open(&options(Tune::Again)).await.unwrap();
        let model = load(&device).await;
        let before = greedy(&model).await;
        let mut record = TuningRecord::default();
        let subject = Subject::Blt(&model, &checkpoint);
        let done = prepare(&subject, &mut record).await.unwrap();
        assert_eq!(greedy(&model).await, before);
        // A software driver is slower than the processor that it runs on.
        let software = device.summary().class == DeviceClass::Software;
        if let (true, Some(rates)) = (software, done.rates) {
            assert!(rates.processor_wins(), "{rates:?}");
        }
        let known: Vec<Option<Rates>> = record.models.values().copied().collect();
        assert!(known.is_empty() || known == [done.rates]);

        for choice in &mut record.choices {
            let mut others = choice.candidates.iter().map(|(name, _)| name);
            choice.taken = others.find(|name| **name != choice.taken).unwrap().clone();
        }
        let other = Device::open(&options(Tune::Auto)).await.unwrap();
        record.use_on(&other);
        assert_eq!(greedy(&load(&other).await).await, before);
    });
}

#[test]
fn a_record_that_is_broken_old_or_about_something_else_counts_for_nothing() {
    let adapter = crate::common::on_graphics().summary().clone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/record.json");
    let empty = TuningRecord::new(&adapter);
    assert_eq!(TuningRecord::read(&path, &adapter), empty);
    let full = TuningRecord {
        right: vec!["embed".to_owned()],
        ..empty.clone()
    };
    full.write(&path).unwrap();
    assert_eq!(TuningRecord::read(&path, &adapter), full);
    let mut newer = adapter.clone();
    newer.driver.push_str(" 2");
    assert_eq!(TuningRecord::read(&path, &newer), TuningRecord::new(&newer));
    for broken in ["", "{", "[]", "{\"right\": 3}", "{\"choices\": [{}]}"] {
        std::fs::write(&path, broken).unwrap();
        assert_eq!(TuningRecord::read(&path, &adapter), empty, "{broken}");
    }
    // A kernel that no longer exists.
    let text = serde_json::to_string(&full).unwrap().replace(
        "\"choices\":[]",
        "\"choices\":[{\"kernel\":\"gone\",\"grid\":[[1,0],[0,1]],\"flops\":1,\"bytes\":1,\
         \"candidates\":[[\"A=1\",1.0],[\"A=2\",null]],\"taken\":\"A=1\"}]",
    );
    std::fs::write(&path, text).unwrap();
    let read = TuningRecord::read(&path, &adapter);
    assert_eq!(read.choices.len(), 1);
    assert_eq!(read.choices[0].shape(), "");
    read.use_on(&crate::common::on_graphics());
    // A folder that cannot be made.
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(full.write(&file.join("record.json")).is_err());
}
