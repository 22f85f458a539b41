//! The generate screen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::Key;
use egui_kittest::kittest::Queryable;

use super::{Hand, Reader, with_fonts};
use crate::generate::{GenerateOptions, Generator, Given, Sampler, TextModel};
use crate::session::{BltOptions, BltSession};
use crate::window::screens::{Content, Screen};
use crate::window::{App, AppOptions};

const PROMPT: &str = "The old house at the end of the street";

fn open() -> Hand {
    let mut hand = Hand::open(AppOptions {
        text: Some(PROMPT.into()),
        screen: Some(Screen::Generate),
        // Nothing is written before it is asked for.
        still: false,
        ..with_fonts()
    });
    hand.until("the model", |app| app.model.is_some());
    hand
}

fn press(hand: &mut Hand, label: &str) {
    hand.harness.get_by_label(label).click();
    hand.harness.step();
    hand.harness.step();
}

fn click_byte(hand: &mut Hand, at: usize) {
    let (origin, layout) = hand.harness.state().generate.layout();
    let place = layout.rectangle(at).unwrap().center() + origin.to_vec2();
    hand.harness.hover_at(place);
    hand.harness.step();
    hand.harness.drag_at(place);
    hand.harness.step();
    hand.harness.drop_at(place);
    hand.harness.step();
    hand.harness.step();
}

/// Selects a byte of the text and takes another one in its place, after which so many
/// are written.
fn take_other(hand: &mut Hand, at: usize, limit: u64) -> u8 {
    click_byte(hand, at);
    assert_eq!(hand.harness.state().generate.selected, Some(at));
    hand.settle();
    let screen = &hand.harness.state().generate;
    let (of, all) = screen.predictions.as_ref().unwrap();
    assert_eq!(*of, at - PROMPT.len());
    let now = screen.text.bytes()[at];
    let other = all
        .iter()
        .filter_map(|prediction| crate::bytes::byte_of(prediction.id))
        .find(|byte| *byte != now && byte.is_ascii_graphic())
        .unwrap();
    let label = format!("Take {},", crate::window::widgets::byte_label(other));
    hand.harness.state_mut().generate.settings.limit = limit;
    hand.harness.step();
    hand.harness.get_by_label_contains(&label).click();
    hand.harness.step();
    other
}

fn written(app: &App) -> usize {
    app.generate.text.written().len()
}

/// What `blt generate` writes.
fn by_generator(app: &App, bytes: u64) -> Vec<u8> {
    let model = app.model.as_ref().unwrap().blt.get().unwrap();
    let settings = app.generate.settings;
    pollster::block_on(async {
        let session = BltSession::new(model, BltOptions::default()).unwrap();
        let mut model = TextModel::Blt(Box::new(session));
        let read = model
            .read(PROMPT.as_bytes(), |_| std::ops::ControlFlow::Continue(()))
            .await
            .unwrap();
        let given = Given {
            text: PROMPT.as_bytes(),
            starts: &read.starts,
            entropy: read.entropy,
        };
        let sampler = Sampler::new(settings.sampler).unwrap();
        let options = GenerateOptions {
            max_bytes: Some(bytes),
            ..GenerateOptions::default()
        };
        let mut generator = Generator::new(model, &given, sampler, options).unwrap();
        let mut text = Vec::new();
        while let Some(event) = generator.next().await.unwrap() {
            if let crate::generate::Event::Byte(record) = event {
                text.extend(record.byte);
            }
        }
        text
    })
}

#[test]
fn a_text_is_written_paused_and_branched() {
    let mut hand = open();
    assert!(hand.harness.state().generate.text.bytes().is_empty());
    hand.harness.state_mut().generate.settings.limit = 1000;
    press(&mut hand, "Start");
    hand.until("some bytes", |app| written(app) >= 12);
    press(&mut hand, "Pause");
    hand.settle();
    let paused = written(hand.harness.state());
    assert!((12..1000).contains(&paused), "{paused}");
    let before = hand.harness.state().generate.text.bytes().to_vec();
    assert_eq!(
        before,
        [
            PROMPT.as_bytes(),
            &by_generator(hand.harness.state(), paused as u64)
        ]
        .concat()
    );

    // A byte of the text, and another in its place.
    let at = PROMPT.len() + 5;
    let other = take_other(&mut hand, at, 8);
    hand.until("the branch", |app| app.generate.branches.len() == 2);
    hand.settle();
    let screen = &hand.harness.state().generate;
    assert_eq!(screen.text.bytes()[..at], before[..at]);
    assert_eq!(screen.text.bytes()[at], other);
    assert_eq!(screen.text.written().len(), 5 + 1 + 8);
    assert!(screen.text.fact(at).unwrap().by_hand);
    let current: Vec<bool> = screen.branches.iter().map(|b| b.current).collect();
    assert_eq!(current, [false, true]);

    // And back to the first one.
    hand.harness.get_by_label_contains("Branch 1").click();
    hand.harness.step();
    hand.settle();
    let screen = &hand.harness.state().generate;
    assert_eq!(screen.text.bytes(), before);
    assert!(screen.branches[0].current);
}

#[test]
fn the_rest_of_the_model_is_loaded_with_progress_and_a_way_out() {
    let reader = Reader::default();
    let options = AppOptions {
        text: Some(PROMPT.into()),
        screen: Some(Screen::Generate),
        still: false,
        ..with_fonts()
    };
    let mut hand = Hand::of_slow_reader(&options, reader.gate());
    hand.until("the model", |app| app.model.is_some());
    reader.hold(true);
    press(&mut hand, "Start");
    hand.until("the load", |app| app.generate.is_loading());
    hand.harness.get_by_label_contains("Loading the model");
    press(&mut hand, "Cancel");
    hand.settle();
    reader.hold(false);
    assert!(
        hand.harness
            .state()
            .model
            .as_ref()
            .unwrap()
            .blt
            .get()
            .is_none()
    );
    hand.harness.state_mut().generate.settings.limit = 2;
    press(&mut hand, "Start");
    hand.until("the text", |app| {
        written(app) == 2 && app.generate.is_settled()
    });
}

#[test]
fn keys_write_a_byte_and_a_patch_and_take_them_back() {
    let mut hand = open();
    let key = |hand: &mut Hand, key| {
        hand.harness.key_press(key);
        hand.harness.step();
        hand.settle();
        written(hand.harness.state())
    };
    assert_eq!(key(&mut hand, Key::F6), 1);
    assert_eq!(key(&mut hand, Key::F6), 2);
    let patch = key(&mut hand, Key::F7);
    assert!(patch > 2);
    let text = &hand.harness.state().generate.text;
    assert!(text.written().last().unwrap().closed);
    let bytes = text.bytes().to_vec();
    assert_eq!(key(&mut hand, Key::F8), patch - 1);
    // What was taken back comes again.
    assert_eq!(key(&mut hand, Key::F6), patch);
    assert_eq!(hand.harness.state().generate.text.bytes(), bytes);
}

#[test]
fn another_model_goes_on_from_the_text() {
    let mut hand = open();
    hand.harness.state_mut().generate.settings.limit = 6;
    press(&mut hand, "Start");
    hand.until("the run", |app| {
        written(app) == 6 && app.generate.is_settled()
    });
    let before = hand.harness.state().generate.text.bytes().to_vec();
    let model = hand.harness.state().model.clone().unwrap();
    hand.harness.state_mut().open_model(None);
    hand.until("another model", |app| {
        app.model
            .as_ref()
            .is_some_and(|now| !Arc::ptr_eq(now, &model))
    });
    let screen = &hand.harness.state().generate;
    assert_eq!(screen.text.bytes(), before);
    hand.harness.get_by_label_contains("Your text is kept");
    press(&mut hand, "Start");
    hand.until("more", |app| {
        written(app) == 12 && app.generate.is_settled()
    });
    let screen = &hand.harness.state().generate;
    assert_eq!(screen.text.bytes()[..before.len()], before);
    assert_eq!(screen.text.bytes().len(), before.len() + 6);
    assert_eq!(screen.text.prompt(), PROMPT.len());
}

#[test]
fn sliders_move_the_chart() {
    let mut hand = open();
    hand.harness.key_press(Key::F6);
    hand.harness.step();
    hand.settle();
    let kept = |app: &App| {
        let (_, all) = app.generate.predictions.as_ref().unwrap();
        all.iter().filter(|p| p.cut.is_none()).count()
    };
    let all = kept(hand.harness.state());
    assert!(all >= 256, "{all}");
    hand.harness.state_mut().generate.settings.sampler.top_k = 5;
    hand.harness.step();
    hand.settle();
    assert_eq!(kept(hand.harness.state()), 5);
    press(&mut hand, "Greedy: always the likeliest");
    hand.settle();
    assert_eq!(kept(hand.harness.state()), 1);
}

#[test]
fn a_device_that_is_lost_while_writing_keeps_the_text_and_its_branches() {
    let mut hand = open();
    hand.harness.state_mut().generate.settings.limit = 12;
    press(&mut hand, "Start");
    hand.until("some bytes", |app| written(app) == 12);
    hand.settle();
    let first = hand.harness.state().generate.text.bytes().to_vec();
    take_other(&mut hand, PROMPT.len() + 4, 3);
    hand.until("a branch", |app| app.generate.branches.len() == 2);
    hand.settle();
    take_other(&mut hand, PROMPT.len() + 2, 100_000);
    hand.until("another", |app| {
        app.generate.branches.len() == 3 && written(app) >= 5
    });
    hand.devices.compute.destroy();
    // What draws is on the same device: from here on only the content is looked at.
    let app = hand.harness.state_mut();
    let context = egui::Context::default();
    app.set_up(&context);
    let patience = Instant::now() + Duration::from_secs(60);
    let frame = |app: &mut App, events: Vec<egui::Event>| {
        assert!(Instant::now() < patience, "nothing more came");
        let input = egui::RawInput {
            events,
            ..egui::RawInput::default()
        };
        let mut output = context.run_ui(input, |ui| app.ui(ui));
        output.textures_delta.clear();
        std::thread::sleep(Duration::from_millis(5));
    };
    while !app.is_lost() {
        frame(app, Vec::new());
    }
    let before = app.generate.text.bytes().to_vec();
    assert!(before.len() >= PROMPT.len() + 5);
    let devices = super::devices();
    app.resume(&devices, Arc::new(|| ()));
    while app.model.is_none() || !app.generate.is_settled() {
        frame(app, Vec::new());
    }
    assert_eq!(app.generate.text.bytes(), before);
    app.generate.settings.limit = 3;
    let start = egui::Event::Key {
        key: Key::F5,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers: egui::Modifiers::NONE,
    };
    frame(app, vec![start.clone()]);
    while app.generate.text.bytes().len() < before.len() + 3 || !app.generate.is_settled() {
        frame(app, Vec::new());
    }
    assert_eq!(app.generate.text.bytes()[..before.len()], before);
    assert_eq!(app.generate.text.bytes().len(), before.len() + 3);
    // The other branches are there, and go on.
    assert_eq!(app.generate.branches.len(), 3);
    assert!(app.generate.branches[2].current);
    app.switch_branch(0);
    while !app.generate.branches[0].current || !app.generate.is_settled() {
        frame(app, Vec::new());
    }
    assert_eq!(app.generate.text.bytes(), first);
    frame(app, vec![start]);
    while written(app) < 15 || !app.generate.is_settled() {
        frame(app, Vec::new());
    }
    assert_eq!(app.generate.text.bytes()[..first.len()], first);
}
