//! Generation with a model that is a table: what comes out, and in what order.

use blt::bytes::{EOS, VOCAB, id_of};
use blt::generate::{
    ByteModel, Event, GenerateOptions, Generator, Given, Sampler, SamplerOptions, Step, StopReason,
    Utf8Mode,
};
use blt::record::ByteRecord;
use blt::{Error, Result};

/// A model that wants to say a fixed text, whatever is pushed, and then ends.
/// Patches close after spaces, where the latent model runs.
struct Script {
    says: Vec<u8>,
    at: usize,
    logits: Vec<f32>,
    pushed: Vec<u32>,
    fails_at: Option<usize>,
}

impl Script {
    fn new(says: &[u8]) -> Self {
        let mut script = Self {
            says: says.to_vec(),
            at: 0,
            logits: Vec::new(),
            pushed: Vec::new(),
            fails_at: None,
        };
        script.wish();
        script
    }

    fn wish(&mut self) {
        self.logits = vec![1.0; VOCAB as usize];
        let id = self.says.get(self.at).map_or(EOS, |byte| id_of(*byte));
        self.logits[id as usize] = 6.0;
    }
}

impl ByteModel for Script {
    fn logits(&self) -> &[f32] {
        &self.logits
    }

    async fn push(&mut self, id: u32) -> Result<Step> {
        if self.fails_at == Some(self.at) {
            return Err(Error::DeviceLost("it was unplugged".into()));
        }
        self.pushed.push(id);
        self.at += 1;
        self.wish();
        let closed = id == id_of(b' ');
        #[expect(clippy::cast_precision_loss, reason = "small")]
        Ok(Step {
            entropy: Some(self.at as f32),
            closed,
            latent: closed,
        })
    }
}

const NOTHING: Given<'_> = Given {
    text: b"",
    starts: &[true],
    entropy: Some(0.5),
};

fn greedy() -> Sampler {
    Sampler::new(SamplerOptions::default()).unwrap()
}

fn events(script: &mut Script, given: &Given<'_>, options: GenerateOptions) -> Vec<Event> {
    let mut generator = Generator::new(script, given, greedy(), options).unwrap();
    let mut events = Vec::new();
    while let Some(event) = pollster::block_on(generator.next()).unwrap() {
        events.push(event);
    }
    assert!(pollster::block_on(generator.next()).unwrap().is_none());
    events
}

fn text(events: &[Event]) -> Vec<u8> {
    let byte = |event: &Event| match event {
        Event::Byte(record) => record.byte,
        _ => None,
    };
    events.iter().filter_map(byte).collect()
}

fn run(says: &[u8], options: GenerateOptions) -> (Vec<u8>, Event) {
    let events = events(&mut Script::new(says), &NOTHING, options);
    (text(&events), *events.last().unwrap())
}

fn done(reason: StopReason, bytes: u64, latent_steps: u64) -> Event {
    Event::Done {
        reason,
        bytes,
        latent_steps,
    }
}

fn stops(stops: &[&str]) -> GenerateOptions {
    GenerateOptions {
        stops: stops.iter().map(|stop| stop.as_bytes().to_vec()).collect(),
        ..GenerateOptions::default()
    }
}

fn most(max_bytes: u64) -> GenerateOptions {
    GenerateOptions {
        max_bytes: Some(max_bytes),
        ..GenerateOptions::default()
    }
}

#[test]
fn events_come_in_order_with_the_entropy_of_each_byte() {
    let given = Given {
        text: b"ab c",
        starts: &[true, false, false, true, false],
        entropy: Some(0.5),
    };
    let found = events(&mut Script::new(b"d e"), &given, GenerateOptions::default());
    let nll = (5_f32.exp() + 259.0).ln() - 5.0;
    let byte = |index, byte, entropy, start, patch| {
        Event::Byte(ByteRecord {
            index,
            byte: Some(byte),
            entropy: Some(entropy),
            nll: Some(nll),
            start,
            patch,
        })
    };
    let expected = [
        byte(4, b'd', 0.5, false, 1),
        byte(5, b' ', 1.0, false, 1),
        // "c" of the prompt is its first byte.
        Event::Boundary {
            patch: 1,
            length: 3,
        },
        Event::LatentStep { patch: 1 },
        byte(6, b'e', 2.0, true, 2),
        done(StopReason::EndOfText, 3, 1),
    ];
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        match (found, expected) {
            (Event::Byte(found), Event::Byte(expected)) => {
                let close = (found.nll.unwrap() - expected.nll.unwrap()).abs() < 1e-6;
                assert!(close, "{found:?}");
                assert_eq!(
                    ByteRecord {
                        nll: expected.nll,
                        ..*found
                    },
                    *expected
                );
            }
            _ => assert_eq!(found, expected),
        }
    }
}

#[test]
fn a_text_ends_by_length_by_itself_or_by_a_stop_string() {
    use StopReason::{EndOfText, Length, Stop};
    assert_eq!(run(b"abc", most(2)), (b"ab".to_vec(), done(Length, 2, 0)));
    assert_eq!(run(b"abc", most(0)), (Vec::new(), done(Length, 0, 0)));
    assert_eq!(
        run(b"abc", most(9)),
        (b"abc".to_vec(), done(EndOfText, 3, 0))
    );
    assert_eq!(
        run(b"one two three", stops(&["wo t", "never"])),
        (b"one t".to_vec(), done(Stop { stop: 0 }, 9, 2))
    );
    // What only began a stop string is part of the text.
    assert_eq!(
        run(b"a st", stops(&["stop"])),
        (b"a st".to_vec(), done(EndOfText, 4, 1))
    );
    let cut = GenerateOptions {
        max_bytes: Some(3),
        ..stops(&["stop"])
    };
    assert_eq!(run(b"a stop", cut), (b"a s".to_vec(), done(Length, 3, 1)));
}

#[test]
fn events_of_a_stop_string_are_dropped_with_it() {
    let found = events(&mut Script::new(b"a b c"), &NOTHING, stops(&["b "]));
    let boundaries = found
        .iter()
        .filter(|event| matches!(event, Event::Boundary { .. }));
    assert_eq!(boundaries.count(), 1);
    assert_eq!(text(&found), b"a ");
}

#[test]
fn bytes_are_given_as_soon_as_they_are_decided() {
    let mut generator = Generator::new(
        Script::new(b"x stop"),
        &NOTHING,
        greedy(),
        stops(&["stack"]),
    )
    .unwrap();
    let mut seen = Vec::new();
    while let Some(event) = pollster::block_on(generator.next()).unwrap() {
        if let Event::Byte(record) = event {
            seen.push((record.byte.unwrap(), generator.model().at));
        }
    }
    // "st" waited for "o".
    assert_eq!(
        seen,
        [
            (b'x', 1),
            (b' ', 2),
            (b's', 5),
            (b't', 5),
            (b'o', 5),
            (b'p', 6)
        ]
    );
    assert_eq!(generator.into_model().pushed.len(), 6);
}

#[test]
fn constrained_text_is_well_formed_and_ends_whole() {
    // What the model says is no UTF-8: the constraint takes the next best id,
    // the smallest that may follow.
    let constrain = |max_bytes| GenerateOptions {
        utf8: Utf8Mode::Constrain,
        max_bytes: Some(max_bytes),
        ..GenerateOptions::default()
    };
    let (raw, _) = run(b"\xFF\xE2A\x80", most(4));
    assert_eq!(raw, b"\xFF\xE2A\x80");
    // The end of the text has the smallest id of all, where it is allowed.
    let (found, end) = run(b"\xE2A\x80\xFF", constrain(9));
    assert_eq!(found, "\u{2000}".as_bytes());
    assert_eq!(end, done(StopReason::EndOfText, 3, 0));
    // A character of three bytes does not fit into two.
    for says in ["한국", "😀", "é!"] {
        for max_bytes in 0..6 {
            let options = GenerateOptions {
                ignore_end: true,
                ..constrain(max_bytes)
            };
            let (found, end) = run(says.as_bytes(), options);
            assert!(std::str::from_utf8(&found).is_ok(), "{found:x?}");
            assert_eq!(end, done(StopReason::Length, max_bytes, 0));
        }
    }
    // The prompt's last character is ended first.
    let given = Given {
        text: b"\xF0\x9F",
        starts: &[true, false, false],
        entropy: None,
    };
    let found = events(&mut Script::new(b"ab"), &given, constrain(9));
    let whole = [given.text, &text(&found)].concat();
    assert!(std::str::from_utf8(&whole).is_ok() && whole.len() == 4);
}

#[test]
fn the_end_can_be_ignored() {
    let options = GenerateOptions {
        ignore_end: true,
        ..most(5)
    };
    let (found, end) = run(b"ab", options);
    assert_eq!(found, b"ab\0\0\0");
    assert_eq!(end, done(StopReason::Length, 5, 0));
}

#[test]
fn the_penalty_sees_the_prompt_and_what_was_generated() {
    let sampler = Sampler::new(SamplerOptions {
        repetition_penalty: 1e9,
        repetition_window: 3,
        ..SamplerOptions::default()
    })
    .unwrap();
    let given = Given {
        text: b"xa",
        starts: &[true, false, false],
        entropy: None,
    };
    let options = GenerateOptions {
        ignore_end: true,
        ..most(40)
    };
    let says = b"a".repeat(40);
    let mut generator = Generator::new(Script::new(&says), &given, sampler, options).unwrap();
    let mut found = b"xa".to_vec();
    while let Some(event) = pollster::block_on(generator.next()).unwrap() {
        found.extend(text(&[event]));
    }
    for (at, window) in found.windows(4).enumerate() {
        let fresh = !window[..3].contains(&b'a');
        assert_eq!(window[3] == b'a', fresh, "byte {}: {window:?}", at + 3);
    }
}

#[test]
fn the_same_seed_gives_the_same_text() {
    let sample = |seed| {
        let sampler = Sampler::new(SamplerOptions {
            temperature: 2.0,
            seed,
            ..SamplerOptions::default()
        })
        .unwrap();
        let mut generator =
            Generator::new(Script::new(b"some text"), &NOTHING, sampler, most(50)).unwrap();
        let mut found = Vec::new();
        while let Some(event) = pollster::block_on(generator.next()).unwrap() {
            found.extend(text(&[event]));
        }
        found
    };
    assert_eq!(sample(3), sample(3));
    assert_ne!(sample(3), sample(4));
}

#[test]
fn an_error_ends_the_generation() {
    let mut script = Script::new(b"abc");
    script.fails_at = Some(1);
    let mut generator =
        Generator::new(&mut script, &NOTHING, greedy(), GenerateOptions::default()).unwrap();
    let mut next = || pollster::block_on(generator.next());
    assert!(matches!(next(), Ok(Some(Event::Byte(_)))));
    assert_eq!(
        next().unwrap_err().to_string(),
        "the device was lost: it was unplugged"
    );
    assert!(next().unwrap().is_none());

    script.logits[9] = f32::NAN;
    let mut generator = Generator::new(script, &NOTHING, greedy(), most(1)).unwrap();
    let error = pollster::block_on(generator.next()).unwrap_err();
    assert!(error.to_string().contains("NaN"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let given = Given {
        starts: &[],
        ..NOTHING
    };
    let refuse = |given: &Given<'_>, options| {
        Generator::new(Script::new(b""), given, greedy(), options)
            .err()
            .unwrap()
            .to_string()
    };
    assert_eq!(
        refuse(&given, most(1)),
        "a text of 0 bytes has 1 patch flags, not 0"
    );
    assert_eq!(
        refuse(&NOTHING, stops(&[""])),
        "a stop string must have a byte at least"
    );
}
