//! Random edits, with whatever has been computed between them.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use blt::device::DeviceClass;
use blt::model::entropy::EntropyModel;
use blt::session::{ContextOptions, EditSession};
use proptest::prelude::*;

use super::{Fresh, Kept, TOLERANCE, cells_agree, deep_model, distribution_is_of, finish, model};

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
