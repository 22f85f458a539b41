//! Meta's layouts: the same model in each, made by `make_meta.py`.

use std::fs;
use std::path::{Path, PathBuf};

use blt::checkpoint::{
    BlockWeights, BltWeights, Checkpoint, Dtype, Environment, PatchingMode, TensorView,
};
use serde_json::{Value, json};

use crate::checkpoint::{read_json, sentence};

pub(crate) fn made(layout: &str) -> PathBuf {
    [
        env!("CARGO_MANIFEST_DIR"),
        "tests",
        "library",
        "checkpoint",
        "meta",
        layout,
    ]
    .iter()
    .collect()
}

pub(crate) fn open(path: &Path) -> blt::Result<Checkpoint> {
    Checkpoint::open_in(path.to_str().unwrap(), &Environment::default())
}

type Content = (String, Dtype, Vec<usize>, Vec<u8>);

fn content(view: &TensorView<'_>) -> Content {
    let bytes = view.bytes().unwrap().to_vec();
    (view.name.to_owned(), view.dtype, view.shape.to_vec(), bytes)
}

fn block(out: &mut Vec<Content>, block: &BlockWeights<'_>) {
    let views = [
        block.attention_norm,
        block.q,
        block.k,
        block.v,
        block.o,
        block.mlp_norm,
        block.gate,
        block.up,
        block.down,
    ];
    out.extend(views.iter().map(content));
}

/// Every weight but the hash tables, and the rows of those.
fn everything(weights: &BltWeights<'_>) -> (Vec<Content>, Vec<u8>) {
    let mut out = Vec::new();
    let views = [weights.embed, weights.decoder_norm, weights.head];
    out.extend(views.iter().map(content));
    let projections = [
        &weights.encoder_projection,
        &weights.latent_projection,
        &weights.decoder_projection,
    ];
    out.extend(projections.into_iter().flatten().map(content));
    for part in [&weights.encoder, &weights.latent, &weights.decoder] {
        part.iter().for_each(|b| block(&mut out, b));
    }
    for cross in weights.encoder_cross.iter().chain(&weights.decoder_cross) {
        let views = [
            cross.q_norm,
            cross.k_norm,
            cross.q,
            cross.k,
            cross.v,
            cross.o,
        ];
        out.extend(views.iter().map(content));
    }
    let tables = weights.hash_tables.iter();
    let rows = tables.flat_map(|t| t.bytes().unwrap().to_vec()).collect();
    (out, rows)
}

#[track_caller]
pub(crate) fn same_weights(a: &Checkpoint, b: &Checkpoint) {
    assert_eq!(
        everything(&a.blt_weights().unwrap()),
        everything(&b.blt_weights().unwrap())
    );
    let [a, b] = [a, b].map(|checkpoint| {
        let weights = checkpoint.entropy_weights().unwrap();
        let mut out = Vec::new();
        let views = [weights.embed, weights.norm, weights.lm_head];
        out.extend(views.iter().map(content));
        weights.layers.iter().for_each(|b| block(&mut out, b));
        out
    });
    assert_eq!(a, b);
}

#[test]
fn every_layout_holds_the_same_model() {
    let plain = open(&made("transformers")).unwrap();
    assert_eq!(plain.blt_weights().unwrap().hash_tables.len(), 1);
    for layout in ["hub", "original/blt_tiny"] {
        let meta = open(&made(layout)).unwrap();
        assert_eq!(meta.blt_weights().unwrap().hash_tables.len(), 6, "{layout}");
        same_weights(&plain, &meta);
        let inspection = meta.inspect();
        assert!(inspection.complete(), "{layout}: {inspection}");
        assert_eq!(inspection.files.len(), 2, "{layout}");

        let (a, b) = (plain.config(), meta.config());
        assert_eq!(a.entropy, b.entropy, "{layout}");
        assert_eq!(a.blt, b.blt, "{layout}");
        // The threshold is the patcher's, not the one of the model's own arguments.
        assert_eq!(a.patching.threshold, b.patching.threshold, "{layout}");
        assert_eq!(b.patching.patch_size, 4.5, "{layout}");
        assert_eq!(b.patching.mode, PatchingMode::Entropy, "{layout}");
    }
}

#[test]
fn a_file_of_torch_itself() {
    let checkpoint = open(&made("torch")).unwrap();
    let weights = checkpoint.entropy_weights().unwrap();
    assert_eq!(weights.embed.dtype, Dtype::Bf16);
    assert_eq!(weights.embed.shape, [260, 2]);
    assert_eq!(checkpoint.patching().threshold, Some(9.0));
    assert!(checkpoint.inspect().complete());

    // The corner of the corner, cut to the upper half of each number.
    let plain = open(&made("transformers")).unwrap();
    let plain = plain.entropy_weights().unwrap();
    let pairs = [
        (weights.norm, plain.norm),
        (weights.layers[0].mlp_norm, plain.layers[0].mlp_norm),
        (weights.layers[1].down, plain.layers[1].down),
        (weights.lm_head, plain.lm_head),
    ];
    for (small, whole) in pairs {
        let width = *whole.shape.last().unwrap();
        let columns = *small.shape.last().unwrap();
        let whole = whole.to_f32();
        for (i, found) in small.to_f32().into_iter().enumerate() {
            let wanted = whole[i / columns * width + i % columns];
            assert_eq!(
                found,
                half::bf16::from_f32(wanted).to_f32(),
                "{} {i}",
                small.name
            );
        }
    }
}

/// A copy of a layout that a test may change.
pub(crate) fn copy(layout: &str) -> tempfile::TempDir {
    fn all(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => all(&entry.path(), &target),
                false => drop(fs::copy(entry.path(), target).unwrap()),
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    all(&made(layout), folder.path());
    folder
}

pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut json = read_json(path.to_owned());
    change(&mut json);
    fs::write(path, json.to_string()).unwrap();
}

#[test]
fn a_file_of_weights_may_be_named() {
    let folder = made("original/blt_tiny");
    let whole = open(&folder).unwrap();
    same_weights(&whole, &open(&folder.join("consolidated.pth")).unwrap());
    let entropy = open(&made("original/entropy_model")).unwrap();
    assert!(entropy.config().blt.is_none());
    // Its training was to cut into single bytes, which says nothing.
    assert_eq!(entropy.patching().mode, PatchingMode::Entropy);
    assert_eq!(entropy.patching().threshold, None);
    assert_eq!(
        entropy.entropy_weights().unwrap().lm_head.to_f32(),
        whole.entropy_weights().unwrap().lm_head.to_f32()
    );
    sentence(entropy.blt_weights(), &["entropy model alone"]);
}

#[test]
fn the_training_arguments_alone_are_config_enough() {
    let folder = copy("hub");
    fs::remove_file(folder.path().join("config.json")).unwrap();
    same_weights(&open(&made("hub")).unwrap(), &open(folder.path()).unwrap());
}

#[test]
fn the_threshold_is_found_where_it_is() {
    let threshold = |folder: &Path| open(folder).unwrap().patching().threshold;
    let folder = copy("hub");
    // Without the training's arguments, the model's own count.
    fs::remove_file(folder.path().join("train_args.json")).unwrap();
    assert_eq!(threshold(folder.path()), Some(3.0));
    // Without those, the entropy model's, if it was for entropies at all.
    let config = folder.path().join("config.json");
    edit(&config, |json| {
        let args = json["args"].as_object_mut().unwrap();
        args.retain(|key, _| !key.starts_with("patching"));
    });
    assert_eq!(threshold(folder.path()), Some(1.335_442_1));
    let params = folder.path().join("entropy_model/params.json");
    edit(&params, |json| {
        json["data"]["patcher_args"]["patching_mode"] = json!("entropy");
    });
    assert_eq!(threshold(folder.path()), Some(9.0));
    // Beside the model's arguments, as some files have it.
    edit(&config, |json| {
        json["patcher_args"] =
            json!({"threshold": 2.5, "monotonicity": true, "threshold_add": 0.5});
    });
    assert_eq!(threshold(folder.path()), Some(2.5));
    let patching = *open(folder.path()).unwrap().patching();
    assert_eq!(
        (patching.monotonic, patching.threshold_add),
        (true, Some(0.5))
    );
}

#[test]
fn without_its_entropy_model() {
    let folder = copy("hub");
    fs::remove_dir_all(folder.path().join("entropy_model")).unwrap();
    let checkpoint = open(folder.path()).unwrap();
    assert!(checkpoint.config().entropy.is_none());
    checkpoint.blt_weights().unwrap();
    sentence(checkpoint.entropy_weights(), &["no entropy model"]);
    // An entropy model in transformers' layout serves as well.
    let within = folder.path().join("entropy_model");
    fs::create_dir(&within).unwrap();
    fs::write(
        within.join("config.json"),
        crate::checkpoint::alone().to_string(),
    )
    .unwrap();
    let tensors = crate::checkpoint::alone_tensors();
    fs::write(
        within.join("model.safetensors"),
        crate::checkpoint::safetensors(&tensors),
    )
    .unwrap();
    let checkpoint = open(folder.path()).unwrap();
    assert_eq!(checkpoint.entropy_weights().unwrap().layers.len(), 2);
    assert!(checkpoint.inspect().complete(), "{}", checkpoint.inspect());
    // A whole BLT does not.
    fs::copy(made("transformers/config.json"), within.join("config.json")).unwrap();
    sentence(open(folder.path()), &["entropy_model", "whole BLT"]);
}

#[test]
fn what_is_missing_is_named_as_meta_does() {
    let folder = copy("hub");
    edit(&folder.path().join("config.json"), |json| {
        json["args"]["n_layers_local_decoder"] = json!(3);
    });
    sentence(
        open(folder.path()).unwrap().blt_weights(),
        &[
            "lacks 15 of the model's 89",
            " local_decoder.cross_attn_layers.2.cross_attn_norm_q.weight",
        ],
    );
    edit(&folder.path().join("config.json"), |json| {
        json["args"]["n_layers_local_decoder"] = json!(2);
        json["args"]["encoder_hash_byte_group_vocab"] = json!(51);
    });
    sentence(
        open(folder.path()).unwrap().blt_weights(),
        &[
            "hash table `encoder_hash_tok_embedding.0.weight`",
            "50 rows",
            "51",
        ],
    );
    let params = folder.path().join("entropy_model/params.json");
    edit(&params, |json| json["entropy_model"]["n_layers"] = json!(1));
    sentence(
        open(folder.path()).unwrap().entropy_weights(),
        &[
            "entropy_model/consolidated.pth holds",
            "does not call for",
            "layers.1.attention_norm.weight",
        ],
    );
}

#[test]
fn arguments_that_cannot_be() {
    let cases: [(&str, Value, &[&str]); 14] = [
        (
            "dim_global",
            json!("x"),
            &["`args.dim_global`", "whole number"],
        ),
        (
            "n_heads_local_encoder",
            json!(null),
            &["n_heads_local_encoder", "null"],
        ),
        ("n_layers_global", json!(-1), &["n_layers_global", "-1"]),
        (
            "cross_attn_nheads",
            json!(8),
            &["cross_attn_nheads", "n_heads_local"],
        ),
        ("use_rope", json!(false), &["use_rope", "true"]),
        ("non_linearity", json!("gelu"), &["non_linearity", "swiglu"]),
        (
            "encoder_enable_byte_ngrams",
            json!(true),
            &["encoder_enable_byte_ngrams"],
        ),
        (
            "encoder_ngram_to_size_str",
            json!("3:100"),
            &["encoder_ngram_to_size_str"],
        ),
        (
            "use_local_encoder_transformer",
            json!(false),
            &["use_local_encoder_transformer"],
        ),
        (
            "cross_attn_init_by_pooling",
            json!(false),
            &["cross_attn_init_by_pooling"],
        ),
        (
            "encoder_hash_byte_group_size",
            json!(null),
            &["encoder_hash_byte_group_size"],
        ),
        (
            "encoder_hash_byte_group_size",
            json!("3,x"),
            &["encoder_hash_byte_group_size"],
        ),
        ("ffn_dim_multiplier", json!(1e9), &["ffn_dim_multiplier"]),
        (
            "downsampling_by_pooling",
            json!("sum"),
            &["downsampling_by_pooling", "config.json"],
        ),
    ];
    for (key, value, parts) in cases {
        let folder = copy("hub");
        edit(&folder.path().join("config.json"), |json| {
            json["args"][key] = value;
        });
        sentence(open(folder.path()), parts);
    }
    let folder = copy("hub");
    edit(&folder.path().join("config.json"), |json| {
        json["args"]["encoder_hash_byte_group_size"] = json!("3,4,5, 6,7,8");
    });
    open(folder.path()).unwrap().blt_weights().unwrap();
}
