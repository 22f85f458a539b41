//! What a screen reader hears.

use egui::accesskit::{Action, Live, Role};
use egui::{Key, Modifiers};
use egui_kittest::Node;
use egui_kittest::kittest::{NodeT, Queryable};

use super::{Hand, plain, with_fonts};
use crate::patch::Mode;
use crate::window::accessibility::MOST;
use crate::window::screens::Screen;
use crate::window::screens::patch::Cutting;
use crate::window::{AppOptions, Language};

const TEXT: &str = "one two three\nfour";

fn open(text: &str, screen: Screen, language: Language) -> Hand {
    let mut hand = Hand::open(AppOptions {
        text: Some(text.into()),
        screen: Some(screen),
        language: Some(language),
        ..with_fonts()
    });
    hand.settle();
    hand
}

impl Hand {
    /// The labels of a list's items.
    fn items(&self, list: &str) -> Vec<String> {
        self.nodes(list, |item| item.accesskit_node().label().unwrap())
    }

    fn nodes<T>(&self, list: &str, take: impl Fn(&Node<'_>) -> T) -> Vec<T> {
        let list = self.harness.get_by_role_and_label(Role::List, list);
        let items = list.children().inspect(|item| {
            assert_eq!(item.accesskit_node().role(), Role::ListItem);
        });
        items.map(|item| take(&item)).collect()
    }

    fn choose(&mut self, item: &str) {
        self.harness
            .get_by_role_and_label(Role::ListItem, item)
            .click_accesskit();
        self.harness.step();
        self.harness.step();
    }

    /// What is said when it changes.
    fn said(&self) -> String {
        let said = self.harness.get_by_role(Role::Status);
        assert_eq!(said.accesskit_node().live(), Live::Polite);
        said.accesskit_node().label().unwrap()
    }

    fn cut(&mut self, mode: Mode) {
        let text = &mut self.harness.state_mut().patch.text;
        let cutting = Cutting {
            mode,
            ..text.cutting().clone()
        };
        text.set_cutting(cutting);
        self.harness.step();
    }
}

#[test]
fn patches_are_listed_with_the_reason_for_each() {
    let mut hand = open(TEXT, Screen::Patch, Language::English);
    let text = &hand.harness.state().patch.text;
    let threshold = text.cutting().threshold;
    let mut wanted = Vec::new();
    let mut at = 0;
    while at < text.bytes().len() {
        let patch = text.patch_of(at);
        let own = TEXT[patch.clone()].replace('\n', "↵");
        let length = match patch.len() {
            1 => "1 byte".to_owned(),
            length => format!("{length} bytes"),
        };
        let reason = match at {
            0 => "the first one".to_owned(),
            _ => format!(
                "starts because the entropy {:.2} is above {threshold:.2}",
                text.entropies()[at]
            ),
        };
        wanted.push(format!(
            "patch {}: ‘{own}’, {length}, {reason}",
            wanted.len()
        ));
        at = patch.end;
    }
    assert!(wanted.len() >= 3, "{wanted:?}");
    assert_eq!(hand.items("Patches"), wanted);
    hand.cut(Mode::Space);
    assert_eq!(
        hand.items("Patches"),
        [
            "patch 0: ‘one ’, 4 bytes, the first one",
            "patch 1: ‘two ’, 4 bytes, starts by the bytes alone",
            "patch 2: ‘three↵’, 6 bytes, starts by the bytes alone",
            "patch 3: ‘four’, 4 bytes, starts by the bytes alone",
        ]
    );
    let (origin, layout) = hand.harness.state().patch.layout();
    let places: Vec<_> = [0..4, 4..8, 8..14, 14..18]
        .map(|bytes| layout.extent(bytes).unwrap().translate(origin.to_vec2()))
        .into();
    let place = |item: &Node<'_>| (item.rect(), item.accesskit_node().has_bounds());
    let places: Vec<_> = places.into_iter().map(|place| (place, true)).collect();
    assert_eq!(hand.nodes("Patches", place), places);
}

#[test]
fn patches_are_listed_in_korean() {
    let mut hand = open("하나 둘", Screen::Patch, Language::Korean);
    hand.cut(Mode::Static);
    assert_eq!(hand.items("패치")[0], "패치 0: ‘하 EB ’, 4바이트, 첫 패치");
    let second = &hand.items("패치")[1];
    assert_eq!(
        second,
        "패치 1: ‘82 98  EB ’, 4바이트, 바이트만 보고 시작됨"
    );
    hand.cut(Mode::Entropy);
    let text = &hand.harness.state().patch.text;
    let at = text.patch_of(0).end;
    let because = format!(
        "엔트로피({:.2})가 {:.2}보다 커서 시작됨",
        text.entropies()[at],
        text.cutting().threshold
    );
    let second = &hand.items("패치")[1];
    assert!(second.ends_with(&because), "{second}, not {because}");
}

#[test]
fn a_patch_is_chosen_and_what_is_at_the_caret_is_said() {
    let mut hand = open(TEXT, Screen::Patch, Language::English);
    assert_eq!(hand.harness.query_all_by_role(Role::Status).count(), 0);
    hand.cut(Mode::Space);
    hand.choose("patch 1: ‘two ’, 4 bytes, starts by the bytes alone");
    assert_eq!(hand.harness.state().patch.inspected(), 4);
    let editor = hand.harness.get_by_role(Role::MultilineTextInput);
    assert!(editor.is_focused());
    let is_selected = |item: &Node<'_>| item.accesskit_node().is_selected();
    let selected = [false, true, false, false].map(Some);
    assert_eq!(hand.nodes("Patches", is_selected), selected);
    let entropy = hand.harness.state().patch.text.entropies()[4];
    assert_eq!(
        hand.said(),
        format!("Byte 4, t. Entropy {entropy:.2} nats. A patch starts here, by the bytes alone.")
    );
    hand.harness
        .key_press_modifiers(Modifiers::NONE, Key::ArrowRight);
    hand.settle();
    let said = hand.said();
    assert!(said.starts_with("Byte 5, w. Entropy "), "{said}");
    assert!(said.ends_with("No patch starts here, by the bytes alone."));
}

#[test]
fn the_threshold_is_a_slider() {
    for (language, name, unit) in [
        (Language::English, "Threshold line", "nats"),
        (Language::Korean, "임계값 선", "내트"),
    ] {
        let mut hand = open("several\nlines\nof text", Screen::Patch, language);
        let before = hand.harness.state().patch.text.cutting().threshold;
        let threshold = |hand: &Hand| hand.harness.state().patch.text.cutting().threshold;
        let slider = hand.harness.get_by_role_and_label(Role::Slider, name);
        let node = slider.accesskit_node();
        assert_eq!(node.numeric_value(), Some(f64::from(before)));
        assert_eq!(slider.value(), Some(format!("{before:.2} {unit}")));
        assert_eq!(node.min_numeric_value(), Some(0.0));
        assert!(node.max_numeric_value().unwrap() > 5.0);
        for action in [Action::Increment, Action::Decrement, Action::SetValue] {
            assert!(node.data().supports_action(action), "{action:?}");
        }
        slider.increment_accesskit();
        hand.harness.step();
        assert!((threshold(&hand) - before - 0.05).abs() < 1e-6);
        let slider = hand.harness.get_by_role_and_label(Role::Slider, name);
        slider.decrement_accesskit();
        slider.decrement_accesskit();
        hand.harness.step();
        assert!((threshold(&hand) - before + 0.05).abs() < 1e-6);
        let slider = hand.harness.get_by_role_and_label(Role::Slider, name);
        slider.set_value_accesskit(2.5);
        hand.harness.step();
        assert_eq!(threshold(&hand), 2.5);
        let slider = hand.harness.get_by_role_and_label(Role::Slider, name);
        slider.focus();
        hand.harness.step();
        hand.harness
            .key_press_modifiers(Modifiers::NONE, Key::ArrowDown);
        hand.harness.step();
        assert!((threshold(&hand) - 2.45).abs() < 1e-6);
        let slider = hand.harness.get_by_role_and_label(Role::Slider, name);
        assert!(slider.is_focused(), "arrows do not leave it");
        // Each of them can be undone.
        for wanted in [2.5, before - 0.05] {
            hand.harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
            hand.harness.step();
            assert!((threshold(&hand) - wanted).abs() < 1e-6);
        }
    }
}

#[test]
fn of_a_long_text_only_what_shows_is_listed() {
    let mut hand = Hand::open(AppOptions {
        text: Some(b"0123 abc ".repeat(100_000 / 9)),
        ..plain()
    });
    hand.until("the model", |app| app.model.is_some());
    hand.cut(Mode::Static);
    let items = hand.items("Patches");
    assert!((50..300).contains(&items.len()), "{}", items.len());
    assert!(items[0].starts_with("patch 0: ‘0123’, 4 bytes, "));
    let editor = hand.harness.get_by_role(Role::MultilineTextInput);
    for _ in 0..20 {
        editor.scroll_down();
    }
    hand.harness.run_steps(3);
    let further = hand.items("Patches");
    assert!((50..300).contains(&further.len()), "{}", further.len());
    assert!(!items.contains(&further[0]), "{}", further[0]);
    assert!(further[0].ends_with(", starts by the bytes alone"));
    hand.cut(Mode::Byte);
    assert_eq!(hand.items("Patches").len(), MOST);
}

#[test]
fn what_the_model_writes_is_listed() {
    for (language, list, prompt, written) in [
        (
            Language::English,
            "Bytes",
            "byte 0: O, of the prompt",
            "written",
        ),
        (
            Language::Korean,
            "바이트",
            "바이트 0: O, 프롬프트",
            "생성됨",
        ),
    ] {
        let mut hand = open("One two", Screen::Generate, language);
        let items = hand.items(list);
        assert!(items[0].starts_with(prompt), "{}", items[0]);
        assert!(items.len() > 8);
        let entropy = hand
            .harness
            .state()
            .generate
            .text
            .record(8)
            .unwrap()
            .entropy;
        let said = &items[8];
        assert!(said.contains(written), "{said}");
        assert!(said.contains(&format!("{:.2}", entropy.unwrap())), "{said}");
        hand.choose(&said.clone());
        assert_eq!(hand.harness.state().generate.selected, Some(8));
    }
}

#[test]
fn lanes_are_listed() {
    let mut hand = open(
        "one two three four five",
        Screen::Compare,
        Language::English,
    );
    let lanes: Vec<String> = hand
        .harness
        .query_all_by_role(Role::List)
        .map(|list| list.accesskit_node().label().unwrap())
        .collect();
    assert!(lanes.len() >= 3, "{lanes:?}");
    let space = lanes.iter().find(|lane| lane.ends_with(": Space")).unwrap();
    let words = ["one ", "two ", "three ", "four ", "five"];
    let items = hand.items(space);
    assert_eq!(items.len(), words.len());
    for (index, (item, word)) in items.iter().zip(words).enumerate() {
        let wanted = format!("patch {index}: ‘{word}’, {} bytes", word.len());
        assert!(item.starts_with(&wanted), "{item}");
    }
    let starts = hand.harness.state().patch.text.starts().clone();
    for (item, begin) in items.iter().zip([0, 4, 8, 14, 19]) {
        let alone = item.ends_with(", the first lane starts none here");
        assert_eq!(alone, !starts[begin], "{item}");
    }
    hand.choose(&items[2].clone());
    let is_selected = |item: &Node<'_>| item.accesskit_node().is_selected();
    let selected = [false, false, true, false, false].map(Some);
    assert_eq!(hand.nodes(space, is_selected), selected);
}

#[test]
fn the_byte_at_the_caret_of_a_file_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bytes");
    std::fs::write(&path, b"a\xFFb").unwrap();
    let mut hand = Hand::open(AppOptions {
        file: Some(path),
        screen: Some(Screen::File),
        ..plain()
    });
    hand.settle();
    let said = hand.said();
    assert!(said.starts_with("0x00000000 (0), 0x61 (97), a, "), "{said}");
    hand.harness
        .key_press_modifiers(Modifiers::NONE, Key::ArrowRight);
    hand.harness.step();
    hand.harness.step();
    let said = hand.said();
    assert!(
        said.starts_with("0x00000001 (1), 0xFF (255), no character"),
        "{said}"
    );
    assert!(said.contains(" nats ("), "{said}");
}
