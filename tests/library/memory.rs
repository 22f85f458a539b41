//! What a model needs of the device's memory is known before any is taken.
use std::sync::Arc;

use crate::common::{MADE, VARIANTS, open};
use blt::Error;
use blt::device::{Device, DeviceOptions};
use blt::model::blt::{BltLoad, BltModel, HashTables};
use blt::model::entropy::EntropyModel;
use blt::model::memory::{MemoryPlan, RESERVE};
use blt::patch::{Rule, Scheme};
use blt::session::{BltOptions, BltSession};

async fn adapter_of(memory: Option<u64>) -> Arc<Device> {
    let options = DeviceOptions {
        memory,
        ..crate::common::options()
    };
    Device::open(&options).await.unwrap()
}

fn tables(hash_tables: HashTables) -> BltLoad {
    BltLoad {
        hash_tables,
        ..Default::default()
    }
}

fn every_byte() -> BltOptions {
    BltOptions {
        rule: Some(Rule::new(Scheme::Byte).unwrap()),
        ..Default::default()
    }
}

#[test]
fn the_plan_is_what_a_session_takes() {
    pollster::block_on(async {
        let device = adapter_of(None).await;
        for variant in VARIANTS.iter().chain(&MADE) {
            let checkpoint = Arc::new(open(variant));
            for (place, hf_compat) in [(HashTables::Device, false), (HashTables::Host, true)] {
                let load = BltLoad {
                    hf_compat,
                    ..tables(place)
                };
                let plan = MemoryPlan::of(&device, &checkpoint, &load).unwrap();
                let model = BltModel::load(&device, &checkpoint, load, |_| ()).await;
                let session = BltSession::new(&Arc::new(model.unwrap()), every_byte()).unwrap();
                assert_eq!(session.bytes(), plan.session, "{variant} {place:?}");
            }
        }
    });
}

#[test]
fn another_entropy_model_is_planned_for_too() {
    pollster::block_on(async {
        let device = adapter_of(None).await;
        let other = open("window");
        let weights = other.entropy_weights().unwrap();
        let entropy = EntropyModel::load(&device, &weights, |_| ()).await.unwrap();
        let load = BltLoad {
            entropy: Some(Arc::new(entropy)),
            ..Default::default()
        };
        let checkpoint = Arc::new(open("nopatcher"));
        let without = MemoryPlan::of(&device, &checkpoint, &BltLoad::default()).unwrap();
        let plan = MemoryPlan::of(&device, &checkpoint, &load).unwrap();
        let model = BltModel::load(&device, &checkpoint, load, |_| ()).await;
        let session = BltSession::new(&Arc::new(model.unwrap()), every_byte()).unwrap();
        assert_eq!(session.bytes(), plan.session);
        assert!(plan.adapter > without.adapter);
    });
}

#[test]
fn room_grows_by_the_planned_bytes_per_patch() {
    pollster::block_on(async {
        let device = adapter_of(None).await;
        let checkpoint = Arc::new(open("k4_proj"));
        let load = BltLoad::default();
        let plan = MemoryPlan::of(&device, &checkpoint, &load).unwrap();
        let model = Arc::new(
            BltModel::load(&device, &checkpoint, load, |_| ())
                .await
                .unwrap(),
        );
        let mut session = BltSession::new(&model, every_byte()).unwrap();
        session.prefill(&vec![b'a'; plan.patches]).await.unwrap();
        let more = session.bytes() - plan.session;
        assert!(
            more > 0 && more.is_multiple_of(plan.patch),
            "{more} {}",
            plan.patch
        );
        let patches = plan.patches as u64 + more / plan.patch;
        assert!(patches.is_power_of_two(), "{patches}");
    });
}

#[test]
fn what_does_not_fit_is_refused_before_it_is_allocated() {
    pollster::block_on(async {
        let checkpoint = Arc::new(open("k2_base"));
        let device = adapter_of(None).await;
        let of = |place| MemoryPlan::of(&device, &checkpoint, &tables(place)).unwrap();
        let (all, rest) = (of(HashTables::Device), of(HashTables::Host));
        assert_eq!(all.adapter, rest.adapter + rest.host);
        let enough = all.adapter + all.session + RESERVE;
        let least = rest.adapter + rest.session + RESERVE;
        assert!(least < enough);

        let refused = |memory: u64, place| {
            let checkpoint = Arc::clone(&checkpoint);
            async move {
                let device = adapter_of(Some(memory)).await;
                let mut uploaded = 0;
                let load = BltModel::load(&device, &checkpoint, tables(place), |n| uploaded += n);
                let result = load.await;
                match result {
                    Ok(model) => Ok(model.memory().host_tables),
                    Err(Error::OutOfMemory(sentence)) => {
                        assert_eq!(uploaded, 0);
                        Err(sentence)
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        };
        assert_eq!(refused(enough, HashTables::Device).await, Ok(false));
        assert_eq!(refused(enough, HashTables::Auto).await, Ok(false));
        assert_eq!(refused(enough - 1, HashTables::Auto).await, Ok(true));
        assert_eq!(refused(least, HashTables::Host).await, Ok(true));
        let sentence = refused(enough - 1, HashTables::Device).await.unwrap_err();
        assert!(sentence.contains("--hash-tables host"), "{sentence}");
        for place in [HashTables::Host, HashTables::Auto] {
            let sentence = refused(least - 1, place).await.unwrap_err();
            for part in [
                "128 MiB to spare",
                "MiB for weights",
                "MiB for a text",
                " has ",
                "smaller",
            ] {
                assert!(sentence.contains(part), "{sentence}");
            }
        }
    });
}

#[test]
fn a_text_with_too_many_patches_is_refused_before_room_is_made() {
    pollster::block_on(async {
        let checkpoint = Arc::new(open("k2_base"));
        let load = || tables(HashTables::Device);
        let plan = MemoryPlan::of(&*adapter_of(None).await, &checkpoint, &load()).unwrap();
        let memory = plan.adapter + plan.session + RESERVE;
        let device = adapter_of(Some(memory)).await;
        let model = Arc::new(
            BltModel::load(&device, &checkpoint, load(), |_| ())
                .await
                .unwrap(),
        );
        let mut session = BltSession::new(&model, every_byte()).unwrap();
        let error = session
            .prefill(&vec![b'a'; plan.patches])
            .await
            .unwrap_err();
        assert!(matches!(error, Error::OutOfMemory(_)), "{error}");
        assert!(error.to_string().contains(" patches needs "), "{error}");
        assert_eq!(session.bytes(), plan.session);
    });
}
