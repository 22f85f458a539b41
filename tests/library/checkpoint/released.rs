//! The released models, by their configs: no weights are needed to know them.

use std::collections::BTreeMap;

use blt::checkpoint::{Config, Part, PatchingMode, expected_tensors};

fn sums(config: &Config) -> (usize, u64, BTreeMap<Part, u64>) {
    let tensors = expected_tensors(config);
    let mut parts = BTreeMap::new();
    for tensor in &tensors {
        *parts.entry(tensor.part).or_default() += tensor.parameters();
    }
    (tensors.len(), parts.values().sum(), parts)
}

#[test]
fn blt_1b() {
    let config = Config::parse(include_bytes!("blt-1b.json"), "blt-1b").unwrap();
    let (tensors, total, parts) = sums(&config);
    assert_eq!((tensors, total), (510, 4_633_391_872));
    let expected = [
        (Part::Entropy, 99_512_064),
        (Part::HashTables, 3_072_012_288),
        (Part::Encoder, 19_406_848),
        (Part::Latent, 1_284_608_000),
        (Part::Decoder, 157_586_432),
        (Part::Head, 266_240),
    ];
    assert_eq!(parts, BTreeMap::from(expected));

    let entropy = config.entropy.unwrap();
    assert_eq!(
        (
            entropy.stack.kv_heads,
            entropy.stack.head_dim,
            entropy.window
        ),
        (12, 64, Some(512))
    );
    assert_eq!(
        (entropy.stack.norm_eps, entropy.stack.rope_theta),
        (1e-5, 10_000.0)
    );
    assert_eq!(config.patching.mode, PatchingMode::Entropy);
    assert_eq!(
        config.patching.threshold.map(f64::from),
        Some(1.335_442_066_192_627)
    );
    assert_eq!(config.patching.threshold_add, None);
    assert_eq!(config.blt.unwrap().latent.rope_theta, 500_000.0);
}

#[test]
fn blt_7b() {
    let config = Config::parse(include_bytes!("blt-7b.json"), "blt-7b").unwrap();
    let (tensors, total, parts) = sums(&config);
    assert_eq!((tensors, total), (529, 10_653_082_624));
    let expected = [
        (Part::Entropy, 99_512_064),
        (Part::HashTables, 3_840_015_360),
        (Part::Encoder, 33_761_280),
        (Part::Latent, 6_497_239_040),
        (Part::Decoder, 182_222_080),
        (Part::Head, 332_800),
    ];
    assert_eq!(parts, BTreeMap::from(expected));
}
