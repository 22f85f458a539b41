//! The model inside the program: what every command takes where none is named.

use super::{Ran, blt, good, oracle, refused};

#[cfg(not(feature = "embedded-model"))]
#[test]
fn a_build_without_a_model_says_so() {
    for arguments in [
        &["patch", "x"][..],
        &["entropy", "x"],
        &["generate", "-p", "x"],
        &["score", "-"],
        &["eval", "noise", "-"],
        &["bench"],
        &["flops"],
        &["inspect"],
        &["inspect", "--card"],
        &["patch", "x", "-m", "embedded"],
    ] {
        let (code, sentence) = refused(arguments);
        assert_eq!(code, 4, "{arguments:?}: {sentence}");
        assert!(
            sentence.contains("no embedded model") && sentence.contains("-m"),
            "{arguments:?}: {sentence}"
        );
    }
}

#[cfg(feature = "embedded-model")]
#[test]
fn patches_need_no_file() {
    let text = "The model inside the binary reads this.";
    let ran = good(&["patch", text], b"");
    let patches = blt::record::decode_brackets(&ran.text()).unwrap();
    assert_eq!(patches.concat(), text.as_bytes());
    assert!(patches.len() > 1 && ran.err.contains("bits per byte"));
    assert_eq!(
        good(&["patch", text, "-m", "embedded"], b"").text(),
        ran.text()
    );
}

#[cfg(feature = "embedded-model")]
#[test]
fn every_command_takes_the_whole_model() {
    let ran = good(
        &[
            "generate",
            "-p",
            "The ",
            "-n",
            "12",
            "--temp",
            "0",
            "--ignore-eos",
        ],
        b"",
    );
    assert_eq!(ran.out.len(), 12);
    assert!(ran.err.contains("latent step"), "{}", ran.err);
    let arguments = [
        "generate",
        "-p",
        "The ",
        "-n",
        "12",
        "--temp",
        "0",
        "--ignore-eos",
    ];
    let host = good(&[&arguments[..], &["--hash-tables", "host"]].concat(), b"");
    assert_eq!(host.out, ran.out);

    let text = b"The model inside the binary reads this.";
    let both = ["score", "-", "--model-part", "both", "--format", "csv"];
    let both = good(&both, text).text();
    assert_eq!(
        both.lines().next(),
        Some("file,i,byte,nll,nll_entropy,patch")
    );
    assert_eq!(both.lines().count(), text.len() + 1);
    let entropy = ["score", "-", "--model-part", "entropy"];
    let entropy = good(&entropy, text).text();
    let bits = entropy.lines().last().unwrap().split_whitespace().nth(4);
    assert!(bits.unwrap().parse::<f64>().unwrap() < 4.0, "{entropy}");
    let noise = good(&["eval", "noise", "-"], b"Words.").text();
    assert_eq!(noise.lines().count(), 7);

    let flops = good(&["flops"], b"").text();
    for part in ["entropy model", "encoder", "latent model", "decoder"] {
        assert!(flops.contains(part), "{flops}");
    }
    assert_eq!(good(&["flops", "--budget"], b"").text().lines().count(), 6);
    let bench = ["bench", "-p", "8", "-n", "2", "-r", "1", "-o", "csv"];
    assert_eq!(good(&bench, b"").text().lines().count(), 3);

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model").display().to_string();
    good(&["convert", &out], b"");
    let copy = [
        "generate",
        "-p",
        "The ",
        "-n",
        "12",
        "--temp",
        "0",
        "--ignore-eos",
        "-m",
        &out,
    ];
    assert_eq!(good(&copy, b"").out, ran.out);
}

#[cfg(feature = "embedded-model")]
#[test]
fn its_card_is_in_the_program() {
    let shown = good(&["inspect"], b"").text();
    assert!(
        shown.starts_with("the embedded model (Byte Latent Transformer)"),
        "{shown}"
    );
    assert!(
        shown.contains("latent model") && shown.ends_with("blt inspect --card\n"),
        "{shown}"
    );
    let card = good(&["inspect", "--card"], b"").text();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/blt/README.md");
    assert_eq!(
        card.trim_end(),
        std::fs::read_to_string(path).unwrap().trim_end()
    );
    // Who has only the program has the notices that its training text asks for.
    for notice in [
        "MIT OR Apache-2.0",
        "CC BY 4.0",
        "creativecommons.org/licenses/by/4.0",
        "PSF",
    ] {
        assert!(card.contains(notice), "{notice}");
    }
    let other = oracle("k1").display().to_string();
    assert!(
        !good(&["inspect", "-m", &other], b"")
            .text()
            .contains("--card")
    );
    let (code, sentence) = refused(&["inspect", "--card", "-m", &other]);
    assert_eq!(code, 2);
    assert!(
        sentence.contains("k1") && sentence.contains("README.md"),
        "{sentence}"
    );
    let (code, _) = refused(&["inspect", "--card", "--json"]);
    assert_eq!(code, 2);
}

/// `patch` and `entropy` read nothing but the entropy model of a whole one.
#[test]
fn patches_need_the_entropy_model_alone() {
    use safetensors::SafeTensors;

    let from = oracle("k2_base");
    let file = std::fs::read(from.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let mut kept = tensors.tensors();
    kept.retain(|(name, _)| name.starts_with("model.patcher."));
    let folder = tempfile::tempdir().unwrap();
    let alone = safetensors::serialize(kept, None).unwrap();
    std::fs::write(folder.path().join("model.safetensors"), alone).unwrap();
    std::fs::copy(from.join("config.json"), folder.path().join("config.json")).unwrap();
    let (whole, part) = (
        from.display().to_string(),
        folder.path().display().to_string(),
    );
    for command in ["patch", "entropy"] {
        let text = |model: &str| good(&[command, "-m", model, "Some text, 글자."], b"").text();
        assert_eq!(text(&part), text(&whole));
    }
    let ran = Ran::of(blt(&["score", "-m", &part, "-"]).write_stdin("text"));
    assert_eq!(ran.code, 4, "{}", ran.err);
}
