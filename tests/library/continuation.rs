//! A continuation under its reader's hand, by a model that is a function of its
//! text: steps, branches, the way back, and what the options do.
use std::ops::ControlFlow;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use crate::noise::{Noise, PROMPT, WARM, after, generated, on, steps, warm};
use blt::Error;
use blt::bytes::{VOCAB, byte_of, id_of};
use blt::generate::{
    Allowed, ByteModel, Continuation, Event, Filter, GenerateOptions, RewindModel, Sampler,
    SamplerOptions, Speculate, StopReason, Utf8Mode, Utf8State,
};
use pollster::block_on;

#[test]
fn it_writes_what_a_generator_writes() {
    let stops = vec![b"\x01".to_vec(), b"e".to_vec()];
    let options = |max_bytes, stops, utf8| GenerateOptions {
        max_bytes: Some(max_bytes),
        stops,
        utf8,
        ignore_end: true,
        speculate: Speculate::Off,
    };
    let cases = [
        (WARM, options(150, Vec::new(), Utf8Mode::Raw), None),
        (WARM, options(61, Vec::new(), Utf8Mode::Constrain), None),
        (WARM, options(900, stops, Utf8Mode::Raw), None),
        (
            SamplerOptions::default(),
            options(90, Vec::new(), Utf8Mode::Raw),
            Some(70),
        ),
    ];
    for (sampler, options, room) in cases {
        let model = || Noise {
            room,
            ..Noise::new()
        };
        let mut expected = generated(model(), sampler, options.clone()).0;
        let mut text = Continuation::new(model(), sampler, options).unwrap();
        block_on(text.read(PROMPT, on)).unwrap();
        let mut events = Vec::new();
        while !matches!(events.last(), Some(Event::Done { .. })) {
            events.extend(block_on(text.step()).unwrap());
        }
        // A generator drops the stop string with its events.
        let (end, kept) = (expected.pop(), expected.len());
        assert_eq!(events.pop(), end);
        assert_eq!(events[..kept], expected);
        let bytes = |events: &[Event]| {
            let byte = |event: &Event| matches!(event, Event::Byte(_));
            events.iter().filter(|event| byte(event)).count()
        };
        assert_eq!(bytes(&expected), text.kept());
        assert_eq!(bytes(&events), text.len());
        assert_eq!(block_on(text.step()).unwrap(), [end.unwrap()]);
    }
}

#[test]
fn each_byte_says_how_it_came_there() {
    let mut text = warm();
    steps(&mut text, 30);
    assert_eq!(text.prompt_records().len(), PROMPT.len());
    let mut known = Noise::new();
    block_on(RewindModel::read(&mut known, PROMPT, on)).unwrap();
    let mut before = text.prompt_records().last().unwrap().patch;
    for (at, byte) in text.bytes().iter().enumerate() {
        let record = byte.record;
        let logits = known.logits.clone();
        let mut likelier: Vec<(f32, u8)> = (0..=255)
            .map(|other| (-logits[id_of(other) as usize], other))
            .collect();
        likelier.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        assert_eq!(likelier[byte.rank].1, byte.byte());
        assert_eq!(byte.alternatives.len(), 8);
        for (alternative, (_, other)) in byte.alternatives.iter().zip(&likelier) {
            assert_eq!(alternative.byte, *other);
        }
        if let Some(own) = byte.alternatives.get(byte.rank) {
            assert!((-own.log_p - record.nll.unwrap()).abs() < 1e-6);
        }
        assert_eq!(record.index, (PROMPT.len() + at) as u64);
        assert_eq!(record.patch, before + u64::from(record.start));
        assert_eq!(byte.latent_before, record.start);
        assert_eq!(byte.closed, byte.latent_after);
        assert!(byte.sampler_p > 0.0 && !byte.by_hand);
        assert!(byte.times.total >= byte.times.sampling && byte.times.stages.is_none());
        before = record.patch;
        let step = block_on(known.push(id_of(byte.byte()))).unwrap();
        assert_eq!(step.closed, byte.closed);
    }
    let next = text.to_come().unwrap();
    assert_eq!(next.index, PROMPT.len() as u64 + 30);
    assert_eq!(next.start, text.bytes()[29].closed);
}

#[test]
fn a_branch_is_a_text_of_its_own() {
    // Greedy: what follows depends on the text alone.
    let mut text = after(PROMPT, Noise::new(), SamplerOptions::default());
    steps(&mut text, 40);
    let first = text.text();
    let logits = text.predictions().unwrap();
    let events = block_on(text.branch(12, b'X')).unwrap();
    assert!(matches!(events[0], Event::Byte(record) if record.byte == Some(b'X')));
    steps(&mut text, 20);
    let second = text.text();
    assert_eq!(second[..12], first[..12]);
    assert_eq!((second[12], second.len()), (b'X', 33));
    assert!(text.bytes()[12].by_hand && !text.bytes()[13].by_hand);

    let prompt = [PROMPT, &second[..13]].concat();
    let mut anew = after(&prompt, Noise::new(), SamplerOptions::default());
    steps(&mut anew, 20);
    assert_eq!(anew.text(), second[13..]);
    assert_eq!(anew.predictions().unwrap(), text.predictions().unwrap());
    assert_eq!(anew.to_come(), text.to_come());
    for (anew, byte) in anew.bytes().iter().zip(&text.bytes()[13..]) {
        assert_eq!(anew.record, byte.record);
    }

    // Back to the first, as if nothing had been.
    text.switch(0).unwrap();
    assert_eq!(text.text(), first);
    assert_eq!(text.predictions().unwrap(), logits);
    steps(&mut text, 10);
    let mut never_left = after(PROMPT, Noise::new(), SamplerOptions::default());
    steps(&mut never_left, 50);
    assert_eq!(text.text(), never_left.text());
    text.switch(1).unwrap();
    assert_eq!(text.text(), second);

    let error = text.switch(2).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no branch 2; there are 2, from 0"
    );
    let error = block_on(text.branch(33, b'X')).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the continuation has 33 bytes, so byte 33 cannot be another; choose it as the next one"
    );
}

#[test]
fn branches_say_where_they_left() {
    let mut text = warm();
    steps(&mut text, 10);
    for byte in b" the end" {
        block_on(text.choose(*byte)).unwrap();
    }
    block_on(text.branch(11, b's')).unwrap();
    for byte in b"ea " {
        block_on(text.choose(*byte)).unwrap();
    }
    // One that leaves within its own bytes, at its first, and before it.
    block_on(text.branch(13, b'e')).unwrap();
    text.switch(1).unwrap();
    block_on(text.branch(11, b'b')).unwrap();
    text.switch(1).unwrap();
    block_on(text.branch(4, b'c')).unwrap();
    let branches = text.branches();
    let found: Vec<_> = branches
        .iter()
        .map(|branch| {
            (
                branch.parent,
                branch.at,
                branch.label.as_str(),
                branch.current,
            )
        })
        .collect();
    let mut whole = text.branches()[0].label.clone();
    assert!(!whole.is_empty());
    whole.clone_from(&branches[0].label);
    let expected = [
        (None, 0, whole.as_str(), false),
        (Some(0), 11, "sea", false),
        (Some(1), 13, "e", false),
        (Some(0), 11, "b", false),
        (Some(0), 4, "c", true),
    ];
    assert_eq!(found, expected);
    assert_eq!(branches[1].bytes, b"sea ");
    assert_eq!(branches[0].bytes.len(), 18);
    assert_eq!(text.current(), 4);
}

#[test]
fn the_same_choices_give_the_same_bytes() {
    let mut text = warm();
    steps(&mut text, 60);
    let first = text.text();
    // What was taken back comes again, however far it was.
    for back in [1, 7, 60] {
        for byte in first.iter().rev().take(back) {
            assert_eq!(text.undo(), Some(*byte));
        }
        steps(&mut text, back);
        assert_eq!(text.text(), first);
    }
    text.truncate(20);
    assert_eq!(text.len(), 20);
    steps(&mut text, 40);
    assert_eq!(text.text(), first);

    // A byte chosen by hand is a choice like any other.
    let mut other = warm();
    steps(&mut other, 25);
    for byte in &first[25..30] {
        block_on(other.choose(*byte)).unwrap();
    }
    steps(&mut other, 30);
    assert_eq!(other.text(), first);
    block_on(other.branch(40, first[40])).unwrap();
    steps(&mut other, 19);
    assert_eq!(other.text(), first);

    // Another seed and back.
    text.truncate(30);
    text.set_sampler(SamplerOptions { seed: 6, ..WARM })
        .unwrap();
    steps(&mut text, 30);
    assert_ne!(text.text(), first);
    text.truncate(30);
    text.set_sampler(WARM).unwrap();
    steps(&mut text, 30);
    assert_eq!(text.text(), first);
}

#[test]
fn undo_leaves_other_branches_alone() {
    let mut text = warm();
    assert_eq!(text.undo(), None);
    steps(&mut text, 20);
    let first = text.text();
    block_on(text.branch(15, b'!')).unwrap();
    text.switch(0).unwrap();
    text.truncate(5);
    text.switch(1).unwrap();
    assert_eq!(text.text(), [&first[..15], b"!"].concat());
    let next = steps(&mut text, 1);
    // A branch may go back beyond where it began.
    for _ in 0..10 {
        text.undo().unwrap();
    }
    assert_eq!((text.branches()[1].at, text.len()), (7, 7));
    steps(&mut text, 8);
    assert_eq!(text.text(), first[..15]);
    block_on(text.choose(b'!')).unwrap();
    assert_eq!(steps(&mut text, 1), next);
}

#[test]
fn predictions_are_what_the_sampler_chooses_among() {
    let constrained = GenerateOptions {
        utf8: Utf8Mode::Constrain,
        max_bytes: Some(30),
        ..GenerateOptions::default()
    };
    for options in [GenerateOptions::default(), constrained] {
        let mut text = Continuation::new(Noise::new(), WARM, options.clone()).unwrap();
        block_on(text.read(PROMPT, on)).unwrap();
        let mut ids: Vec<u32> = blt::bytes::prompt(PROMPT);
        for at in 0..30_usize {
            let logits = text.model().logits().to_vec();
            let allowed = match options.utf8 {
                Utf8Mode::Constrain => {
                    let whole = [PROMPT, &text.text()].concat();
                    Utf8State::after(&whole).allowed(30 - at as u64)
                }
                _ => Allowed::all(),
            };
            let mut sampler = Sampler::new(WARM).unwrap();
            sampler.seek(at as u64);
            let chosen = sampler.next(&logits, &ids, &allowed).unwrap();
            let found = text.predictions().unwrap();
            assert_eq!(found, sampler.predictions(&logits, &ids, &allowed).unwrap());
            assert_eq!(found.len(), VOCAB as usize);
            let events = block_on(text.step()).unwrap();
            let Event::Byte(record) = events[0] else {
                panic!("{events:?}");
            };
            assert_eq!(record.byte, byte_of(chosen.id));
            let own = found.iter().find(|own| own.id == chosen.id).unwrap();
            assert_eq!((own.cut, own.p), (None, text.bytes()[at].sampler_p));
            // They stay the same from later on.
            assert_eq!(text.predictions_at(at).unwrap(), found);
            ids.push(chosen.id);
        }
        assert!(text.predictions_at(31).is_err());
        // The end of the text does not forbid everything.
        assert!(text.predictions().is_ok());
    }
    // The sliders move what is there, without a step.
    let mut text = warm();
    steps(&mut text, 5);
    let kept = |text: &Continuation<Noise>| {
        let all = text.predictions().unwrap();
        all.iter().filter(|own| own.cut.is_none()).count()
    };
    text.set_sampler(SamplerOptions {
        top_k: 3,
        top_p: 1.0,
        min_p: 0.0,
        ..WARM
    })
    .unwrap();
    assert_eq!(kept(&text), 3);
    text.set_sampler(SamplerOptions::default()).unwrap();
    assert_eq!(kept(&text), 1);
    let greedy = text.predictions().unwrap();
    assert!(greedy.iter().any(|own| own.cut == Some(Filter::Greedy)));
}

#[test]
fn a_patch_ends_with_its_boundary() {
    let mut text = warm();
    for _ in 0..5 {
        let mut told = Vec::new();
        let events = block_on(text.step_patch(|events| {
            told.extend_from_slice(events);
            ControlFlow::Continue(())
        }))
        .unwrap();
        assert_eq!(told, events);
        assert!(text.bytes().last().unwrap().closed);
        let boundaries = events
            .iter()
            .filter(|e| matches!(e, Event::Boundary { .. }));
        assert_eq!(boundaries.count(), 1);
    }
    let length = text.len();
    block_on(text.step_patch(|_| ControlFlow::Break(()))).unwrap();
    assert_eq!(text.len(), length + 1);
}

#[test]
fn a_text_goes_on_after_its_end() {
    let mut text = warm();
    let mut options = GenerateOptions {
        max_bytes: Some(4),
        ..GenerateOptions::default()
    };
    text.set_options(options.clone()).unwrap();
    let done = |bytes, reason| move |event: &Event| matches!(event, Event::Done { reason: r, bytes: b, .. } if (*r, *b) == (reason, bytes));
    let events = steps(&mut text, 4);
    assert!(events.last().is_some_and(done(4, StopReason::Length)));
    assert_eq!(text.ended(), Some(StopReason::Length));
    assert_eq!(steps(&mut text, 2).len(), 2);
    options.max_bytes = None;
    text.set_options(options.clone()).unwrap();
    steps(&mut text, 1);
    block_on(text.choose(b'q')).unwrap();

    options.stops = vec![b"z".to_vec(), b"q".to_vec()];
    text.set_options(options.clone()).unwrap();
    let stopped = StopReason::Stop { stop: 1 };
    assert_eq!((text.ended(), text.kept()), (Some(stopped), 5));
    assert!(steps(&mut text, 1).last().is_some_and(done(6, stopped)));
    // By hand it goes on, and by going back.
    block_on(text.choose(b'y')).unwrap();
    assert_eq!((text.ended(), text.kept()), (None, 7));
    text.truncate(6);
    text.undo();
    assert_eq!(text.ended(), None);
    let error = text
        .set_options(GenerateOptions {
            stops: vec![Vec::new()],
            ..options.clone()
        })
        .unwrap_err();
    assert!(error.to_string().contains("stop string"));
    assert_eq!(text.options(), &options);

    // A prompt is no part of a stop string.
    options.stops = vec![b"e".to_vec()];
    text.set_options(options).unwrap();
    text.truncate(0);
    assert_eq!(text.ended(), None);
    let error = text
        .set_sampler(SamplerOptions { top_p: 2.0, ..WARM })
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the top-p must be between 0 and 1, not 2"
    );
    assert_eq!(text.sampler(), &WARM);
}

#[test]
fn going_back_costs_nothing_until_a_byte_is_taken() {
    let mut text = warm();
    let log = Rc::clone(&text.model().log);
    steps(&mut text, 30);
    log.computed.borrow_mut().clear();
    for _ in 0..20 {
        text.undo();
    }
    assert!(!text.is_settled());
    assert!(text.predictions().is_ok());
    assert!(log.computed.borrow().is_empty() && log.rewinds.get() == 0);
    block_on(text.choose(b'x')).unwrap();
    assert_eq!(*log.computed.borrow(), [1]);
    assert_eq!((log.rewinds.get(), log.forks.get()), (1, 0));
    // A short tail is read again.
    steps(&mut text, 19);
    block_on(text.branch(25, b'x')).unwrap();
    text.switch(0).unwrap();
    log.computed.borrow_mut().clear();
    steps(&mut text, 1);
    assert_eq!(*log.computed.borrow(), [5, 1]);
    assert_eq!((log.forks.get(), text.forks()), (0, 0));
}

#[test]
fn long_branches_keep_their_caches_within_bounds() {
    let mut text = warm();
    let log = Rc::clone(&text.model().log);
    steps(&mut text, 90);
    let first = text.text();
    for at in 0..6 {
        text.switch(0).unwrap();
        block_on(text.branch(at, b'x')).unwrap();
        steps(&mut text, 80);
    }
    assert_eq!(text.forks(), 4);
    assert_eq!(text.memory(), 50);
    // The first is used all the time, so it is still there: a byte costs a byte.
    text.switch(0).unwrap();
    log.computed.borrow_mut().clear();
    steps(&mut text, 1);
    assert_eq!(*log.computed.borrow(), [1]);
    assert_eq!(text.text()[..90], first);
    // Without copies the end is read, and where that cannot be, all.
    text.set_most_forks(0);
    assert_eq!(text.forks(), 0);
    text.switch(1).unwrap();
    log.computed.borrow_mut().clear();
    steps(&mut text, 1);
    let computed: usize = log.computed.borrow().iter().sum();
    assert_eq!(computed, 81 + 1);
    steps(&mut text, 40);
    text.switch(0).unwrap();
    log.computed.borrow_mut().clear();
    steps(&mut text, 1);
    let computed: usize = log.computed.borrow().iter().sum();
    assert_eq!(computed, 1 + PROMPT.len() + 91 + 1);
    assert_eq!(text.forks(), 0);
}

#[test]
fn a_model_that_cannot_go_back_reads_again() {
    let stiff = Noise {
        reach: 0,
        forks: false,
        ..Noise::new()
    };
    let mut text = after(PROMPT, stiff, WARM);
    let mut free = warm();
    for text in [&mut text, &mut free] {
        steps(text, 80);
        text.truncate(70);
        steps(text, 5);
        block_on(text.branch(3, b'x')).unwrap();
        steps(text, 5);
        text.switch(0).unwrap();
        steps(text, 5);
    }
    assert_eq!(text.text(), free.text());
    assert_eq!(text.predictions().unwrap(), free.predictions().unwrap());
    text.switch(1).unwrap();
    free.switch(1).unwrap();
    assert_eq!(text.text(), free.text());
    for (own, other) in text.bytes().iter().zip(free.bytes()) {
        assert_eq!(own.record, other.record);
    }
}

#[test]
fn an_interrupted_read_leaves_it_usable() {
    let mut text = Continuation::new(Noise::new(), WARM, GenerateOptions::default()).unwrap();
    let sentence = "there is no text to continue; read a prompt, which may be empty";
    assert_eq!(block_on(text.step()).unwrap_err().to_string(), sentence);
    assert_eq!(text.predictions().unwrap_err().to_string(), sentence);
    assert!(text.undo().is_none() && text.prompt().is_none() && text.to_come().is_none());
    let mut told = Vec::new();
    let stop = |bytes| {
        told.push(bytes);
        ControlFlow::Break(())
    };
    let error = block_on(text.read(PROMPT, stop)).unwrap_err();
    assert!(matches!(error, Error::Interrupted) && told == [8]);
    assert_eq!(block_on(text.step()).unwrap_err().to_string(), sentence);
    block_on(text.read(PROMPT, on)).unwrap();
    steps(&mut text, 30);
    let mut whole = warm();
    steps(&mut whole, 30);
    assert_eq!(text.text(), whole.text());

    // The way to another branch can be stopped, too.
    text.set_most_forks(0);
    block_on(text.branch(0, b'x')).unwrap();
    text.switch(0).unwrap();
    let error = block_on(text.settle(|_| ControlFlow::Break(()))).unwrap_err();
    assert!(matches!(error, Error::Interrupted) && !text.is_settled());
    assert_eq!(text.text(), whole.text());
    block_on(text.settle(on)).unwrap();
    assert!(text.is_settled());
    steps(&mut text, 3);
    steps(&mut whole, 3);
    assert_eq!(text.text(), whole.text());
    block_on(text.read(b"", on)).unwrap();
    assert_eq!((text.len(), text.prompt()), (0, Some(&b""[..])));
    assert_eq!(text.branches().len(), 1);
    steps(&mut text, 1);
}

#[test]
fn a_prompt_and_the_way_to_a_branch_are_read_in_pieces() {
    let mut text = Continuation::new(Noise::new(), WARM, GenerateOptions::default()).unwrap();
    text.begin(PROMPT);
    assert_eq!(text.progress(), (0, PROMPT.len()));
    let mut pieces = Vec::new();
    while !block_on(text.approach(0, 5)).unwrap() {
        assert!(text.prompt().is_none() && !text.is_settled());
        pieces.push(text.progress().0);
    }
    assert_eq!(pieces, [5, 10, 15]);
    assert!(text.is_settled());
    steps(&mut text, 30);
    let mut whole = warm();
    steps(&mut whole, 30);
    assert_eq!(text.prompt_records(), whole.prompt_records());
    assert_eq!(text.text(), whole.text());

    text.set_most_forks(0);
    block_on(text.branch(0, b'x')).unwrap();
    text.switch(0).unwrap();
    let mut pieces = 0;
    while !block_on(text.approach(text.len(), 4)).unwrap() {
        pieces += 1;
    }
    assert!(pieces >= 7 && text.is_settled());
    steps(&mut text, 3);
    steps(&mut whole, 3);
    assert_eq!(text.text(), whole.text());

    // An empty prompt is one piece, and one that is left is no text.
    text.begin(b"");
    assert!(block_on(text.approach(0, 4)).unwrap());
    steps(&mut text, 1);
    text.begin(PROMPT);
    assert!(!block_on(text.approach(0, 4)).unwrap());
    assert!(block_on(text.step()).is_err());
    text.begin(b"other");
    assert!(block_on(text.approach(0, 99)).unwrap());
    assert_eq!(text.prompt(), Some(&b"other"[..]));
}

#[test]
fn an_error_or_a_dropped_call_changes_nothing() {
    let mut text = warm();
    let log = Rc::clone(&text.model().log);
    steps(&mut text, 20);
    let before = text.text();
    log.broken.set(true);
    for _ in 0..2 {
        let error = block_on(text.step()).unwrap_err();
        assert_eq!(error.to_string(), "the device was lost: it was unplugged");
        assert!(block_on(text.branch(3, b'x')).is_err());
    }
    assert_eq!(text.text(), before);
    assert_eq!(text.branches().len(), 1);
    log.broken.set(false);
    {
        let mut context = Context::from_waker(Waker::noop());
        let mut step = pin!(text.branch(4, b'x'));
        assert!(step.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(text.text(), before);
    assert_eq!(text.branches().len(), 1);
    assert!(!text.is_settled());
    steps(&mut text, 10);
    let mut whole = warm();
    steps(&mut whole, 30);
    assert_eq!(text.text(), whole.text());
}
