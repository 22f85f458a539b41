//! Drafts change nothing: by a model that is a function of its text.
use blt::generate::{Continuation, Event, GenerateOptions, SamplerOptions, Speculate, Utf8Mode};
use pollster::block_on;

use crate::noise::{Noise, PROMPT, WARM, generated, on, warm};

const SIZES: [Speculate; 5] = [
    Speculate::Bytes(2),
    Speculate::Bytes(4),
    Speculate::Bytes(9),
    Speculate::Bytes(32),
    Speculate::Auto,
];

#[test]
fn drafts_change_nothing_that_a_generator_says() {
    let stops = vec![b"\x01\x02".to_vec(), b"e".to_vec()];
    let most = |max_bytes| GenerateOptions {
        max_bytes: Some(max_bytes),
        ..GenerateOptions::default()
    };
    let cases = [
        (WARM, most(150), None),
        (SamplerOptions::default(), most(150), None),
        (
            WARM,
            GenerateOptions {
                utf8: Utf8Mode::Constrain,
                ..most(61)
            },
            None,
        ),
        (WARM, GenerateOptions { stops, ..most(900) }, None),
        (WARM, most(90), Some(70)),
        (WARM, most(1), None),
    ];
    for (sampler, options, room) in cases {
        let model = |drafts| Noise {
            room,
            drafts,
            ..Noise::new()
        };
        let (expected, end) = generated(model(false), sampler, options.clone());
        for speculate in SIZES {
            let options = GenerateOptions {
                speculate,
                ..options.clone()
            };
            let (events, own) = generated(model(true), sampler, options.clone());
            assert_eq!((&own.ids, &own.logits), (&end.ids, &end.logits));
            let drafts = events.iter().filter_map(|event| match event {
                Event::Draft { drafted, accepted } => Some((*drafted, *accepted)),
                _ => None,
            });
            let [mut drafted, mut accepted] = [0, 0];
            for (of, kept) in drafts {
                assert!(0 < of && kept <= of);
                (drafted, accepted) = (drafted + of, accepted + kept);
            }
            let bytes = own.ids.len() - PROMPT.len() - 1;
            if bytes > 20 && speculate != Speculate::Auto {
                assert!(0 < accepted && accepted < drafted, "{accepted} {drafted}");
                assert!(accepted * 4 > bytes, "{accepted} of {bytes}");
            }
            let rest = events.iter().filter(|e| !matches!(e, Event::Draft { .. }));
            assert!(rest.eq(&expected), "{speculate} {options:?}");
        }
    }
}

#[test]
fn drafts_change_nothing_that_a_continuation_does() {
    for speculate in SIZES {
        let options = |speculate| GenerateOptions {
            speculate,
            ..GenerateOptions::default()
        };
        let mut plain = warm();
        let drafting = Noise {
            drafts: true,
            ..Noise::new()
        };
        let mut text = Continuation::new(drafting, WARM, options(speculate)).unwrap();
        block_on(text.read(PROMPT, on)).unwrap();
        let mut state = 7_u32;
        let mut next = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        for _ in 0..400 {
            let (what, at) = (next(20), next(plain.len() + 1));
            let byte = b"etaoin"[next(6)];
            let branch = next(plain.branches().len());
            for text in [&mut plain, &mut text] {
                match what {
                    0 => drop(text.undo()),
                    1 if at < text.len() => drop(block_on(text.branch(at, byte)).unwrap()),
                    2 => drop(block_on(text.choose(byte)).unwrap()),
                    3 => text.switch(branch).unwrap(),
                    4 => text.truncate(at),
                    5 => block_on(text.settle(on)).unwrap(),
                    6 => drop(block_on(text.approach(at.min(text.len()), 5)).unwrap()),
                    _ => drop(block_on(text.step()).unwrap()),
                }
            }
            assert_eq!(text.text(), plain.text());
            assert_eq!(text.to_come(), plain.to_come());
            assert_eq!(text.predictions().unwrap(), plain.predictions().unwrap());
        }
        assert_eq!(text.branches(), plain.branches());
        let records = |text: &Continuation<Noise>| -> Vec<_> {
            text.bytes().iter().map(|byte| byte.record).collect()
        };
        assert_eq!(records(&text), records(&plain));
        let drafts = text.drafts();
        assert!(drafts.accepted <= drafts.drafted);
        if speculate != Speculate::Auto {
            assert!(drafts.accepted > 20, "{drafts:?}");
            assert!(text.bytes().iter().any(|byte| byte.drafted));
        }
        // The model comes back where the text is.
        block_on(text.settle(on)).unwrap();
        let ids = blt::bytes::prompt(&[PROMPT, &text.text()].concat());
        assert_eq!(text.into_model().ids, ids);
    }
}
