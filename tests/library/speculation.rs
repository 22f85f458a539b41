//! Bytes that are drafted and taken several at a time are those taken one by one,
//! with the same patches: over all golden checkpoints and by the embedded model.

use std::sync::Arc;

use crate::common::{folder, golden, rule_of};
use blt::bytes::{byte_of, id_of};
use blt::checkpoint::Checkpoint;
use blt::device::DeviceClass;
use blt::generate::{
    ByteModel, Event, GenerateOptions, Generator, Given, Sampler, SamplerOptions, Speculate,
    TextModel,
};
use blt::model::blt::{BltLoad, BltModel};
use blt::patch::Rule;
use blt::session::{BltOptions, BltSession};

/// What a model makes of a prompt: its events without those of drafts, the logits at
/// the end, and drafted and accepted bytes.
struct Made {
    events: Vec<Event>,
    logits: Vec<f32>,
    drafts: (usize, usize),
}

async fn made(
    model: &mut TextModel,
    prompt: &[u8],
    sampler: SamplerOptions,
    options: GenerateOptions,
) -> Made {
    let read = model
        .read(prompt, |_| std::ops::ControlFlow::Continue(()))
        .await
        .unwrap();
    let given = Given {
        text: prompt,
        starts: &read.starts,
        entropy: read.entropy,
    };
    let sampler = Sampler::new(sampler).unwrap();
    let mut generator = Generator::new(&mut *model, &given, sampler, options).unwrap();
    let (mut events, mut drafts) = (Vec::new(), (0, 0));
    while let Some(event) = generator.next().await.unwrap() {
        match event {
            Event::Draft { drafted, accepted } => {
                drafts = (drafts.0 + drafted, drafts.1 + accepted);
            }
            event => events.push(event),
        }
    }
    Made {
        events,
        logits: model.logits().to_vec(),
        drafts,
    }
}

fn close(a: Option<f32>, b: Option<f32>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-4,
        (a, b) => a == b,
    }
}

/// Fails unless two texts are the same, with the same patches and, but for the last
/// digits, the same numbers.
fn same(a: &Made, b: &Made, what: &str) {
    assert_eq!(a.events.len(), b.events.len(), "{what}");
    for (a, b) in a.events.iter().zip(&b.events) {
        let same = match (a, b) {
            (Event::Byte(a), Event::Byte(b)) => {
                let fixed = (a.index, a.byte, a.start, a.patch);
                fixed == (b.index, b.byte, b.start, b.patch)
                    && close(a.entropy, b.entropy)
                    && close(a.nll, b.nll)
            }
            (a, b) => a == b,
        };
        assert!(same, "{what}: {a:?} {b:?}");
    }
    for (a, b) in a.logits.iter().zip(&b.logits) {
        assert!(close(Some(*a), Some(*b)), "{what}: {a} {b}");
    }
}

async fn session(checkpoint: &Arc<Checkpoint>, rule: Rule) -> TextModel {
    let device = crate::common::device();
    let model = BltModel::load(&device, checkpoint, BltLoad::default(), |_| ()).await;
    let options = BltOptions {
        rule: Some(rule),
        ..BltOptions::default()
    };
    let session = BltSession::new(&Arc::new(model.unwrap()), options).unwrap();
    TextModel::Blt(Box::new(session))
}

fn most(max_bytes: u64, speculate: Speculate) -> GenerateOptions {
    GenerateOptions {
        max_bytes: Some(max_bytes),
        speculate,
        ..GenerateOptions::default()
    }
}

const SIZES: [Speculate; 5] = [
    Speculate::Bytes(2),
    Speculate::Bytes(4),
    Speculate::Bytes(8),
    Speculate::Bytes(16),
    Speculate::Bytes(32),
];

#[test]
fn greedy_texts_of_all_golden_checkpoints_stay_as_they_are() {
    // Few rows have the sums of a row alone there.
    let on_cpu = crate::common::device().summary().class == DeviceClass::Cpu;
    let (mut boundaries, mut texts) = (0, 0);
    for entry in std::fs::read_dir(folder("")).unwrap() {
        let variant = entry.unwrap().file_name().into_string().unwrap();
        if !folder(&variant).join("model.safetensors").exists() {
            continue;
        }
        let Ok(checkpoint) = Checkpoint::open(&folder(&variant).to_string_lossy()) else {
            continue;
        };
        if checkpoint.config().blt.is_none() {
            continue;
        }
        let checkpoint = Arc::new(checkpoint);
        pollster::block_on(async {
            let mut model = session(&checkpoint, rule_of(&checkpoint)).await;
            for input in ["ascii", "code", "empty", "korean"] {
                let Some(golden) = golden(&variant, input) else {
                    continue;
                };
                let prompt: Vec<u8> = golden.ids().iter().filter_map(|id| byte_of(*id)).collect();
                let prompt = &prompt[..prompt.len().min(100)];
                let greedy = SamplerOptions::default();
                let plain = made(&mut model, prompt, greedy, most(48, Speculate::Off)).await;
                for speculate in SIZES {
                    let own = made(&mut model, prompt, greedy, most(48, speculate)).await;
                    same(&plain, &own, &format!("{variant} {input} {speculate}"));
                    texts += 1;
                    assert!(own.drafts.0 >= own.drafts.1, "{:?}", own.drafts);
                    let few = matches!(speculate, Speculate::Bytes(..=8));
                    if few && on_cpu {
                        assert_eq!(plain.logits, own.logits, "{variant} {input} {speculate}");
                    }
                }
                let closed = |event: &&Event| matches!(event, Event::Boundary { .. });
                boundaries += plain.events.iter().filter(closed).count();
            }
        });
    }
    assert!(texts >= 150 && boundaries > 200, "{texts} {boundaries}");
}

#[cfg(feature = "embedded-model")]
const PROMPTS: [&str; 3] = [
    "The old house at the end of the street",
    "def read(path):\n    ",
    "서울은 대한민국의",
];

#[cfg(feature = "embedded-model")]
#[test]
fn texts_of_the_embedded_model_stay_as_they_are() {
    let checkpoint = Arc::new(Checkpoint::embedded().unwrap());
    let warm = SamplerOptions {
        temperature: 0.8,
        top_p: 0.95,
        repetition_penalty: 1.1,
        seed: 3,
        ..SamplerOptions::default()
    };
    pollster::block_on(async {
        let own = Rule::entropy(checkpoint.patching().threshold.unwrap()).unwrap();
        let rules = [own, Rule::new(blt::patch::Scheme::Space).unwrap()];
        for rule in rules {
            let mut model = session(&checkpoint, rule).await;
            for (prompt, sampler) in PROMPTS
                .iter()
                .flat_map(|prompt| [(prompt, SamplerOptions::default()), (prompt, warm)])
            {
                let prompt = prompt.as_bytes();
                let plain = made(&mut model, prompt, sampler, most(90, Speculate::Off)).await;
                for speculate in [Speculate::Bytes(4), Speculate::Bytes(16), Speculate::Auto] {
                    let own = made(&mut model, prompt, sampler, most(90, speculate)).await;
                    let text = String::from_utf8_lossy(prompt);
                    same(&plain, &own, &format!("{text} {speculate}"));
                    if speculate != Speculate::Auto {
                        let (drafted, accepted) = own.drafts;
                        assert!(accepted > 5 && accepted <= drafted, "{:?}", own.drafts);
                    }
                }
            }
        }
    });
}

#[cfg(feature = "embedded-model")]
#[test]
fn drafts_keep_to_characters_and_stop_strings() {
    let checkpoint = Arc::new(Checkpoint::embedded().unwrap());
    pollster::block_on(async {
        let rule = Rule::entropy(checkpoint.patching().threshold.unwrap()).unwrap();
        let mut model = session(&checkpoint, rule).await;
        for seed in 0..6 {
            let sampler = SamplerOptions {
                temperature: 1.2,
                seed,
                ..SamplerOptions::default()
            };
            let options = |speculate| GenerateOptions {
                utf8: blt::generate::Utf8Mode::Constrain,
                stops: vec![b" the ".to_vec(), "다.".as_bytes().to_vec()],
                ..most(70, speculate)
            };
            let prompt = PROMPTS[usize::from(seed % 2 == 0) * 2].as_bytes();
            let plain = made(&mut model, prompt, sampler, options(Speculate::Off)).await;
            for size in [3, 8] {
                let speculate = Speculate::Bytes(size);
                let own = made(&mut model, prompt, sampler, options(speculate)).await;
                same(&plain, &own, &format!("seed {seed}, {size}"));
                let byte = |event: &Event| match event {
                    Event::Byte(record) => record.byte,
                    _ => None,
                };
                let text: Vec<u8> = own.events.iter().filter_map(byte).collect();
                assert!(std::str::from_utf8(&text).is_ok());
            }
        }
    });
}

#[test]
fn a_draft_that_is_not_a_token_leaves_the_session_as_it_was() {
    let checkpoint = Arc::new(Checkpoint::open(&folder("k2_base").to_string_lossy()).unwrap());
    pollster::block_on(async {
        let device = crate::common::device();
        let model = BltModel::load(&device, &checkpoint, BltLoad::default(), |_| ()).await;
        let model = Arc::new(model.unwrap());
        let session = || BltSession::new(&model, BltOptions::default()).unwrap();
        let (mut one, mut other) = (session(), session());
        one.prefill(b"some words and more").await.unwrap();
        other.prefill(b"some words and more").await.unwrap();
        let mut named = 0;
        let failed = one.push_ahead(id_of(b'a'), 8, |_, _| {
            named += 1;
            Some(if named < 4 { id_of(b'b') } else { 9999 })
        });
        let error = failed.await.unwrap_err();
        assert_eq!(error.to_string(), "9999 is not a token");
        for byte in b"abbc, and so on." {
            one.push(*byte).await.unwrap();
            other.push(*byte).await.unwrap();
        }
        assert_eq!(one.patches(), other.patches());
        for (a, b) in one.logits().iter().zip(other.logits()) {
            assert!(close(Some(*a), Some(*b)), "{a} {b}");
        }
    });
}
