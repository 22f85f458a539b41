//! Texts that are longer than a model's positions.

use serde_json::{Value, json};

use super::{good, oracle, refused};

/// The golden model with fewer positions for bytes, or for patches.
fn with_positions(sections: &[&str], positions: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = oracle("k2_base");
    let weights = "model.safetensors";
    std::fs::copy(from.join(weights), folder.path().join(weights)).unwrap();
    let config = std::fs::read(from.join("config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    for section in sections {
        config[section]["max_position_embeddings"] = json!(positions);
    }
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder
}

const BYTES: &[&str] = &["encoder_config", "decoder_config"];
const PATCHES: &[&str] = &["global_config"];

fn generate(folder: &tempfile::TempDir, more: &[&str]) -> Vec<String> {
    let model = folder.path().display().to_string();
    let arguments = ["generate", "-q", "--ignore-eos", "-m", &model];
    let all = arguments.iter().chain(more);
    all.map(ToString::to_string).collect()
}

fn strings(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn a_prompt_that_is_too_long_prints_nothing() {
    let folder = with_positions(BYTES, 16);
    let (_file, prompts) = super::input::file(b"short\nand one of more than fifteen bytes\n");
    for more in [
        &["-p", "sixteen bytes it"][..],
        &["-p", "sixteen bytes it", "--echo"],
        &["--prompts", &prompts],
    ] {
        let (code, sentence) = refused(&strings(&generate(&folder, more)));
        assert_eq!(code, 2, "{sentence}");
        assert!(sentence.contains("positions for 15"), "{sentence}");
        assert!(sentence.contains("shorten it"), "{sentence}");
    }
}

#[test]
fn so_does_one_with_too_many_patches() {
    let folder = with_positions(PATCHES, 6);
    let more = ["-p", "sixteen bytes it", "--mode", "byte", "--echo"];
    let (code, sentence) = refused(&strings(&generate(&folder, &more)));
    assert_eq!(code, 2, "{sentence}");
    assert!(
        sentence.contains("17 patches") && sentence.contains("positions for 6"),
        "{sentence}"
    );
}

#[test]
fn a_text_ends_where_there_is_no_room_for_more() {
    let trace = tempfile::tempdir().unwrap();
    let trace = trace.path().join("trace").display().to_string();
    for (sections, positions, mode, bytes) in
        [(BYTES, 16, "space", 15 - 4), (PATCHES, 9, "byte", 8 - 4)]
    {
        let folder = with_positions(sections, positions);
        let more = ["-p", "four", "-n", "100", "--mode", mode, "--trace", &trace];
        let ran = good(&strings(&generate(&folder, &more)), b"");
        assert_eq!(ran.out.len(), bytes);
        let events = std::fs::read_to_string(&trace).unwrap();
        let last: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
        assert_eq!(last["reason"], "full");
        let more = [
            "-p",
            "four",
            "-n",
            "100",
            "--mode",
            mode,
            "--utf8",
            "constrain",
        ];
        let ran = good(&strings(&generate(&folder, &more)), b"");
        assert_eq!(ran.text().len(), bytes);
    }
    let folder = with_positions(BYTES, 16);
    let model = folder.path().display().to_string();
    let ran = good(
        &["generate", "-p", "four", "-m", &model, "--ignore-eos"],
        b"",
    );
    assert!(ran.err.contains("positions are used up"), "{}", ran.err);
}

#[test]
fn scores_begin_anew_where_positions_end() {
    let text = b"Some text that is a good deal longer than a few positions.";
    for (sections, positions, mode, pieces) in [
        (BYTES, 16, "space", text.len().div_ceil(15)),
        (PATCHES, 6, "byte", text.len().div_ceil(5)),
    ] {
        let folder = with_positions(sections, positions);
        let model = folder.path().display().to_string();
        let arguments = [
            "score", "-m", &model, "--mode", mode, "--format", "csv", "-",
        ];
        let ran = good(&arguments, text);
        assert_eq!(ran.text().lines().count(), text.len() + 1);
        let said = format!("in {pieces} pieces");
        assert!(ran.err.contains(&said), "{}", ran.err);
        // The same as pieces of that many bytes in a model with room.
        let piece = (positions - 1).to_string();
        let own = super::model();
        let arguments = [
            "score", "-m", &own, "--mode", mode, "--format", "csv", "--piece", &piece, "-",
        ];
        assert_eq!(good(&arguments, text).text(), ran.text());
    }
}
