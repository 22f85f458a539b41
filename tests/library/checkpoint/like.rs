//! Models with random weights, and the released ones that they are like.

use blt::checkpoint::{Checkpoint, Config, Dtype, Random, TensorData, expected_tensors};
use blt::numerics::random_weight;
use serde_json::json;

use crate::checkpoint::meta::made;
use crate::checkpoint::{open_bytes, oracle, parse, read_json, safetensors, sentence};

#[test]
fn the_released_models() {
    let released = [
        (
            "blt-1b",
            include_bytes!("blt-1b.json").as_slice(),
            510,
            4_633_391_872,
        ),
        ("blt-7b", include_bytes!("blt-7b.json"), 529, 10_653_082_624),
    ];
    for (name, config, tensors, parameters) in released {
        let checkpoint = Checkpoint::like(name, Dtype::Bf16, 1).unwrap();
        let inspection = checkpoint.inspect();
        assert!(inspection.complete());
        assert_eq!(inspection.total.tensors, tensors);
        assert_eq!(inspection.total.parameters, parameters);
        assert_eq!(inspection.total.bytes, 2 * parameters);
        assert!(inspection.files.is_empty());
        // The table of the specification says what the converted config says.
        let published = Config::parse(config, name).unwrap();
        assert_eq!(
            expected_tensors(checkpoint.config()),
            expected_tensors(&published)
        );
        assert_eq!(checkpoint.config().blt, published.blt);
        assert_eq!(checkpoint.config().entropy, published.entropy);
        assert_eq!(
            checkpoint.patching().threshold,
            published.patching.threshold
        );

        let closest = inspection.closest.as_ref().unwrap();
        assert_eq!((closest.name, &closest.differences), (name, &vec![]));
        assert_eq!((closest.tensors, closest.parameters), (tensors, parameters));
        let text = inspection.to_string();
        assert!(
            text.contains(&format!("architecture: {name} ({tensors} tensors")),
            "{text}"
        );
        assert!(checkpoint.origin().contains(name));
    }
}

#[test]
fn weights_are_the_reference_of_their_seed() {
    let checkpoint = Checkpoint::like("blt-1b", Dtype::F16, 42).unwrap();
    let weights = checkpoint.blt_weights().unwrap();
    assert!(weights.embed.bytes().is_none());
    assert_eq!(weights.decoder_norm.data, TensorData::Ones);
    assert_eq!(weights.decoder_cross[8].q_norm.to_f32(), vec![1.0; 1024]);
    let TensorData::Random(Random { seed, exponent }) = weights.latent[24].down.data else {
        panic!("{:?}", weights.latent[24].down);
    };
    let found = weights.latent[24].down.part_to_f32(11_534_330..11_534_336);
    assert_eq!(found.len(), 6);
    for (i, value) in (11_534_330..).zip(found) {
        assert_eq!(value, random_weight(seed, i, exponent));
    }
    assert!(
        weights.latent[24]
            .down
            .part_to_f32(11_534_330..11_534_337)
            .is_empty()
    );
    // Every tensor has numbers of its own, and another seed has others.
    assert_ne!(weights.latent[0].q.data, weights.latent[1].q.data);
    let other = Checkpoint::like("blt-1b", Dtype::F16, 43).unwrap();
    assert_ne!(weights.head.data, other.blt_weights().unwrap().head.data);
    let same = Checkpoint::like("blt-1b", Dtype::F32, 42).unwrap();
    assert_eq!(weights.head.data, same.blt_weights().unwrap().head.data);
    // A released model's largest table has more than 2^31 elements.
    let rows = weights.hash_tables[0];
    assert_eq!(rows.elements(), 3_072_012_288);
    assert_eq!(rows.part_to_f32(3_072_012_287..3_072_012_288).len(), 1);
}

#[test]
fn the_spread_fits_the_columns() {
    let path = made("transformers/config.json");
    let checkpoint = Checkpoint::like(path.to_str().unwrap(), Dtype::F32, 5).unwrap();
    let weights = checkpoint.blt_weights().unwrap();
    let deviation = |values: Vec<f32>| {
        let squares: f64 = values.iter().map(|v| f64::from(*v).powi(2)).sum();
        (squares / values.len() as f64).sqrt()
    };
    for (values, wanted) in [
        (weights.embed.to_f32(), 0.5),
        (weights.hash_tables[0].to_f32(), 0.5),
        (weights.head.to_f32(), 8f64.sqrt().recip()),
        (weights.latent[0].gate.to_f32(), 16f64.sqrt().recip()),
    ] {
        let ratio = deviation(values) / wanted;
        assert!((0.68..1.48).contains(&ratio), "{ratio}");
    }
}

#[test]
fn what_there_is_no_model_like() {
    let like = |name: &str| Checkpoint::like(name, Dtype::F32, 0);
    sentence(
        like("blt-2b"),
        &["`blt-2b`", "blt-1b or blt-7b", "config.json"],
    );
    sentence(
        like(made("hub/config.json").to_str().unwrap()),
        &["Meta's own layout"],
    );
}

#[test]
fn the_closest_released_model() {
    let closest = |checkpoint: &Checkpoint| checkpoint.inspect().closest.unwrap();
    let mut config: serde_json::Value =
        serde_json::from_slice(include_bytes!("blt-7b.json")).unwrap();
    let of = |config: &serde_json::Value| {
        let tensors = expected_tensors(&parse(config).unwrap());
        let few: Vec<_> = tensors
            .into_iter()
            .take(1)
            .map(|t| (t.name, "I8", vec![1]))
            .collect();
        closest(&open_bytes(config, safetensors(&few)).unwrap())
    };
    config["global_config"]["num_hidden_layers"] = json!(30);
    let found = of(&config);
    assert_eq!(found.name, "blt-7b");
    assert_eq!(found.differences.len(), 1);
    let difference = &found.differences[0];
    assert_eq!(difference.setting, "blt.latent.layers");
    assert_eq!(
        (&difference.here, &difference.released),
        (&json!(30), &json!(32))
    );
    config["patch_in_forward"] = json!(false);
    let settings: Vec<_> = of(&config)
        .differences
        .into_iter()
        .map(|d| d.setting)
        .collect();
    assert_eq!(settings, ["blt.latent.layers", "blt.patch_in_forward"]);

    // An entropy model alone is compared with theirs.
    let mut config = read_json(oracle().join("k2_base/config.json"))["patcher_config"].clone();
    config["hidden_size"] = json!(768);
    config["num_hidden_layers"] = json!(14);
    config["num_attention_heads"] = json!(12);
    config["num_key_value_heads"] = json!(12);
    config["head_dim"] = json!(64);
    config["intermediate_size"] = json!(2048);
    let found = of(&config);
    assert_eq!((found.tensors, found.parameters), (129, 99_512_064));
    assert!(found.differences.is_empty(), "{found:?}");
}
