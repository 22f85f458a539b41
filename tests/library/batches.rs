//! What a batch says of a text is what the text says alone: on both devices, with
//! random texts of any length, with EOS and NUL inside. Failing cases shrink.

use std::ops::ControlFlow;
use std::sync::Arc;

use blt::Error;
use blt::bytes::{BOS, EOS, prompt};
use blt::device::Device;
use blt::model::entropy::EntropyModel;
use blt::patch::{Rule, Scheme};
use blt::session::{
    ContextOptions, Cut, EntropyOptions, EntropyRows, EntropySession, TextBatch, TextOptions,
    TextSession,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::common::{device, of_processor, on_graphics, open, rule_of};

const CLOSE: f32 = 1e-5;

fn load(device: &Arc<Device>, variant: &str, windowless: bool) -> (Arc<EntropyModel>, Rule) {
    let checkpoint = open(variant);
    let mut weights = checkpoint.entropy_weights().unwrap();
    if windowless {
        weights.config.window = None;
    }
    let loading = EntropyModel::load(device, &weights, |_| ());
    let model = Arc::new(pollster::block_on(loading).unwrap());
    (model, rule_of(&checkpoint))
}

fn token() -> impl Strategy<Value = u32> {
    prop_oneof![
        20 => 36u32..130,
        4 => 4u32..260,
        2 => Just(4u32),
        1 => Just(EOS),
        1 => Just(4 + u32::from(b'\n')),
    ]
}

fn text(longest: usize) -> impl Strategy<Value = Vec<u32>> {
    let tokens = prop_oneof![
        6 => prop::collection::vec(token(), 0..80),
        3 => prop::collection::vec(token(), 0..600),
        1 => prop::collection::vec(token(), 0..=longest),
    ];
    // A text that is empty to the last token is one too.
    (prop::bool::weighted(0.9), tokens).prop_map(|(bos, mut tokens)| {
        if bos {
            tokens.insert(0, BOS);
        }
        tokens
    })
}

fn batch(model: &Arc<EntropyModel>, rule: &Rule, context: ContextOptions) -> TextBatch {
    let options = TextOptions {
        context,
        best: 2,
        ..TextOptions::of_rule(rule.clone())
    };
    TextBatch::new(model, options).unwrap()
}

fn context() -> impl Strategy<Value = ContextOptions> {
    let every = prop_oneof![3 => Just(None), 1 => (1u64..400).prop_map(Some)];
    (any::<bool>(), every).prop_map(|(reset_at_newline, reset_every)| ContextOptions {
        reset_at_newline,
        reset_every,
    })
}

fn runner(cases: u32) -> TestRunner {
    let config = Config {
        cases,
        max_shrink_iters: 64,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn differs(a: Option<f32>, b: Option<f32>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() > CLOSE * a.abs().max(1.0),
        (a, b) => a != b,
    }
}

/// Whether rounding may move a patch of a text.
fn is_on_the_edge(rule: &Rule, entropies: &[f32]) -> bool {
    let Scheme::Entropy { threshold } = rule.scheme() else {
        return false;
    };
    entropies.iter().any(|h| (h - threshold).abs() < CLOSE)
}

fn compare(alone: &EntropyRows, packed: &EntropyRows) -> Result<(), TestCaseError> {
    prop_assert_eq!(alone.entropies.len(), packed.entropies.len());
    for (row, (a, b)) in alone.entropies.iter().zip(&packed.entropies).enumerate() {
        prop_assert!(!differs(Some(*a), Some(*b)), "entropy {}: {} {}", row, a, b);
    }
    prop_assert_eq!(alone.nlls.len(), packed.nlls.len());
    for (row, (a, b)) in alone.nlls.iter().zip(&packed.nlls).enumerate() {
        prop_assert!(!differs(*a, *b), "nll {}: {:?} {:?}", row, a, b);
    }
    prop_assert_eq!(alone.best.len(), packed.best.len());
    Ok(())
}

/// Random batches against their texts, one by one.
fn a_batch_is_its_texts(device: &Arc<Device>, variant: &str, windowless: bool, cases: u32) {
    let (model, rule) = load(device, variant, windowless);
    let longest = if windowless { 900 } else { 3000 };
    let strategy = (prop::collection::vec(text(longest), 0..12), context());
    let compared = std::cell::Cell::new(0);
    let run = runner(cases).run(&strategy, |(texts, context)| {
        let mut batch = batch(&model, &rule, context);
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let packed = pollster::block_on(batch.rows(&texts)).unwrap();
        prop_assert_eq!(packed.len(), texts.len());
        let options = EntropyOptions {
            context,
            rule: Some(rule.clone()),
            best: 2,
            ..EntropyOptions::default()
        };
        let mut session = EntropySession::new(&model, options).unwrap();
        for (text, packed) in texts.iter().zip(&packed) {
            session.reset();
            let alone = pollster::block_on(session.push(text)).unwrap();
            compare(&alone, packed)?;
            if !is_on_the_edge(&rule, &alone.entropies) {
                prop_assert_eq!(&alone.starts, &packed.starts);
                compared.set(compared.get() + 1);
            }
        }
        Ok(())
    });
    if let Err(failure) = run {
        panic!("{variant}, windowless {windowless}: {failure}");
    }
    assert!(compared.get() > 2 * cases, "{}", compared.get());
}

#[test]
fn packed_is_alone() {
    let device = device();
    for (variant, cases) in [("k2_base", 16), ("window", 32), ("gqa", 16)] {
        a_batch_is_its_texts(&device, variant, false, cases);
    }
}

#[test]
fn packed_is_alone_without_a_window() {
    a_batch_is_its_texts(&device(), "window", true, 12);
}

#[test]
fn packed_is_alone_on_a_graphics_adapter() {
    a_batch_is_its_texts(&on_graphics(), "window", false, 6);
}

/// On the processor not even the last bit of a text tells which others were read with it.
#[test]
fn batches_may_be_cut_anywhere() {
    let device = pollster::block_on(Device::open(&of_processor())).unwrap();
    for variant in ["k2_base", "window"] {
        let (model, rule) = load(&device, variant, false);
        let strategy = (prop::collection::vec(text(900), 1..12), context());
        let run = runner(24).run(&strategy, |(texts, context)| {
            let mut batch = batch(&model, &rule, context);
            let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            let together = pollster::block_on(batch.rows(&texts)).unwrap();
            for size in 1..texts.len() {
                let some = texts.chunks(size);
                let cut = some.map(|some| pollster::block_on(batch.rows(some)).unwrap());
                let cut: Vec<_> = cut.flatten().collect();
                prop_assert!(together == cut, "{} at a time", size);
            }
            Ok(())
        });
        if let Err(failure) = run {
            panic!("{variant}: {failure}");
        }
    }
}

/// Random bytes as records, by every rule that has no kernel too.
#[test]
fn records_of_a_batch_are_those_of_its_texts() {
    let device = device();
    let (model, entropy) = load(&device, "k2_base", false);
    let rules = [
        entropy.clone(),
        entropy.with_max_patch_length(Some(6)).unwrap(),
        Rule::new(Scheme::Monotonic { threshold: 0.05 }).unwrap(),
        Rule::new(Scheme::Space).unwrap(),
        Rule::new(Scheme::Static { size: 3 }).unwrap(),
        Rule::new(Scheme::DelimiterPredicted).unwrap(),
    ];
    let bytes = prop_oneof![4 => 32u8..127, 1 => any::<u8>(), 1 => Just(0u8)];
    let texts = prop::collection::vec(prop::collection::vec(bytes, 0..300), 0..9);
    let run = runner(30).run(&(texts, 0..rules.len()), |(texts, rule)| {
        let options = TextOptions::of_rule(rules[rule].clone());
        let mut batch = TextBatch::new(&model, options.clone()).unwrap();
        let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let packed = pollster::block_on(batch.records(&texts)).unwrap();
        let mut session = TextSession::new(Some(&model), options).unwrap();
        for (text, packed) in texts.iter().zip(packed) {
            session.reset();
            let mut alone = pollster::block_on(session.push(text)).unwrap();
            alone.extend(pollster::block_on(session.finish()).unwrap());
            prop_assert_eq!(alone.len(), packed.len());
            for (a, b) in alone.iter().zip(&packed) {
                prop_assert_eq!((a.index, a.byte), (b.index, b.byte));
                prop_assert!(!differs(a.entropy, b.entropy), "{:?} {:?}", a, b);
                prop_assert!(!differs(a.nll, b.nll), "{:?} {:?}", a, b);
            }
            let patches = |records: &[blt::record::ByteRecord]| {
                records
                    .iter()
                    .map(|r| (r.start, r.patch))
                    .collect::<Vec<_>>()
            };
            prop_assert_eq!(patches(&alone), patches(&packed), "{:?}", rules[rule]);
        }
        Ok(())
    });
    if let Err(failure) = run {
        panic!("{failure}");
    }
}

#[test]
fn a_batch_that_was_given_up_leaves_the_reader_usable() {
    let (model, rule) = load(&device(), "k2_base", false);
    let mut batch = TextBatch::new(&model, TextOptions::of_rule(rule)).unwrap();
    let (short, long) = (prompt(b"short"), prompt(&[b'x'; 2000]));
    let texts = [short.as_slice(), &long, &short];
    let want = pollster::block_on(batch.rows(&texts)).unwrap();
    let mut runs = 0;
    let stopped = pollster::block_on(batch.rows_while(&texts, |tokens| {
        assert!(tokens > 0);
        runs += 1;
        match runs {
            3 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }));
    assert!(matches!(stopped, Err(Error::Interrupted)));
    let again = pollster::block_on(batch.rows(&texts)).unwrap();
    assert_eq!(again, want);
    assert!(pollster::block_on(batch.rows(&[])).unwrap().is_empty());
}

#[test]
fn a_cut_over_the_whole_text_is_refused() {
    let (model, _) = load(&device(), "k2_base", false);
    let options = TextOptions {
        cut: Cut::Largest { size: 4 },
        ..TextOptions::of_rule(Rule::new(Scheme::Byte).unwrap())
    };
    let refused = TextBatch::new(&model, options).err().unwrap().to_string();
    assert!(refused.contains("threshold"), "{refused}");
}
