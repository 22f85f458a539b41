//! A frame of which only what differs is drawn looks like one that is drawn whole.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Event, Key, Modifiers, PointerButton, Pos2, pos2, vec2};

use super::{devices, plain};
use crate::window::shell::OffscreenCanvas as Canvas;
use crate::window::staff::draw_triangles;
use crate::window::{App, AppOptions};

/// The same frames on two canvases.
struct Both {
    app: App,
    whole: Canvas,
    parts: Canvas,
}

impl Both {
    fn frame(&mut self, what: &str, events: Vec<Event>) {
        let mut input = self.parts.input();
        input.events = events;
        let app = &mut self.app;
        let output = self.parts.context.run_ui(input, |ui| app.ui(ui));
        let scale = output.pixels_per_point;
        let primitives = self.parts.context.tessellate(output.shapes, scale);
        self.whole.paint(&primitives, output.textures_delta.clone());
        self.parts.paint(&primitives, output.textures_delta);
        let [whole, parts] = [&self.whole, &self.parts]
            .map(|canvas| pollster::block_on(canvas.read()).unwrap().pixels);
        let differ = whole.chunks(4).zip(parts.chunks(4)).filter(|(a, b)| a != b);
        assert_eq!(differ.count(), 0, "{what}");
    }

    fn settle(&mut self, what: &str) {
        let patience = Instant::now() + Duration::from_secs(60);
        self.frame(what, Vec::new());
        while !self.app.is_settled() {
            assert!(Instant::now() < patience, "{what} never came");
            std::thread::sleep(Duration::from_millis(5));
            self.frame(what, Vec::new());
        }
    }
}

fn press(key: Key, modifiers: Modifiers) -> Event {
    Event::Key {
        key,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers,
    }
}

fn click(pos: Pos2) -> [Event; 3] {
    let button = |pressed| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    [Event::PointerMoved(pos), button(true), button(false)]
}

#[test]
fn frames_drawn_in_parts_are_those_drawn_whole() {
    for triangles in [true, false] {
        let devices = devices();
        let canvas = || Canvas::new(devices.graphics().unwrap(), vec2(900.0, 620.0), 1.25).unwrap();
        let text = "Frames differ\nin a few places, and only those are drawn again. ".repeat(6);
        let options = AppOptions {
            text: Some(text.into_bytes()),
            ..plain()
        };
        let mut both = Both {
            app: App::new(&devices, options, Arc::new(|| ())),
            whole: canvas(),
            parts: canvas(),
        };
        both.parts.keep_frames();
        for canvas in [&both.whole, &both.parts] {
            both.app.set_up(&canvas.context);
        }
        if triangles {
            draw_triangles(&both.parts.context);
        }
        both.settle("the first numbers");
        both.frame("a click", click(pos2(200.0, 130.0)).to_vec());
        for letter in ["a", "W", "é", "한", "\n"] {
            both.frame(letter, vec![Event::Text(letter.to_owned())]);
            both.settle(letter);
        }
        for x in [60.0, 260.0, 700.0] {
            both.frame("the pointer", vec![Event::PointerMoved(pos2(x, 90.0))]);
        }
        let wheel = Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            source: egui::MouseWheelSource::Unknown,
            delta: vec2(0.0, -90.0),
            phase: egui::TouchPhase::Move,
            modifiers: Modifiers::NONE,
        };
        both.frame("the panel", vec![wheel.clone()]);
        both.frame("text", vec![Event::PointerMoved(pos2(300.0, 300.0)), wheel]);
        for (name, key) in [("up", Key::ArrowUp), ("down", Key::ArrowDown)] {
            both.frame(name, vec![press(key, Modifiers::ALT)]);
        }
        both.frame("palette", vec![press(Key::K, Modifiers::COMMAND)]);
        both.frame("palette", vec![Event::Text("theme".to_owned())]);
        both.frame("closed", vec![press(Key::Escape, Modifiers::NONE)]);
        for key in [Key::Num2, Key::Num3, Key::Num4, Key::Num1] {
            both.frame("a screen", vec![press(key, Modifiers::COMMAND)]);
            both.settle("a screen");
        }
        for canvas in [&both.whole, &both.parts] {
            canvas.context.set_theme(egui::Theme::Dark);
        }
        both.settle("the other theme");
        let partial = both.parts.partial_frames();
        assert!(!triangles || partial > 20, "only {partial} frames");
    }
}
