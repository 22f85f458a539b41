//! A text that is being edited has the numbers of a text that is computed afresh.

#[cfg(feature = "embedded-model")]
mod embedded;
mod layers;
mod random;

use std::ops::Range;
use std::sync::Arc;

use blt::bytes::prompt;
use blt::model::entropy::EntropyModel;
use blt::session::{
    ContextOptions, EditOptions, EditSession, EntropyOptions, EntropyRows, EntropySession,
};

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
