//! Every checkpoint of the golden data opens, resolves and inspects.

use std::collections::BTreeMap;

use blt::checkpoint::{Checkpoint, Dtype, ExpectedTensor, Part, expected_tensors};
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::checkpoint::{oracle, parse, read_json, sentence};
use crate::common::with_entropy_model;

fn open(variant: &str) -> Checkpoint {
    Checkpoint::open(oracle().join(variant).to_str().unwrap()).unwrap()
}

/// The checkpoint without anything but its entropy model.
fn open_reduced(variant: &str) -> Checkpoint {
    let folder = oracle().join(variant);
    let config = std::fs::read(folder.join("config.json")).unwrap();
    let file = std::fs::read(folder.join("model.safetensors")).unwrap();
    let all = SafeTensors::deserialize(&file).unwrap();
    let entropy = all
        .iter()
        .filter(|(name, _)| name.starts_with("model.patcher."));
    let file = safetensors::serialize(entropy, None).unwrap();
    Checkpoint::from_bytes(&config, file, "reduced.safetensors").unwrap()
}

#[test]
fn every_entropy_model_resolves() {
    let manifest = read_json(oracle().join("manifest.json"));
    for variant in with_entropy_model() {
        let checkpoint = open(variant);
        let weights = checkpoint.entropy_weights().unwrap();
        assert_eq!(weights.layers.len(), 2, "{variant}");
        assert_eq!(weights.embed.shape, [260, 32], "{variant}");
        assert_eq!(weights.layers[1].down.shape, [32, 64], "{variant}");
        assert_eq!(
            weights.config.window,
            Some(if variant == "window" { 8 } else { 512 }),
            "{variant}"
        );
        assert_eq!(
            weights.config.stack.kv_heads,
            if variant == "gqa" { 2 } else { 4 },
            "{variant}"
        );
        let dtype = if variant == "bf16w" {
            Dtype::Bf16
        } else {
            Dtype::F32
        };
        assert_eq!(weights.layers[0].k.dtype, dtype, "{variant}");
        assert!(
            weights.norm.to_f32().iter().all(|w| w.is_finite()),
            "{variant}"
        );
        assert_ne!(weights.embed.bytes(), weights.lm_head.bytes(), "{variant}");

        let patching = checkpoint.patching();
        let threshold = manifest["variants"][variant]["threshold"].as_f64().unwrap();
        assert_eq!(
            f64::from(patching.threshold.unwrap()),
            threshold,
            "{variant}"
        );
        assert_eq!(
            patching.max_patch_length,
            (variant == "maxpatch").then_some(6),
            "{variant}"
        );
        assert!(
            !patching.monotonic && patching.threshold_add.is_none(),
            "{variant}"
        );
    }
}

#[test]
fn the_whole_checkpoint_is_complete() {
    let inspection = open("k2_base").inspect();
    assert!(inspection.complete(), "{inspection}");
    assert_eq!(
        (inspection.total.tensors, inspection.total.parameters),
        (90, 386_496)
    );
    assert_eq!(inspection.total.bytes, 386_496 * 4);
    assert_eq!(inspection.gpu_bytes, inspection.total.bytes);
    assert_eq!(inspection.tensors.len(), 90);
    let parts: Vec<_> = inspection.parts.iter().map(|p| p.part).collect();
    assert_eq!(
        parts,
        [
            Part::Entropy,
            Part::HashTables,
            Part::Encoder,
            Part::Latent,
            Part::Decoder,
            Part::Head
        ]
    );
}

#[test]
fn a_reduced_checkpoint_lacks_the_rest() {
    for variant in with_entropy_model() {
        let inspection = open_reduced(variant).inspect();
        assert_eq!(inspection.tensors.len(), 21, "{variant}");
        assert!(
            inspection.extra.is_empty() && inspection.misshaped.is_empty(),
            "{variant}"
        );
        assert!(
            inspection.missing.iter().all(|t| t.part != Part::Entropy),
            "{variant}"
        );
        assert!(!inspection.complete());
    }
}

#[test]
fn configs_call_for_exactly_the_tensors_of_the_files() {
    let shapes = read_json(oracle().join("shapes.json"));
    for (variant, tensors) in shapes.as_object().unwrap() {
        let config = read_json(oracle().join(variant).join("config.json"));
        let expected = expected_tensors(&parse(&config).unwrap());
        let expected: BTreeMap<_, _> = expected
            .iter()
            .map(|t| (t.name.as_str(), json!(t.shape)))
            .collect();
        let held: BTreeMap<_, _> = tensors
            .as_object()
            .unwrap()
            .iter()
            .map(|(n, s)| (n.as_str(), Value::clone(s)))
            .collect();
        assert_eq!(expected, held, "{variant}");
    }
}

#[test]
fn a_blt_without_an_entropy_model_says_so() {
    let mut config = read_json(oracle().join("k2_base/config.json"));
    config["patch_in_forward"] = json!(false);
    let file = std::fs::read(oracle().join("k2_base/model.safetensors")).unwrap();
    let checkpoint = Checkpoint::from_bytes(config.to_string().as_bytes(), file, "here").unwrap();
    sentence(
        checkpoint.entropy_weights(),
        &["here", "no entropy model", "patch_in_forward"],
    );
    let inspection = checkpoint.inspect();
    assert!(inspection.missing.is_empty());
    assert_eq!(inspection.extra.len(), 21);
    assert_eq!(inspection.parts.last().unwrap().part, Part::Other);
    assert!(inspection.gpu_bytes < inspection.total.bytes);

    config["patch_in_forward"] = json!(true);
    let tensors = [("lm_head.weight".to_owned(), "F32", vec![260, 32])];
    let checkpoint =
        crate::checkpoint::open_bytes(&config, crate::checkpoint::safetensors(&tensors)).unwrap();
    sentence(
        checkpoint.entropy_weights(),
        &["made.safetensors", "no entropy model", "`model.patcher.`"],
    );
}

#[test]
fn the_table_is_aligned() {
    let inspection = open("k2_base").inspect();
    let text = inspection.to_string();
    let table: Vec<_> = text.lines().skip(2).take(8).collect();
    insta::assert_snapshot!(table.join("\n"), @r"
    part           tensors  parameters     stored  dtype
    entropy model       21      37,280  145.6 KiB  F32
    hash tables          1     192,384  751.5 KiB  F32
    encoder             17      25,600  100.0 KiB  F32
    latent model        18      88,320  345.0 KiB  F32
    decoder             32      34,592  135.1 KiB  F32
    head                 1       8,320   32.5 KiB  F32
    total               90     386,496    1.5 MiB
    ");
    let full = format!("{inspection:#}");
    assert!(
        full.contains("model.local_decoder.cross_attn_layers.1.k_norm.weight"),
        "{full}"
    );
    assert!(full.lines().all(|line| line == line.trim_end()));
    let partial = open_reduced("window").inspect().to_string();
    let partial: Vec<_> = partial.lines().skip(2).collect();
    insta::assert_snapshot!(partial.join("\n"), @r"
    part           tensors  parameters     stored  dtype
    entropy model       21      37,280  145.6 KiB  F32
    hash tables          0           0        0 B  (1 missing)
    encoder              0           0        0 B  (17 missing)
    latent model         0           0        0 B  (18 missing)
    decoder              0           0        0 B  (32 missing)
    head                 0           0        0 B  (1 missing)
    total               21      37,280  145.6 KiB

    memory for the weights: 145.6 KiB
    architecture: closest to blt-1b (26 differences): entropy.hidden_size 32 instead of 768, entropy.layers 2 instead of 14, entropy.heads 4 instead of 12 and 23 more
    missing (69): model.encoder_hash_tok_embedding.weight, model.local_encoder.embed_tokens.weight, model.local_encoder.layers.0.input_layernorm.weight and 66 more
    ");
}

#[test]
fn an_inspection_is_data() {
    let json = serde_json::to_value(open_reduced("bf16w").inspect()).unwrap();
    assert_eq!(json["parts"][0]["part"], "entropy");
    assert_eq!(json["parts"][0]["dtypes"], json!(["BF16"]));
    assert_eq!(json["tensors"][0]["shape"], json!([260, 32]));
    assert_eq!(json["config"]["entropy"]["rope_theta"], 10_000.0);
    assert_eq!(json["config"]["patching"]["mode"], "entropy");
    assert_eq!(json["missing"].as_array().unwrap().len(), 69);
}

#[test]
fn tied_embeddings_may_have_either_name() {
    let config = read_json(oracle().join("tied/config.json"));
    let expected = expected_tensors(&parse(&config).unwrap());
    let head: &ExpectedTensor = expected.iter().find(|t| t.part == Part::Head).unwrap();
    assert_eq!(
        head.alias.as_deref(),
        Some("model.local_encoder.embed_tokens.weight")
    );
    let other: Vec<_> = expected
        .iter()
        .map(|t| {
            (
                t.alias.clone().unwrap_or_else(|| t.name.clone()),
                "BF16",
                t.shape.clone(),
            )
        })
        .collect();
    let checkpoint =
        crate::checkpoint::open_bytes(&config, crate::checkpoint::safetensors(&other)).unwrap();
    assert!(checkpoint.inspect().complete(), "{}", checkpoint.inspect());
}
