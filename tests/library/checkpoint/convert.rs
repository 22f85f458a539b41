//! Any layout becomes the transformers layout, and loses nothing on the way.

use std::fs;
use std::path::Path;

use blt::checkpoint::{Checkpoint, ConvertOptions, Dtype, Inspection, Part, expected_tensors};
use half::{bf16, f16};
use serde_json::{Value, json};

use crate::checkpoint::meta::{made, open, same_weights};
use crate::checkpoint::{
    alone, alone_tensors, open_bytes, oracle, parse, read_json, safetensors, sentence,
};

fn convert(checkpoint: &Checkpoint, folder: &Path, options: &ConvertOptions) -> Checkpoint {
    let mut told = 0;
    let written = checkpoint.convert(folder, options, |bytes| {
        told += bytes;
        Ok(())
    });
    let written = written.unwrap();
    assert_eq!(written.bytes, told);
    assert_eq!(written.bytes, checkpoint.converted_bytes(options).unwrap());
    let checkpoint = open(folder).unwrap();
    let inspection = checkpoint.inspect();
    assert!(inspection.complete(), "{inspection}");
    assert_eq!(inspection.total.tensors, written.tensors);
    assert_eq!(inspection.total.bytes, written.bytes);
    checkpoint
}

fn dtypes(inspection: &Inspection) -> Vec<Vec<String>> {
    inspection.parts.iter().map(|p| p.dtypes.clone()).collect()
}

/// What is in a folder besides the named entries.
fn others(folder: &Path, known: &[&str]) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let names = entries.map(|e| e.file_name().into_string().unwrap());
    names.filter(|n| !known.contains(&n.as_str())).collect()
}

#[test]
fn every_layout_becomes_the_same_files() {
    let root = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for layout in ["transformers", "hub", "original/blt_tiny"] {
        let original = open(&made(layout)).unwrap();
        let folder = root.path().join(layout.replace('/', "-"));
        let converted = convert(&original, &folder, &ConvertOptions::default());
        same_weights(&open(&made("transformers")).unwrap(), &converted);
        assert_eq!(converted.config(), original.config(), "{layout}");
        let name = "model.safetensors";
        assert!(others(&folder, &["config.json", name]).is_empty());
        files.push(fs::read(folder.join(name)).unwrap());
        let config = read_json(folder.join("config.json"));
        assert_eq!(config["dtype"], "float32");
        assert_eq!(config["model_type"], "blt");
    }
    assert!(files.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(others(root.path(), &["transformers", "hub", "original-blt_tiny"]).is_empty());
}

#[test]
fn dtypes_are_rounded_to_the_nearest() {
    let original = open(&made("hub")).unwrap();
    let values = original.blt_weights().unwrap().latent[1].up.to_f32();
    let root = tempfile::tempdir().unwrap();
    let round = |dtype: Dtype, value: f32| match dtype {
        Dtype::F32 | Dtype::Quantised(_) => value,
        Dtype::F16 => f16::from_f32(value).to_f32(),
        Dtype::Bf16 => bf16::from_f32(value).to_f32(),
    };
    for (dtype, name) in [
        (Dtype::F32, "float32"),
        (Dtype::F16, "float16"),
        (Dtype::Bf16, "bfloat16"),
    ] {
        let folder = root.path().join(name);
        let options = ConvertOptions {
            dtype: Some(dtype),
            ..Default::default()
        };
        let converted = convert(&original, &folder, &options);
        assert!(
            dtypes(&converted.inspect())
                .iter()
                .all(|d| *d == [dtype.to_string()])
        );
        let found = converted.blt_weights().unwrap().latent[1].up.to_f32();
        assert!(
            found
                .iter()
                .zip(&values)
                .all(|(f, v)| *f == round(dtype, *v)),
            "{name}"
        );
        assert_eq!(read_json(folder.join("config.json"))["dtype"], name);
    }
}

#[test]
fn a_weight_too_large_for_f16_is_refused() {
    let mut tensors = alone_tensors();
    tensors.iter_mut().for_each(|t| t.1 = "F32");
    let mut file = safetensors(&tensors);
    let end = file.len();
    file[end - 4..].copy_from_slice(&7e4f32.to_le_bytes());
    let data = end
        - tensors
            .iter()
            .map(|t| 4 * t.2.iter().product::<usize>())
            .sum::<usize>();
    file[data..end - 4].fill(0);
    let checkpoint = open_bytes(&alone(), file).unwrap();
    let root = tempfile::tempdir().unwrap();
    let options = ConvertOptions {
        dtype: Some(Dtype::F16),
        ..Default::default()
    };
    let refused = checkpoint.convert(&root.path().join("out"), &options, |_| Ok(()));
    sentence(refused, &["lm_head.weight", "70000", "F16", "bf16"]);
    assert!(others(root.path(), &[]).is_empty());
}

#[test]
fn shards_and_an_index_above_the_limit() {
    let original = Checkpoint::open(oracle().join("k2_base").to_str().unwrap()).unwrap();
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out");
    let options = ConvertOptions {
        shard_bytes: 200_000,
        ..Default::default()
    };
    let converted = convert(&original, &folder, &options);
    same_weights(&original, &converted);
    let files = converted.inspect().files;
    // The table of 750 kB stands alone; nothing else may pass the limit.
    assert!(files.len() > 4, "{files:?}");
    assert_eq!(files.iter().filter(|f| f.bytes > 210_000).count(), 1);
    let index = read_json(folder.join("model.safetensors.index.json"));
    assert_eq!(
        index["metadata"]["total_size"],
        converted.inspect().total.bytes
    );
}

#[test]
fn models_of_other_kinds() {
    let root = tempfile::tempdir().unwrap();
    // An entropy model alone, under a prefix, with mixed dtypes.
    let mut tensors = alone_tensors();
    tensors[3].1 = "F32";
    tensors
        .iter_mut()
        .for_each(|t| t.0 = format!("patcher.{}", t.0));
    let original = open_bytes(&alone(), safetensors(&tensors)).unwrap();
    let converted = convert(
        &original,
        &root.path().join("alone"),
        &ConvertOptions::default(),
    );
    let (a, b) = (
        original.entropy_weights().unwrap(),
        converted.entropy_weights().unwrap(),
    );
    assert_eq!(a.layers[0].k.bytes(), b.layers[0].k.bytes());
    assert_eq!(a.layers[0].k.dtype, Dtype::F32);
    assert_eq!(b.norm.name, "norm.weight");

    // Tied, with one table in the file.
    let mut config = alone();
    config["tie_word_embeddings"] = json!(true);
    config["torch_dtype"] = json!("float32");
    let mut tensors = alone_tensors();
    tensors.pop();
    let original = open_bytes(&config, safetensors(&tensors)).unwrap();
    let folder = root.path().join("tied");
    let converted = convert(&original, &folder, &ConvertOptions::default());
    assert_eq!(converted.inspect().total.tensors, 20);
    let written = read_json(folder.join("config.json"));
    assert_eq!(
        (&written["dtype"], &written["torch_dtype"]),
        (&json!("float16"), &Value::Null)
    );

    // Random weights, which lie nowhere.
    let config = made("transformers/config.json");
    let random = Checkpoint::like(config.to_str().unwrap(), Dtype::Bf16, 3).unwrap();
    let converted = convert(
        &random,
        &root.path().join("random"),
        &ConvertOptions::default(),
    );
    let (a, b) = (
        random.blt_weights().unwrap(),
        converted.blt_weights().unwrap(),
    );
    assert_eq!(a.embed.to_f32(), b.embed.to_f32());
    assert_eq!(a.hash_tables[0].to_f32(), b.hash_tables[0].to_f32());
}

#[test]
fn a_projection_that_meta_leaves_out_changes_nothing() {
    let mut config = read_json(made("transformers/config.json"));
    config["cross_attn_k"] = json!(1);
    config["global_config"]["hidden_size"] = json!(8);
    config["global_config"]["intermediate_size"] = json!(24);
    for part in ["encoder_config", "decoder_config"] {
        config[part]["cross_attn_k"] = json!(1);
        config[part]["hidden_size_global"] = json!(8);
    }
    let parsed = parse(&config).unwrap();
    let mut tensors = Vec::new();
    for t in expected_tensors(&parsed) {
        if t.name.contains("hash_tok") {
            let name = |i| format!("model.encoder_hash_tok_embedding.{i}.weight");
            tensors.extend((0..6).map(|i| (name(i), "BF16", vec![50, 8])));
        } else if t.name != "model.local_decoder.patch_embedding_projection.weight" {
            tensors.push((t.name, "BF16", t.shape));
        }
    }
    let original = open_bytes(&config, safetensors(&tensors)).unwrap();
    assert!(original.blt_weights().unwrap().decoder_projection.is_none());
    let root = tempfile::tempdir().unwrap();
    let converted = convert(
        &original,
        &root.path().join("out"),
        &ConvertOptions::default(),
    );
    let projection = converted.blt_weights().unwrap().decoder_projection.unwrap();
    for (i, value) in projection.to_f32().into_iter().enumerate() {
        assert_eq!(value, f32::from(u8::from(i / 8 == i % 8)), "{i}");
    }
}

#[test]
fn nothing_half_written_is_left() {
    let original = open(&made("hub")).unwrap();
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let options = ConvertOptions::default();
    let mut pieces = 0;
    let stopped = original.convert(&out, &options, |_| {
        pieces += 1;
        if pieces == 20 {
            Err(blt::Error::Interrupted)
        } else {
            Ok(())
        }
    });
    assert!(matches!(stopped, Err(blt::Error::Interrupted)));
    assert!(others(root.path(), &[]).is_empty());

    fs::create_dir(&out).unwrap();
    convert(&original, &out, &options);
    let again = original.convert(&out, &options, |_| Ok(())).unwrap_err();
    assert!(matches!(again, blt::Error::Argument(_)), "{again}");
    assert!(again.to_string().contains("is not empty"), "{again}");
    let file = out.join("config.json");
    let onto = original.convert(&file, &options, |_| Ok(())).unwrap_err();
    assert!(onto.to_string().contains("no folder"), "{onto}");
    let nowhere = original
        .convert(&root.path().join("a/b"), &options, |_| Ok(()))
        .unwrap_err();
    let text = nowhere.to_string();
    assert!(
        text.contains("cannot create") && !text.contains(".part"),
        "{text}"
    );
    assert!(others(root.path(), &["out"]).is_empty());

    // What lacks a weight is not written at all.
    let config = read_json(oracle().join("k2_base/config.json"));
    let tensors = expected_tensors(&parse(&config).unwrap()).into_iter();
    let few: Vec<_> = tensors
        .filter(|tensor| tensor.part == Part::Entropy)
        .map(|tensor| (tensor.name, "F16", tensor.shape))
        .collect();
    let lacking = open_bytes(&config, safetensors(&few)).unwrap();
    sentence(
        lacking.convert(&root.path().join("b"), &options, |_| Ok(())),
        &["lacks 69"],
    );
    assert!(others(root.path(), &["out"]).is_empty());
}

/// Another program cuts the file halfway: the folder never appears.
#[cfg(unix)]
#[test]
fn a_file_that_changes_meanwhile_is_named_and_nothing_appears() {
    let root = tempfile::tempdir().unwrap();
    for left in [0, 4096] {
        let source = root.path().join(format!("source-{left}"));
        fs::create_dir(&source).unwrap();
        for file in ["config.json", "model.safetensors"] {
            fs::copy(oracle().join("k2_base").join(file), source.join(file)).unwrap();
        }
        let checkpoint = open(&source).unwrap();
        let weights = source.join("model.safetensors");
        let target = root.path().join("target");
        let written = checkpoint.convert(&target, &ConvertOptions::default(), |_| {
            let file = fs::OpenOptions::new().write(true).open(&weights).unwrap();
            file.set_len(left).unwrap();
            Ok(())
        });
        let shown = weights.display().to_string();
        sentence(written, &[&shown, "another program"]);
        assert!(!target.exists());
        sentence(checkpoint.check_files(), &[&shown]);
    }
    assert_eq!(others(root.path(), &["source-0", "source-4096"]), [""; 0]);
}
