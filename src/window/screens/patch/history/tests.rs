use proptest::prelude::*;

use super::*;
use crate::patch::Mode;
use crate::patch::Rule;

/// Everything that the steps are about.
#[derive(Clone, Debug, PartialEq)]
struct State {
    bytes: Vec<u8>,
    cutting: Cutting,
    context: ContextOptions,
    caret: usize,
}

struct Screen {
    state: State,
    history: History,
    time: f64,
}

impl Screen {
    fn new(text: &[u8], most: usize) -> Self {
        Self {
            state: State {
                bytes: text.to_vec(),
                cutting: Cutting::of_rule(&Rule::default()),
                context: ContextOptions::default(),
                caret: 0,
            },
            history: History::within(most),
            time: 0.0,
        }
    }

    /// Puts bytes in place of others, with the caret behind them.
    fn edit(&mut self, from: usize, to: usize, with: &[u8], run: Run) {
        let before = self.state.bytes.clone();
        let caret = self.state.caret;
        self.state.bytes.splice(from..to, with.iter().copied());
        self.state.caret = from + with.len();
        let Some(edit) = Edit::between(&before, &self.state.bytes) else {
            return;
        };
        let made = Made {
            selections: [
                Some((caret, caret)),
                Some((self.state.caret, self.state.caret)),
            ],
            run,
            time: self.time,
        };
        self.history.text(edit, &self.state.bytes, made);
    }

    fn type_text(&mut self, text: &str) {
        for character in text.chars() {
            let at = self.state.caret;
            self.time += 0.1;
            self.edit(at, at, character.to_string().as_bytes(), Run::Typing);
        }
    }

    fn set_cutting(&mut self, cutting: Cutting, hold: Hold) {
        self.history.cutting(&self.state.cutting, &cutting, hold);
        self.state.cutting = cutting;
    }

    fn set_threshold(&mut self, threshold: f32, hold: Hold) {
        let cutting = Cutting {
            threshold,
            ..self.state.cutting.clone()
        };
        self.set_cutting(cutting, hold);
    }

    fn apply(&mut self, restore: Option<Restore>) -> bool {
        match restore {
            None => return false,
            Some(Restore::Cutting(cutting)) => self.state.cutting = cutting,
            Some(Restore::Context(context)) => self.state.context = context,
            Some(Restore::Text { edit, selection }) => {
                assert!(edit.fits(&self.state.bytes));
                edit.apply(&mut self.state.bytes);
                self.state.caret = selection.map_or(0, |(_, caret)| caret);
            }
        }
        true
    }

    fn undo(&mut self) -> bool {
        let restore = self.history.undo();
        self.apply(restore)
    }

    fn redo(&mut self) -> bool {
        let restore = self.history.redo();
        self.apply(restore)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.state.bytes).into_owned()
    }
}

#[test]
fn words_are_undone_one_by_one() {
    let mut screen = Screen::new(b"", MOST);
    screen.type_text("one two  three");
    let mut seen = Vec::new();
    while screen.undo() {
        seen.push(screen.text());
    }
    assert_eq!(seen, ["one two  ", "one ", ""]);
    while screen.redo() {}
    assert_eq!(screen.text(), "one two  three");
}

#[test]
fn a_pause_and_a_move_of_the_caret_end_a_run() {
    let mut screen = Screen::new(b"", MOST);
    screen.type_text("ab");
    screen.time += 2.0;
    screen.type_text("cd");
    screen.state.caret = 1;
    screen.history.rest(false, Some((1, 1)));
    screen.type_text("x");
    assert_eq!(screen.text(), "axbcd");
    let mut seen = Vec::new();
    while screen.undo() {
        seen.push(screen.text());
    }
    assert_eq!(seen, ["abcd", "ab", ""]);
}

#[test]
fn letters_that_go_are_a_run_of_their_own() {
    let mut screen = Screen::new(b"", MOST);
    screen.type_text("abc");
    for _ in 0..2 {
        let at = screen.state.caret;
        screen.edit(at - 1, at, b"", Run::Deleting);
    }
    screen.type_text("d");
    let mut seen = Vec::new();
    while screen.undo() {
        seen.push(screen.text());
    }
    assert_eq!(seen, ["a", "abc", ""]);
}

#[test]
fn a_paste_is_a_step_between_what_is_typed() {
    let mut screen = Screen::new(b"", MOST);
    screen.type_text("a");
    screen.edit(1, 1, b"pasted", Run::Alone);
    screen.type_text("b");
    assert!(screen.undo());
    assert_eq!(screen.text(), "apasted");
    assert!(screen.undo());
    assert_eq!(screen.text(), "a");
}

#[test]
fn a_composition_is_not_broken_up() {
    let mut screen = Screen::new("글 ".as_bytes(), MOST);
    screen.state.caret = 4;
    screen.history.rest(false, Some((4, 4)));
    // However long it takes, and whatever the caret does in it.
    let mut held = 0;
    for preedit in ["ㅎ", "하", "한"] {
        screen.time += 5.0;
        screen.edit(4, 4 + held, preedit.as_bytes(), Run::Composing);
        held = preedit.len();
        screen.history.rest(true, Some((4, 4 + held)));
    }
    screen.history.rest(false, Some((7, 7)));
    screen.type_text("!");
    assert_eq!(screen.text(), "글 한!");
    assert!(screen.undo());
    assert_eq!(screen.text(), "글 ");
    assert!(!screen.undo());
    // One that is given up leaves nothing.
    screen.edit(4, 4, "ㄱ".as_bytes(), Run::Composing);
    screen.edit(4, 7, b"", Run::Typing);
    assert_eq!(screen.history.len(), 0);
}

#[test]
fn a_drag_is_one_step_and_so_are_keys_without_a_pause() {
    let mut screen = Screen::new(b"", MOST);
    screen.set_threshold(1.0, Hold::Begins);
    screen.set_threshold(2.0, Hold::Goes);
    screen.set_threshold(3.0, Hold::Goes);
    screen.set_threshold(3.5, Hold::Begins);
    for (time, threshold) in [(0.0, 4.0), (0.5, 4.1), (3.0, 4.2)] {
        screen.set_threshold(threshold, Hold::Key(time));
    }
    let own = Cutting::of_rule(&Rule::default()).threshold;
    let mut seen = Vec::new();
    while screen.undo() {
        seen.push(screen.state.cutting.threshold);
    }
    assert_eq!(seen, [4.1, 3.5, 3.0, own]);
    // A drag that comes back to where it began is none.
    let mut screen = Screen::new(b"", MOST);
    screen.set_threshold(1.0, Hold::Begins);
    screen.set_threshold(own, Hold::Goes);
    assert_eq!(screen.history.len(), 0);
}

#[test]
fn what_comes_after_an_undo_takes_the_place_of_what_was_undone() {
    let mut screen = Screen::new(b"", MOST);
    screen.type_text("a b");
    assert!(screen.undo());
    screen.set_threshold(1.0, Hold::Begins);
    assert!(!screen.redo());
    assert!(screen.undo() && screen.undo() && !screen.undo());
    assert_eq!(
        (screen.text(), screen.history.can_redo()),
        (String::new(), true)
    );
}

#[test]
fn the_way_to_cut_of_another_model_is_forgotten() {
    let mut screen = Screen::new(b"", MOST);
    screen.type_text("a");
    screen.set_threshold(1.0, Hold::Begins);
    screen.type_text("b");
    screen.history.forget_cutting();
    assert!(screen.undo() && screen.undo() && !screen.undo());
    assert_eq!(screen.state.cutting.threshold, 1.0);
    screen.history.undone_is_gone();
    assert_eq!(screen.history.size, 0);
}

#[test]
fn steps_hold_so_much_and_no_more() {
    let mut screen = Screen::new(b"", 100_000);
    for round in 0..50 {
        let text = vec![b'a' + round; 10_000];
        let end = screen.state.bytes.len();
        screen.edit(0, end, &text, Run::Alone);
        assert!(screen.history.size <= 100_000);
    }
    let mut undone = 0;
    while screen.undo() {
        undone += 1;
    }
    assert!((3..6).contains(&undone), "{undone}");
    // The last one is kept, however large it is.
    let mut screen = Screen::new(b"", 100);
    screen.edit(0, 0, &[b'x'; 5000], Run::Alone);
    assert!(screen.undo() && screen.redo());
    assert_eq!(screen.state.bytes.len(), 5000);
}

#[derive(Clone, Debug)]
enum Do {
    Edit(usize, usize, Vec<u8>, Run),
    Threshold(f32, Hold),
    Mode(usize),
    Context(Option<u64>, bool),
    Caret(usize),
    Wait(f64),
    Undo,
    Redo,
}

fn anything() -> impl Strategy<Value = Do> {
    let run = prop_oneof![
        Just(Run::Alone),
        Just(Run::Typing),
        Just(Run::Composing),
        Just(Run::Deleting),
    ];
    let hold = prop_oneof![
        Just(Hold::Begins),
        Just(Hold::Goes),
        (0.0..9.0).prop_map(Hold::Key),
    ];
    // Letters of one and of more bytes, spaces, and what is no UTF-8.
    let bytes = prop::collection::vec(prop::sample::select(&b"ab \xED\x95\x9C\xFF"[..]), 0..5);
    prop_oneof![
        6 => (0..40_usize, 0..4_usize, bytes, run)
            .prop_map(|(at, gone, came, run)| Do::Edit(at, gone, came, run)),
        2 => (0.0_f32..4.0, hold).prop_map(|(to, hold)| Do::Threshold(to, hold)),
        1 => (0..Mode::ALL.len()).prop_map(Do::Mode),
        1 => (prop::option::of(1..9_u64), any::<bool>())
            .prop_map(|(every, newline)| Do::Context(every, newline)),
        1 => (0..40_usize).prop_map(Do::Caret),
        1 => (0.0..3.0).prop_map(Do::Wait),
        1 => Just(Do::Undo),
        1 => Just(Do::Redo),
    ]
}

fn carry_out(screen: &mut Screen, what: Do) {
    let end = screen.state.bytes.len();
    match what {
        Do::Edit(at, gone, came, run) => {
            let at = at.min(end);
            screen.edit(at, (at + gone).min(end), &came, run);
        }
        Do::Threshold(to, hold) => screen.set_threshold(to, hold),
        Do::Mode(mode) => {
            let cutting = Cutting {
                mode: Mode::ALL[mode],
                ..screen.state.cutting.clone()
            };
            screen.set_cutting(cutting, Hold::Begins);
        }
        Do::Context(reset_every, reset_at_newline) => {
            let context = ContextOptions {
                reset_every,
                reset_at_newline,
            };
            screen.history.context(screen.state.context, context);
            screen.state.context = context;
        }
        Do::Caret(at) => {
            screen.state.caret = at.min(end);
            let caret = screen.state.caret;
            screen.history.rest(false, Some((caret, caret)));
        }
        Do::Wait(seconds) => screen.time += seconds,
        Do::Undo => {
            screen.undo();
        }
        Do::Redo => {
            screen.redo();
        }
    }
}

fn same(a: &State, b: &State) -> bool {
    a.bytes == b.bytes && a.cutting == b.cutting && a.context == b.context
}

proptest! {
    #[test]
    fn all_of_it_undone_is_the_begin_and_redone_the_end(
        text in prop::collection::vec(any::<u8>(), 0..30),
        actions in prop::collection::vec(anything(), 0..60),
        tight: bool,
    ) {
        let most = if tight { 2000 } else { MOST };
        let mut screen = Screen::new(&text, most);
        let begin = screen.state.clone();
        for what in actions {
            carry_out(&mut screen, what);
            prop_assert!(screen.history.size <= most);
        }
        while screen.redo() {}
        let end = screen.state.clone();
        let mut seen = vec![end.clone()];
        while screen.undo() {
            seen.push(screen.state.clone());
        }
        if !tight {
            prop_assert!(same(&screen.state, &begin), "{:?} {begin:?}", screen.state);
        }
        // And every place on the way is found again.
        while let Some(wanted) = seen.pop() {
            prop_assert!(same(&screen.state, &wanted));
            let more = screen.redo();
            prop_assert_eq!(more, !seen.is_empty());
        }
        prop_assert!(same(&screen.state, &end));
    }
}
