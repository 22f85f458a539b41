//! The same model as training programs and people leave it: wrapped names, derived tensors,
//! nested settings, two files where one would do.

use std::fs;
use std::path::Path;

use blt::checkpoint::Checkpoint;
use serde_json::{Map, Value, json};

use crate::checkpoint::meta::{copy, edit, made, open, same_weights};
use crate::checkpoint::sentence;

/// Rewrites the names of a safetensors file, and adds tensors of one f32.
fn renamed(path: &Path, rename: impl Fn(&str) -> String, more: &[&str]) {
    let file = fs::read(path).unwrap();
    let (length, rest) = file.split_first_chunk::<8>().unwrap();
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap();
    let header: Map<String, Value> = serde_json::from_slice(&rest[..length]).unwrap();
    let mut data = rest[length..].to_vec();
    let mut out = Map::new();
    for (name, entry) in header {
        let name = if name == "__metadata__" {
            name
        } else {
            rename(&name)
        };
        out.insert(name, entry);
    }
    for name in more {
        let at = data.len();
        data.extend([0; 4]);
        out.insert(
            (*name).to_owned(),
            json!({"dtype": "F32", "shape": [1], "data_offsets": [at, at + 4]}),
        );
    }
    let header = Value::Object(out).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    fs::write(path, file).unwrap();
}

fn complete(checkpoint: &Checkpoint) {
    let inspection = checkpoint.inspect();
    assert!(inspection.complete(), "{inspection}");
}

/// Every way in which wrappers stand around a model or a part of it.
#[test]
fn wrapped_names_are_those_of_the_model() {
    type Rename = fn(&str) -> String;
    let renames: [(&str, Rename); 9] = [
        ("compiled", |name| format!("_orig_mod.{name}")),
        ("parallel", |name| format!("module.{name}")),
        ("both", |name| format!("module._orig_mod.{name}")),
        ("twice", |name| format!("_orig_mod.module.module.{name}")),
        ("each layer", |name| {
            name.replace("layers.0.", "layers.0._orig_mod.")
        }),
        ("each part", |name| {
            name.replace(".layers.", "._fsdp_wrapped_module.layers.")
        }),
        ("recomputed", |name| {
            name.replace("layers.1.", "layers.1._checkpoint_wrapped_module.")
        }),
        ("in a model", |name| format!("model.{name}")),
        ("in a trainer's model", |name| {
            format!("trainer.module.model._orig_mod.{name}")
        }),
    ];
    let plain = open(&made("transformers")).unwrap();
    for layout in ["transformers", "hub"] {
        for (what, rename) in renames {
            let folder = copy(layout);
            renamed(&folder.path().join("model.safetensors"), rename, &[]);
            let opened = open(folder.path()).unwrap();
            let inspection = opened.inspect();
            assert!(inspection.complete(), "{layout}, {what}: {inspection}");
            same_weights(&plain, &opened);
        }
    }
}

/// An index lists names as the files have them, wrapped and derived ones too.
#[test]
fn an_index_may_list_wrapped_and_derived_names() {
    let plain = open(&made("transformers")).unwrap();
    let folder = copy("transformers");
    let single = folder.path().join("model.safetensors");
    let derived = "_orig_mod.model.patcher.rotary_emb.inv_freq";
    renamed(&single, |name| format!("_orig_mod.{name}"), &[derived]);
    let file = fs::read(&single).unwrap();
    let (length, rest) = file.split_first_chunk::<8>().unwrap();
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap();
    let header: Map<String, Value> = serde_json::from_slice(&rest[..length]).unwrap();
    let names = header.keys().filter(|name| *name != "__metadata__");
    let shard = "model-00001-of-00001.safetensors";
    let map: Map<String, Value> = names.map(|name| (name.clone(), json!(shard))).collect();
    fs::rename(&single, folder.path().join(shard)).unwrap();
    let index = folder.path().join("model.safetensors.index.json");
    fs::write(&index, json!({"weight_map": map}).to_string()).unwrap();
    let opened = open(folder.path()).unwrap();
    complete(&opened);
    same_weights(&plain, &opened);
}

/// An entropy model alone, under whatever its names were when it was part of something.
#[test]
fn an_entropy_model_may_be_taken_out_of_anything() {
    let whole = open(&made("transformers")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    whole
        .convert(
            &folder.path().join("whole"),
            &blt::checkpoint::ConvertOptions::default(),
            |_| Ok(()),
        )
        .unwrap();
    let config: Value =
        serde_json::from_slice(&fs::read(made("transformers").join("config.json")).unwrap())
            .unwrap();
    let mut own = config["patcher_config"].clone();
    own["model_type"] = json!("blt_patcher");
    for root in [
        "",
        "patcher.",
        "model.patcher.",
        "entropy_model.",
        "module.model.",
    ] {
        let alone = folder.path().join(format!("alone-{root}"));
        fs::create_dir(&alone).unwrap();
        let weights = alone.join("model.safetensors");
        fs::copy(folder.path().join("whole/model.safetensors"), &weights).unwrap();
        only(&weights, "model.patcher.", root);
        fs::write(alone.join("config.json"), own.to_string()).unwrap();
        let alone = open(&alone).unwrap();
        complete(&alone);
        assert_eq!(
            alone.entropy_weights().unwrap().lm_head.to_f32(),
            whole.entropy_weights().unwrap().lm_head.to_f32()
        );
    }
}

/// Keeps the tensors whose names begin so, under another beginning.
fn only(path: &Path, start: &str, instead: &str) {
    let file = fs::read(path).unwrap();
    let (length, rest) = file.split_first_chunk::<8>().unwrap();
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap();
    let header: Map<String, Value> = serde_json::from_slice(&rest[..length]).unwrap();
    let (mut out, mut data): (Map<_, _>, Vec<u8>) = Default::default();
    for (name, mut entry) in header {
        let Some(kept) = name.strip_prefix(start) else {
            continue;
        };
        let place =
            |at: usize| usize::try_from(entry["data_offsets"][at].as_u64().unwrap()).unwrap();
        let bytes = &rest[length..][place(0)..place(1)];
        let at = data.len();
        data.extend(bytes);
        entry["data_offsets"] = json!([at, data.len()]);
        out.insert(format!("{instead}{kept}"), entry);
    }
    let header = Value::Object(out).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    fs::write(path, file).unwrap();
}

/// Angles of positions are in the config as well, and nobody reads them.
#[test]
fn derived_tensors_are_left_aside_and_others_are_not() {
    let plain = open(&made("transformers")).unwrap();
    let derived = [
        "rope.freqs_cis",
        "local_encoder.rope.freqs_cis",
        "global_transformer._orig_mod.rope.freqs_cis",
        "model.local_decoder.rotary_emb.inv_freq",
        "module.patcher.rotary_emb.original_inv_freq",
    ];
    for layout in ["transformers", "hub"] {
        let folder = copy(layout);
        let weights = folder.path().join("model.safetensors");
        renamed(&weights, str::to_owned, &derived);
        let opened = open(folder.path()).unwrap();
        complete(&opened);
        same_weights(&plain, &opened);
        renamed(&weights, str::to_owned, &["model.rope.freqs_cis.weight"]);
        sentence(
            open(folder.path()).unwrap().blt_weights(),
            &["freqs_cis.weight"],
        );
    }
}

/// The released folder of the entropy model has its weights a second time, with the angles.
#[test]
fn the_file_with_angles_serves_where_it_is_alone() {
    let folder = copy("original/entropy_model");
    let (plain, with) = ("consolidated.pth", "consolidated_with_rope.pth");
    fs::copy(folder.path().join(plain), folder.path().join(with)).unwrap();
    let both = open(folder.path()).unwrap();
    assert!(both.inspect().warnings.is_empty());
    fs::remove_file(folder.path().join(plain)).unwrap();
    complete(&open(folder.path()).unwrap());
    complete(&open(&folder.path().join(with)).unwrap());
}

#[test]
fn settings_may_be_nested_or_not_and_say_a_thing_twice() {
    let plain = open(&made("original/entropy_model")).unwrap();
    let params: Value = serde_json::from_slice(
        &fs::read(made("original/entropy_model").join("params.json")).unwrap(),
    )
    .unwrap();
    let own = params
        .get("entropy_model")
        .or(params.get("model"))
        .unwrap()
        .clone();
    let mut twice = own.clone();
    twice["rms_norm_eps"] = own.get("norm_eps").cloned().unwrap_or(json!(1e-5));
    twice["norm_eps"] = twice["rms_norm_eps"].clone();
    for params in [
        json!({"entropy_model": own, "model": null}),
        json!({"entropy_model": twice, "train_entropy_model": true}),
        json!({"args": own}),
        json!({"model": own}),
        own.clone(),
        twice.clone(),
    ] {
        let folder = copy("original/entropy_model");
        fs::write(folder.path().join("params.json"), params.to_string()).unwrap();
        let opened = open(folder.path()).unwrap_or_else(|error| panic!("{params}: {error}"));
        assert_eq!(opened.config().entropy, plain.config().entropy, "{params}");
    }
    // Transformers' names for the same.
    let folder = copy("transformers");
    edit(&folder.path().join("config.json"), |config| {
        for part in [
            "patcher_config",
            "encoder_config",
            "global_config",
            "decoder_config",
        ] {
            let eps = config[part]["rms_norm_eps"].clone();
            config[part]["norm_eps"] = eps;
        }
    });
    let opened = open(folder.path()).unwrap();
    assert!(opened.warnings().is_empty(), "{:?}", opened.warnings());
    edit(&folder.path().join("config.json"), |config| {
        config["global_config"]["norm_eps"] = json!(0.5);
    });
    let warnings = open(folder.path()).unwrap().warnings();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].contains("global_config.rms_norm_eps"),
        "{warnings:?}"
    );
}

/// Where two files could be meant, one is named.
#[test]
fn which_of_two_files_was_taken_is_said() {
    let plain = open(&made("transformers")).unwrap();
    let folder = copy("transformers");
    let index = json!({"weight_map": {"lm_head.weight": "model-00001-of-00002.safetensors"}});
    fs::write(
        folder.path().join("model.safetensors.index.json"),
        index.to_string(),
    )
    .unwrap();
    let opened = open(folder.path()).unwrap();
    same_weights(&plain, &opened);
    let said = opened.inspect().warnings.join("\n");
    assert!(said.contains("model.safetensors was taken"), "{said}");
    assert!(said.contains("model.safetensors.index.json"), "{said}");
    // The other can be named.
    sentence(
        open(&folder.path().join("model.safetensors.index.json")),
        &["model-00001-of-00002.safetensors"],
    );
    let named = open(&folder.path().join("model.safetensors")).unwrap();
    assert!(named.inspect().warnings.is_empty());
}
