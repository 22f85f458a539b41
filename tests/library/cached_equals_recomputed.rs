//! Whatever mixture of prefills, single tokens, forks and truncations a text
//! went through, its logits and patches are those of the text read at once: on
//! the device and on the CPU reference, for every causal way to find patches.
//! Failing cases shrink; the cases are the same in every run.
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::common::{blt_matrices, entropy_matrices, largest, open};
use crate::reference::blt::{BltMatrices, Incremental};
use crate::reference::{EntropyMatrices, top_k};
use blt::bytes::BOS;
use blt::device::DeviceClass;
use blt::device::tuning::LatentStep;
use blt::model::blt::{BltLoad, BltModel};
use blt::patch::{Known, LookupTable, Patcher, Rule, Scheme};
use blt::session::{BltOptions, BltSession};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// What happens to one of the texts.
#[derive(Clone, Debug)]
enum Edit {
    /// Tokens at once.
    Take(Vec<u32>),
    /// Tokens one by one.
    Push(Vec<u32>),
    /// A token and drafts after it, of which the first few stay.
    Ahead { ids: Vec<u32>, keep: usize },
    /// A branch; the next edit is the original's or the branch's.
    Fork { follow: bool },
    /// Back to a part of its length.
    Truncate(f64),
}

fn token() -> impl Strategy<Value = u32> {
    prop_oneof![
        40 => 36u32..130,
        8 => Just(4 + u32::from(b' ')),
        4 => 4u32..260,
        1 => Just(2u32),
        1 => Just(3u32),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let tokens = |most| prop::collection::vec(token(), 1..most);
    prop_oneof![
        3 => tokens(60).prop_map(Edit::Take),
        1 => tokens(600).prop_map(Edit::Take),
        3 => tokens(8).prop_map(Edit::Push),
        3 => (tokens(32), 1usize..32).prop_map(|(ids, keep)| Edit::Ahead { ids, keep }),
        1 => any::<bool>().prop_map(|follow| Edit::Fork { follow }),
        2 => (0.0f64..1.0).prop_map(Edit::Truncate),
    ]
}

const MODELS: [&str; 6] = [
    "k2_base",
    "k4_proj",
    "enc3_last",
    "window",
    "dec_first",
    "gqa",
];
const STEPS: [LatentStep; 3] = [
    LatentStep::WorstCase,
    LatentStep::Indirect,
    LatentStep::Readback,
];

/// Every causal rule, with and without a longest patch.
fn rules(threshold: f32) -> Vec<Rule> {
    // Any table will do: about a fifth of all pairs start a patch.
    let table = (0..260 * 260u32).map(|pair| pair.wrapping_mul(2_654_435_761) >> 30 == 0);
    let table = LookupTable::new(260, table.collect()).unwrap();
    let schemes = [
        Scheme::Entropy { threshold },
        Scheme::Monotonic { threshold: 0.1 },
        Scheme::Both {
            threshold,
            threshold_add: 0.05,
        },
        Scheme::Space,
        Scheme::Static { size: 3 },
        Scheme::Byte,
        Scheme::Delimiter,
        Scheme::DelimiterPredicted,
        Scheme::Lookup { table },
    ];
    let rules = schemes.into_iter().map(|scheme| Rule::new(scheme).unwrap());
    rules
        .flat_map(|rule| {
            let bounded = rule.clone().with_max_patch_length(Some(5)).unwrap();
            [rule, bounded]
        })
        .collect()
}

#[derive(Clone, Debug)]
struct Case {
    model: usize,
    rule: usize,
    step: usize,
    edits: Vec<Edit>,
}

fn case(edits: usize) -> impl Strategy<Value = Case> {
    let edits = prop::collection::vec(edit(), 1..edits);
    (0..MODELS.len(), 0usize..18, 0..STEPS.len(), edits).prop_map(|(model, rule, step, edits)| {
        Case {
            model,
            rule,
            step,
            edits,
        }
    })
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new_with_rng(
        Config {
            cases,
            max_shrink_iters: 64,
            failure_persistence: None,
            ..Config::default()
        },
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    )
}

/// A text in a session.
struct Text {
    session: BltSession,
    ids: Vec<u32>,
}

impl Text {
    async fn edit(&mut self, edit: &Edit, others: &mut Vec<Text>) {
        match edit {
            Edit::Take(ids) => {
                self.ids.extend(ids);
                let rows = self.session.prefill_ids(ids).await.unwrap();
                assert_eq!(rows.starts.len(), ids.len());
                assert_eq!(rows.nlls.len(), ids.len());
            }
            Edit::Push(ids) => {
                for id in ids {
                    self.ids.push(*id);
                    self.session.prefill_ids(&[*id]).await.unwrap();
                }
            }
            Edit::Ahead { ids, keep } => {
                let draft = |so_far: &[u32], logits: &[f32]| {
                    assert_eq!(logits.len(), 260);
                    ids.get(so_far.len()).copied()
                };
                let taken = self.session.push_ahead(ids[0], ids.len() - 1, draft).await;
                let taken = taken.unwrap();
                // Nothing is drafted after an EOS, and less on a slow adapter.
                let some = taken.iter().map(|row| row.id);
                assert!(some.eq(ids[..taken.len()].iter().copied()));
                let least = match self.session.model().device().gpu() {
                    Some(_) => ids.len().min(16),
                    None => ids.len(),
                };
                assert!(taken.len() >= least || taken.last().unwrap().id == 2);
                let keep = (*keep).min(taken.len());
                self.session.keep(keep).await.unwrap();
                assert_eq!(self.session.logits(), taken[keep - 1].logits);
                assert_eq!(self.session.entropy(), taken[keep - 1].entropy);
                assert_eq!(self.session.room(), taken[keep - 1].room);
                self.ids.extend(&ids[..keep]);
            }
            Edit::Fork { follow } => {
                let mut other = Text {
                    session: self.session.fork().unwrap(),
                    ids: self.ids.clone(),
                };
                if *follow {
                    std::mem::swap(self, &mut other);
                }
                if others.len() < 2 {
                    others.push(other);
                }
            }
            Edit::Truncate(part) => {
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss
                )]
                let to = ((self.ids.len() as f64 * part) as usize).max(1);
                self.ids.truncate(to);
                self.session.truncate(to).await.unwrap();
            }
        }
    }

    /// Compares with the text read at once by `fresh`.
    async fn check(&self, fresh: &mut BltSession) -> Result<(), TestCaseError> {
        fresh.reset();
        fresh.prefill_ids(&self.ids).await.unwrap();
        prop_assert!(self.session.ids().eq(self.ids.iter().copied()));
        for position in 0..=self.ids.len() {
            prop_assert_eq!(
                self.session.starts_at(position),
                fresh.starts_at(position),
                "a patch at {}",
                position
            );
        }
        let error = largest(self.session.logits(), fresh.logits());
        prop_assert!(error < 1e-4, "logits are off by {}", error);
        Ok(())
    }
}

#[test]
fn on_the_device() {
    let device = crate::common::device();
    let models: Vec<(Arc<BltModel>, f32)> = MODELS
        .iter()
        .map(|name| {
            let checkpoint = Arc::new(open(name));
            let threshold = checkpoint.patching().threshold.unwrap();
            let load = BltLoad::default();
            let model = BltModel::load(&device, &checkpoint, load, |_| ());
            (Arc::new(pollster::block_on(model).unwrap()), threshold)
        })
        .collect();
    let sessions: RefCell<HashMap<(usize, usize, usize), [BltSession; 2]>> = RefCell::default();
    let cases = match device.summary().class {
        DeviceClass::Software => 40,
        _ => 60,
    };
    runner(cases)
        .run(&case(7), |case| {
            pollster::block_on(async {
                let (model, threshold) = &models[case.model];
                let new = || {
                    let options = BltOptions {
                        rule: Some(rules(*threshold)[case.rule].clone()),
                        latent_step: Some(STEPS[case.step]),
                        ..Default::default()
                    };
                    BltSession::new(model, options).unwrap()
                };
                let key = (case.model, case.rule, case.step);
                let used = sessions.borrow_mut().remove(&key);
                let [session, mut fresh] = used.unwrap_or_else(|| [new(), new()]);
                let mut text = Text {
                    session,
                    ids: Vec::new(),
                };
                let mut others = Vec::new();
                text.session.reset();
                let begin = Edit::Take(vec![BOS]);
                text.edit(&begin, &mut others).await;
                for edit in &case.edits {
                    text.edit(edit, &mut others).await;
                }
                text.check(&mut fresh).await?;
                for other in &others {
                    other.check(&mut fresh).await?;
                }
                sessions.borrow_mut().insert(key, [text.session, fresh]);
                Ok(())
            })
        })
        .unwrap();
}

/// A text in the reference.
#[derive(Clone)]
struct ReferenceText<'m> {
    incremental: Incremental<'m>,
    entropy: &'m EntropyMatrices,
    patcher: Box<dyn Patcher + Send>,
    ids: Vec<u32>,
    known: Vec<Known>,
    starts: Vec<bool>,
    logits: Vec<f32>,
}

impl ReferenceText<'_> {
    fn push(&mut self, id: u32) {
        self.ids.push(id);
        // The window of the entropy model is all it sees.
        let logits = self.entropy.logits(&self.ids);
        let last = &logits[logits.len() - 260..];
        let known = Known {
            id,
            entropy: Some(crate::reference::entropy(last, &[u32::MAX], 260)[0][0]),
            best: Some(top_k(last, 1)[0].0),
        };
        let start = self.patcher.next_starts(&known);
        self.known.push(known);
        self.starts.push(start);
        self.logits = self.incremental.push(id, start);
    }

    fn truncate(&mut self, to: usize) {
        self.incremental.truncate(to - 1);
        let last = self.ids[to - 1];
        self.ids.truncate(to - 1);
        self.known.truncate(to - 1);
        self.starts.truncate(to - 1);
        self.patcher.reset();
        for known in &self.known {
            self.patcher.next_starts(known);
        }
        self.push(last);
    }

    fn check(&self, model: &BltMatrices, rule: &Rule) -> Result<(), TestCaseError> {
        let logits = self.entropy.logits(&self.ids);
        let mut patcher = rule.patcher();
        let mut starts = vec![true];
        for (id, row) in self.ids.iter().zip(logits.chunks_exact(260)) {
            starts.push(patcher.next_starts(&Known {
                id: *id,
                entropy: Some(crate::reference::entropy(row, &[u32::MAX], 260)[0][0]),
                best: Some(top_k(row, 1)[0].0),
            }));
        }
        prop_assert_eq!(&starts[1..], &self.starts);
        let whole = model.forward(&self.ids, &starts).logits;
        let error = largest(&self.logits, &whole[whole.len() - 260..]);
        prop_assert!(error < 1e-4, "logits are off by {}", error);
        Ok(())
    }
}

#[test]
fn on_the_reference() {
    let loaded: Vec<_> = MODELS
        .iter()
        .map(|model| {
            let checkpoint = open(model);
            let threshold = checkpoint.patching().threshold.unwrap();
            let entropy = entropy_matrices(&checkpoint).unwrap();
            (blt_matrices(&checkpoint, false), entropy, threshold)
        })
        .collect();
    runner(40)
        .run(&case(5), |case| {
            let (model, entropy, threshold) = &loaded[case.model];
            let rule = rules(*threshold)[case.rule].clone();
            let mut text = ReferenceText {
                incremental: Incremental::new(model),
                entropy,
                patcher: rule.patcher(),
                ids: Vec::new(),
                known: Vec::new(),
                starts: Vec::new(),
                logits: Vec::new(),
            };
            text.push(BOS);
            let mut others = Vec::new();
            for edit in &case.edits {
                match edit {
                    // The reference recomputes its entropies: short texts only.
                    Edit::Take(ids) | Edit::Push(ids) => {
                        ids.iter().take(20).for_each(|id| text.push(*id));
                    }
                    Edit::Ahead { ids, keep } => {
                        let keep = (*keep).min(ids.len());
                        ids[..keep].iter().for_each(|id| text.push(*id));
                    }
                    Edit::Fork { follow } => {
                        let mut other = text.clone();
                        if *follow {
                            std::mem::swap(&mut text, &mut other);
                        }
                        others.push(other);
                    }
                    Edit::Truncate(part) => {
                        #[allow(
                            clippy::cast_possible_truncation,
                            clippy::cast_sign_loss,
                            clippy::cast_precision_loss
                        )]
                        let to = ((text.ids.len() as f64 * part) as usize).max(1);
                        text.truncate(to);
                    }
                }
            }
            text.check(model, &rule)?;
            for other in &others {
                other.check(model, &rule)?;
            }
            Ok(())
        })
        .unwrap();
}
