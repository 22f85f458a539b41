//! The weights of a whole BLT: what may be there, and what must.

use blt::checkpoint::{BltWeights, Checkpoint, Pooling, TensorData, expected_tensors};
use serde_json::{Value, json};

use crate::checkpoint::{Tensor, open_bytes, oracle, parse, read_json, safetensors, sentence};

fn config() -> Value {
    read_json(oracle().join("k2_base/config.json"))
}

/// The tensors that a config calls for, in f16.
fn tensors(config: &Value) -> Vec<Tensor> {
    let tensors = expected_tensors(&parse(config).unwrap()).into_iter();
    tensors.map(|t| (t.name, "F16", t.shape)).collect()
}

fn resolve(config: &Value, tensors: &[Tensor]) -> blt::Result<()> {
    let checkpoint = open_bytes(config, safetensors(tensors)).unwrap();
    checkpoint.blt_weights().map(|_| ())
}

fn shapes(weights: &BltWeights<'_>) -> Value {
    let shape = |t: &blt::checkpoint::TensorView<'_>| json!(t.shape);
    json!({
        "tables": weights.hash_tables.iter().map(shape).collect::<Vec<_>>(),
        "encoder_projection": weights.encoder_projection.as_ref().map(shape),
        "latent_projection": weights.latent_projection.as_ref().map(shape),
        "decoder_projection": weights.decoder_projection.as_ref().map(shape),
        "blocks": [weights.encoder.len(), weights.latent.len(), weights.decoder.len()],
        "crosses": [weights.encoder_cross.len(), weights.decoder_cross.len()],
    })
}

/// The shapes that a config with these changes gives.
#[track_caller]
fn shapes_with(changes: &Value) -> Value {
    let mut config = config();
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    let checkpoint = open_bytes(&config, safetensors(&tensors(&config))).unwrap();
    assert!(checkpoint.inspect().complete());
    shapes(&checkpoint.blt_weights().unwrap())
}

#[test]
fn the_golden_model_resolves() {
    let checkpoint = Checkpoint::open(oracle().join("k2_base").to_str().unwrap()).unwrap();
    let weights = checkpoint.blt_weights().unwrap();
    assert_eq!(
        shapes(&weights),
        json!({
            "tables": [[6012, 32]], "encoder_projection": [64, 32], "latent_projection": null,
            "decoder_projection": [64, 64], "blocks": [1, 2, 2], "crosses": [1, 2],
        })
    );
    let cross = &weights.decoder_cross[1];
    let fields = [
        (cross.q_norm, "q_norm"),
        (cross.k_norm, "k_norm"),
        (cross.q, "q_proj"),
        (cross.k, "k_proj"),
        (cross.v, "v_proj"),
        (cross.o, "o_proj"),
    ];
    for (view, name) in fields {
        let full = format!("model.local_decoder.cross_attn_layers.1.{name}.weight");
        assert_eq!(view.name, full);
        assert!(
            matches!(view.data, TensorData::Bytes(bytes) if bytes.len() == view.elements() * 4)
        );
    }
    assert_eq!(
        weights.embed.name,
        "model.local_encoder.embed_tokens.weight"
    );
    assert_eq!(weights.head.name, "lm_head.weight");
    assert_eq!(weights.decoder_norm.name, "model.local_decoder.norm.weight");
    assert_eq!(
        weights.latent[1].up.name,
        "model.global_transformer.layers.1.mlp.up_proj.weight"
    );
    assert_eq!(weights.config.pooling, [Pooling::Max]);
    let limits = [&weights.config.encoder, &weights.config.latent].map(|c| c.max_positions);
    assert_eq!(limits, [Some(24_576), Some(4096)]);
}

#[test]
fn every_tensor_and_shape_is_checked() {
    let config = config();
    let all = tensors(&config);
    for i in (0..all.len()).filter(|&i| !all[i].0.contains("patcher")) {
        let mut without = all.clone();
        let (name, ..) = without.remove(i);
        sentence(resolve(&config, &without), &[&name, "1 of the model's 69"]);
        let mut wrong = all.clone();
        wrong[i].2.push(1);
        sentence(resolve(&config, &wrong), &[&name, "made.safetensors"]);
    }
    let mut more = all.clone();
    more.push(("model.local_encoder.bias".into(), "F32", vec![3]));
    sentence(
        resolve(&config, &more),
        &["model.local_encoder.bias", "does not call for"],
    );
    // The entropy model is not this function's business.
    let mut more = all;
    more.push(("model.patcher.bias".into(), "F32", vec![3]));
    resolve(&config, &more).unwrap();
}

#[test]
fn a_hash_table_one_row_short() {
    let config = config();
    let mut short = tensors(&config);
    let table = short.iter_mut().find(|t| t.0.contains("hash")).unwrap();
    table.2[0] -= 1;
    let said = sentence(
        resolve(&config, &short),
        &["hash table", "6011 rows", "6012"],
    );
    assert!(said.contains("encoder_hash_byte_group_"), "{said}");
}

#[test]
fn meta_splits_the_hash_tables() {
    let config = config();
    let mut split = tensors(&config);
    split.retain(|t| !t.0.contains("hash"));
    let name = |i| format!("model.encoder_hash_tok_embedding.{i}.weight");
    split.extend((0..6).map(|i| (name(i), "F16", vec![1002, 32])));
    let checkpoint = open_bytes(&config, safetensors(&split)).unwrap();
    assert!(checkpoint.inspect().complete(), "{}", checkpoint.inspect());
    let weights = checkpoint.blt_weights().unwrap();
    for (i, table) in weights.hash_tables.iter().enumerate() {
        assert_eq!(
            (table.name, table.shape),
            (name(i).as_str(), &[1002, 32][..])
        );
    }
    split.last_mut().unwrap().2[0] = 1001;
    sentence(
        resolve(&config, &split),
        &["embedding.5.weight", "1001 rows", "1002"],
    );
    split.pop();
    sentence(resolve(&config, &split), &["embedding.5.weight", "lacks 1"]);
}

#[test]
fn variants_of_the_paper_change_what_is_there() {
    let whole = shapes_with(&json!({}));
    assert_eq!(
        whole,
        shapes_with(&json!({"cross_attn_encoder": true, "downsampling_by_pooling": "amax"}))
    );

    let two = shapes_with(&json!({"downsampling_by_pooling": "max,mean"}));
    assert_eq!(two["encoder_projection"], json!([64, 64]));

    let pooled =
        shapes_with(&json!({"cross_attn_encoder": false, "downsampling_by_pooling": "max"}));
    assert_eq!(pooled["encoder_projection"], Value::Null);
    assert_eq!(pooled["latent_projection"], json!([64, 32]));
    assert_eq!(pooled["crosses"], json!([0, 2]));

    let joined = shapes_with(&json!({"cross_attn_encoder": false, "patch_size": 6.0}));
    assert_eq!(joined["latent_projection"], json!([64, 192]));

    let added = shapes_with(&json!({"cross_attn_decoder": false}));
    assert_eq!(added["decoder_projection"], json!([32, 64]));
    assert_eq!(added["crosses"], json!([1, 0]));
}

#[test]
fn the_keys_of_the_variants_are_read() {
    let mut config = config();
    let read = |config: &Value| parse(config).map(|c| c.blt.unwrap());
    let plain = read(&config).unwrap();
    assert!(plain.encoder_cross && plain.decoder_cross);
    assert_eq!(
        (plain.cross_window_encoder, plain.concatenate),
        (None, None)
    );

    // The order is that of the concatenation, however the config puts it.
    config["downsampling_by_pooling"] = json!("max,min,mean");
    config["cross_attn_window_encoder"] = json!(3);
    config["cross_attn_window_decoder"] = json!(2);
    let found = read(&config).unwrap();
    assert_eq!(found.pooling, [Pooling::Mean, Pooling::Min, Pooling::Max]);
    assert_eq!(
        (found.cross_window_encoder, found.cross_window_decoder),
        (Some(3), Some(2))
    );
    for wrong in [json!("median"), json!("max,amax"), json!(","), json!(3)] {
        config["downsampling_by_pooling"] = wrong;
        sentence(read(&config), &["downsampling_by_pooling"]);
    }
    config["downsampling_by_pooling"] = Value::Null;
    config["cross_attn_encoder"] = json!(false);
    let found = read(&config).unwrap();
    assert_eq!((found.pooling, found.concatenate), (vec![], Some(4)));
    config["patch_size"] = json!(4.5);
    sentence(read(&config), &["patch_size", "4.5", "whole number"]);
}

#[test]
fn an_entropy_model_alone_is_no_blt() {
    let checkpoint = open_bytes(
        &crate::checkpoint::alone(),
        safetensors(&crate::checkpoint::alone_tensors()),
    )
    .unwrap();
    sentence(
        checkpoint.blt_weights(),
        &["made.safetensors", "entropy model alone"],
    );
}
