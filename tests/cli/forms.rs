//! Brackets, colours and figures, of any bytes.

use blt::record::decode_brackets;

use super::{good, model, refused};

/// Texts that are hard to show.
fn texts() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        b"x".to_vec(),
        (0..=255).collect(),
        b"\xff\xfe\xed\xa0\x80 ok \xe2\x82".to_vec(),
        "[a] \\n naïve 안녕 \u{202e}x\r\n\t🙂\n\n"
            .as_bytes()
            .to_vec(),
        b"\x1b[31mred\x07".to_vec(),
    ]
}

#[test]
fn brackets_give_the_bytes_back() {
    let model = model();
    let entropy = ["patch", "-m", &model, "--threshold", "3.5"];
    let space = ["patch", "--mode", "space"];
    let byte = ["patch", "--mode", "byte"];
    for text in texts() {
        for arguments in [&entropy[..], &space, &byte] {
            let shown = good(arguments, &text).text();
            assert!(shown.ends_with('\n'));
            let patches = decode_brackets(&shown).unwrap();
            assert_eq!(patches.concat(), text, "{arguments:?} {shown}");
        }
    }
    assert_eq!(good(&["patch", "--mode", "space", ""], b"").text(), "\n");
    assert_eq!(
        good(&["patch", "a b [c]", "--mode=space"], b"").text(),
        "[a ][b ][\\[c\\]]\n"
    );
}

#[test]
fn colours_end_where_they_begin() {
    let model = model();
    for text in texts() {
        let shown = good(&["patch", "-m", &model, "--format", "ansi"], &text).text();
        let clean = !shown.contains('\x1b') || shown.ends_with("\x1b[0m\n");
        assert!(clean, "{shown:?}");
        assert!(
            !shown.contains("\x1b[31m"),
            "a colour of the text got through"
        );
    }
    // NO_COLOR is about messages; whoever asks for the colours gets them.
    let plain = super::blt(&["patch", "-m", &model, "--format", "ansi", "ab"])
        .output()
        .unwrap();
    let colourless = super::blt(&["patch", "-m", &model, "--format", "ansi", "ab"])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert_eq!(plain.stdout, colourless.stdout);
    let (code, sentence) = refused(&["patch", "a", "--format", "ansi", "--color", "never"]);
    assert_eq!(
        (code, sentence.as_str()),
        (2, "--format ansi is colour; leave out --color never")
    );
}

#[test]
fn a_figure_is_xml_and_names_its_threshold() {
    let model = model();
    for text in texts() {
        let svg = good(
            &[
                "patch",
                "-m",
                &model,
                "--format",
                "svg",
                "--threshold",
                "3.25",
            ],
            &text,
        )
        .text();
        check_xml(&svg);
        assert!(svg.contains("3.25"), "{svg}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a<b>&.txt");
    std::fs::write(&path, "named").unwrap();
    let arguments = [
        "patch",
        "--mode",
        "space",
        "--format",
        "svg",
        "-f",
        path.to_str().unwrap(),
    ];
    let svg = good(&arguments, b"").text();
    check_xml(&svg);
    assert!(svg.contains("a&lt;b&gt;&amp;.txt"));
}

#[test]
fn a_figure_has_a_greatest_text() {
    let long = vec![b'x'; 8193];
    let (file, arguments) = super::input::file(&long);
    let arguments = [
        &["patch", "--mode", "byte", "--format", "svg"][..],
        &["-f", &arguments],
    ]
    .concat();
    let (code, known) = refused(&arguments);
    assert_eq!(code, 2);
    assert!(
        known.contains("at most 8192 bytes") && known.contains("8193"),
        "{known}"
    );
    drop(file);
    // From a pipe it comes out later, and still nothing half-made.
    let piped = ["patch", "--mode", "byte", "--format", "svg"];
    let ran = super::Ran::of(super::blt(&piped).write_stdin(long));
    assert_eq!((ran.code, ran.out.len()), (2, 0));
    assert!(
        ran.err
            .starts_with("blt: a figure holds at most 8192 bytes"),
        "{}",
        ran.err
    );
}

/// Elements that close, and no character that XML forbids.
fn check_xml(shown: &str) {
    assert!(
        shown.starts_with("<svg ") || shown.starts_with("<?xml "),
        "{shown}"
    );
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
    let mut open = Vec::new();
    for tag in shown.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap();
        assert!(!text.contains('>'));
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') && !tag.starts_with('?') {
            open.push(tag.split(' ').next().unwrap());
        }
    }
    assert!(open.is_empty());
}

#[test]
fn a_table_names_its_model_and_rule() {
    let model = model();
    let table = ["patch", "-m", &model, "--format", "markdown"];
    for text in texts() {
        let shown = good(&[&table[..], &["--threshold", "3.25"]].concat(), &text).text();
        assert!(shown.starts_with("### Patches\n\n- model: `"), "{shown}");
        assert!(shown.contains("- rule: entropy above 3.25 nats"), "{shown}");
        assert!(
            shown.contains(&format!("\n- {} bytes, ", text.len())),
            "{shown}"
        );
        assert!(!shown.contains(['\x1b', '\x07', '\u{202e}']));
    }
    let words = ["patch", "--mode", "space", "--format", "markdown"];
    assert_eq!(
        good(&[&words[..], &["a b|"]].concat(), b"").text(),
        "### Patches\n\n- rule: words\n- 4 bytes, 2 patches, 2.00 bytes per patch\n\
         - 0 of 1 boundaries inside a character\n\n\
         | # | patch | bytes | why here |\n| ---: | --- | ---: | --- |\n\
         | 0 | `a␣` | 2 | first byte |\n| 1 | `b\\|` | 2 | after a space |\n"
    );
    let several = good(&[&words[..], &["--separator", "\\n"]].concat(), b"a\nb").text();
    assert_eq!(several.matches("### Patches\n").count(), 2);
    assert!(several.contains("|\n\n### Patches"), "{several}");
    // A table has a greatest text.
    let (code, sentence) = {
        let (_file, path) = super::input::file(&[b'x'; 65_537]);
        refused(&[&words[..], &["-f", &path]].concat())
    };
    assert_eq!(code, 2);
    assert!(
        sentence.starts_with("a table holds at most 65536 bytes") && sentence.contains("65537"),
        "{sentence}"
    );
}
