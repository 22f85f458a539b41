//! A model that is a function of its text, for tests of what is above a model.
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::task::Poll;

use blt::bytes::{BOS, EOS, VOCAB, encode};
use blt::generate::{
    ByteModel, Continuation, Event, GenerateOptions, Generator, Given, Read, RewindModel, Sampler,
    SamplerOptions, Step, Taken,
};
use blt::{Error, Result};
use pollster::block_on;

/// What models of one family have done.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Tokens computed, one entry for each call.
    pub(crate) computed: RefCell<Vec<usize>>,
    pub(crate) rewinds: Cell<usize>,
    pub(crate) forks: Cell<usize>,
    pub(crate) broken: Cell<bool>,
}

/// A model whose logits are noise that depends on the last four tokens. Every
/// third token closes a patch.
#[derive(Debug)]
pub(crate) struct Noise {
    pub(crate) ids: Vec<u32>,
    pub(crate) logits: Vec<f32>,
    /// How far back it can go.
    pub(crate) reach: usize,
    pub(crate) forks: bool,
    /// Drafts, of which about every third is another byte than its own.
    pub(crate) drafts: bool,
    pub(crate) taken: usize,
    pub(crate) room: Option<u64>,
    pub(crate) log: Rc<Log>,
}

impl Noise {
    pub(crate) fn new() -> Self {
        Self {
            ids: Vec::new(),
            logits: Vec::new(),
            reach: 100,
            forks: true,
            drafts: false,
            taken: 0,
            room: None,
            log: Rc::default(),
        }
    }

    pub(crate) fn take(&mut self, ids: impl Iterator<Item = u32>) -> Result<Vec<Step>> {
        if self.log.broken.get() {
            self.ids.clear();
            return Err(Error::DeviceLost("it was unplugged".into()));
        }
        let mut steps = Vec::new();
        for id in ids {
            self.ids.push(id);
            steps.push(self.step());
        }
        self.log.computed.borrow_mut().push(steps.len());
        Ok(steps)
    }

    pub(crate) fn step(&mut self) -> Step {
        let last = self.ids.iter().rev().take(4);
        let mut state = last.fold(17, |state: u64, id| {
            (state ^ u64::from(*id)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        });
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            #[expect(clippy::cast_precision_loss, reason = "24 bits")]
            let unit = (state >> 40) as f32 / (1 << 24) as f32;
            unit
        };
        let entropy = next();
        self.logits = (0..VOCAB).map(|_| next() * 8.0).collect();
        self.logits[EOS as usize] = -5.0;
        let closed = self.ids.len().is_multiple_of(3);
        Step {
            entropy: Some(entropy),
            closed,
            latent: closed,
        }
    }
}

impl ByteModel for Noise {
    fn logits(&self) -> &[f32] {
        &self.logits
    }

    fn room(&self) -> Option<u64> {
        self.room
            .map(|room| room.saturating_sub(self.ids.len() as u64))
    }

    async fn push(&mut self, id: u32) -> Result<Step> {
        assert!(!self.ids.is_empty(), "BOS comes first");
        let mut waited = false;
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            match std::mem::replace(&mut waited, true) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        Ok(self.take([id].into_iter())?[0])
    }

    fn most_drafted(&self) -> usize {
        if self.drafts { 31 } else { 0 }
    }

    async fn push_ahead(
        &mut self,
        id: u32,
        most: usize,
        mut draft: impl FnMut(&[u32], &[f32]) -> Option<u32>,
    ) -> Result<Vec<Taken>> {
        let before = self.ids.len();
        self.push(id).await?;
        let mut ids = vec![id];
        while self.drafts && ids.len() <= most {
            if self.ids.len().is_multiple_of(3) {
                self.logits.rotate_left(5);
            }
            let Some(next) = draft(&ids, &self.logits) else {
                break;
            };
            ids.push(next);
            self.take([next].into_iter())?;
        }
        self.ids.truncate(before);
        let taken = ids.into_iter().map(|id| {
            self.ids.push(id);
            Taken {
                id,
                step: self.step(),
                logits: self.logits.clone(),
                room: self.room(),
            }
        });
        let taken: Vec<Taken> = taken.collect();
        self.taken = taken.len();
        Ok(taken)
    }

    async fn keep(&mut self, kept: usize) -> Result<()> {
        assert!((1..=self.taken).contains(&kept));
        self.ids.truncate(self.ids.len() - (self.taken - kept));
        self.step();
        Ok(())
    }
}

pub(crate) fn read(steps: &[Step]) -> Read {
    Read {
        starts: steps.iter().map(|step| step.closed).collect(),
        entropy: steps.last().and_then(|step| step.entropy),
        entropies: steps.iter().filter_map(|step| step.entropy).collect(),
        nlls: vec![None; steps.len()],
        latent: true,
    }
}

impl RewindModel for Noise {
    async fn read(
        &mut self,
        text: &[u8],
        mut go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Read> {
        self.ids.clear();
        let mut steps = self.take([BOS].into_iter())?;
        for piece in text.chunks(8) {
            if steps.len() > 1 && go_on(steps.len() - 1).is_break() {
                return Err(Error::Interrupted);
            }
            steps.extend(self.take(encode(piece))?);
        }
        Ok(read(&steps))
    }

    async fn append(
        &mut self,
        text: &[u8],
        mut go_on: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Read> {
        let mut steps = Vec::new();
        for (index, piece) in text.chunks(8).enumerate() {
            if index > 0 && go_on(index * 8).is_break() {
                return Err(Error::Interrupted);
            }
            steps.extend(self.take(encode(piece))?);
        }
        Ok(read(&steps))
    }

    fn reaches(&self, tokens: usize) -> bool {
        tokens <= self.ids.len() && self.ids.len() - tokens <= self.reach
    }

    fn rewind(&mut self, tokens: usize) -> bool {
        let there = self.reaches(tokens);
        if there && tokens < self.ids.len() {
            self.ids.truncate(tokens);
            self.logits.clear();
            self.log.rewinds.set(self.log.rewinds.get() + 1);
        }
        there
    }

    fn fork(&self, _: u64) -> Result<Option<Self>> {
        if !self.forks {
            return Ok(None);
        }
        self.log.forks.set(self.log.forks.get() + 1);
        Ok(Some(Self {
            ids: self.ids.clone(),
            logits: self.logits.clone(),
            log: Rc::clone(&self.log),
            ..*self
        }))
    }

    fn bytes(&self) -> u64 {
        10
    }
}

pub(crate) const WARM: SamplerOptions = SamplerOptions {
    temperature: 0.9,
    top_k: 40,
    top_p: 0.95,
    min_p: 0.01,
    repetition_penalty: 1.2,
    repetition_window: 20,
    seed: 5,
};
pub(crate) const PROMPT: &[u8] = b"once upon a time";

pub(crate) fn on(_: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub(crate) fn after(prompt: &[u8], model: Noise, sampler: SamplerOptions) -> Continuation<Noise> {
    let mut text = Continuation::new(model, sampler, GenerateOptions::default()).unwrap();
    block_on(text.read(prompt, on)).unwrap();
    text
}

pub(crate) fn warm() -> Continuation<Noise> {
    after(PROMPT, Noise::new(), WARM)
}

pub(crate) fn steps(text: &mut Continuation<Noise>, count: usize) -> Vec<Event> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.extend(block_on(text.step()).unwrap());
    }
    all
}

/// What a generator makes of the prompt, and the model at its end.
pub(crate) fn generated(
    mut model: Noise,
    sampler: SamplerOptions,
    options: GenerateOptions,
) -> (Vec<Event>, Noise) {
    let found = block_on(RewindModel::read(&mut model, PROMPT, on)).unwrap();
    let given = Given {
        text: PROMPT,
        starts: &found.starts,
        entropy: found.entropy,
    };
    let sampler = Sampler::new(sampler).unwrap();
    let mut generator = Generator::new(model, &given, sampler, options).unwrap();
    let mut events = Vec::new();
    while let Some(event) = block_on(generator.next()).unwrap() {
        events.push(event);
    }
    (events, generator.into_model())
}
