//! The entropy model's tensors: what may be there, and what must.

use serde_json::{Value, json};

use crate::checkpoint::{Tensor, alone, alone_tensors, open_bytes, safetensors, sentence};

fn resolve(config: &Value, tensors: &[Tensor]) -> blt::Result<f32> {
    let checkpoint = open_bytes(config, safetensors(tensors)).unwrap();
    let weights = checkpoint.entropy_weights()?;
    assert_eq!(weights.layers.len(), 2);
    Ok(weights.lm_head.to_f32()[0])
}

#[test]
fn an_entropy_model_alone() {
    let checkpoint = open_bytes(&alone(), safetensors(&alone_tensors())).unwrap();
    let weights = checkpoint.entropy_weights().unwrap();
    let block = &weights.layers[1];
    let fields = [
        (block.attention_norm, "layers.1.input_layernorm.weight"),
        (block.q, "layers.1.self_attn.q_proj.weight"),
        (block.k, "layers.1.self_attn.k_proj.weight"),
        (block.v, "layers.1.self_attn.v_proj.weight"),
        (block.o, "layers.1.self_attn.o_proj.weight"),
        (block.mlp_norm, "layers.1.post_attention_layernorm.weight"),
        (block.gate, "layers.1.mlp.gate_proj.weight"),
        (block.up, "layers.1.mlp.up_proj.weight"),
        (block.down, "layers.1.mlp.down_proj.weight"),
        (weights.embed, "embed_tokens.weight"),
        (weights.norm, "norm.weight"),
        (weights.lm_head, "lm_head.weight"),
    ];
    for (view, name) in fields {
        assert_eq!(view.name, name);
        assert_eq!(view.elements(), view.shape.iter().product::<usize>());
    }
    assert_eq!(checkpoint.patching().threshold, Some(1.3));
    assert!(checkpoint.inspect().complete(), "{}", checkpoint.inspect());
}

#[test]
fn every_tensor_is_needed() {
    for i in 0..alone_tensors().len() {
        let mut tensors = alone_tensors();
        let (name, ..) = tensors.remove(i);
        sentence(
            resolve(&alone(), &tensors),
            &["made.safetensors", &name, "1 of the entropy model's 21"],
        );
        let checkpoint = open_bytes(&alone(), safetensors(&tensors)).unwrap();
        assert_eq!(checkpoint.inspect().missing[0].name, name);
    }
}

#[test]
fn every_shape_is_checked() {
    for i in 0..alone_tensors().len() {
        for wrong in [
            |s: &mut Vec<usize>| s[0] += 1,
            |s: &mut Vec<usize>| s.push(1),
            |s: &mut Vec<usize>| s.clear(),
        ] {
            let mut tensors = alone_tensors();
            let right = format!("{:?}", tensors[i].2);
            wrong(&mut tensors[i].2);
            let parts = [
                tensors[i].0.clone(),
                format!("{:?}", tensors[i].2),
                right,
                "made.safetensors".into(),
            ];
            sentence(
                resolve(&alone(), &tensors),
                &parts.each_ref().map(String::as_str),
            );
            let inspection = open_bytes(&alone(), safetensors(&tensors))
                .unwrap()
                .inspect();
            assert_eq!(inspection.misshaped[0].name, tensors[i].0);
            assert!(
                inspection.to_string().contains("wrong shape"),
                "{inspection}"
            );
        }
    }
    let mut tensors = alone_tensors();
    tensors[2].2 = vec![4, 16];
    sentence(resolve(&alone(), &tensors), &["[4, 16]", "[8, 8]"]);
}

#[test]
fn every_dtype_is_checked() {
    for i in 0..alone_tensors().len() {
        let mut tensors = alone_tensors();
        tensors[i].1 = "I64";
        sentence(
            resolve(&alone(), &tensors),
            &["made.safetensors", &tensors[i].0, "I64", "BF16"],
        );
        let inspection = open_bytes(&alone(), safetensors(&tensors))
            .unwrap()
            .inspect();
        assert_eq!(inspection.mistyped, [tensors[i].0.clone()]);
        assert!(!inspection.complete());
    }
    let mut mixed = alone_tensors();
    mixed[0].1 = "F32";
    mixed[3].1 = "BF16";
    resolve(&alone(), &mixed).unwrap();
}

#[test]
fn unknown_tensors_are_refused_under_the_prefix_only() {
    let stray = |name: &str| (name.to_owned(), "F32", vec![3]);
    for name in [
        "bias",
        "layers.2.mlp.up_proj.weight",
        "layers.0.self_attn.q_proj.bias",
        "évil\u{1b}[2J\n",
    ] {
        let mut tensors = alone_tensors();
        tensors.push(stray(name));
        let text = sentence(
            resolve(&alone(), &tensors),
            &["made.safetensors", "does not call for"],
        );
        assert!(!text.contains('\u{1b}'), "{text:?}");
        let shown = format!(
            "{:#}",
            open_bytes(&alone(), safetensors(&tensors))
                .unwrap()
                .inspect()
        );
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
    }
    let mut tensors: Vec<_> = alone_tensors()
        .into_iter()
        .map(|(n, d, s)| (format!("patcher.{n}"), d, s))
        .collect();
    tensors.push(stray("lm_head.weight"));
    resolve(&alone(), &tensors).unwrap();
    tensors.push(stray("patcher.bias"));
    sentence(resolve(&alone(), &tensors), &["patcher.bias"]);
}

#[test]
fn meta_names_are_shown() {
    let tensors = [("tok_embeddings.weight".to_owned(), "F32", vec![260, 8])];
    sentence(
        resolve(&alone(), &tensors),
        &["21 of the entropy model's 21", "tok_embeddings.weight"],
    );
}

#[test]
fn a_tied_table_serves_twice() {
    let mut config = alone();
    config["tie_word_embeddings"] = json!(true);
    let without = |name: &str| {
        let mut tensors = alone_tensors();
        tensors.retain(|t| t.0 != name);
        tensors
    };
    for (absent, present) in [
        ("lm_head.weight", "embed_tokens.weight"),
        ("embed_tokens.weight", "lm_head.weight"),
    ] {
        let checkpoint = open_bytes(&config, safetensors(&without(absent))).unwrap();
        let weights = checkpoint.entropy_weights().unwrap();
        assert_eq!(
            (weights.embed.name, weights.lm_head.name),
            (present, present)
        );
        assert!(checkpoint.inspect().complete());
    }
    // Both in the file: each in its own place, whatever the flag says.
    let checkpoint = open_bytes(&config, safetensors(&alone_tensors())).unwrap();
    let weights = checkpoint.entropy_weights().unwrap();
    assert_eq!(
        (weights.embed.name, weights.lm_head.name),
        ("embed_tokens.weight", "lm_head.weight")
    );

    let neither: Vec<_> = without("lm_head.weight")
        .into_iter()
        .filter(|t| t.0 != "embed_tokens.weight")
        .collect();
    sentence(resolve(&config, &neither), &["embed_tokens.weight"]);
    let mut wrong = without("embed_tokens.weight");
    wrong.last_mut().unwrap().2 = vec![8, 260];
    sentence(
        resolve(&config, &wrong),
        &["lm_head.weight", "[8, 260]", "[260, 8]"],
    );
}
