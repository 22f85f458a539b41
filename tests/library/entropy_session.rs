//! The entropy session against the golden data: entropies within 1e-4 nats and
//! the very same patches, in every tier, however the text was cut into pushes.
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use blt::checkpoint::Checkpoint;
use blt::device::{Device, DeviceClass, DeviceOptions, Tier};
use blt::model::entropy::EntropyModel;
use blt::patch::{Rule, lengths};
use blt::session::{ContextOptions, EntropyOptions, EntropyRows, EntropySession};
use safetensors::SafeTensors;

use crate::common::{entropy_matrices, with_entropy_model};

struct Golden {
    name: String,
    ids: Vec<u32>,
    entropies: Vec<f32>,
    lengths: Option<Vec<u32>>,
}

fn folder(variant: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/oracle")
        .join(variant)
}

fn goldens(variant: &str) -> Vec<Golden> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder(variant))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    files.retain(|f| {
        f.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("golden_")
    });
    files.iter().map(|f| golden(f)).collect()
}

fn golden(file: &Path) -> Golden {
    let bytes = std::fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let integers = |name: &str| -> Option<Vec<u32>> {
        let data = tensors.tensor(name).ok()?;
        let words = data.data().chunks_exact(8);
        Some(
            words
                .map(|w| {
                    i64::from_le_bytes(w.try_into().unwrap())
                        .try_into()
                        .unwrap()
                })
                .collect(),
        )
    };
    let entropies = tensors.tensor("entropies").unwrap();
    Golden {
        name: file.file_stem().unwrap().to_string_lossy().into_owned(),
        ids: integers("input_ids").unwrap(),
        entropies: entropies
            .data()
            .chunks_exact(4)
            .map(|w| f32::from_le_bytes(w.try_into().unwrap()))
            .collect(),
        lengths: integers("patch_lengths"),
    }
}

fn rule_of(checkpoint: &Checkpoint) -> Rule {
    let patching = checkpoint.patching();
    Rule::entropy(patching.threshold.unwrap())
        .unwrap()
        .with_max_patch_length(patching.max_patch_length)
        .unwrap()
}

async fn push_in_pieces(session: &mut EntropySession, ids: &[u32], piece: usize) -> EntropyRows {
    let mut all = EntropyRows::default();
    for ids in ids.chunks(piece) {
        let rows = session.push(ids).await.unwrap();
        all.entropies.extend(rows.entropies);
        all.nlls.extend(rows.nlls);
        all.starts.extend(rows.starts);
        all.best.extend(rows.best);
    }
    all
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

/// Lengths of the patches from the starts after each token.
fn lengths_of(starts: &[bool]) -> Vec<u32> {
    let with_bos: Vec<bool> = std::iter::once(true)
        .chain(starts.iter().copied())
        .collect();
    lengths(&with_bos)
}

async fn agrees_with_golden(tier: Option<Tier>) {
    let Some(device) = crate::common::on_tier(tier) else {
        return;
    };
    for variant in with_entropy_model() {
        let checkpoint = Checkpoint::open(&folder(variant).to_string_lossy()).unwrap();
        let weights = checkpoint.entropy_weights().unwrap();
        let model = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap());
        let options = EntropyOptions {
            rule: Some(rule_of(&checkpoint)),
            ..Default::default()
        };
        let mut session = EntropySession::new(&model, options).unwrap();
        for golden in goldens(variant) {
            let at = format!("{variant} {} tier {tier:?}", golden.name);
            session.reset();
            let whole = session.push(&golden.ids).await.unwrap();
            let error = largest_difference(&whole.entropies, &golden.entropies);
            assert!(error < 1e-4, "{at}: {error}");
            if let Some(lengths) = &golden.lengths {
                assert_eq!(&lengths_of(&whole.starts), lengths, "{at}");
            }
            for piece in [1, 7, 64] {
                // A software driver takes a second for a hundred runs.
                let runs = golden.ids.len() / piece;
                if runs > 40 && device.summary().class == DeviceClass::Software {
                    continue;
                }
                session.reset();
                let cut = push_in_pieces(&mut session, &golden.ids, piece).await;
                let error = largest_difference(&whole.entropies, &cut.entropies);
                assert!(error < 1e-5, "{at}, pushes of {piece}: {error}");
                assert_eq!(whole.starts, cut.starts, "{at}, pushes of {piece}");
                for (a, b) in whole.nlls.iter().zip(&cut.nlls).skip(1) {
                    assert!((a.unwrap() - b.unwrap()).abs() < 1e-4, "{at}: {a:?} {b:?}");
                }
            }
        }
    }
}

#[test]
fn the_device_agrees_with_golden() {
    pollster::block_on(agrees_with_golden(None));
}

#[test]
fn base_agrees_with_golden() {
    pollster::block_on(agrees_with_golden(Some(Tier::Base)));
}

#[test]
fn subgroups_agree_with_golden() {
    pollster::block_on(agrees_with_golden(Some(Tier::Subgroups)));
}

#[test]
fn matrix_units_agree_with_golden() {
    pollster::block_on(agrees_with_golden(Some(Tier::Matrix8)));
    pollster::block_on(agrees_with_golden(Some(Tier::Matrix16)));
}

#[test]
fn the_cpu_reference_agrees_with_golden() {
    for variant in with_entropy_model() {
        let checkpoint = Checkpoint::open(&folder(variant).to_string_lossy()).unwrap();
        let reference = entropy_matrices(&checkpoint).unwrap();
        for golden in goldens(variant) {
            if golden.ids.len() > 200 {
                continue;
            }
            let error = largest_difference(&reference.entropies(&golden.ids), &golden.entropies);
            assert!(error < 2e-5, "{variant} {}: {error}", golden.name);
        }
    }
}

/// A fresh session per context must give what one session with resets gives.
async fn resets_equal_fresh_contexts(context: ContextOptions, cuts: &[usize], ids: &[u32]) {
    let device = crate::common::device();
    let checkpoint = Checkpoint::open(&folder("k2_base").to_string_lossy()).unwrap();
    let weights = checkpoint.entropy_weights().unwrap();
    let model = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap());
    let options = EntropyOptions {
        context,
        ..Default::default()
    };
    let mut session = EntropySession::new(&model, options).unwrap();
    let rows = push_in_pieces(&mut session, ids, 13).await;

    let mut fresh = EntropySession::new(&model, EntropyOptions::default()).unwrap();
    let mut want = Vec::new();
    let mut begin = 0;
    for end in cuts.iter().copied().chain([ids.len()]) {
        fresh.reset();
        want.extend(fresh.push(&ids[begin..end]).await.unwrap().entropies);
        begin = end;
    }
    let error = largest_difference(&rows.entropies, &want);
    assert!(error < 1e-5, "{context:?}: {error}");
}

#[test]
fn contexts_reset_where_asked() {
    let text = b"one line\nand another\n\nthe last one, a little longer";
    let ids = blt::bytes::prompt(text);
    let after_newlines: Vec<usize> = (0..ids.len())
        .filter(|i| ids[*i] == blt::bytes::id_of(b'\n'))
        .map(|i| i + 1)
        .collect();
    pollster::block_on(async {
        let newline = ContextOptions {
            reset_at_newline: true,
            reset_every: None,
        };
        resets_equal_fresh_contexts(newline, &after_newlines, &ids).await;
        let every = ContextOptions {
            reset_at_newline: false,
            reset_every: Some(20),
        };
        resets_equal_fresh_contexts(every, &[20, 40], &ids).await;
    });
}

#[test]
fn tensors_above_the_binding_limit_are_split() {
    pollster::block_on(async {
        let checkpoint = Checkpoint::open(&folder("gqa").to_string_lossy()).unwrap();
        let weights = checkpoint.entropy_weights().unwrap();
        let mut results = Vec::new();
        for binding_bytes in [None, Some(4096)] {
            let options = DeviceOptions {
                binding_bytes,
                ..crate::common::options()
            };
            let device = Device::open(&options).await.unwrap();
            let model = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap());
            let mut session = EntropySession::new(&model, EntropyOptions::default()).unwrap();
            let ids = blt::bytes::prompt(b"split me, please, into many parts");
            results.push(push_in_pieces(&mut session, &ids, 12).await.entropies);
        }
        assert_eq!(results[0], results[1]);
    });
}

#[test]
fn the_best_bytes_come_in_order() {
    pollster::block_on(async {
        let device = crate::common::device();
        let checkpoint = Checkpoint::open(&folder("k1").to_string_lossy()).unwrap();
        let reference = entropy_matrices(&checkpoint).unwrap();
        let weights = checkpoint.entropy_weights().unwrap();
        let model = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap());
        let options = EntropyOptions {
            best: 4,
            ..Default::default()
        };
        let mut session = EntropySession::new(&model, options).unwrap();
        let ids = blt::bytes::prompt(b"abcabcab");
        let rows = session.push(&ids).await.unwrap();
        let logits = reference.logits(&ids);
        for (best, logits) in rows.best.iter().zip(logits.chunks_exact(260)) {
            for ((id, log_p), (want_id, want)) in
                best.iter().zip(crate::reference::top_k(logits, 4))
            {
                assert_eq!(*id, want_id);
                assert!((log_p - want).abs() < 1e-4, "{log_p} {want}");
            }
        }
        assert_eq!(session.last_logits().len(), 260);
    });
}

/// Snapshots, going back, and a push that nobody waits for leave what follows as it
/// would be.
#[test]
fn it_goes_back_to_where_it_was() {
    pollster::block_on(async {
        let device = crate::common::device();
        let checkpoint = Checkpoint::open(&folder("window").to_string_lossy()).unwrap();
        let weights = checkpoint.entropy_weights().unwrap();
        let model = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap());
        let text: Vec<u8> = (0..=255).cycle().step_by(7).take(700).collect();
        let ids = blt::bytes::prompt(&text);
        let options = EntropyOptions::default;
        let mut session = EntropySession::new(&model, options()).unwrap();
        let want = session.push(&ids).await.unwrap();
        let close = |got: &EntropyRows, from: usize| {
            let rows = from..from + got.entropies.len();
            let error = largest_difference(&got.entropies, &want.entropies[rows.clone()]);
            assert!(error < 1e-5, "rows {rows:?}: {error}");
        };

        assert!(!session.truncate(100), "its keys are overwritten");
        assert!(session.truncate(690));
        assert!(session.last_logits().is_empty());
        let rows = session.push(&ids[690..]).await.unwrap();
        assert_eq!(rows.nlls[0], None);
        close(&rows, 690);

        session.reset();
        session.push(&ids[..300]).await.unwrap();
        let mut snapshot = session.snapshot(None).unwrap();
        let logits = session.last_logits().to_vec();
        session.push(&ids[300..]).await.unwrap();
        session.restore(&snapshot).unwrap();
        assert_eq!((session.taken(), session.last_logits()), (300, &logits[..]));
        let rows = session.push(&ids[300..305]).await.unwrap();
        assert!((rows.nlls[0].unwrap() - want.nlls[300].unwrap()).abs() < 1e-5);
        close(&rows, 300);
        // A snapshot goes back by itself, and its memory is used again.
        assert!(!snapshot.truncate(200));
        assert!(snapshot.truncate(260));
        session.restore(&snapshot).unwrap();
        close(&session.push(&ids[260..400]).await.unwrap(), 260);
        let snapshot = session.snapshot(Some(snapshot)).unwrap();
        assert_eq!(snapshot.bytes(), session.snapshot_bytes());
        session.push(&ids[400..500]).await.unwrap();
        session.restore(&snapshot).unwrap();
        close(&session.push(&ids[400..]).await.unwrap(), 400);

        // Given up after its submission: it was never pushed, unless it was very fast.
        session.restore(&snapshot).unwrap();
        {
            let push = std::pin::pin!(session.push(&ids[400..420]));
            let waker = std::task::Waker::noop();
            let _ = push.poll(&mut std::task::Context::from_waker(waker));
        }
        let taken = usize::try_from(session.taken()).unwrap();
        assert!(taken == 400 || taken == 420);
        close(&session.push(&ids[taken..450]).await.unwrap(), taken);

        // Patch starts go on as they would.
        let ruled = EntropyOptions {
            rule: Some(rule_of(&checkpoint)),
            ..Default::default()
        };
        let mut ruled = EntropySession::new(&model, ruled).unwrap();
        ruled.push(&ids[..300]).await.unwrap();
        let place = ruled.snapshot(None).unwrap();
        let want_starts = ruled.push(&ids[300..]).await.unwrap().starts;
        assert!(want_starts.contains(&true) && want_starts.contains(&false));
        assert!(!ruled.truncate(699));
        ruled.restore(&place).unwrap();
        assert_eq!(ruled.push(&ids[300..]).await.unwrap().starts, want_starts);

        let mut weights = checkpoint.entropy_weights().unwrap();
        weights.config.window = None;
        let all = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap());
        let mut all = EntropySession::new(&all, options()).unwrap();
        let want_all = all.push(&ids).await.unwrap().entropies;
        assert!(all.truncate(30));
        let place = all.snapshot(None).unwrap();
        assert_eq!(place.taken(), 30);
        for _ in 0..2 {
            let got = all.push(&ids[30..]).await.unwrap().entropies;
            assert!(largest_difference(&got, &want_all[30..]) < 1e-5);
            all.restore(&place).unwrap();
        }

        let other = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap());
        let mut other = EntropySession::new(&other, options()).unwrap();
        assert!(other.restore(&snapshot).is_err());
    });
}
