//! A text that is being edited has the numbers of a text that is computed afresh.
use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use blt::bytes::prompt;
use blt::checkpoint::{
    BlockWeights, Dtype, EntropyConfig, EntropyWeights, StackConfig, TensorData, TensorView,
};
use blt::device::{Device, DeviceClass, DeviceOptions, Tier};
use blt::model::entropy::EntropyModel;
use blt::session::{
    ContextOptions, EditOptions, EditSession, EntropyOptions, EntropyRows, EntropySession,
};
use proptest::prelude::*;

/// In nats, of texts that are short.
const TOLERANCE: f32 = 1e-4;
/// What was moved keeps its rotary positions, and a fresh text has others. Angles are
/// rounded to f32, so that differences of positions are not exact: at 4096 some 1e-4
/// radians, and nats.
const TOLERANCE_OF_LONG: f32 = 3e-4;
/// Where no byte changes its place.
#[cfg(feature = "embedded-model")]
const TOLERANCE_IN_PLACE: f32 = 1e-5;

/// Two layers, with another window than they were made for.
async fn model(window: Option<u32>) -> Arc<EntropyModel> {
    deep_model(1, window).await
}

/// The same layers over and over.
async fn deep_model(times: usize, window: Option<u32>) -> Arc<EntropyModel> {
    let device = crate::common::device();
    let checkpoint = crate::common::open("window");
    let mut weights = checkpoint.entropy_weights().unwrap();
    for _ in 1..times {
        let more = checkpoint.entropy_weights().unwrap();
        weights.layers.extend(more.layers);
    }
    weights.config.stack.layers = u32::try_from(weights.layers.len()).unwrap();
    weights.config.window = window;
    Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap())
}

/// Bytes that the inputs of its layers take of so many rows.
fn input_bytes(model: &EntropyModel, rows: usize) -> u64 {
    let checkpoint = crate::common::open("window");
    let hidden = checkpoint
        .entropy_weights()
        .unwrap()
        .config
        .stack
        .hidden_size;
    let values = (model.layers() - 1) * hidden as usize;
    (rows * values * 4) as u64
}

/// What a session may keep, and how it computes.
#[derive(Clone, Copy, Debug)]
struct Kept {
    context: ContextOptions,
    snapshots: u64,
    /// Rows of which the inputs of layers are kept.
    inputs: usize,
    rows_per_step: usize,
}

impl Kept {
    /// With pieces so small that short texts have many.
    fn in_small_pieces(context: ContextOptions, snapshots: u64) -> Self {
        Self {
            context,
            snapshots,
            inputs: 10_000,
            rows_per_step: 7,
        }
    }

    fn session(&self, model: &Arc<EntropyModel>) -> EditSession {
        let one = EntropySession::new(model, EntropyOptions::default())
            .unwrap()
            .snapshot_bytes();
        let options = EditOptions {
            context: self.context,
            snapshot_bytes: self.snapshots * one,
            snapshot_every: 10,
            layer_input_bytes: input_bytes(model, self.inputs),
            rows_per_step: self.rows_per_step,
            keep_best: true,
        };
        EditSession::new(model, options).unwrap()
    }
}

/// Two tokens whose ln p differ by less are as likely as each other: rounding decides
/// which is first.
const TIE: f32 = 1e-3;

/// What a session that reads the text for the first time says of it.
struct Fresh {
    session: EntropySession,
}

impl Fresh {
    fn new(model: &Arc<EntropyModel>, context: ContextOptions) -> Self {
        let options = EntropyOptions {
            context,
            best: 2,
            ..Default::default()
        };
        Self {
            session: EntropySession::new(model, options).unwrap(),
        }
    }

    async fn numbers(&mut self, text: &[u8]) -> EntropyRows {
        self.session.reset();
        self.session.push(&prompt(text)).await.unwrap()
    }

    /// Asserts that everything is right that is not stale.
    async fn agrees(&mut self, edited: &EditSession, tolerance: f32, at: &str) {
        let rows = self.numbers(edited.bytes()).await;
        let entropies = rows.entropies;
        let nlls: Vec<f32> = rows.nlls[1..].iter().map(|nll| nll.unwrap()).collect();
        assert_eq!(edited.entropies().len(), entropies.len(), "{at}");
        assert_eq!(edited.nlls().len(), nlls.len(), "{at}");
        let keeps_best = !edited.best().is_empty();
        assert!(
            !keeps_best || edited.best().len() == entropies.len(),
            "{at}"
        );
        let stale = |row: &usize| edited.stale_ranges().iter().any(|r| r.contains(row));
        let close = |got: f32, want: f32| (got - want).abs() < tolerance;
        for row in (0..entropies.len()).filter(|row| !stale(row)) {
            let (got, want) = (edited.entropies()[row], entropies[row]);
            assert!(close(got, want), "{at}: {got} for {want} at {row}");
            if keeps_best {
                let best = &rows.best[row];
                let got = edited.best()[row];
                let is_tie = best[0].1 - best[1].1 < TIE;
                let is_first = got == Some(best[0].0);
                let is_second = got == Some(best[1].0);
                assert!(
                    is_first || is_tie && is_second,
                    "{at}: {got:?} at {row}: {best:?}"
                );
            }
            if let Some(want) = nlls.get(row) {
                let got = edited.nlls()[row];
                let difference = (got - want).abs() / want.max(1.0);
                assert!(
                    difference < 2.0 * tolerance,
                    "{at}: nll {got} for {want} at {row}"
                );
            }
        }
    }
}

async fn finish(edited: &mut EditSession) {
    while edited.step().await.unwrap() {}
    assert_eq!(edited.stale(), None);
}

/// The numbers on the device are those on the host, to the bit.
async fn cells_agree(model: &EntropyModel, edited: &EditSession, at: &str) {
    let bytes = model.device().read(edited.cells().all()).await.unwrap();
    let cells: Vec<[f32; 2]> = bytemuck::pod_collect_to_vec(&bytes);
    for (row, entropy) in edited.entropies().iter().enumerate() {
        let [got, log_p] = cells[row];
        assert_eq!(got.to_bits(), entropy.to_bits(), "{at}: row {row}");
        match edited.nlls().get(row) {
            Some(nll) => assert_eq!((0.0 - log_p).max(0.0), *nll, "{at}: row {row}"),
            None => assert_eq!(log_p, 0.0, "{at}"),
        }
    }
}

#[derive(Clone, Debug)]
enum Action {
    /// Replaces a part of the text: its start and length in thousandths of the text.
    Edit(u32, u32, Vec<u8>),
    /// One after the other at the same place, with as many steps after each.
    Type(u32, Vec<u8>, u32),
    /// Takes bytes back from a place on.
    Backspace(u32, u32),
    Replace(Vec<u8>),
    Steps(u32),
    Prepare(u32),
    Look(u32),
    /// Begins a step and gives it up.
    Drop,
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "the cat ",
        "\n",
        "바이트 ",
        "한글은 어떻게\n",
        "0123456789",
        "zz",
        "\u{1f600}",
        "fn main() {}\n",
    ]);
    prop_oneof![
        4 => prop::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat().into_bytes()),
        2 => prop::collection::vec(any::<u8>(), 0..4),
        1 => prop::collection::vec(prop::sample::select(b"ab \n".to_vec()), 20..120),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    // Starts, middles and ends are as likely as each other.
    let place = || prop_oneof![Just(0), 0u32..1000, Just(1000)];
    let length = prop_oneof![3 => Just(0), 2 => 0u32..200, 1 => 0u32..1000];
    prop_oneof![
        6 => (place(), length, text()).prop_map(|(at, length, with)| Action::Edit(at, length, with)),
        3 => (place(), text(), 0u32..3).prop_map(|(at, keys, steps)| Action::Type(at, keys, steps)),
        2 => (place(), 1u32..12).prop_map(|(at, count)| Action::Backspace(at, count)),
        1 => text().prop_map(Action::Replace),
        4 => (0u32..6).prop_map(Action::Steps),
        2 => place().prop_map(Action::Prepare),
        1 => place().prop_map(Action::Look),
        1 => Just(Action::Drop),
    ]
}

fn place_in(text: &[u8], thousandths: u32) -> usize {
    text.len() * thousandths as usize / 1000
}

async fn act(edited: &mut EditSession, want: &mut Vec<u8>, action: &Action) {
    let steps = async |edited: &mut EditSession, count: u32| {
        for _ in 0..count {
            edited.step().await.unwrap();
        }
    };
    match action {
        Action::Edit(at, length, with) => {
            let at = place_in(want, *at);
            let end = (at + place_in(want, *length)).min(want.len());
            want.splice(at..end, with.iter().copied());
            edited.edit(at..end, with).unwrap();
        }
        Action::Type(at, keys, count) => {
            let at = place_in(want, *at);
            for (at, key) in (at..).zip(keys) {
                want.insert(at, *key);
                edited.edit(at..at, &[*key]).unwrap();
                steps(edited, *count).await;
            }
        }
        Action::Backspace(at, count) => {
            let at = place_in(want, *at);
            for at in (0..at).rev().take(*count as usize) {
                want.remove(at);
                edited.edit(at..at + 1, b"").unwrap();
                steps(edited, 1).await;
            }
        }
        Action::Replace(text) => {
            want.clone_from(text);
            edited.replace(text).unwrap();
        }
        Action::Steps(count) => steps(edited, *count).await,
        Action::Prepare(at) => edited.prepare(place_in(want, *at)).await.unwrap(),
        Action::Look(at) => {
            let at = place_in(want, *at);
            let log_p = edited.distribution(at).await.unwrap();
            let stale = edited.stale_ranges().iter().any(|r| r.contains(&at));
            if !stale {
                distribution_is_of(
                    &log_p,
                    edited.entropies()[at],
                    edited.nlls().get(at).copied(),
                );
            }
        }
        Action::Drop => {
            let step = pin!(edited.step());
            let mut context = Context::from_waker(Waker::noop());
            let _ = step.poll(&mut context);
        }
    }
    assert_eq!(edited.bytes(), want);
}

fn distribution_is_of(log_p: &[f32], entropy: f32, nll: Option<f32>) {
    let p = |log_p: &f32| f64::from(*log_p).exp();
    let total: f64 = log_p.iter().map(p).sum();
    assert!((total - 1.0).abs() < 1e-5, "{total}");
    let sum: f64 = log_p
        .iter()
        .map(|log_p| -p(log_p) * f64::from(*log_p))
        .sum();
    assert!((sum - f64::from(entropy)).abs() < 1e-4, "{sum} {entropy}");
    if let Some(nll) = nll {
        assert!(log_p.iter().any(|log_p| (log_p + nll).abs() < 1e-4));
    }
}

/// Random edits, with whatever has been computed between them, come to what the final
/// text has.
fn edits_equal_fresh(window: Option<u32>, context: ContextOptions, snapshots: u64, cases: u32) {
    let model = pollster::block_on(model(window));
    let kept = Kept::in_small_pieces(context, snapshots);
    edits_equal_fresh_with(&model, kept, cases);
}

/// The same with any model.
fn edits_equal_fresh_with(model: &Arc<EntropyModel>, kept: Kept, cases: u32) {
    // Its kernels are compiled once.
    let fresh = std::cell::RefCell::new(Fresh::new(model, kept.context));
    // On a software driver an edit takes a thousand times as long.
    let software = model.device().summary().class == DeviceClass::Software;
    let fewer = if software { 8 } else { 1 };
    let config = ProptestConfig {
        cases: cases.div_ceil(fewer),
        failure_persistence: None,
        ..Default::default()
    };
    proptest!(config, |(actions in prop::collection::vec(action(), 1..14))| {
        let fresh = &mut *fresh.borrow_mut();
        pollster::block_on(async {
            let edited = &mut kept.session(model);
            let mut want = Vec::new();
            for (index, action) in actions.iter().enumerate() {
                act(edited, &mut want, action).await;
                if index % 3 == 0 {
                    let at = format!("after {:?}", &actions[..=index]);
                    fresh.agrees(edited, TOLERANCE, &at).await;
                }
            }
            let at = format!("{actions:?}");
            finish(edited).await;
            fresh.agrees(edited, TOLERANCE, &at).await;
            cells_agree(model, edited, &at).await;
        });
    });
}

#[test]
fn edits_equal_a_fresh_text() {
    edits_equal_fresh(Some(8), ContextOptions::default(), 1000, 150);
    edits_equal_fresh(Some(1), ContextOptions::default(), 1000, 10);
    edits_equal_fresh(Some(100), ContextOptions::default(), 1000, 50);
}

#[test]
fn they_do_without_a_window() {
    edits_equal_fresh(None, ContextOptions::default(), 1000, 50);
    let lines = ContextOptions {
        reset_at_newline: true,
        reset_every: None,
    };
    edits_equal_fresh(None, lines, 1000, 30);
}

#[test]
fn they_do_with_little_room_for_snapshots() {
    edits_equal_fresh(Some(8), ContextOptions::default(), 2, 60);
    edits_equal_fresh(Some(8), ContextOptions::default(), 0, 30);
}

#[test]
fn they_do_where_the_context_is_cut() {
    let lines = ContextOptions {
        reset_at_newline: true,
        reset_every: None,
    };
    let every = ContextOptions {
        reset_at_newline: false,
        reset_every: Some(20),
    };
    let both = ContextOptions {
        reset_at_newline: true,
        reset_every: Some(13),
    };
    for context in [lines, every, both] {
        edits_equal_fresh(Some(8), context, 1000, 50);
    }
}

/// A text of these bytes.
fn prose(bytes: usize) -> Vec<u8> {
    let source = include_str!("../../assets/samples/english.txt").as_bytes();
    source.iter().copied().cycle().take(bytes).collect()
}

/// The rows that an edit and all steps after it compute.
async fn rows_of(edited: &mut EditSession, range: Range<usize>, with: &[u8]) -> u64 {
    let before = edited.rows_computed();
    edited.edit(range, with).unwrap();
    finish(edited).await;
    edited.rows_computed() - before
}

#[test]
fn only_what_an_edit_reaches_is_computed() {
    pollster::block_on(async {
        let model = model(Some(8)).await;
        let context = ContextOptions::default();
        // Adapters differ in how many rows they take at once.
        let options = EditOptions {
            rows_per_step: 256,
            ..Default::default()
        };
        let mut edited = EditSession::new(&model, options).unwrap();
        let mut fresh = Fresh::new(&model, context);
        let reach = model.reach().unwrap();
        assert_eq!(reach, 2 * 7);
        let one_more = reach as u64 + 1;
        assert_eq!(rows_of(&mut edited, 0..0, &prose(4096)).await, 4097);

        // At the end: the row of the key alone, however often.
        for _ in 0..5 {
            let end = edited.bytes().len();
            assert_eq!(rows_of(&mut edited, end..end, b"x").await, 1);
        }
        // A backspace there computes nothing; the next key has its row in front too.
        let end = edited.bytes().len();
        assert_eq!(rows_of(&mut edited, end - 1..end, b"").await, 0);
        assert_eq!(rows_of(&mut edited, end - 1..end - 1, b"y").await, 2);
        assert_eq!(rows_of(&mut edited, end..end, b"z").await, 1);

        // In the middle, prepared; then typed on.
        edited.prepare(2000).await.unwrap();
        for at in 2000..2010 {
            assert_eq!(rows_of(&mut edited, at..at, b"k").await, one_more);
        }
        // Going back again, one row in front.
        for at in (2000..2010).rev() {
            let rows = rows_of(&mut edited, at..at + 1, b"").await;
            assert!(rows <= one_more, "{rows}");
        }
        // At the end again: the middle has not cost it its place.
        let end = edited.bytes().len();
        assert_eq!(rows_of(&mut edited, end..end, b"x").await, 1);

        // At the start, and somewhere without preparation.
        assert!(rows_of(&mut edited, 0..0, b"k").await <= one_more + 1);
        let rows = rows_of(&mut edited, 1000..1003, b"abc").await;
        assert!(rows <= 256 + one_more + 3, "{rows}");
        fresh.agrees(&edited, TOLERANCE_OF_LONG, "at the end").await;
        cells_agree(&model, &edited, "at the end").await;
    });
}

#[test]
fn edits_equal_a_fresh_text_whatever_is_kept_of_layers() {
    let model = pollster::block_on(deep_model(2, Some(8)));
    // None, fewer than a change reaches, some more, all.
    for (inputs, cases) in [(0, 5), (5, 15), (40, 30), (10_000, 50)] {
        for (snapshots, rows_per_step) in [(1000, 7), (2, 32), (0, 16)] {
            let kept = Kept {
                inputs,
                rows_per_step,
                ..Kept::in_small_pieces(ContextOptions::default(), snapshots)
            };
            edits_equal_fresh_with(&model, kept, cases);
        }
    }
    let wide = pollster::block_on(deep_model(3, Some(20)));
    let kept = Kept {
        rows_per_step: usize::MAX,
        ..Kept::in_small_pieces(ContextOptions::default(), 1000)
    };
    edits_equal_fresh_with(&wide, kept, 30);
}

#[test]
fn layers_are_passed_over_whose_input_is_known() {
    pollster::block_on(async {
        let model = deep_model(2, Some(8)).await;
        let options = EditOptions {
            rows_per_step: 256,
            ..Default::default()
        };
        let mut edited = EditSession::new(&model, options).unwrap();
        edited.edit(0..0, &prose(1000)).unwrap();
        finish(&mut edited).await;
        assert_eq!(edited.layer_rows_computed(), [1001; 4]);
        // Short stretches are taken a few rows at a time, until kernels for many are
        // worth their while.
        for at in [300, 400, 500] {
            rows_of(&mut edited, at..at + 1, b"#").await;
        }

        let rows_of_layers = async |edited: &mut EditSession, range, with: &[u8]| {
            let before = edited.layer_rows_computed().to_vec();
            rows_of(edited, range, with).await;
            let after = edited.layer_rows_computed().iter();
            after.zip(before).map(|(a, b)| a - b).collect::<Vec<_>>()
        };
        // The row of the key, and a window more with each layer.
        edited.prepare(700).await.unwrap();
        for at in 700..705 {
            let rows = rows_of_layers(&mut edited, at..at, b"k").await;
            assert_eq!(rows, [8, 15, 22, 29]);
        }
        // Its row is the one in front.
        edited.prepare(600).await.unwrap();
        let rows = rows_of_layers(&mut edited, 600..601, b"").await;
        assert_eq!(rows, [7, 14, 21, 28]);
        // From a snapshot to there nothing is computed, but for the row in front.
        let rows = rows_of_layers(&mut edited, 200..203, b"abc").await;
        assert_eq!(rows, [11, 18, 25, 32]);
        let mut fresh = Fresh::new(&model, ContextOptions::default());
        fresh.agrees(&edited, TOLERANCE, "layers apart").await;

        // Nor is anything from the beginning, where there are no snapshots.
        let bare = EditOptions {
            snapshot_bytes: 0,
            ..options
        };
        let mut far = EditSession::new(&model, bare).unwrap();
        far.edit(0..0, &prose(1000)).unwrap();
        finish(&mut far).await;
        for at in [300, 900, 500, 30] {
            rows_of(&mut far, at..at + 1, b"#").await;
        }
        let rows = rows_of_layers(&mut far, 700..700, b"k").await;
        assert_eq!(rows, [9, 16, 23, 30]);
        fresh.agrees(&far, TOLERANCE, "without snapshots").await;

        let with_them = edited.gpu_bytes();
        let options = EditOptions {
            layer_input_bytes: 0,
            ..options
        };
        let mut edited = EditSession::new(&model, options).unwrap();
        edited.edit(0..0, &prose(1000)).unwrap();
        finish(&mut edited).await;
        let rows = rows_of_layers(&mut edited, 500..500, b"k").await;
        assert!(rows.iter().all(|of_layer| *of_layer == rows[0]), "{rows:?}");
        assert!(edited.gpu_bytes() + input_bytes(&model, 1001) <= with_them);
    });
}

/// What a run leaves of its rows lies in a ring, and in blocks of slots afterwards; the
/// two end at different places once a text has been moved.
#[test]
fn what_goes_into_layers_is_kept_over_the_end_of_a_ring() {
    pollster::block_on(async {
        let model = deep_model(2, Some(8)).await;
        let mut edited = EditSession::new(&model, EditOptions::default()).unwrap();
        let mut fresh = Fresh::new(&model, ContextOptions::default());
        edited.edit(0..0, &prose(200)).unwrap();
        finish(&mut edited).await;
        edited.edit(100..100, &prose(37)).unwrap();
        finish(&mut edited).await;
        for _ in 0..8 {
            let end = edited.bytes().len();
            edited.edit(end..end, &prose(100)).unwrap();
            finish(&mut edited).await;
        }
        for at in (160..1000).step_by(10) {
            edited.edit(at..at + 1, b"k").unwrap();
            finish(&mut edited).await;
        }
        fresh.agrees(&edited, TOLERANCE, "over the end").await;
    });
}

/// Weights like those of a model that learnt nothing, in f32, with fewer heads of keys
/// than of queries.
fn made(hidden: usize, kv_heads: usize, layers: usize, window: u32) -> EntropyWeights<'static> {
    const VOCABULARY: usize = 260;
    let mut seed = 1u32;
    let mut tensor = |shape: &[usize]| {
        let columns = *shape.last().unwrap();
        let mut value = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let unit = f64::from(seed) / f64::from(u32::MAX) - 0.5;
            let scale = match shape {
                [_] => return 1.0 + unit,
                _ => 4.0 / f64::from(u32::try_from(columns).unwrap()).sqrt(),
            };
            scale * unit
        };
        #[expect(clippy::cast_possible_truncation, reason = "to f32")]
        let bytes: Vec<u8> = (0..shape.iter().product())
            .flat_map(|_: usize| (value() as f32).to_le_bytes())
            .collect();
        TensorView {
            name: "made",
            dtype: Dtype::F32,
            source: Dtype::F32,
            shape: Vec::leak(shape.to_vec()),
            data: TensorData::Bytes(Vec::leak(bytes)),
            whole: None,
        }
    };
    let (head, intermediate) = (4, 3 * hidden);
    let stored = kv_heads * head;
    let layers: Vec<BlockWeights<'_>> = (0..layers)
        .map(|_| BlockWeights {
            attention_norm: tensor(&[hidden]),
            q: tensor(&[hidden, hidden]),
            k: tensor(&[stored, hidden]),
            v: tensor(&[stored, hidden]),
            o: tensor(&[hidden, hidden]),
            mlp_norm: tensor(&[hidden]),
            gate: tensor(&[intermediate, hidden]),
            up: tensor(&[intermediate, hidden]),
            down: tensor(&[hidden, intermediate]),
        })
        .collect();
    let count = |size: usize| u32::try_from(size).unwrap();
    EntropyWeights {
        config: EntropyConfig {
            vocab_size: count(VOCABULARY),
            stack: StackConfig {
                hidden_size: count(hidden),
                layers: count(layers.len()),
                heads: count(hidden / head),
                kv_heads: count(kv_heads),
                head_dim: count(head),
                intermediate_size: count(intermediate),
                norm_eps: 1e-5,
                rope_theta: 10_000.0,
                max_positions: None,
            },
            window: Some(window),
            tied: false,
        },
        embed: tensor(&[VOCABULARY, hidden]),
        layers,
        norm: tensor(&[hidden]),
        lm_head: tensor(&[VOCABULARY, hidden]),
    }
}

/// Keys and values have matrices of their own only where a binding can begin there, and
/// matrices may be several.
#[test]
fn layers_are_passed_over_in_models_of_any_shape() {
    pollster::block_on(async {
        let base = Some(Tier::BASE);
        for (hidden, kv_heads, tier, binding_bytes) in [
            (20, 1, None, None),
            (20, 1, None, Some(4800)),
            (32, 2, base, None),
            (32, 8, None, Some(4096)),
            (64, 4, base, Some(8192)),
        ] {
            let options = DeviceOptions {
                tier,
                binding_bytes,
                ..crate::common::options()
            };
            let device = Device::open(&options).await.unwrap();
            let weights = made(hidden, kv_heads, 3, 12);
            let model = EntropyModel::load(&device, &weights, |_| ()).await;
            let model = Arc::new(model.unwrap());
            let mut edited = EditSession::new(&model, EditOptions::default()).unwrap();
            let mut fresh = Fresh::new(&model, ContextOptions::default());
            edited.edit(0..0, &prose(400)).unwrap();
            finish(&mut edited).await;
            for (at, with) in [(200, "k"), (201, "ey"), (60, ""), (300, "한")] {
                edited.edit(at..at + 1, with.as_bytes()).unwrap();
                finish(&mut edited).await;
                let at = format!("{hidden}, {kv_heads}, {tier:?}, {binding_bytes:?}: {at}");
                fresh.agrees(&edited, TOLERANCE, &at).await;
            }
            let rows = edited.layer_rows_computed();
            assert!(rows[0] + 4 * 10 < rows[2], "{rows:?}");
        }
    });
}

#[test]
fn what_is_known_moves_with_its_byte() {
    pollster::block_on(async {
        let model = model(Some(8)).await;
        let options = EditOptions {
            keep_best: true,
            ..EditOptions::default()
        };
        let mut edited = EditSession::new(&model, options).unwrap();
        assert!(edited.entropies()[0].is_nan());
        assert_eq!(edited.best(), [None]);
        assert_eq!(edited.stale(), Some(0..1));
        edited.edit(0..0, &prose(100)).unwrap();
        assert_eq!(edited.stale(), Some(0..101));
        finish(&mut edited).await;
        let (entropies, nlls) = (edited.entropies().to_vec(), edited.nlls().to_vec());
        let best = edited.best().to_vec();
        assert!(best.iter().all(Option::is_some));

        edited.edit(50..50, b"xy").unwrap();
        assert_eq!(edited.best()[..=50], best[..=50]);
        assert_eq!(edited.best()[51], None);
        assert_eq!(edited.best()[52..], best[50..]);
        let got = edited.entropies();
        assert_eq!(got[..=50], entropies[..=50]);
        assert!(got[51].is_nan());
        assert_eq!(got[52..], entropies[50..]);
        assert_eq!(edited.nlls()[..50], nlls[..50]);
        assert_eq!(edited.nlls()[52..], nlls[50..]);
        // Two tokens more, and what the last of them reaches.
        assert_eq!(edited.stale(), Some(50..52 + 1 + 14));
        let text = edited.bytes().to_vec();

        // What is gone leaves the row in front of it as it was.
        edited.edit(50..52, b"").unwrap();
        edited.step().await.unwrap();
        edited.edit(60..70, b"").unwrap();
        assert_eq!(edited.entropies()[60], entropies[60]);
        assert_eq!(edited.entropies()[61..], entropies[71..]);
        assert_eq!(edited.best()[60..=60], best[60..=60]);
        assert_eq!(edited.best()[61..], best[71..]);
        finish(&mut edited).await;
        edited.edit(50..50, b"xy").unwrap();
        edited.replace(&text).unwrap();
        finish(&mut edited).await;
        let mut fresh = Fresh::new(&model, ContextOptions::default());
        fresh.agrees(&edited, TOLERANCE, "back again").await;

        // An edit that changes nothing makes nothing stale.
        edited.edit(3..9, &text[3..9]).unwrap();
        assert_eq!(edited.stale(), None);
    });
}

#[test]
fn a_range_that_is_not_there_is_refused() {
    pollster::block_on(async {
        let model = model(Some(8)).await;
        let mut edited = EditSession::new(&model, EditOptions::default()).unwrap();
        edited.edit(0..0, b"short").unwrap();
        // Nobody has asked for it.
        assert!(edited.best().is_empty());
        let error = edited.edit(3..6, b"").unwrap_err().to_string();
        assert!(error.contains("5 bytes"), "{error}");
        #[expect(clippy::reversed_empty_ranges, reason = "a mistake of the caller")]
        let reversed = edited.edit(3..2, b"");
        assert!(reversed.is_err());
        assert!(edited.prepare(6).await.is_err());
        assert!(edited.distribution(6).await.is_err());
        assert_eq!(edited.bytes(), b"short");
    });
}

#[test]
fn a_text_beyond_the_room_is_refused() {
    pollster::block_on(async {
        let model = model(None).await;
        let mut edited = Kept::in_small_pieces(ContextOptions::default(), 1000).session(&model);
        edited.edit(0..0, b"some text").unwrap();
        finish(&mut edited).await;
        let before = edited.entropies().to_vec();
        let error = edited.edit(4..4, &prose(1 << 15)).unwrap_err().to_string();
        assert!(error.contains("no window"), "{error}");
        assert_eq!(edited.bytes(), b"some text");
        assert_eq!((edited.entropies(), edited.stale()), (&before[..], None));
        edited.edit(9..9, b"!").unwrap();
        assert_eq!(edited.stale(), Some(10..11));
        finish(&mut edited).await;
        let mut fresh = Fresh::new(&model, ContextOptions::default());
        fresh.agrees(&edited, TOLERANCE, "after a refusal").await;
    });
}

#[cfg(feature = "embedded-model")]
mod embedded {
    use super::*;
    use blt::checkpoint::Checkpoint;

    async fn model() -> Arc<EntropyModel> {
        let device = crate::common::device();
        let checkpoint = Checkpoint::embedded().unwrap();
        let weights = checkpoint.entropy_weights().unwrap();
        Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap())
    }

    #[test]
    fn edits_of_the_embedded_model() {
        pollster::block_on(async {
            let model = model().await;
            let context = ContextOptions::default();
            let options = EditOptions {
                keep_best: true,
                ..EditOptions::default()
            };
            let mut edited = EditSession::new(&model, options).unwrap();
            let mut fresh = Fresh::new(&model, context);
            assert_eq!(model.reach(), Some(2044));
            edited.edit(0..0, &prose(4096)).unwrap();
            finish(&mut edited).await;
            assert_eq!(edited.rows_computed(), 4097);

            for at in [1700, 900] {
                edited.edit(at..at + 12, "바이트다".as_bytes()).unwrap();
                edited.step().await.unwrap();
                edited.step().await.unwrap();
            }
            let at = "in place, with steps left";
            fresh.agrees(&edited, TOLERANCE_IN_PLACE, at).await;
            finish(&mut edited).await;
            fresh.agrees(&edited, TOLERANCE_IN_PLACE, "in place").await;

            edited.edit(4096..4096, "끝".as_bytes()).unwrap();
            edited.edit(1000..1000, "한글".as_bytes()).unwrap();
            edited.step().await.unwrap();
            edited.step().await.unwrap();
            let at = "two steps after an insertion";
            fresh.agrees(&edited, TOLERANCE_OF_LONG, at).await;
            edited.edit(1006..1100, b"").unwrap();
            edited.step().await.unwrap();
            edited.edit(300..310, b"interrupted").unwrap();
            finish(&mut edited).await;
            let at = "three edits";
            fresh.agrees(&edited, TOLERANCE_OF_LONG, at).await;
            cells_agree(&model, &edited, at).await;

            let log_p = edited.distribution(1500).await.unwrap();
            let nll = edited.nlls()[1500];
            distribution_is_of(&log_p, edited.entropies()[1500], Some(nll));
            let byte = usize::from(edited.bytes()[1500]) + 4;
            assert!((log_p[byte] + nll).abs() < 1e-4);

            edited.prepare(512).await.unwrap();
            assert_eq!(rows_of(&mut edited, 512..512, b"k").await, 2045);
            let end = edited.bytes().len();
            assert_eq!(rows_of(&mut edited, end..end, b"k").await, 1);
            fresh.agrees(&edited, TOLERANCE_OF_LONG, "prepared").await;
            cells_agree(&model, &edited, "prepared").await;
        });
    }
}
