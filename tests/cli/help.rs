//! What the program says about itself.

use super::{good, refused};

#[test]
fn each_command_explains_itself() {
    for command in [
        "patch",
        "entropy",
        "generate",
        "score",
        "eval",
        "flops",
        "devices",
        "inspect",
        "bench",
        "convert",
        "corpus",
        "verify",
        "completions",
        "view",
    ] {
        insta::assert_snapshot!(command, good(&[command, "--help"], b"").text());
    }
    for what in ["noise", "characters"] {
        let help = good(&["eval", what, "--help"], b"").text();
        insta::assert_snapshot!(format!("eval-{what}"), help);
    }
    let help = good(&["--help"], b"").text();
    insta::assert_snapshot!("blt", help);
    assert!(help.contains("Exit codes") && help.contains("BLT_MODEL") && help.contains("nats"));
}

#[test]
fn it_knows_its_version() {
    assert_eq!(
        good(&["--version"], b"").text(),
        format!("blt {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = good(&["completions", shell], b"").text();
        for word in ["patch", "entropy", "verify", "max-patch-length", "jsonl"] {
            assert!(script.contains(word), "{shell} lacks {word}");
        }
    }
    let (code, sentence) = refused(&["completions", "cmd"]);
    assert_eq!(code, 2);
    assert!(sentence.contains("powershell"), "{sentence}");
}

#[test]
fn messages_have_colour_only_when_asked() {
    let coloured = super::Ran::of(&mut super::blt(&[
        "patch",
        "a",
        "-f",
        "b",
        "--color=always",
    ]));
    assert!(
        coloured.err.starts_with("\x1b[1;31mblt:\x1b[0m "),
        "{}",
        coloured.err
    );
    let plain = super::Ran::of(&mut super::blt(&["patch", "a", "-f", "b"]));
    assert!(plain.err.starts_with("blt: "), "{}", plain.err);
}
