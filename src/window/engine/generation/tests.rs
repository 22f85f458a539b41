#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::gpu::{Gpu, GpuOptions};
use crate::window::engine::loading::Going;

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
}

impl Hand {
    fn new() -> Self {
        let gpu = pollster::block_on(Gpu::open(&GpuOptions::default())).unwrap();
        let (updates, come) = channel();
        let outbox = Outbox::new(updates, Arc::new(|| ()));
        let model = Going::alone(&outbox, |going| {
            pollster::block_on(Model::open(&gpu, None, None, going)).unwrap()
        });
        let mut work = Generation::default();
        work.use_model(&Arc::new(model)).unwrap();
        Self {
            work,
            outbox,
            come,
            ticket: 0,
            bytes: Vec::new(),
            branches: Vec::new(),
            state: State::default(),
            failed: None,
        }
    }

    fn ask(&mut self, wish: Wish) {
        self.ticket += 1;
        let request = GenerateRequest {
            ticket: self.ticket,
            wish,
        };
        pollster::block_on(self.work.ask(request, None, &self.outbox)).unwrap();
    }

    fn slice(&mut self) {
        pollster::block_on(self.work.slice(&self.outbox)).unwrap();
        for update in self.come.try_iter() {
            let Update::Generate(update) = update else {
                continue;
            };
            match update {
                GenerateUpdate::Read(_) => self.bytes.clear(),
                GenerateUpdate::Written { from, bytes } => {
                    self.bytes.truncate(from);
                    self.bytes.extend(bytes.iter().map(|byte| byte.byte()));
                }
                GenerateUpdate::Branches(branches) => self.branches = branches,
                GenerateUpdate::State(state) => self.state = state,
                GenerateUpdate::Doing(doing) => self.state.doing = doing,
                GenerateUpdate::Failed(why) => self.failed = Some(why),
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
        self.ask(Wish::Read(given.to_vec()));
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
    assert_eq!((hand.branches[1].at, hand.branches[1].length), (3, 5));
    assert!(hand.branches[1].current);

    hand.ask(Wish::Switch(0));
    hand.finish();
    assert_eq!(hand.bytes, first);
    assert!(hand.branches[0].current);
    assert!(hand.state.memory > 0);
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
        if hand.work.reading {
            assert!(hand.work.is_busy(), "there is more to read");
        }
    }
    assert!(0 < far[0] && far[0] < far[1] && far[1] < 2000, "{far:?}");
    hand.ask(Wish::Pause);
    hand.finish();
    assert!(hand.work.text.is_none() && hand.bytes.is_empty());
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
    assert!(hand.work.text.is_none());
}
