//! Configs: defaults, and a sentence for every impossible value.

use blt::checkpoint::{Config, PatchingMode};
use serde_json::{Value, json};

use crate::checkpoint::{alone, oracle, parse, read_json, sentence};

fn whole() -> Value {
    read_json(oracle().join("k2_base/config.json"))
}

/// Sets `a.b` to a value.
fn set(config: &mut Value, path: &str, value: Value) {
    let mut at = config;
    for key in path.split('.') {
        at = &mut at[key];
    }
    *at = value;
}

fn remove(config: &mut Value, path: &str) {
    let (parent, key) = path.rsplit_once('.').map_or(("", path), |(p, k)| (p, k));
    let pointer = if parent.is_empty() {
        String::new()
    } else {
        format!("/{}", parent.replace('.', "/"))
    };
    config
        .pointer_mut(&pointer)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .shift_remove(key)
        .unwrap();
}

#[test]
fn counts_must_be_counts() {
    let keys = [
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "intermediate_size",
    ];
    let impossible = [
        json!(0),
        json!(-4),
        json!(4.0),
        json!(4.5),
        json!("4"),
        json!(true),
        json!([4]),
        json!({}),
        json!(1e300),
        json!(u64::MAX),
        json!(4_294_967_296_u64),
        json!(2_000_000),
    ];
    for part in [
        "patcher_config",
        "encoder_config",
        "decoder_config",
        "global_config",
    ] {
        for key in keys {
            for value in &impossible {
                let mut config = whole();
                set(&mut config, &format!("{part}.{key}"), value.clone());
                let parts = [
                    "config.json",
                    &format!("`{part}.{key}`"),
                    &value.to_string(),
                ];
                sentence(parse(&config), &parts);
            }
        }
    }
    for key in keys {
        for value in &impossible {
            let mut config = alone();
            set(&mut config, key, value.clone());
            sentence(
                parse(&config),
                &["config.json", &format!("`{key}`"), &value.to_string()],
            );
        }
    }
}

#[test]
fn sizes_that_must_be_there() {
    for key in ["hidden_size", "num_hidden_layers", "num_attention_heads"] {
        let mut config = alone();
        remove(&mut config, key);
        sentence(parse(&config), &["config.json", key, "missing"]);
        let mut config = alone();
        set(&mut config, key, Value::Null);
        sentence(parse(&config), &["config.json", key, "null"]);
    }
    for part in [
        "patcher_config",
        "encoder_config",
        "decoder_config",
        "global_config",
    ] {
        let mut config = whole();
        remove(&mut config, part);
        sentence(parse(&config), &["config.json", part, "missing"]);
        for value in [json!(null), json!([]), json!("x"), json!(3)] {
            let mut config = whole();
            set(&mut config, part, value.clone());
            sentence(parse(&config), &["config.json", part, &value.to_string()]);
        }
    }
}

#[test]
fn impossible_values() {
    let cases = [
        ("num_attention_heads", json!(3)),
        ("num_attention_heads", json!(8)), // heads of width 1
        ("num_hidden_layers", json!(1001)),
        ("num_key_value_heads", json!(3)),
        ("head_dim", json!(8)),
        ("head_dim", json!(0)),
        ("head_dim", json!("4")),
        ("head_dim", json!(4.5)),
        ("vocab_size", json!(0)),
        ("vocab_size", json!(256)),
        ("vocab_size", json!(259)),
        ("vocab_size", json!(100_000)),
        ("vocab_size", json!("260")),
        ("rms_norm_eps", json!(0)),
        ("rms_norm_eps", json!(-1e-5)),
        ("rms_norm_eps", json!(1.0)),
        ("rms_norm_eps", json!("1e-5")),
        ("rms_norm_eps", json!(1e-60)),
        ("rope_parameters", json!(3)),
        ("rope_parameters.rope_theta", json!(0)),
        ("rope_parameters.rope_theta", json!(-10_000.0)),
        ("rope_parameters.rope_theta", json!(1e300)),
        ("rope_parameters.rope_theta", json!("1e4")),
        ("rope_parameters.rope_type", json!("yarn")),
        ("rope_parameters.rope_type", json!(1)),
        ("sliding_window", json!(0)),
        ("sliding_window", json!(-512)),
        ("sliding_window", json!(12.5)),
        ("sliding_window", json!("512")),
        ("sliding_window", json!(u32::MAX)),
        ("tie_word_embeddings", json!("false")),
        ("tie_word_embeddings", json!(0)),
        ("patching_mode", json!("entropies")),
        ("patching_mode", json!("")),
        ("patching_mode", json!(1)),
        ("patching_threshold", json!("1.3")),
        ("patching_threshold", json!([1.3])),
        ("patching_threshold", json!(1e300)),
        ("model_type", json!("llama")),
        ("model_type", json!(null)),
        ("model_type", json!(7)),
    ];
    for (key, value) in cases {
        let mut config = alone();
        set(&mut config, key, value.clone());
        sentence(
            parse(&config),
            &["config.json", &format!("`{key}`"), &value.to_string()],
        );
    }
    let added = [
        ("hidden_act", json!("gelu")),
        ("rope_scaling", json!("linear")),
        ("patch_size", json!(0)),
        ("patch_size", json!("4")),
        ("max_patch_length", json!(0)),
        ("max_patch_length", json!(-6)),
        ("max_patch_length", json!(6.5)),
        ("monotonicity", json!("yes")),
        ("patching_threshold_add", json!("0")),
    ];
    for (key, value) in added {
        let mut config = alone();
        set(&mut config, key, value.clone());
        sentence(
            parse(&config),
            &["config.json", &format!("`{key}`"), &value.to_string()],
        );
    }
    let mut config = alone();
    set(
        &mut config,
        "rope_scaling",
        json!({"type": "linear", "factor": 2.0}),
    );
    sentence(parse(&config), &["`rope_scaling.type`", "linear"]);
    let mut config = alone();
    set(&mut config, "hidden_size", json!(1024));
    set(&mut config, "head_dim", json!(512));
    sentence(parse(&config), &["`num_attention_heads`", "512", "256"]);
}

#[test]
fn impossible_values_of_a_whole_model() {
    let cases = [
        ("cross_attn_k", json!(0)),
        ("cross_attn_k", json!(4)), // the sub-configs say 2
        ("decoder_config.cross_attn_k", json!(3)),
        ("encoder_config.hidden_size_global", json!(128)),
        ("encoder_config.vocab_size", json!(300)),
        ("encoder_config.cross_attn_all_layers", json!("last")),
        ("decoder_config.cross_attn_all_layers", json!(1)),
        ("global_config.rope_parameters.rope_theta", json!(0.5)),
        ("patcher_config.vocab_size", json!(100)),
        ("encoder_hash_byte_group_size", json!([])),
        ("encoder_hash_byte_group_size", json!([3, 0])),
        ("encoder_hash_byte_group_size", json!([3, "4"])),
        ("encoder_hash_byte_group_size", json!(3)),
        ("encoder_hash_byte_group_vocab", json!(0)),
        ("encoder_hash_byte_group_vocab", json!(-1)),
        ("encoder_hash_byte_group_nb_functions", json!(0)),
        ("local_attention_window_len", json!(0)),
        ("local_attention_window_len", json!("all")),
        ("patch_in_forward", json!(1)),
        ("tie_word_embeddings", json!("no")),
    ];
    for (key, value) in cases {
        let mut config = whole();
        set(&mut config, key, value.clone());
        let (_, last) = key.rsplit_once('.').unwrap_or(("", key));
        sentence(parse(&config), &["config.json", last]);
        if key != "cross_attn_k" || value != 4 {
            sentence(parse(&config), &[key, &value.to_string()]);
        }
    }
    let mut config = whole();
    remove(&mut config, "decoder_config.head_dim");
    set(&mut config, "decoder_config.hidden_size", json!(64));
    sentence(
        parse(&config),
        &["`decoder_config.hidden_size` is 64", "32"],
    );

    let mut config = whole();
    set(&mut config, "encoder_hash_byte_group_vocab", json!(1 << 28));
    set(
        &mut config,
        "encoder_hash_byte_group_nb_functions",
        json!(64),
    );
    sentence(
        parse(&config),
        &["`encoder_hash_byte_group_vocab`", "268435456", "rows"],
    );
}

#[test]
fn defaults() {
    let bare = json!({"model_type": "blt_patcher", "hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4});
    let config = parse(&bare).unwrap();
    let entropy = config.entropy.unwrap();
    assert_eq!(
        (
            entropy.vocab_size,
            entropy.stack.kv_heads,
            entropy.stack.head_dim
        ),
        (260, 4, 16)
    );
    assert_eq!(entropy.stack.intermediate_size, 170); // int(8 * 64 / 3)
    assert_eq!(
        (entropy.stack.norm_eps, entropy.stack.rope_theta),
        (1e-5, 10_000.0)
    );
    assert_eq!((entropy.window, entropy.tied), (Some(512), false));
    assert_eq!(config.patching.mode, PatchingMode::Entropy);
    assert_eq!(
        (config.patching.threshold, config.patching.patch_size),
        (None, 4.0)
    );
    assert!(config.blt.is_none());

    let mut nulls = bare.clone();
    for key in [
        "num_key_value_heads",
        "intermediate_size",
        "rms_norm_eps",
        "rope_parameters",
        "head_dim",
    ] {
        nulls[key] = Value::Null;
    }
    assert_eq!(parse(&nulls).unwrap(), config);
    nulls["sliding_window"] = Value::Null;
    assert_eq!(parse(&nulls).unwrap().entropy.unwrap().window, None);

    let mut old = bare;
    old["norm_eps"] = json!(1e-6);
    old["rope_theta"] = json!(500_000);
    old["rope_scaling"] = json!({"rope_type": "default"});
    old["patch_size"] = json!(4.5);
    old["patching_threshold_add"] = json!(0.0);
    let config = parse(&old).unwrap();
    let entropy = config.entropy.unwrap();
    assert_eq!(
        (entropy.stack.norm_eps, entropy.stack.rope_theta),
        (1e-6, 500_000.0)
    );
    assert_eq!(
        (config.patching.patch_size, config.patching.threshold_add),
        (4.5, None)
    );
    old["rms_norm_eps"] = json!(1e-4);
    old["rope_parameters"] = json!({"rope_theta": 1000.0});
    old["monotonicity"] = json!(true);
    old["patching_threshold_add"] = json!(0.25);
    let config = parse(&old).unwrap();
    let entropy = config.entropy.unwrap();
    assert_eq!(
        (entropy.stack.norm_eps, entropy.stack.rope_theta),
        (1e-4, 1000.0)
    );
    assert_eq!(
        (config.patching.monotonic, config.patching.threshold_add),
        (true, Some(0.25))
    );
}

#[test]
fn defaults_of_a_whole_model() {
    let mut config = whole();
    for key in [
        "patching_threshold",
        "encoder_hash_byte_group_size",
        "encoder_hash_byte_group_vocab",
        "cross_attn_k",
    ] {
        remove(&mut config, key);
    }
    for key in [
        "encoder_config.cross_attn_all_layers",
        "decoder_config.cross_attn_all_layers",
        "local_attention_window_len",
    ] {
        remove(&mut config, key);
    }
    let config = parse(&config).unwrap();
    assert_eq!(
        config.patching.threshold.map(f64::from),
        Some(1.335_442_066_192_627)
    );
    let blt = config.blt.unwrap();
    assert_eq!(
        (blt.hash.rows(), blt.cross_attn_k, blt.local_window),
        (6 * 500_002, 2, Some(512))
    );
    assert!(!blt.encoder_cross_all && blt.decoder_cross_all);

    let mut config = whole();
    set(&mut config, "patching_threshold", Value::Null);
    set(&mut config, "local_attention_window_len", Value::Null);
    let config = parse(&config).unwrap();
    assert_eq!(config.patching.threshold, None);
    assert_eq!(config.blt.unwrap().local_window, None);
}

#[test]
fn what_is_no_config() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "is empty"),
        (b"{", "not valid JSON"),
        (b"{\"hidden_size\": NaN}", "not valid JSON"),
        (b"{\"hidden_size\": 1e999}", "not valid JSON"),
        (b"\xff\xfe{}", "UTF-16"),
        (b"[1]", "an object"),
        (b"{}", "`model_type` is missing"),
        (b"{\"args\": {\"dim\": 1}}", "Meta's own layout"),
    ];
    for (text, part) in cases {
        sentence(Config::parse(text, "config.json"), &["config.json", part]);
    }
    let deep = "[".repeat(100_000);
    sentence(
        Config::parse(deep.as_bytes(), "config.json"),
        &["not valid JSON"],
    );
    let mut config = alone();
    config["patching_mode"] = json!("x\n".repeat(5000));
    sentence(parse(&config), &["patching_mode", "…"]);
}
