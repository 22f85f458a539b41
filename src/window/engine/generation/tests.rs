#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::device::{Device, DeviceOptions};
use crate::model::memory::RESERVE;
use crate::window::engine::loading::Going;

const SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/gqa");

/// The work of the screen, and what it tells, in the hands of a test.
struct Hand {
    work: Generation,
    outbox: Outbox,
    come: Receiver<Update>,
    ticket: u64,
    bytes: Vec<u8>,
    branches: Vec<BranchLine>,
    state: State,
    failed: Option<String>,
    kept: Option<Kept>,
}

impl Hand {
    fn new() -> Self {
        let (updates, come) = channel();
        let mut hand = Self {
            work: Generation::default(),
            outbox: Outbox::new(updates, Arc::new(|| ())),
            come,
            ticket: 0,
            bytes: Vec::new(),
            branches: Vec::new(),
            state: State::default(),
            failed: None,
            kept: None,
        };
        hand.open(None, None);
        hand
    }

    /// Opens a model on a device of its own, of so much memory.
    fn open(&mut self, name: Option<&str>, memory: Option<u64>) {
        let options = DeviceOptions {
            memory,
            ..DeviceOptions::default()
        };
        let device = pollster::block_on(Device::open(&options)).unwrap();
        let name = name.map(str::to_owned);
        let model = Going::alone(&self.outbox, |going| {
            pollster::block_on(Model::open(&device, name, None, going)).unwrap()
        });
        self.work.use_model(&Arc::new(model)).unwrap();
    }

    fn ask(&mut self, wish: Wish) {
        self.ticket += 1;
        let request = GenerateRequest {
            ticket: self.ticket,
            wish,
        };
        self.work.ask(request, &self.outbox).unwrap();
    }

    fn slice(&mut self) {
        pollster::block_on(self.work.slice(&self.outbox)).unwrap();
        self.look();
    }

    fn look(&mut self) {
        for update in self.come.try_iter() {
            let Update::Generate(update) = update else {
                continue;
            };
            match update {
                GenerateUpdate::Read(_) | GenerateUpdate::Text { .. } => self.bytes.clear(),
                GenerateUpdate::Kept(kept) => self.kept = Some(kept),
                GenerateUpdate::Written { from, bytes } => {
                    self.bytes.truncate(from);
                    self.bytes.extend(bytes.iter().map(|byte| byte.byte()));
                }
                GenerateUpdate::Branches(branches) => self.branches = branches,
                GenerateUpdate::State(state) => self.state = state,
                GenerateUpdate::Doing(doing) => self.state.doing = doing,
                GenerateUpdate::Failed(why) => self.failed = Some(why.to_string()),
                _ => {}
            }
        }
    }

    fn finish(&mut self) {
        while self.work.is_busy() || self.work.loader.progress().is_some() {
            match self.work.is_busy() {
                true => self.slice(),
                false => std::thread::yield_now(),
            }
        }
        assert_eq!(self.failed, None);
        assert_eq!(self.state.ticket, self.ticket);
        assert_eq!(self.state.doing, Doing::Nothing);
    }

    fn read(&mut self, given: &[u8]) {
        self.ask(Wish::Read {
            given: given.to_vec(),
            prompt: given.len(),
        });
    }

    fn limit(&mut self, limit: u64) {
        self.ask(Wish::Settings(GenerateSettings { limit, ..DEFAULT }));
    }
}

#[test]
fn a_run_is_paused_branched_and_switched() {
    let mut hand = Hand::new();
    hand.limit(20);
    hand.read(b"Hello");
    hand.ask(Wish::Run);
    while hand.bytes.len() < 7 {
        if hand.work.is_busy() {
            hand.slice();
        }
    }
    hand.ask(Wish::Pause);
    hand.finish();
    assert_eq!(
        hand.bytes.len(),
        7,
        "a slice is one byte, and a pause is at once"
    );
    let first = hand.bytes.clone();

    hand.ask(Wish::Byte);
    hand.finish();
    assert_eq!(hand.bytes.len(), 8);
    hand.ask(Wish::Back);
    hand.finish();
    assert_eq!(hand.bytes, first);

    let other = first[3] ^ 1;
    hand.limit(4);
    hand.ask(Wish::Branch {
        at: 3,
        byte: other,
        on: true,
    });
    hand.finish();
    assert_eq!(hand.bytes.len(), 8);
    assert_eq!(hand.bytes[..3], first[..3]);
    assert_eq!(hand.bytes[3], other);
    assert_eq!(hand.state.ended, Some(StopReason::Length));
    assert_eq!(hand.branches.len(), 2);
    assert_eq!((hand.branches[1].at, hand.branches[1].length), (5 + 3, 5));
    assert!(hand.branches[1].current);

    hand.ask(Wish::Switch(0));
    hand.finish();
    assert_eq!(hand.bytes, first);
    assert!(hand.branches[0].current);
    assert!(hand.state.memory > 0);
}

#[test]
fn drafts_change_nothing_and_are_counted() {
    let write = |draft| {
        let mut hand = Hand::new();
        hand.ask(Wish::Settings(GenerateSettings {
            limit: 60,
            draft,
            ..DEFAULT
        }));
        hand.read(b"Hello");
        hand.ask(Wish::Run);
        hand.finish();
        (hand.bytes, hand.state.drafts)
    };
    let (plain, none) = write(false);
    let (bytes, drafts) = write(true);
    assert_eq!(bytes, plain);
    assert_eq!(none.drafted, 0);
    assert!(drafts.drafted > 0 && drafts.accepted <= drafts.drafted);
}

#[test]
fn a_long_prompt_is_read_in_pieces_and_left_by_a_pause() {
    let mut hand = Hand::new();
    hand.limit(2);
    hand.read(&[b'a'; 2000]);
    hand.ask(Wish::Run);
    let mut far = Vec::new();
    while far.len() < 2 {
        if hand.work.is_busy() {
            hand.slice();
        }
        if let Doing::Reading(read, 2000) = hand.state.doing
            && read > 0
        {
            far.push(read);
        }
        if hand.work.reading.is_some() {
            assert!(hand.work.is_busy(), "there is more to read");
        }
    }
    assert!(0 < far[0] && far[0] < far[1] && far[1] < 2000, "{far:?}");
    hand.ask(Wish::Pause);
    hand.finish();
    assert!(hand.work.kept.texts.is_empty() && hand.bytes.is_empty());
    // And taken up again when it is asked for anew.
    hand.read(b"abc");
    hand.ask(Wish::Run);
    hand.finish();
    assert_eq!(hand.bytes.len(), 2);
}

#[test]
fn a_prompt_beyond_the_models_positions_is_refused_before_it_is_read() {
    let mut hand = Hand::new();
    hand.read(&[b'a'; 1 << 20]);
    while hand.failed.is_none() {
        if hand.work.is_busy() {
            hand.slice();
        }
    }
    assert!(hand.failed.take().unwrap().contains("positions"));
    hand.finish();
    assert!(hand.work.kept.texts.is_empty());
}

/// A text of three branches, the second of which goes on; and the bytes of each.
fn three_branches() -> (Hand, [Vec<u8>; 3]) {
    let mut hand = Hand::new();
    hand.limit(6);
    hand.read(b"Hello");
    hand.ask(Wish::Run);
    hand.finish();
    let mut texts = [hand.bytes.clone(), Vec::new(), Vec::new()];
    for (branch, at) in [(1, 2), (2, 4)] {
        let byte = texts[0][at] ^ 1;
        let on = true;
        hand.ask(Wish::Switch(0));
        hand.ask(Wish::Branch { at, byte, on });
        hand.finish();
        texts[branch].clone_from(&hand.bytes);
    }
    hand.ask(Wish::Switch(1));
    hand.finish();
    assert_eq!(hand.bytes, texts[1]);
    (hand, texts)
}

/// Switches to each branch, which is as it was, and writes a byte more.
fn each_goes_on(hand: &mut Hand, texts: &[Vec<u8>; 3]) {
    for (branch, text) in texts.iter().enumerate() {
        hand.ask(Wish::Switch(branch));
        hand.finish();
        assert_eq!(hand.bytes, *text, "branch {branch}");
        assert!(hand.branches[branch].current);
        hand.ask(Wish::Byte);
        hand.finish();
        assert_eq!(hand.bytes.len(), text.len() + 1);
        assert_eq!(hand.bytes[..text.len()], *text);
    }
    assert_eq!(hand.branches.len(), 3);
}

#[test]
fn all_branches_outlive_their_device() {
    let (mut hand, texts) = three_branches();
    hand.work.give_up();
    hand.work.hand_over(&hand.outbox);
    hand.look();
    let kept = hand.kept.take().unwrap();
    // Another engine on another device.
    hand.work = Generation::default();
    hand.open(None, None);
    hand.ask(Wish::Restore(kept));
    hand.finish();
    assert_eq!(hand.bytes, texts[1]);
    assert_eq!(hand.branches.len(), 3);
    assert!(hand.branches[1].current);
    each_goes_on(&mut hand, &texts);
    // What goes on is what would have come without the loss.
    let after = hand.bytes.clone();
    let (mut whole, _) = three_branches();
    whole.ask(Wish::Switch(2));
    whole.ask(Wish::Byte);
    whole.finish();
    assert_eq!(after, whole.bytes);
}

#[test]
fn all_branches_outlive_a_failure_of_other_work() {
    let (mut hand, texts) = three_branches();
    hand.work.give_up();
    each_goes_on(&mut hand, &texts);
}

#[test]
fn another_model_keeps_the_branches_and_goes_on_from_the_one_at_hand() {
    let (mut hand, texts) = three_branches();
    hand.open(Some(SMALL), None);
    hand.ask(Wish::Byte);
    hand.finish();
    // What was there is given now, in a text of its own.
    assert_eq!(hand.bytes.len(), 1);
    assert_eq!(hand.branches.len(), 4);
    assert!(hand.branches[3].current);
    let given = [b"Hello", texts[1].as_slice()].concat();
    assert_eq!(hand.work.text().unwrap().given, given);
    assert_eq!(hand.work.text().unwrap().prompt, 5);
    // The others are there, and another byte can be taken in one.
    hand.ask(Wish::Switch(2));
    hand.finish();
    assert_eq!(hand.bytes, texts[2]);
    hand.ask(Wish::Branch {
        at: 1,
        byte: b'!',
        on: false,
    });
    hand.finish();
    assert_eq!(hand.bytes, b"!");
    let given = [b"Hello", &texts[2][..1]].concat();
    assert_eq!(hand.work.text().unwrap().given, given);
    // A pause while it is read goes back to where it was.
    hand.ask(Wish::Switch(0));
    hand.finish();
    hand.ask(Wish::Run);
    while hand.work.reading.is_none() {
        if hand.work.is_busy() {
            hand.slice();
        }
    }
    hand.ask(Wish::Pause);
    hand.finish();
    assert_eq!(hand.branches.len(), 5);
    assert!(hand.branches[0].current);
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_what_to_do() {
    let mut hand = Hand::new();
    let entropy = hand.work.model.as_ref().unwrap().entropy.bytes();
    // Room for the entropy model, and for little else.
    hand.open(None, Some(entropy + RESERVE + (1 << 20)));
    hand.read(b"Hello");
    hand.ask(Wish::Run);
    while hand.failed.is_none() {
        hand.slice();
    }
    let why = hand.failed.take().unwrap();
    assert!(
        why.contains("the model needs") && why.contains("a smaller model"),
        "{why}"
    );
    hand.finish();
    assert!(hand.work.kept.texts.is_empty());
}

/// The entropy model of a whole one, in a folder of its own.
fn an_entropy_model_alone() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(format!("{SMALL}/config.json")).unwrap();
    let whole: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    let mut config = whole["patcher_config"].clone();
    config["patching_mode"] = "entropy".into();
    config["patching_threshold"] = 1.3.into();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let bytes = std::fs::read(format!("{SMALL}/model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let own = tensors.iter().filter_map(|(name, view)| {
        let name = name.strip_prefix("model.patcher.")?;
        Some((name.to_owned(), view))
    });
    let bytes = safetensors::serialize(own, None).unwrap();
    std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    folder
}

#[test]
fn an_entropy_model_alone_writes_and_branches_too() {
    let folder = an_entropy_model_alone();
    let mut hand = Hand::new();
    hand.open(Some(&folder.path().display().to_string()), None);
    assert!(!hand.work.model.as_ref().unwrap().is_whole());
    hand.limit(6);
    hand.read(b"Hello");
    hand.ask(Wish::Run);
    hand.finish();
    let first = hand.bytes.clone();
    assert_eq!(first.len(), 6);
    let byte = first[2] ^ 1;
    hand.ask(Wish::Branch {
        at: 2,
        byte,
        on: true,
    });
    hand.finish();
    assert_eq!(hand.bytes.len(), 2 + 1 + 6);
    hand.ask(Wish::Switch(0));
    hand.ask(Wish::Byte);
    hand.finish();
    assert_eq!(hand.bytes[..6], first);
    assert_eq!(hand.bytes.len(), 7);
}
