//! The output forms: what they look like, and that no text breaks them.
use std::io::{self, Write};

use blt::bytes;
use blt::patch::{Rule, Scheme, starts};
use blt::record::{
    Ansi, Brackets, ByteRecord, Csv, JsonLines, Markdown, MarkdownOptions, RecordWriter,
    SVG_MAX_BYTES, Svg, SvgOptions, decode_brackets, records,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

/// The records of a text under a rule; entropies and log probabilities are made up.
fn run(text: &[u8], rule: &Rule, seed: u64) -> Vec<ByteRecord> {
    let mut rng = StdRng::seed_from_u64(seed);
    let entropies: Vec<f32> = (0..=text.len())
        .map(|_| rng.random_range(0.0..3.0))
        .collect();
    let nlls: Vec<f32> = text.iter().map(|_| rng.random_range(0.0..6.0)).collect();
    let starts = starts(rule, &bytes::prompt(text), Some(&entropies)).unwrap();
    records(text, Some(&entropies), Some(&nlls), &starts)
        .unwrap()
        .collect()
}

fn bare(text: &[u8], scheme: Scheme) -> Vec<ByteRecord> {
    let starts = starts(&Rule::new(scheme).unwrap(), &bytes::prompt(text), None).unwrap();
    records(text, None, None, &starts).unwrap().collect()
}

const FORMS: [&str; 6] = ["brackets", "ansi", "jsonl", "csv", "markdown", "svg"];

fn writer<'a>(form: &str, out: impl Write + 'a) -> Box<dyn RecordWriter + 'a> {
    match form {
        "brackets" => Box::new(Brackets::new(out)),
        "ansi" => Box::new(Ansi::new(out)),
        "jsonl" => Box::new(JsonLines::new(out)),
        "csv" => Box::new(Csv::new(out)),
        "markdown" => Box::new(Markdown::new(
            out,
            MarkdownOptions {
                title: Some("a `name`".into()),
                model: Some("the embedded model".into()),
                rule: Some(Rule::default()),
            },
        )),
        "svg" => Box::new(Svg::new(
            out,
            SvgOptions {
                threshold: Some(1.335),
                ..SvgOptions::default()
            },
        )),
        _ => panic!("no form {form}"),
    }
}

fn write(form: &str, records: &[ByteRecord]) -> String {
    let mut out = Vec::new();
    {
        let mut writer = writer(form, &mut out);
        for record in records {
            writer.write(record).unwrap();
        }
        writer.finish().unwrap();
    }
    String::from_utf8(out).unwrap()
}

/// A short text with most of what is special, in patches with fixed entropies.
fn sample() -> Vec<ByteRecord> {
    let text = "Hi [é]\n한\x1b\t!ü".as_bytes();
    let entropies: Vec<f32> = (0_u8..)
        .take(text.len() + 1)
        .map(|i| f32::from(i * 3 % 13) / 4.0)
        .collect();
    let nlls: Vec<f32> = (0_u8..)
        .take(text.len())
        .map(|i| f32::from(i) / 8.0)
        .collect();
    let starts = starts(&Rule::default(), &bytes::prompt(text), Some(&entropies)).unwrap();
    records(text, Some(&entropies), Some(&nlls), &starts)
        .unwrap()
        .collect()
}

#[test]
fn every_form_has_its_look() {
    for form in FORMS {
        let shown = write(form, &sample()).replace('\x1b', "␛");
        insta::assert_snapshot!(form, shown);
    }
    let words = bare("Words have no entropies.".as_bytes(), Scheme::Space);
    insta::assert_snapshot!("svg_of_words", write("svg", &words));
}

#[test]
fn no_text_breaks_a_form() {
    let all: Vec<u8> = (0..=255).collect();
    let texts: [&[u8]; 9] = [
        b"",
        b"a",
        b"\n",
        b"\xFF",
        "한".as_bytes(),
        &all,
        b"\xE2\x82 cut \xF0\x9F\x98",
        "\u{202E}\u{FEFF}\u{FFFE}\u{85}\u{A0}<&>\"'\r\n".as_bytes(),
        b"]]\\[[\\n\\x41",
    ];
    let fixed = Rule::new(Scheme::Static { size: 2 }).unwrap();
    for text in texts {
        for rule in [&Rule::default(), &fixed] {
            let records = run(text, rule, 9);
            for form in FORMS {
                let shown = write(form, &records);
                match form {
                    "brackets" => assert_eq!(decode_brackets(&shown).unwrap().concat(), text),
                    "jsonl" => check_json(&shown, &records),
                    "csv" => check_csv(&shown, &records),
                    "markdown" => check_table(&shown, &records),
                    "svg" => check_xml(&shown),
                    _ => check_colours(&shown),
                }
            }
        }
    }
}

#[test]
fn brackets_give_the_patches_back() {
    let mut rng = StdRng::seed_from_u64(10);
    for seed in 0..500 {
        let len = rng.random_range(0..60);
        let text: Vec<u8> = (0..len)
            .map(|_| match rng.random_range(0..5) {
                0 => b"[]\\\n\t\rnx4"[rng.random_range(0..9)],
                1 => rng.random_range(0x80..=0xBF),
                2 => rng.random_range(0xC0..=0xFF),
                _ => rng.random_range(0..=0x7F),
            })
            .collect();
        let records = run(&text, &Rule::default(), seed);
        let mut patches: Vec<Vec<u8>> = Vec::new();
        for record in &records {
            let Some(byte) = record.byte else { continue };
            if record.start {
                patches.push(Vec::new());
            }
            patches.last_mut().unwrap().push(byte);
        }
        let shown = write("brackets", &records);
        assert_eq!(decode_brackets(&shown).unwrap(), patches, "{shown}");
        // A change of line ends on the way does no harm.
        assert_eq!(
            decode_brackets(&shown.replace('\n', "\r\n")).unwrap(),
            patches
        );
    }
}

#[test]
fn brackets_stay_readable() {
    let show =
        |text: &str, size| write("brackets", &bare(text.as_bytes(), Scheme::Static { size }));
    assert_eq!(show("Daenerys", 4), "[Daen][erys]\n");
    assert_eq!(show("a\nb\n\nc", 2), "[a\\n]\n[b\\n]\n[\\n\nc]\n");
    assert_eq!(show("é", 2), "[é]\n");
    assert_eq!(show("aé", 2), "[a\\xC3][\\xA9]\n");
    assert_eq!(show("", 2), "\n");
}

#[test]
fn text_appears_as_it_arrives() {
    for form in ["brackets", "ansi", "jsonl", "csv"] {
        let sink = Shared::default();
        let mut writer = writer(form, sink.clone());
        let mut before = 0;
        for record in bare(b"plain text", Scheme::Space).iter().take(10) {
            writer.write(record).unwrap();
            let now = sink.0.borrow().len();
            assert!(now > before, "{form}");
            before = now;
        }
    }
}

#[test]
fn a_sink_that_fails_is_reported() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for form in FORMS {
        let mut writer = writer(form, Full);
        let wrote = sample()
            .iter()
            .try_for_each(|record| writer.write(record))
            .and_then(|()| writer.finish());
        assert_eq!(
            wrote.unwrap_err().kind(),
            io::ErrorKind::StorageFull,
            "{form}"
        );
    }
}

#[test]
fn a_figure_has_a_greatest_text() {
    let len = usize::try_from(SVG_MAX_BYTES).unwrap();
    let fits = bare(&vec![b'a'; len], Scheme::Static { size: 4 });
    check_xml(&write("svg", &fits));
    let records = bare(&vec![b'a'; len + 1], Scheme::Byte);
    let mut writer = writer("svg", io::sink());
    let error = records
        .iter()
        .try_for_each(|record| writer.write(record))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "a figure holds at most 8192 bytes of text; longer ones can be written as jsonl or csv"
    );
}

#[test]
fn a_figure_copes_with_any_option() {
    for threshold in [f32::NAN, f32::INFINITY, -3.0, 1e30] {
        for row_bytes in [0, 1, 8, 10_000] {
            let mut out = Vec::new();
            let title = "<&\u{1}\u{FFFF}".to_owned();
            let mut svg = Svg::new(
                &mut out,
                SvgOptions {
                    title,
                    threshold: Some(threshold),
                    row_bytes,
                },
            );
            for record in run("한글 abc\n".repeat(5).as_bytes(), &Rule::default(), 3) {
                svg.write(&record).unwrap();
            }
            svg.finish().unwrap();
            let shown = String::from_utf8(out).unwrap();
            assert!(!shown.contains("NaN") && !shown.contains("inf"));
            check_xml(&shown);
        }
    }
}

/// One object per record, the keys in order, every value as it was.
fn check_json(shown: &str, records: &[ByteRecord]) {
    assert_eq!(shown.lines().count(), records.len());
    for (line, record) in shown.lines().zip(records) {
        let Value::Object(object) = serde_json::from_str(line).unwrap() else {
            panic!("no object: {line}")
        };
        let keys: Vec<&str> = object.keys().map(String::as_str).collect();
        assert_eq!(keys, ["i", "byte", "entropy", "nll", "start", "patch"]);
        assert_eq!(object["i"], record.index);
        assert_eq!(object["byte"], serde_json::json!(record.byte));
        assert_eq!(
            serde_json::from_value::<Option<f32>>(object["entropy"].clone()).unwrap(),
            record.entropy
        );
        assert_eq!(
            serde_json::from_value::<Option<f32>>(object["nll"].clone()).unwrap(),
            record.nll
        );
        assert_eq!(object["start"], record.start);
        assert_eq!(object["patch"], record.patch);
    }
}

/// A line for each patch, whose text is that of the patch.
fn check_table(shown: &str, records: &[ByteRecord]) {
    let mut patches: Vec<Vec<u8>> = Vec::new();
    for record in records {
        let Some(byte) = record.byte else { continue };
        if record.start {
            patches.push(Vec::new());
        }
        patches.last_mut().unwrap().push(byte);
    }
    let mut lines = shown.lines().filter(|line| line.starts_with('|'));
    assert_eq!(lines.by_ref().take(2).count(), patches.len().min(1) * 2);
    for (index, patch) in patches.iter().enumerate() {
        let line = lines.next().unwrap();
        let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
        assert_eq!(cells.len(), 6, "{line}");
        assert_eq!(cells[0].parse(), Ok(index));
        assert_eq!(cells[2].parse(), Ok(patch.len()));
        let fence = cells[1].len() - cells[1].trim_start_matches('`').len();
        let code = &cells[1][fence..cells[1].len() - fence];
        assert!(!code.contains(&"`".repeat(fence)), "{line}");
        let code = match fence {
            1 => code,
            _ => code.strip_prefix(' ').unwrap().strip_suffix(' ').unwrap(),
        };
        let text = code
            .replace("\\|", "|")
            .replace('␣', " ")
            .replace('[', "\\[")
            .replace(']', "\\]");
        let decoded = decode_brackets(&format!("[{text}]")).unwrap();
        assert_eq!(decoded, std::slice::from_ref(patch));
    }
    assert_eq!(lines.next(), None);
}

fn check_csv(shown: &str, records: &[ByteRecord]) {
    let mut lines = shown.lines();
    assert_eq!(lines.next(), Some("i,byte,entropy,nll,start,patch"));
    assert_eq!(lines.clone().count(), records.len());
    for (line, record) in lines.zip(records) {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), 6);
        assert_eq!(fields[0].parse(), Ok(record.index));
        assert_eq!(fields[1].parse().ok(), record.byte);
        assert_eq!(fields[2].parse().ok(), record.entropy);
        assert_eq!(fields[3].parse().ok(), record.nll);
        assert_eq!(fields[4].parse(), Ok(record.start));
        assert_eq!(fields[5].parse(), Ok(record.patch));
    }
}

/// No colour runs over the end of a line, and nothing else controls the terminal.
fn check_colours(shown: &str) {
    for line in shown.lines() {
        let mut coloured = false;
        for (i, part) in line.split('\x1b').enumerate() {
            if i > 0 {
                let (code, _) = part.split_once('m').unwrap();
                assert!(code.starts_with('['));
                coloured = code != "[0";
            }
            assert!(!part.chars().any(char::is_control));
        }
        assert!(!coloured, "{line:?}");
    }
}

/// Characters that XML allows, and elements that close.
fn check_xml(shown: &str) {
    assert!(
        shown
            .chars()
            .all(|c| c == '\n' || !(c.is_control() || c == '\u{FFFE}' || c == '\u{FFFF}'))
    );
    let mut open: Vec<&str> = Vec::new();
    for tag in shown.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap();
        assert!(!text.contains('>'));
        for entity in text.split('&').skip(1) {
            let (name, _) = entity.split_once(';').unwrap();
            assert!(["amp", "lt", "gt", "quot"].contains(&name));
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
    }
    assert!(open.is_empty());
}

#[derive(Clone, Default)]
struct Shared(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
