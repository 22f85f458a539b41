//! A device that is lost at every submission in turn, and one that has no memory at every
//! allocation in turn: an error in a sentence, and afterwards the same bytes as ever.

use std::sync::Arc;

use blt::Error;
use blt::checkpoint::Checkpoint;
use blt::device::faults::Faults;
use blt::device::{Device, DeviceOptions};
use blt::generate::{GenerateOptions, Generator, Given, Sampler, SamplerOptions, TextModel};
use blt::model::blt::{BltLoad, BltModel};
use blt::model::entropy::EntropyModel;
use blt::session::{BltOptions, BltSession, EditOptions, EditSession, FileScan, ScanOptions};

use crate::common::{of_processor, open};

fn checkpoint() -> Arc<Checkpoint> {
    Arc::new(open("gqa"))
}

async fn device(faults: Option<&Arc<Faults>>) -> Arc<Device> {
    let options = DeviceOptions {
        faults: faults.cloned(),
        ..of_processor()
    };
    Device::open(&options).await.unwrap()
}

/// What a run gives on a device with a fault: its result, or an error.
type Run = fn(Option<&Arc<Faults>>) -> blt::Result<Vec<u8>>;

fn generation(faults: Option<&Arc<Faults>>) -> blt::Result<Vec<u8>> {
    pollster::block_on(async {
        let device = device(faults).await;
        let checkpoint = checkpoint();
        let model = BltModel::load(&device, &checkpoint, BltLoad::default(), |_| ()).await?;
        let session = BltSession::new(&Arc::new(model), BltOptions::default())?;
        let mut model = TextModel::Blt(Box::new(session));
        let prompt = b"some words to begin with";
        let read = model
            .read(prompt, |_| std::ops::ControlFlow::Continue(()))
            .await?;
        let given = Given {
            text: prompt,
            starts: &read.starts,
            entropy: read.entropy,
        };
        let options = GenerateOptions {
            max_bytes: Some(12),
            ignore_end: true,
            ..GenerateOptions::default()
        };
        let sampler = Sampler::new(SamplerOptions::default())?;
        let mut generator = Generator::new(&mut model, &given, sampler, options)?;
        let mut bytes = Vec::new();
        while let Some(event) = generator.next().await? {
            if let blt::generate::Event::Byte(record) = event {
                bytes.extend(record.byte);
            }
        }
        Ok(bytes)
    })
}

fn bits(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

fn editing(faults: Option<&Arc<Faults>>) -> blt::Result<Vec<u8>> {
    pollster::block_on(async {
        let device = device(faults).await;
        let checkpoint = checkpoint();
        let weights = checkpoint.entropy_weights()?;
        let model = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await?);
        let mut session = EditSession::new(&model, EditOptions::default())?;
        let mut out = Vec::new();
        for text in [&b"a text"[..], b"a longer text", b"a text again"] {
            session.replace(text)?;
            while session.step().await? {}
            out.extend(bits(session.entropies().iter().copied()));
        }
        Ok(out)
    })
}

fn scanning(faults: Option<&Arc<Faults>>) -> blt::Result<Vec<u8>> {
    pollster::block_on(async {
        let device = device(faults).await;
        let checkpoint = checkpoint();
        let weights = checkpoint.entropy_weights()?;
        let model = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await?);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a file of a few words ".repeat(30)).unwrap();
        let mut scan = FileScan::open(file.path(), Some(&model), ScanOptions::default())?;
        while !scan.step(200).await?.finished {}
        let entropies = scan.entropies(0..scan.len())?;
        Ok(bits(entropies.into_iter().map(Option::unwrap_or_default)))
    })
}

const RUNS: [(&str, Run); 3] = [
    ("generation", generation),
    ("edit session", editing),
    ("scan", scanning),
];

fn sentence(error: &Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.lines().count() == 1, "{text:?}");
}

/// Every fault in turn, until a run is over before it.
fn each(fault: fn(u64) -> Faults, sound: fn(&Error) -> bool) {
    for (what, run) in RUNS {
        let whole = run(None).unwrap();
        assert!(!whole.is_empty(), "{what}");
        let mut faulty = 0;
        for at in 0.. {
            let faults = Arc::new(fault(at));
            match run(Some(&faults)) {
                Ok(bytes) => {
                    assert_eq!(bytes, whole, "{what}, {at}");
                    if !faults.has_been() {
                        break;
                    }
                }
                Err(error) => {
                    sentence(&error);
                    assert!(sound(&error), "{what}, {at}: {error:?}");
                    faulty += 1;
                }
            }
        }
        assert!(faulty > 3, "{what}: only {faulty} faults");
        // Nothing is left of them.
        assert_eq!(run(None).unwrap(), whole, "{what}");
    }
}

#[test]
fn a_device_lost_at_any_submission_is_said_and_the_next_gives_the_same() {
    each(Faults::lost_at, |error| {
        matches!(error, Error::DeviceLost(_))
    });
}

#[test]
fn memory_refused_at_any_allocation_is_said_and_the_next_gives_the_same() {
    each(Faults::refused_at, |error| {
        matches!(error, Error::OutOfMemory(_))
    });
}
