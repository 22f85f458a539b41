//! Files of models.

use std::fs;
use std::path::Path;

use blt::checkpoint::{Checkpoint, Config, Environment};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::Value;

use super::{damage, folder, run, sentence, tests};

/// Looks at everything that a checkpoint says of itself.
fn look(checkpoint: &Checkpoint) {
    let inspection = checkpoint.inspect();
    assert!(inspection.to_string().len() < 1 << 20);
    let _ = checkpoint.warnings();
    if let Some(weights) = sentence(checkpoint.entropy_weights()) {
        assert_eq!(weights.norm.to_f32().len(), weights.norm.elements());
        assert_eq!(weights.embed.to_f32().len(), weights.embed.elements());
    }
    if let Some(weights) = sentence(checkpoint.blt_weights()) {
        assert_eq!(weights.head.to_f32().len(), weights.head.elements());
    }
}

fn read(path: &str) -> Vec<u8> {
    fs::read(tests().join(path)).unwrap()
}

#[test]
fn safetensors() {
    let config = read("library/checkpoint/meta/transformers/config.json");
    let whole = read("library/checkpoint/meta/transformers/model.safetensors");
    let length = u64::from_le_bytes(whole[..8].try_into().unwrap());
    let header: Value =
        serde_json::from_slice(&whole[8..][..usize::try_from(length).unwrap()]).unwrap();
    let data = &whole[8 + usize::try_from(length).unwrap()..];
    run(&[80_478], 1, |rng| {
        let file = if rng.random() {
            let mut header = header.clone();
            damage::json(&mut header, rng);
            let text = header.to_string().into_bytes();
            let mut file = (text.len() as u64).to_le_bytes().to_vec();
            file.extend(text);
            file.extend(data);
            file
        } else {
            let mut start = whole[..8 + usize::try_from(length).unwrap()].to_vec();
            damage::bytes(&mut start, rng);
            start.extend(data);
            start
        };
        if let Some(checkpoint) = sentence(Checkpoint::from_bytes(&config, file, "a file")) {
            look(&checkpoint);
        }
    });
}

#[test]
fn configs() {
    let folders = ["transformers", "hub", "original/blt_tiny"];
    let texts: Vec<Vec<u8>> = (folders
        .iter()
        .zip(["config.json", "config.json", "params.json"]))
    .map(|(folder, file)| read(&format!("library/checkpoint/meta/{folder}/{file}")))
    .collect();
    let values: Vec<Value> = texts
        .iter()
        .map(|text| serde_json::from_slice(text).unwrap())
        .collect();
    let weights = read("library/checkpoint/meta/transformers/model.safetensors");
    run(&[], 1, |rng| {
        let at = rng.random_range(0..texts.len());
        let text = if rng.random_range(0..4) > 0 {
            let mut value = values[at].clone();
            damage::json(&mut value, rng);
            value.to_string().into_bytes()
        } else {
            let mut text = texts[at].clone();
            damage::bytes(&mut text, rng);
            text
        };
        sentence(Config::parse(&text, "config.json"));
        if rng.random_range(0..8) == 0
            && let Some(checkpoint) =
                sentence(Checkpoint::from_bytes(&text, weights.clone(), "a file"))
        {
            look(&checkpoint);
        }
    });
}

/// A copy of a layout on a memory disk.
fn copy(layout: &str) -> tempfile::TempDir {
    fn all(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => all(&entry.path(), &target),
                false => fs::write(target, fs::read(entry.path()).unwrap()).unwrap(),
            }
        }
    }
    let folder = folder();
    all(
        &tests().join("library/checkpoint/meta").join(layout),
        folder.path(),
    );
    folder
}

fn open(folder: &Path) {
    let name = folder.to_str().unwrap();
    if let Some(checkpoint) = sentence(Checkpoint::open_in(name, &Environment::default())) {
        look(&checkpoint);
    }
}

/// One file of a folder is damaged, in one case after the other.
fn damaged(layout: &str, file: &str, dear: u64, part: impl Fn(&[u8], &mut StdRng) -> Vec<u8>) {
    let folder = copy(layout);
    let path = folder.path().join(file);
    let whole = fs::read(&path).unwrap();
    run(&[], dear, |rng| {
        // Another file: the one before may be mapped still.
        fs::remove_file(&path).unwrap();
        fs::write(&path, part(&whole, rng)).unwrap();
        open(folder.path());
    });
}

fn any(whole: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    damage::bytes(&mut bytes, rng);
    bytes
}

/// Where the names and shapes of a `torch.save` file are: at its start and its end.
fn edges(whole: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let edge = 6000.min(whole.len() / 2);
    let (mut start, rest) = (whole[..edge].to_vec(), &whole[edge..]);
    let (middle, mut end) = (
        &rest[..rest.len() - edge],
        rest[rest.len() - edge..].to_vec(),
    );
    match rng.random() {
        true => damage::bytes(&mut start, rng),
        false => damage::bytes(&mut end, rng),
    }
    [&start[..], middle, &end].concat()
}

#[test]
fn torch_files() {
    damaged("original/entropy_model", "consolidated.pth", 2, edges);
}

#[test]
fn distributed_metadata() {
    damaged("distributed/entropy_model", ".metadata", 10, any);
}

#[test]
fn distributed_parts() {
    damaged("distributed/entropy_model", "__1_0.distcp", 10, any);
}

#[test]
fn training_arguments() {
    damaged("hub", "train_args.json", 10, |whole, rng| {
        let mut value: Value = serde_json::from_slice(whole).unwrap();
        damage::json(&mut value, rng);
        value.to_string().into_bytes()
    });
}

/// An index of two shards, damaged, beside shards that are whole.
#[test]
fn indexes() {
    let folder = folder();
    let whole = Checkpoint::open_in(
        tests().join("oracle/gqa").to_str().unwrap(),
        &Environment::default(),
    )
    .unwrap();
    let target = folder.path().join("shards");
    let options = blt::checkpoint::ConvertOptions {
        shard_bytes: 100_000,
        ..Default::default()
    };
    whole.convert(&target, &options, |_| Ok(())).unwrap();
    let path = target.join("model.safetensors.index.json");
    let text = fs::read(&path).unwrap();
    let value: Value = serde_json::from_slice(&text).unwrap();
    run(&[], 10, |rng| {
        let text = if rng.random() {
            let mut value = value.clone();
            damage::json(&mut value, rng);
            value.to_string().into_bytes()
        } else {
            any(&text, rng)
        };
        fs::write(&path, text).unwrap();
        open(&target);
    });
}
