//! The checkpoint layer: what it opens, and the sentence for everything else.

mod as_people_have_them;
mod config;
mod convert;
mod distributed;
mod doubts;
mod dtypes;
mod entropy;
mod files;
mod like;
mod locate;
mod meta;
mod oracle;
mod pth;
mod quantised;
mod released;
mod whole;

use std::path::PathBuf;

use blt::checkpoint::{Checkpoint, Config};
use serde_json::{Map, Value, json};

fn oracle() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "oracle"]
        .iter()
        .collect()
}

fn read_json(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The config of an entropy model alone, small.
fn alone() -> Value {
    json!({
        "model_type": "blt_patcher", "architectures": ["BltPatcher"], "vocab_size": 260, "hidden_size": 8,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4,
        "intermediate_size": 12, "max_position_embeddings": 8192, "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}, "sliding_window": 512,
        "tie_word_embeddings": false, "dtype": "float16", "patching_mode": "entropy", "patching_threshold": 1.3
    })
}

/// A tensor of the safetensors file to be made.
type Tensor = (String, &'static str, Vec<usize>);

/// The tensors of [`alone`].
fn alone_tensors() -> Vec<Tensor> {
    let mut list = Vec::new();
    let mut add = |name: &str, shape: &[usize]| list.push((name.to_owned(), "F16", shape.to_vec()));
    add("embed_tokens.weight", &[260, 8]);
    for i in 0..2 {
        let mut add =
            |name: &str, shape: &[usize]| add(&format!("layers.{i}.{name}.weight"), shape);
        add("input_layernorm", &[8]);
        add("self_attn.q_proj", &[8, 8]);
        add("self_attn.k_proj", &[4, 8]);
        add("self_attn.v_proj", &[4, 8]);
        add("self_attn.o_proj", &[8, 8]);
        add("post_attention_layernorm", &[8]);
        add("mlp.gate_proj", &[12, 8]);
        add("mlp.up_proj", &[12, 8]);
        add("mlp.down_proj", &[8, 12]);
    }
    add("norm.weight", &[8]);
    add("lm_head.weight", &[260, 8]);
    list
}

fn element(dtype: &str) -> usize {
    match dtype {
        "I64" => 8,
        "F32" => 4,
        "F16" | "BF16" => 2,
        _ => 1,
    }
}

/// A safetensors file of these tensors; byte `i` of the data is `i % 251`.
fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let mut header = Map::new();
    let mut at = 0;
    for (name, dtype, shape) in tensors {
        let end = at + shape.iter().product::<usize>() * element(dtype);
        header.insert(
            name.clone(),
            json!({"dtype": dtype, "shape": shape, "data_offsets": [at, end]}),
        );
        at = end;
    }
    with_header(&Value::Object(header).to_string(), at)
}

/// A file with this header and as many bytes of data.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend((0..=250).cycle().take(data));
    file
}

fn open_bytes(config: &Value, file: Vec<u8>) -> blt::Result<Checkpoint> {
    Checkpoint::from_bytes(config.to_string().as_bytes(), file, "made.safetensors")
}

fn parse(config: &Value) -> blt::Result<Config> {
    Config::parse(config.to_string().as_bytes(), "config.json")
}

/// The sentence of an error that must be one: of the checkpoint, on one line,
/// with all of these in it.
#[track_caller]
fn sentence<T: std::fmt::Debug>(result: blt::Result<T>, parts: &[&str]) -> String {
    let error = result.map(|_| ()).expect_err("this must be refused");
    assert!(
        matches!(error, blt::Error::Checkpoint(_)),
        "not a checkpoint error: {error:?}"
    );
    let text = error.to_string();
    assert!(
        !text.contains('\n') && !text.ends_with('.') && text.len() < 900,
        "not one sentence: {text}"
    );
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    text
}
