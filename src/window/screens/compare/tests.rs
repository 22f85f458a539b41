//! The screen without a device.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
use super::*;
use crate::Error;
use crate::bytes::id_of;
use crate::patch::LookupTable;
use crate::window::engine::{AnalysisUpdate, Engine};
use crate::window::error_message::ErrorMessage;
use crate::window::words::Language;

const TEXT: &[u8] = b"to be or not";

fn text() -> Text {
    let mut text = Text::new(TEXT, Cutting::of_rule(&Rule::default()));
    let entropies = Arc::new(vec![
        0.5, 0.1, 0.2, 2.0, 0.3, 0.2, 2.5, 0.4, 0.1, 3.0, 0.2, 1.9, 0.1,
    ]);
    text.take(AnalysisUpdate::Entropies {
        revision: text.revision(),
        cells: Cells::Values(Arc::clone(&entropies)),
        entropies,
        nlls: Arc::new(vec![1.0; TEXT.len()]),
        best: Arc::default(),
        stale: 13..13,
        took: Duration::ZERO,
    });
    text
}

fn shared(engine: &Engine) -> Shared<'_> {
    Shared {
        engine,
        model: None,
        language: Language::English,
        words: Language::English.words(),
    }
}

fn begins(screen: &CompareScreen) -> Vec<Vec<usize>> {
    let cuts = screen.lanes.iter().map(|lane| lane.cut.as_ref());
    cuts.map(|cut| cut.map_or_else(Vec::new, |cut| cut.begins.clone()))
        .collect()
}

#[test]
fn lanes_begin_useful_and_are_compared_with_the_first() {
    let mut screen = CompareScreen::default();
    assert!(!screen.is_settled());
    screen.set_text(&text());
    screen.cut();
    assert!(screen.is_settled());
    assert_eq!(
        begins(&screen),
        [
            vec![0, 3, 6, 9, 11],
            vec![0, 4, 8],
            vec![0, 3, 6, 9],
            // The second byte rises from nothing.
            vec![0, 1, 3, 6, 9, 11]
        ]
    );
    let numbers: Vec<_> = screen
        .lanes
        .iter()
        .map(|l| l.cut.as_ref().unwrap())
        .collect();
    assert_eq!(numbers[0].numbers.f1, None);
    assert_eq!(numbers[1].only_here, [4, 8]);
    assert_eq!(numbers[1].numbers.precision, Some(0.0));
    assert_eq!(numbers[2].numbers.precision, Some(1.0));
    assert_eq!(numbers[2].numbers.recall, Some(0.75));
    assert_eq!(screen.differences, [1, 3, 4, 6, 8, 9, 11]);
    let said = screen.sentence(4, &shared(&Engine::by_hand().0));
    assert!(
        said.ends_with("lane 2 starts a patch here, lanes 1, 3, 4 do not"),
        "{said}"
    );
}

#[test]
fn another_first_lane_or_threshold_compares_all_again() {
    let mut screen = CompareScreen::default();
    screen.set_text(&text());
    screen.cut();
    screen.lanes.swap(0, 2);
    screen.anew = true;
    screen.cut();
    assert_eq!(screen.lanes[2].cut.as_ref().unwrap().only_here, [11]);
    assert_eq!(
        screen.lanes[2].cut.as_ref().unwrap().numbers.recall,
        Some(1.0)
    );
    screen.lanes[2].cutting.threshold = 2.2;
    screen.lanes[2].dirty = true;
    screen.cut();
    assert_eq!(screen.lanes[2].cut.as_ref().unwrap().begins, [0, 6, 9]);
    assert_eq!(screen.lanes[2].cut.as_ref().unwrap().missing, [3]);
}

#[test]
fn differences_are_gone_through_in_a_circle() {
    let mut screen = CompareScreen::default();
    screen.set_text(&text());
    screen.cut();
    let mut seen = Vec::new();
    for next in [true, true, false, false, true] {
        screen.go(next);
        seen.push(screen.at.unwrap());
    }
    assert_eq!(seen, [1, 3, 1, 11, 1]);
    assert_eq!(screen.scroll_to, Some(1));
    screen.lanes.truncate(1);
    screen.anew = true;
    screen.cut();
    screen.at = None;
    screen.go(true);
    assert_eq!(screen.at, None);
}

#[test]
fn another_model_is_asked_for_once_and_let_go_with_its_lane() {
    let (engine, taken, _updates) = Engine::by_hand();
    let mut screen = CompareScreen::default();
    screen.set_text(&text());
    screen.ask(&shared(&engine));
    assert!(taken.try_recv().is_err(), "nothing is needed yet");
    let lane = screen.lanes[0].id;
    screen.choose_model(lane, "models/other");
    let source = Source::Model("models/other".to_owned());
    for _ in 0..2 {
        screen.ask(&shared(&engine));
        screen.cut();
    }
    let Request::Compare(request) = taken.try_recv().unwrap() else {
        unreachable!("nothing else is asked for");
    };
    assert_eq!(request.sources, std::slice::from_ref(&source));
    assert_eq!(*request.bytes, TEXT);
    assert!(taken.try_recv().is_err());
    assert!(!screen.is_settled());
    let mut entropies = vec![0.0; 13];
    entropies[5] = 4.0;
    screen.take(CompareUpdate {
        revision: request.revision,
        source: source.clone(),
        found: Found::Entropies {
            entropies: Arc::new(entropies),
            nlls: Arc::new(vec![1.0; 12]),
            best: Arc::default(),
            complete: true,
        },
    });
    screen.cut();
    assert!(screen.is_settled());
    assert_eq!(begins(&screen)[0], [0, 5]);
    // What has failed shows as such, and is tried again when it is chosen again.
    screen.take(CompareUpdate {
        revision: request.revision,
        source: source.clone(),
        found: Found::Failed(ErrorMessage::of(&Error::Checkpoint("no model".to_owned()))),
    });
    screen.cut();
    assert!(screen.lanes[0].cut.is_none() && screen.is_settled());
    screen.choose_model(lane, "models/other");
    screen.ask(&shared(&engine));
    assert!(matches!(taken.try_recv(), Ok(Request::Compare(_))));
    screen.lanes.remove(0);
    screen.ask(&shared(&engine));
    let Request::Compare(request) = taken.try_recv().unwrap() else {
        unreachable!("nothing else is asked for");
    };
    assert!(request.sources.is_empty() && screen.known.is_empty());
}

#[test]
fn a_dropped_tokenizer_becomes_a_lane() {
    let mut screen = CompareScreen::default();
    assert!(!screen.drop_file(Path::new("notes.json")));
    assert!(screen.drop_file(Path::new("gpt2/tokenizer.json")));
    assert_eq!(screen.lanes.len(), 5);
    assert_eq!(screen.lanes[4].title(Language::English), "Tokens gpt2");
}

/// Draws a frame without a device.
fn frame(
    context: &Context,
    size: egui::Vec2,
    screen: &mut CompareScreen,
    engine: &Engine,
    events: Vec<egui::Event>,
) -> egui::FullOutput {
    let input = egui::RawInput {
        screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, size)),
        events,
        focused: true,
        ..egui::RawInput::default()
    };
    let mut output = context.run_ui(input, |ui| {
        screen.show(ui, &shared(engine));
    });
    output.textures_delta.clear();
    output
}

fn key(key: Key, modifiers: Modifiers) -> egui::Event {
    egui::Event::Key {
        key,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers,
    }
}

#[test]
fn any_text_shows_in_any_window() {
    let (engine, _taken, _updates) = Engine::by_hand();
    let context = Context::default();
    crate::window::theme::apply(&context, false);
    let mut screen = CompareScreen::default();
    screen.add(screen.rule.clone());
    screen.lanes[4].tokens = true;
    for bytes in [&b""[..], b"\xFF\xFE", "\n한\u{202E}\0\n".as_bytes()] {
        screen.set_text(&Text::new(bytes, screen.rule.clone()));
        for size in [egui::vec2(1.0, 1.0), egui::vec2(900.0, 600.0)] {
            for _ in 0..2 {
                let _ = frame(&context, size, &mut screen, &engine, Vec::new());
            }
            screen.go(true);
        }
    }
}

#[test]
fn keys_go_to_differences_and_the_pointer_says_a_byte() {
    let (engine, _taken, _updates) = Engine::by_hand();
    let context = Context::default();
    crate::window::theme::apply(&context, false);
    let mut screen = CompareScreen::default();
    screen.set_text(&text());
    let size = egui::vec2(900.0, 600.0);
    let mut seen = Vec::new();
    for modifiers in [Modifiers::NONE, Modifiers::NONE, Modifiers::SHIFT] {
        let events = vec![key(Key::N, modifiers)];
        // The first frame cuts the text.
        let _ = frame(&context, size, &mut screen, &engine, Vec::new());
        let _ = frame(&context, size, &mut screen, &engine, events);
        seen.push(screen.at);
    }
    assert_eq!(seen, [Some(1), Some(3), Some(1)]);
    let slot = screen.view.layout.slots[5];
    let line = screen.view.layout.lines[0].clone();
    // Below the letters, among the lanes.
    let place = egui::pos2(66.0 + slot.left + 1.0, 10.0 + line.top + 80.0);
    for _ in 0..2 {
        let events = vec![egui::Event::PointerMoved(place)];
        let _ = frame(&context, size, &mut screen, &engine, events);
    }
    assert_eq!(screen.hovered, Some(5));
}

#[test]
fn a_lane_is_cut_by_a_table_once_it_is_there() {
    let (engine, taken, _updates) = Engine::by_hand();
    let mut screen = CompareScreen::default();
    screen.set_text(&text());
    let lane = screen.lanes[1].id;
    screen.lanes[1].cutting.mode = Mode::Lookup;
    screen.lanes[1].dirty = true;
    screen.cut();
    // Without a table there is nothing to compare, and nothing to wait for.
    assert!(screen.lanes[1].cut.is_none() && screen.is_settled());
    let mut pairs = vec![false; 260 * 260];
    pairs[(id_of(b'b') * 260 + id_of(b'e')) as usize] = true;
    let table = LookupTable::new(260, pairs).unwrap();
    let refused = |why: &str| ErrorMessage::of(&Error::Argument(why.into()));
    for (name, found) in [
        ("broken.json", Err(refused("no table"))),
        ("pairs.json", Ok(table)),
        ("gone.json", Err(refused("no file"))),
    ] {
        let path = PathBuf::from(name);
        screen.choose_table(lane, &path);
        assert!(!screen.is_settled());
        for _ in 0..2 {
            screen.ask(&shared(&engine));
        }
        let Request::Table(request) = taken.try_recv().unwrap() else {
            unreachable!("nothing else is asked for");
        };
        assert_eq!((request.whom, &request.path), (TableFor::Lane(lane), &path));
        assert!(taken.try_recv().is_err(), "asked for once");
        let is_table = found.is_ok();
        let update = TableUpdate {
            whom: request.whom,
            path,
            found,
        };
        // One that is not wanted any more changes nothing.
        let other = TableUpdate {
            path: "other.json".into(),
            ..update.clone()
        };
        assert!(!screen.take_table(lane, other));
        assert_eq!(screen.take_table(lane, update), is_table);
        screen.cut();
        assert!(screen.is_settled());
        let refused = screen.lanes[1].opening.refused.is_some();
        assert_eq!(refused, !is_table);
    }
    assert_eq!(begins(&screen)[1], [0, 5]);
    assert_eq!(
        screen.lanes[1].title(Language::English),
        "Lookup pairs.json"
    );
}

#[test]
fn a_threshold_is_dragged_in_the_staff_of_its_lane_alone() {
    let (engine, taken, _updates) = Engine::by_hand();
    let context = Context::default();
    crate::window::theme::apply(&context, false);
    let mut screen = CompareScreen::default();
    screen.set_text(&text());
    // A lane with entropies, and so a staff, of its own.
    let other = screen.lanes[3].id;
    screen.lanes[3].cutting.mode = Mode::Entropy;
    screen.choose_model(other, "models/other");
    let size = egui::vec2(1200.0, 800.0);
    let _ = frame(&context, size, &mut screen, &engine, Vec::new());
    screen.take(CompareUpdate {
        revision: screen.subject.revision,
        source: Source::Model("models/other".to_owned()),
        found: Found::Entropies {
            entropies: Arc::new((0..13).map(|at| at as f32 / 4.0).collect()),
            nlls: Arc::new(vec![1.0; 12]),
            best: Arc::default(),
            complete: true,
        },
    });
    let _ = taken.try_iter().count();
    for lane in [0, 3] {
        for _ in 0..2 {
            let _ = frame(&context, size, &mut screen, &engine, Vec::new());
        }
        let before = screen.lanes[lane].cutting.threshold;
        let starts = |screen: &CompareScreen| {
            let cuts = screen.lanes.iter().map(|lane| lane.cut.as_ref().unwrap());
            cuts.map(|cut| Arc::clone(&cut.starts)).collect::<Vec<_>>()
        };
        let all = starts(&screen);
        let from = screen.threshold_line(lane);
        let to = from - egui::vec2(0.0, 5.0);
        let button = |pos, pressed| egui::Event::PointerButton {
            pos,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        let steps = [
            vec![egui::Event::PointerMoved(from)],
            vec![button(from, true)],
            // Of several moves between two frames the last counts.
            vec![
                egui::Event::PointerMoved(from - egui::vec2(0.0, 2.0)),
                egui::Event::PointerMoved(to),
            ],
            vec![button(to, false)],
            Vec::new(),
        ];
        for events in steps {
            let _ = frame(&context, size, &mut screen, &engine, events);
        }
        let after = screen.lanes[lane].cutting.threshold;
        assert!(after > before + 0.3, "lane {lane}: {before} to {after}");
        for (index, (before, after)) in all.iter().zip(starts(&screen)).enumerate() {
            let same = Arc::ptr_eq(before, &after);
            assert_eq!(same, index != lane, "lane {index} while {lane} is dragged");
        }
    }
    let asked = taken.try_iter().count();
    assert_eq!(asked, 0, "no model runs for it");
}

#[test]
fn a_lane_has_a_longest_patch_of_its_own() {
    let mut screen = CompareScreen::default();
    screen.set_text(&text());
    screen.lanes[1].cutting.size = 8;
    screen.lanes[1].cutting.longest = Some(5);
    screen.cut();
    assert_eq!(begins(&screen)[1], [0, 5, 8]);
    assert_eq!(begins(&screen)[0], [0, 3, 6, 9, 11]);
    let title = screen.lanes[1].title(Language::English);
    assert!(title.ends_with("8 ≤5"), "{title}");
    // In its row it can be set, and taken away.
    let (engine, _taken, _updates) = Engine::by_hand();
    let context = Context::default();
    crate::window::theme::apply(&context, false);
    context.enable_accesskit();
    let size = egui::vec2(1200.0, 800.0);
    let _ = frame(&context, size, &mut screen, &engine, Vec::new());
    let shown = frame(&context, size, &mut screen, &engine, Vec::new());
    let nodes = shown.platform_output.accesskit_update.unwrap().nodes;
    for lane in [1, 2, 3, 4] {
        let label = format!("Longest patch of lane {lane}");
        assert!(nodes.iter().any(|(_, node)| node.label() == Some(&label)));
    }
}
