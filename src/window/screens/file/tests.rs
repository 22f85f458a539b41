//! The screen without a device: what is asked for, what shows, and no size or file
//! that it cannot take.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::Write;

use egui::{Context, Event, Key, Modifiers, RawInput, Rect, TouchPhase, pos2, vec2};

use super::table::ROW;
use super::*;
use crate::Error;
use crate::session::scan::{Place, Progress, Texel};
use crate::window::engine::{Engine, FileNews, Known, Overview};
use crate::window::error_message::ErrorMessage;
use crate::window::tests::{finger, finger_goes_up};
use crate::window::words::Language;

struct Stage {
    screen: FileScreen,
    engine: Engine,
    context: Context,
    size: [f32; 2],
    _file: tempfile::NamedTempFile,
}

fn stage(bytes: &[u8]) -> Stage {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let (engine, _, _) = Engine::by_hand();
    let context = Context::default();
    theme::apply(&context, false);
    let mut stage = Stage {
        screen: FileScreen::default(),
        engine,
        context,
        size: [1280.0, 800.0],
        _file: file,
    };
    let path = stage._file.path().to_owned();
    stage.with(|screen, shared| screen.open(&path, shared));
    stage
}

impl Stage {
    fn with<T>(&mut self, act: impl FnOnce(&mut FileScreen, &Shared<'_>) -> T) -> T {
        let shared = Shared {
            engine: &self.engine,
            model: None,
            language: Language::English,
            words: Language::English.words(),
        };
        act(&mut self.screen, &shared)
    }

    fn frame(&mut self, events: Vec<Event>) -> Option<Action> {
        let [width, height] = self.size;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), vec2(width, height))),
            events,
            focused: true,
            ..RawInput::default()
        };
        let shared = Shared {
            engine: &self.engine,
            model: None,
            language: Language::English,
            words: Language::English.words(),
        };
        let mut wish = None;
        let screen = &mut self.screen;
        let mut output = self
            .context
            .run_ui(input, |ui| wish = screen.show(ui, &shared));
        output.textures_delta.clear();
        let _ = self
            .context
            .tessellate(output.shapes, output.pixels_per_point);
        wish
    }

    fn press(&mut self, modifiers: Modifiers, key: Key) -> u64 {
        let event = Event::Key {
            key,
            physical_key: None,
            pressed: true,
            repeat: false,
            modifiers,
        };
        self.frame(vec![event]);
        self.shown().caret
    }

    fn shown(&self) -> &Shown {
        self.screen.shown.as_ref().unwrap()
    }

    fn tell(&mut self, news: FileNews) {
        let generation = self.screen.generation;
        self.screen.take(FileUpdate { generation, news });
    }
}

fn overview(bytes: u64, total: u64) -> Overview {
    Overview {
        progress: Progress {
            bytes,
            total,
            finished: bytes == total,
        },
        texels: vec![
            Texel {
                max: Some(4.0),
                mean: Some(2.0),
                mean_patch: Some(3.0),
            };
            300
        ],
        pace: Some(1234.5),
        patches: bytes / 4,
        mean_patch: Some(4.0),
        bits_per_byte: Some(2.5),
        longest: Some(64..96),
        hottest: [bytes / 2, 1, bytes / 3]
            .map(|at| Place { at, entropy: 4.5 })
            .to_vec(),
    }
}

fn known(range: std::ops::Range<u64>, done: u64) -> Known {
    Known {
        entropies: range.clone().map(|at| (at < done).then_some(1.5)).collect(),
        starts: range
            .clone()
            .map(|at| at < done && at.is_multiple_of(4))
            .collect(),
        range,
        done,
    }
}

#[test]
fn any_size_and_any_bytes_are_drawn() {
    let all: Vec<u8> = (0..=255_u8).cycle().take(5000).collect();
    let korean = "바이트 patch é🙂\t".repeat(300).into_bytes();
    for bytes in [
        all,
        korean,
        vec![0xFF; 700],
        vec![0; 33],
        b"x".to_vec(),
        Vec::new(),
    ] {
        let mut stage = stage(&bytes);
        let length = bytes.len() as u64;
        for size in [
            [1280.0, 800.0],
            [900.0, 600.0],
            [1.0, 1.0],
            [300.0, 90.0],
            [2560.0, 1440.0],
        ] {
            stage.size = size;
            stage.frame(Vec::new());
            if length > 0 {
                stage.tell(FileNews::Overview(overview(length, length)));
                stage.tell(FileNews::Bytes(known(0..length, length)));
            }
            stage.frame(Vec::new());
        }
    }
}

#[test]
fn keys_move_the_caret_and_what_shows() {
    let mut stage = stage(&[b'x'; 100_000]);
    stage.frame(Vec::new());
    stage.frame(Vec::new());
    let per_row = stage.shown().grid.per_row;
    assert_eq!(per_row, 32);
    assert_eq!(stage.press(Modifiers::NONE, Key::ArrowRight), 1);
    assert_eq!(stage.press(Modifiers::NONE, Key::ArrowDown), per_row + 1);
    assert_eq!(stage.press(Modifiers::NONE, Key::End), 2 * per_row - 1);
    assert_eq!(stage.press(Modifiers::COMMAND, Key::End), 99_999);
    assert!(stage.shown().visible.contains(&99_999));
    assert_eq!(stage.press(Modifiers::COMMAND, Key::Home), 0);
    assert_eq!(stage.shown().visible.start, 0);
    let page = stage.press(Modifiers::NONE, Key::PageDown);
    let shown = stage.shown();
    assert_eq!(page, (shown.grid.shown - 1) * per_row);
    assert_eq!(shown.top.row, shown.grid.shown - 1);
    // A narrower window has other rows, and the same bytes.
    let before = shown.visible.start;
    stage.size = [900.0, 600.0];
    stage.frame(Vec::new());
    assert_eq!(stage.shown().grid.per_row, 16);
    assert_eq!(stage.shown().visible.start, before);
}

#[test]
fn jumps_go_where_they_say() {
    let mut stage = stage(&[b'x'; 100_000]);
    stage.frame(Vec::new());
    stage.tell(FileNews::Overview(overview(90_000, 100_000)));
    for at in [45_000, 1, 30_000, 45_000] {
        stage.screen.jump(Jump::Hottest);
        stage.frame(Vec::new());
        assert_eq!(stage.shown().caret, at);
        assert!(stage.shown().visible.contains(&at));
    }
    stage.screen.jump(Jump::Longest);
    stage.frame(Vec::new());
    assert_eq!(stage.shown().caret, 64);
    stage.screen.jump(Jump::Invalid);
    stage.frame(Vec::new());
    stage.tell(FileNews::Invalid(Some(77_777)));
    stage.frame(Vec::new());
    assert_eq!(stage.shown().caret, 77_777);
    // What nobody waits for any more moves nothing.
    stage.tell(FileNews::Invalid(Some(5)));
    assert_eq!(stage.shown().caret, 77_777);
}

#[test]
fn it_is_settled_when_what_shows_is_known() {
    let mut large = stage(&[b'x'; 100_000]);
    large.frame(Vec::new());
    assert!(!large.screen.is_settled());
    let end = large.shown().visible.end;
    large.tell(FileNews::Overview(overview(end, 100_000)));
    large.tell(FileNews::Bytes(known(0..end + 10, end - 1)));
    assert!(!large.screen.is_settled());
    large.tell(FileNews::Bytes(known(0..end + 10, end)));
    assert!(large.screen.is_settled());
    // Of another generation: the scan before a change of the model.
    let generation = large.screen.generation - 1;
    let news = FileNews::Failed(ErrorMessage::of(&Error::Interrupted));
    large.screen.take(FileUpdate { generation, news });
    assert_eq!(large.shown().trouble, None);

    let mut small = stage(&[b'x'; 1000]);
    small.frame(Vec::new());
    small.tell(FileNews::Bytes(known(0..1000, 1000)));
    small.tell(FileNews::Overview(overview(900, 1000)));
    assert!(!small.screen.is_settled());
    small.tell(FileNews::Overview(overview(1000, 1000)));
    assert!(small.screen.is_settled());
    assert!(stage(b"").screen.is_settled());
}

#[test]
fn a_lost_device_keeps_the_file_and_the_place() {
    let mut stage = stage(&[b'x'; 100_000]);
    stage.frame(Vec::new());
    stage.press(Modifiers::COMMAND, Key::End);
    stage.tell(FileNews::Overview(overview(90_000, 100_000)));
    let top = stage.shown().top;
    stage.screen.lose_device();
    stage.frame(Vec::new());
    let shown = stage.shown();
    assert_eq!((shown.caret, shown.top), (99_999, top));
    assert_eq!(
        (shown.overview.is_some(), shown.entropy(99_999)),
        (false, None)
    );
    assert!(!stage.screen.is_settled());
}

#[test]
fn a_file_that_shrinks_is_a_sentence_and_can_be_read_again() {
    let mut stage = stage(&[b'x'; 100_000]);
    stage.frame(Vec::new());
    stage._file.as_file().set_len(500).unwrap();
    stage.frame(Vec::new());
    stage.frame(Vec::new());
    let is = Trouble::Shorter {
        was: 100_000,
        is: 500,
    };
    assert_eq!(stage.shown().trouble, Some(is));
    let path = stage._file.path().to_owned();
    stage.with(|screen, shared| screen.open(&path, shared));
    stage.frame(Vec::new());
    assert_eq!(
        (stage.shown().trouble.clone(), stage.shown().source.len()),
        (None, 500)
    );
}

#[test]
fn what_is_no_file_is_refused() {
    let mut stage = stage(b"x");
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("missing")] {
        stage.with(|screen, shared| screen.open(&path, shared));
        stage.frame(Vec::new());
        assert!(stage.screen.shown.is_none() && stage.screen.refused.is_some());
        assert!(stage.screen.is_settled());
    }
}

#[test]
fn a_finger_scrolls_the_rows_and_leaves_the_caret() {
    let mut stage = stage(&[b'a'; 100_000]);
    stage.frame(Vec::new());
    let _ = stage.press(Modifiers::NONE, Key::ArrowRight);
    let places = |stage: &Stage| {
        let shown = stage.shown();
        (shown.top.row as f32 * ROW + shown.top.above, shown.caret)
    };
    let (before, caret) = places(&stage);
    let from = pos2(400.0, 500.0);
    for events in finger_goes_up(from) {
        stage.frame(events);
    }
    // It rests, and then leaves the screen.
    for _ in 0..12 {
        stage.frame(Vec::new());
    }
    for events in finger(TouchPhase::End, from) {
        stage.frame(events);
    }
    let (after, left) = places(&stage);
    assert!((after - before - 120.0).abs() < 15.0, "{before} {after}");
    assert_eq!(left, caret);
    // A tap moves it.
    for phase in [TouchPhase::Start, TouchPhase::End] {
        for events in finger(phase, from) {
            stage.frame(events);
        }
    }
    assert_ne!(places(&stage).1, caret);
}
