//! Weights in 8 and 4 bits: what MLX writes, what is written here, and what is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use blt::checkpoint::{BlockWeights, Checkpoint, ConvertOptions, Dtype, TensorView};
use blt::model::entropy::EntropyModel;
use blt::numerics::Quantisation;
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::checkpoint::meta::open;
use crate::checkpoint::{read_json, sentence};

fn mlx() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library/checkpoint/mlx")
}

fn four() -> Quantisation {
    Quantisation::new(4, 32).unwrap()
}

/// The matrices of the entropy model, by name.
fn matrices(checkpoint: &Checkpoint) -> BTreeMap<String, TensorView<'_>> {
    let weights = checkpoint.entropy_weights().unwrap();
    let mut views = vec![weights.embed, weights.lm_head];
    for layer in &weights.layers {
        views.extend([
            layer.q, layer.k, layer.v, layer.o, layer.gate, layer.up, layer.down,
        ]);
    }
    let names: Vec<String> = views.iter().map(|view| view.name.to_owned()).collect();
    names.into_iter().zip(views).collect()
}

#[test]
fn what_mlx_has_written_is_what_it_takes_it_for() {
    let checkpoint = open(&mlx()).unwrap();
    assert!(checkpoint.inspect().complete());
    let file = fs::read(mlx().join("dequantised.safetensors")).unwrap();
    let wanted = SafeTensors::deserialize(&file).unwrap();
    let matrices = matrices(&checkpoint);
    assert_eq!(matrices.len(), wanted.len());
    for (name, view) in &matrices {
        let head = name == "lm_head.weight";
        let quantisation = if head {
            Quantisation::of_bits(8).unwrap()
        } else {
            four()
        };
        assert_eq!(view.dtype, Dtype::Quantised(quantisation), "{name}");
        let wanted = wanted.tensor(name).unwrap();
        let (words, _) = wanted.data().as_chunks::<4>();
        let found = view.part_to_f32(0..words.len());
        for (found, wanted) in found.iter().zip(words) {
            let wanted = f32::from_le_bytes(*wanted);
            // MLX may round once where we round twice.
            assert!((found - wanted).abs() <= 2e-7, "{name}: {found} {wanted}");
        }
    }
}

#[test]
fn parts_of_quantised_weights_are_those_of_the_whole() {
    let checkpoint = open(&mlx()).unwrap().in_bits(4);
    let matrices = matrices(&checkpoint);
    for name in ["lm_head.weight", "layers.0.mlp.down_proj.weight"] {
        let view = &matrices[name];
        let all = view.to_f32();
        assert_eq!(all.len(), view.elements());
        for part in [0..1, 5..200, 63..65, 128..all.len()] {
            assert_eq!(view.part_to_f32(part.clone()), all[part]);
        }
        let mut row = Vec::new();
        view.append_row(3, &mut row).unwrap();
        assert_eq!(row.len(), view.dtype.row_bytes(view.columns()));
    }
}

/// The embedded model in 16 bits.
fn wide() -> (tempfile::TempDir, Checkpoint) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("wide");
    let options = ConvertOptions {
        dtype: Some(Dtype::F16),
        ..Default::default()
    };
    let embedded = Checkpoint::embedded().unwrap();
    embedded.convert(&folder, &options, |_| Ok(())).unwrap();
    let checkpoint = open(&folder).unwrap();
    (root, checkpoint)
}

/// The embedded model, converted; its folder goes with the first.
fn converted(bits: u32) -> (tempfile::TempDir, Checkpoint) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out");
    let options = ConvertOptions {
        dtype: Quantisation::of_bits(bits).map(Dtype::Quantised),
        ..Default::default()
    };
    let (_wide, embedded) = wide();
    let mut told = 0;
    let written = embedded.convert(&folder, &options, |bytes| {
        told += bytes;
        Ok(())
    });
    let written = written.unwrap();
    assert_eq!(
        (told, told),
        (written.bytes, embedded.converted_bytes(&options).unwrap())
    );
    let checkpoint = open(&folder).unwrap();
    let inspection = checkpoint.inspect();
    assert!(inspection.complete(), "{inspection}");
    assert_eq!(inspection.total.bytes, written.bytes);
    (root, checkpoint)
}

#[test]
fn a_file_has_what_quantising_at_load_gives() {
    for bits in [8, 4] {
        let (root, file) = converted(bits);
        let (_wide, embedded) = wide();
        let at_load = embedded.in_bits(bits);
        let (a, b) = (matrices(&file), matrices(&at_load));
        assert_eq!(a.len(), b.len());
        for (name, view) in &a {
            let other = &b[name];
            assert_eq!(view.dtype, other.dtype, "{name}");
            for row in [0, view.shape[0] - 1] {
                let [mut one, mut two] = [Vec::new(), Vec::new()];
                view.append_row(row, &mut one).unwrap();
                other.append_row(row, &mut two).unwrap();
                assert_eq!(one, two, "{name}");
            }
        }
        let [x, y] = [&file, &at_load].map(|c| c.blt_weights().unwrap());
        assert_eq!(
            x.hash_tables[0].part_to_f32(0..777),
            y.hash_tables[0].part_to_f32(0..777)
        );
        assert_eq!(x.latent[2].down.to_f32(), y.latent[2].down.to_f32());
        assert_eq!(x.decoder_norm.to_f32(), y.decoder_norm.to_f32());
        let config = read_json(root.path().join("out/config.json"));
        let mut wanted = json!({"group_size": 64, "bits": bits});
        if bits == 4 {
            // What each byte passes through keeps more bits.
            for layer in [
                "lm_head",
                "model.local_encoder.embed_tokens",
                "model.patcher.embed_tokens",
                "model.patcher.lm_head",
            ] {
                wanted[layer] = json!({"group_size": 64, "bits": 8});
            }
        }
        assert_eq!(config["quantization"], wanted);
        assert_eq!(config["quantization_config"], wanted);
        assert_eq!(file.inspect().gpu_bytes, at_load.inspect().gpu_bytes);
    }
}

#[test]
fn mixed_is_four_bits_where_most_weights_are() {
    let (root, wide) = wide();
    let folder = root.path().join("mixed");
    let at_load = wide.in_mixed_bits();
    let kept = ConvertOptions::default();
    at_load.convert(&folder, &kept, |_| Ok(())).unwrap();
    for checkpoint in [&at_load, &open(&folder).unwrap()] {
        let whole = checkpoint.blt_weights().unwrap();
        let entropy = checkpoint.entropy_weights().unwrap();
        let of = |blocks: &[BlockWeights<'_>]| -> Vec<String> {
            let all = blocks
                .iter()
                .flat_map(|block| [block.q, block.o, block.up, block.down]);
            all.map(|view| view.dtype.to_string()).collect()
        };
        for few in [
            of(&whole.latent),
            vec![whole.hash_tables[0].dtype.to_string()],
        ] {
            assert!(few.iter().all(|dtype| dtype == "Q4/64"), "{few:?}");
        }
        let ends = [whole.embed, whole.head, entropy.embed, entropy.lm_head];
        let ends = ends.map(|view| view.dtype.to_string()).to_vec();
        for many in [
            of(&whole.encoder),
            of(&whole.decoder),
            of(&entropy.layers),
            ends,
        ] {
            assert!(many.iter().all(|dtype| dtype == "Q8/64"), "{many:?}");
        }
        assert_eq!(whole.decoder_norm.dtype, Dtype::F16);
    }
}

#[test]
fn what_is_quantised_may_become_16_bits_again() {
    let (root, file) = converted(8);
    let folder = root.path().join("again");
    let options = ConvertOptions {
        dtype: Some(Dtype::F32),
        ..Default::default()
    };
    file.convert(&folder, &options, |_| Ok(())).unwrap();
    let again = open(&folder).unwrap();
    let (a, b) = (matrices(&file), matrices(&again));
    for (name, view) in a {
        assert_eq!(view.to_f32(), b[&name].to_f32(), "{name}");
    }
    assert_eq!(
        read_json(folder.join("config.json")).get("quantization"),
        None
    );
    // Fewer bits of what has some already.
    let fewer = file.in_bits(4);
    let weights = fewer.entropy_weights().unwrap();
    assert_eq!(weights.layers[0].down.dtype.to_string(), "Q4/64");
    assert_eq!(weights.embed.dtype.to_string(), "Q8/64");
    // It begins with the file, not with what was asked for before.
    let more = fewer.in_bits(8);
    let weights = more.entropy_weights().unwrap();
    assert_eq!(weights.layers[0].down.dtype.to_string(), "Q8/64");
}

/// MLX's model with changes to its config, and to names and shapes in its file.
fn changed(config: impl FnOnce(&mut Value), header: &[(&str, &str)]) -> blt::Result<Checkpoint> {
    let mut json = read_json(mlx().join("config.json"));
    config(&mut json);
    let file = fs::read(mlx().join("model.safetensors")).unwrap();
    let length = usize::try_from(u64::from_le_bytes(file[..8].try_into().unwrap())).unwrap();
    let (text, data) = file[8..].split_at(length);
    let mut text = String::from_utf8(text.to_vec()).unwrap();
    for (from, to) in header {
        assert!(text.contains(from), "{from} is not in {text}");
        text = text.replace(from, to);
    }
    let mut file = (text.len() as u64).to_le_bytes().to_vec();
    file.extend(text.as_bytes());
    file.extend(data);
    Checkpoint::from_bytes(json.to_string().as_bytes(), file, "made.safetensors")
}

#[test]
fn files_that_contradict_themselves_are_refused() {
    changed(|_| (), &[]).unwrap().entropy_weights().unwrap();
    let all = |key: &str, value: Value| {
        let key = key.to_owned();
        changed(move |json| json["quantization"][key] = value, &[])
    };
    for (key, value) in [
        ("bits", json!(3)),
        ("bits", json!("4")),
        ("group_size", json!(16)),
        ("mode", json!("mxfp4")),
    ] {
        sentence(
            all(key, value),
            &["config", key, "8 or 4 bits in groups of 32, 64 or 128"],
        );
    }
    sentence(all("quant_method", json!("gptq")), &["gptq", "MLX"]);
    sentence(
        changed(|json| json["quantization"] = json!(4), &[]),
        &["quantization", "group_size"],
    );
    // Other groups or bits than the file has.
    sentence(
        all("group_size", json!(64)),
        &["shape", "4 bits in groups of 64"],
    );
    sentence(all("bits", json!(8)), &["shape", "8 bits in groups of 32"]);
    let name = "layers.0.mlp.up_proj.";
    for end in ["scales", "biases"] {
        let away = (format!("{name}{end}"), format!("{name}others"));
        sentence(
            changed(|_| (), &[(&away.0, &away.1)]),
            &[
                "layers.0.mlp.up_proj.weight",
                "scales or biases are missing",
            ],
        );
    }
    // Without the key the words cannot be read as weights.
    let without = changed(
        |json| {
            json.as_object_mut().unwrap().remove("quantization");
        },
        &[],
    );
    sentence(without, &["U32", "config", "no key `quantization`"]);
    // Scales of a type that is none.
    sentence(
        changed(
            |_| (),
            &[("\"BF16\",\"shape\":[64,4]", "\"I16\",\"shape\":[64,4]")],
        ),
        &["down_proj", "I16"],
    );
    // A shape that is not the config's.
    let wide = changed(|json| json["intermediate_size"] = json!(192), &[]).unwrap();
    sentence(wide.entropy_weights(), &["[128, 64]", "[192, 64]"]);
}

#[test]
fn numbers_that_cannot_be_quantised_are_refused() {
    let embedded = Checkpoint::embedded().unwrap();
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("f32");
    let f32s = ConvertOptions {
        dtype: Some(Dtype::F32),
        ..Default::default()
    };
    embedded.convert(&folder, &f32s, |_| Ok(())).unwrap();
    let path = folder.join("model.safetensors");
    let mut file = fs::read(&path).unwrap();
    let offsets = {
        let checkpoint = open(&folder).unwrap();
        let weights = checkpoint.entropy_weights().unwrap();
        let bytes = weights.layers[1].up.bytes().unwrap();
        let at = file
            .windows(64)
            .position(|window| window == &bytes[..64])
            .unwrap();
        at..at + 4
    };
    file[offsets].copy_from_slice(&1e9f32.to_le_bytes());
    fs::write(&path, file).unwrap();
    let out = root.path().join("out");
    let options = ConvertOptions {
        dtype: Quantisation::of_bits(4).map(Dtype::Quantised),
        ..Default::default()
    };
    let refused = open(&folder).unwrap().convert(&out, &options, |_| Ok(()));
    sentence(refused, &["up_proj.weight", "too large for half precision"]);
    assert!(!out.exists());
    // Nor does a model load in 8 bits with them.
    let narrowed = open(&folder).unwrap().in_bits(8);
    let weights = narrowed.entropy_weights().unwrap();
    let device = crate::common::device();
    let loaded = pollster::block_on(EntropyModel::load(&device, &weights, |_| ()));
    sentence(loaded, &["up_proj.weight", "--weights 16"]);
}
