//! Settings that ruin a result without an error.

use serde_json::{Value, json};

use crate::checkpoint::meta::{copy, edit, made, open};

fn warnings(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let folder = copy("transformers");
    edit(&folder.path().join("config.json"), change);
    let inspection = open(folder.path()).unwrap().inspect();
    let shown = inspection.to_string();
    for warning in &inspection.warnings {
        assert!(shown.contains(&format!("warning: {warning}")), "{shown}");
    }
    inspection.warnings
}

fn positions(config: &mut Value, bytes: u32) {
    for part in [
        "patcher_config",
        "encoder_config",
        "decoder_config",
        "global_config",
    ] {
        config[part]["max_position_embeddings"] = json!(bytes);
    }
}

#[test]
fn a_model_as_it_should_be_gives_none() {
    for layout in ["transformers", "hub", "original/blt_tiny"] {
        let found = open(&made(layout)).unwrap().warnings();
        assert!(found.is_empty(), "{layout}: {found:?}");
    }
    let embedded = blt::checkpoint::Checkpoint::embedded().unwrap();
    assert!(embedded.warnings().is_empty(), "{:?}", embedded.warnings());
    for released in ["blt-1b", "blt-7b"] {
        let like = blt::checkpoint::Checkpoint::like(released, blt::checkpoint::Dtype::Bf16, 1);
        let found = like.unwrap().warnings();
        assert!(found.is_empty(), "{released}: {found:?}");
    }
}

#[test]
fn lost_windows_are_pointed_out() {
    let both = warnings(|config| {
        positions(config, 8192);
        config["patcher_config"]["sliding_window"] = Value::Null;
        config["local_attention_window_len"] = Value::Null;
    });
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(both[0].contains("`sliding_window` is null"));
    assert!(both[1].contains("`local_attention_window_len` is null"));

    let one = warnings(|config| {
        positions(config, 8192);
        config["patcher_config"]["sliding_window"] = Value::Null;
        config["local_attention_window_len"] = json!(512);
    });
    assert_eq!(one.len(), 1, "{one:?}");
    assert!(one[0].contains("while encoder and decoder have one of 512"));

    // No text gets that far.
    let short = warnings(|config| {
        positions(config, 512);
        config["patcher_config"]["sliding_window"] = Value::Null;
        config["local_attention_window_len"] = Value::Null;
    });
    assert!(short.is_empty(), "{short:?}");
}

#[test]
fn positions_shorter_than_the_window_are_pointed_out() {
    let found = warnings(|config| {
        positions(config, 256);
        config["patcher_config"]["sliding_window"] = json!(512);
        config["local_attention_window_len"] = json!(300);
    });
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("256") && found[0].contains("512"));
    assert!(found[1].contains("256") && found[1].contains("300"));
}
