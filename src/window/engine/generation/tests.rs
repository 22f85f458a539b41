#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::gpu::{Gpu, GpuOptions};

/// The work of the screen, and what it tells, in the hands of a test.
struct Hand {
    work: Generation,
    outbox: Outbox,
    come: Receiver<Update>,
    ticket: u64,
    bytes: Vec<u8>,
    branches: Vec<BranchLine>,
    state: State,
}

impl Hand {
    fn new() -> Self {
        let gpu = pollster::block_on(Gpu::open(&GpuOptions::default())).unwrap();
        let (updates, come) = channel();
        let outbox = Outbox::new(updates, Arc::new(|| ()));
        let model = pollster::block_on(Model::open(&gpu, None, &outbox)).unwrap();
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
                GenerateUpdate::Failed(why) => panic!("{why}"),
                _ => {}
            }
        }
    }

    fn finish(&mut self) {
        while self.work.is_busy() {
            self.slice();
        }
        assert_eq!(self.state.ticket, self.ticket);
        assert_eq!(self.state.doing, Doing::Nothing);
    }

    fn read(&mut self, given: &[u8]) -> Arc<AtomicBool> {
        let stop = Arc::new(AtomicBool::new(false));
        self.ask(Wish::Read {
            given: given.to_vec(),
            stop: Arc::clone(&stop),
        });
        stop
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
        hand.slice();
        assert!(hand.work.is_busy());
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
fn reading_is_left_when_it_is_to_stop() {
    let mut hand = Hand::new();
    let stop = hand.read(&[b'a'; 4000]);
    stop.store(true, Ordering::Relaxed);
    hand.finish();
    assert!(hand.work.text.is_none());
    // And taken up again when it is asked for anew.
    hand.limit(2);
    hand.read(b"abc");
    hand.ask(Wish::Run);
    hand.finish();
    assert_eq!(hand.bytes.len(), 2);
}
