//! What moves, and that it comes to rest.

use egui::{Context, Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::{Hand, plain};
use crate::device::DeviceClass;
use crate::window::AppOptions;
use crate::window::screens::patch::PatchScreen;
use crate::window::staff::Pipelines;
use crate::window::theme;

const TEXT: &str = "The quick brown fox jumps over the lazy dog.";
/// A third of the way of a bar, in seconds.
const FRAME: f32 = 0.04;

impl Hand {
    /// A window whose bars move, with the caret in the text.
    fn lively(text: &str) -> Self {
        let options = AppOptions {
            text: Some(text.into()),
            ..plain()
        };
        let mut hand = Self::moving(&options, [1280.0, 800.0], 0.12, FRAME);
        hand.settle();
        hand.harness
            .get_by_role(egui::accesskit::Role::MultilineTextInput)
            .focus();
        hand.rest();
        hand
    }

    fn asks_for_a_frame(&self) -> bool {
        self.harness.ctx.has_requested_repaint()
    }

    /// Draws until no frame is asked for.
    fn rest(&mut self) {
        self.harness.step();
        let mut frames = 0;
        while self.asks_for_a_frame() {
            frames += 1;
            assert!(frames < 100, "the window does not come to rest");
            self.harness.step();
        }
        self.harness.render().unwrap();
    }

    /// What the last frame shows of each entropy, in nats.
    pub(super) fn heights(&mut self) -> Vec<f32> {
        self.harness.render().unwrap();
        let renderer = self.renderer.read();
        let pipelines: &Pipelines = renderer.callback_resources.get().unwrap();
        let count = self.harness.state().patch.text.bytes().len() as u64;
        let heights = self.devices.graphics().unwrap().read_buffer(
            pipelines.heights(PatchScreen::editor_id()).unwrap(),
            (count + 1) * 4,
        );
        bytemuck::pod_collect_to_vec(&pollster::block_on(heights).unwrap())
    }

    /// Where bars will stay.
    fn ends(&self) -> Vec<f32> {
        let entropies = self.harness.state().patch.text.entropies().iter();
        entropies.map(|h| h.clamp(0.0, theme::MOST)).collect()
    }

    /// Heights in each frame from a key until nothing moves any more.
    fn frames_of(&mut self, key: &str) -> Vec<Vec<f32>> {
        self.harness
            .get_by_role(egui::accesskit::Role::MultilineTextInput)
            .type_text(key);
        self.harness.step();
        let mut frames = vec![self.heights()];
        while !self.harness.state().patch.text.is_fresh() {
            std::thread::sleep(std::time::Duration::from_millis(2));
            self.harness.step();
            frames.push(self.heights());
            assert!(frames.len() < 1000, "the numbers never came");
        }
        for _ in 0..3 {
            assert!(self.asks_for_a_frame(), "bars are moving");
            self.harness.step();
            frames.push(self.heights());
        }
        frames
    }
}

#[test]
fn a_bar_that_has_been_typed_grows_to_its_entropy() {
    let mut hand = Hand::lively(TEXT);
    hand.harness.key_press_modifiers(Modifiers::CTRL, Key::End);
    hand.rest();
    let frames = hand.frames_of("q");
    let ends = hand.ends();
    let grown: Vec<f32> = frames.iter().map(|frame| frame[TEXT.len()]).collect();
    let end = ends[TEXT.len()];
    assert!(end > 0.1, "{end}");
    assert!(grown[0] < end * 0.8, "{grown:?} on the way to {end}");
    assert!(grown.is_sorted(), "{grown:?}");
    let late = grown[grown.len() - 3];
    assert!(late < end && late > end * 0.6, "{grown:?}");
    // At rest all are exactly as high as their entropies, and no frame is asked for.
    assert_eq!(frames.last(), Some(&ends));
    hand.harness.step();
    assert!(!hand.asks_for_a_frame());
    assert_eq!(hand.heights(), ends);
}

#[test]
fn what_is_behind_a_key_does_not_wobble() {
    let mut hand = Hand::lively(TEXT);
    hand.harness.key_press_modifiers(Modifiers::CTRL, Key::Home);
    hand.rest();
    let before = hand.heights();
    let frames = hand.frames_of("A");
    let ends = hand.ends();
    assert_eq!(frames.last(), Some(&ends));
    for (number, frame) in frames.iter().enumerate() {
        for (byte, height) in frame.iter().enumerate().skip(1) {
            let (from, to) = (before[byte - 1], ends[byte]);
            assert!(
                (from.min(to) - 1e-3..=from.max(to) + 1e-3).contains(height),
                "frame {number}, byte {byte}: {height} is not between {from} and {to}"
            );
        }
    }
}

#[test]
fn the_threshold_moves_nothing_but_itself() {
    let mut hand = Hand::lively(TEXT);
    let before = hand.heights();
    let context = hand.harness.ctx.clone();
    let patch = &mut hand.harness.state_mut().patch;
    patch.move_threshold(&context, 0.5);
    // A frame for the egui that has been touched, none for bars.
    hand.harness.step();
    assert!(!hand.asks_for_a_frame());
    assert_eq!(hand.heights(), before);
}

#[test]
fn the_bars_of_a_text_rise_and_in_a_still_window_they_are_there() {
    let first = |seconds| {
        let options = AppOptions {
            text: Some(Vec::new()),
            ..plain()
        };
        let mut hand = Hand::moving(&options, [1280.0, 800.0], seconds, FRAME);
        hand.settle();
        hand.harness.state_mut().set_text(TEXT.as_bytes());
        hand.until("the numbers", |app| app.patch.text.is_fresh());
        let first = hand.heights();
        hand.rest();
        assert_eq!(hand.heights(), hand.ends());
        (first, hand.ends())
    };
    let (heights, ends) = first(0.12);
    let higher = heights.iter().zip(&ends).filter(|(a, b)| a < b).count();
    assert!(higher > TEXT.len() / 2, "{heights:?} {ends:?}");
    let (heights, ends) = first(0.0);
    assert_eq!(heights, ends);
}

#[test]
fn on_a_software_driver_and_where_it_is_unwanted_nothing_moves() {
    let time = |options: AppOptions| {
        let hand = Hand::open(options);
        let context = Context::default();
        hand.harness.state().set_up(&context);
        let time = context.global_style().animation_time;
        (time, hand.devices.graphics().unwrap().summary().class)
    };
    let moves = AppOptions {
        still: false,
        ..plain()
    };
    let (seconds, class) = time(moves);
    let wanted = match class {
        DeviceClass::Software => 0.0,
        _ => 0.12,
    };
    assert_eq!(seconds, wanted);
    assert_eq!(time(plain()).0, 0.0);
}
