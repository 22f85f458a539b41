//! Files that are damaged, lie about themselves or are spread over shards.

use std::fs;
use std::path::Path;

use blt::checkpoint::{Checkpoint, Environment};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::checkpoint::{alone, alone_tensors, oracle, safetensors, sentence, with_header};

fn open(folder: &Path) -> blt::Result<Checkpoint> {
    Checkpoint::open_in(folder.to_str().unwrap(), &Environment::default())
}

/// A folder with a config and these files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), alone().to_string()).unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn header_of(file: &[u8]) -> usize {
    8 + usize::try_from(u64::from_le_bytes(file[..8].try_into().unwrap())).unwrap()
}

#[test]
fn every_truncation_is_refused() {
    let file = fs::read(oracle().join("bf16w/model.safetensors")).unwrap();
    let data = header_of(&file);
    let lengths = [
        1,
        4,
        7,
        8,
        9,
        data / 2,
        data - 1,
        data,
        data + 1,
        data + 999,
        file.len() - 2,
        file.len() - 1,
    ];
    for length in lengths {
        let folder = folder(&[("model.safetensors", &file[..length])]);
        sentence(
            open(folder.path()),
            &["model.safetensors", "cut off", "download it again"],
        );
        let bytes = Checkpoint::from_bytes(
            alone().to_string().as_bytes(),
            file[..length].to_vec(),
            "origin",
        );
        sentence(bytes, &["origin", "cut off"]);
    }
    sentence(
        open(folder(&[("model.safetensors", &[])]).path()),
        &["model.safetensors", "is empty"],
    );
    sentence(
        Checkpoint::from_bytes(alone().to_string().as_bytes(), vec![], "origin"),
        &["origin", "is empty"],
    );

    let mut longer = file;
    longer.push(0);
    sentence(
        open(folder(&[("model.safetensors", &longer)]).path()),
        &["1 bytes after its last tensor"],
    );
}

#[test]
fn what_is_no_safetensors_file_is_refused() {
    let cases: [(&[u8], &str); 6] = [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "git lfs pull",
        ),
        (
            b"<!DOCTYPE html><html>not found</html>",
            "not a safetensors file",
        ),
        (b"PK\x03\x04 a pytorch archive", "not a safetensors file"),
        (&[255; 64], "not a safetensors file"),
        (
            &[3, 0, 0, 0, 0, 0, 0, 0, b'{', 255, b'}'],
            "not a safetensors file",
        ),
        (
            &[2, 0, 0, 0, 0, 0, 0, 0, b'[', b']'],
            "an object of tensors",
        ),
    ];
    for (content, part) in cases {
        sentence(
            open(folder(&[("model.safetensors", content)]).path()),
            &["model.safetensors", part],
        );
    }
    let nested = format!("{{\"a\":{}", "[".repeat(100_000));
    let file = with_header(&nested, 0);
    sentence(
        open(folder(&[("model.safetensors", &file)]).path()),
        &["not a safetensors file"],
    );
}

#[test]
fn headers_that_lie_are_refused() {
    let tensor = |dtype: &str, shape: Value, offsets: Value| {
        json!({"x": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).to_string()
    };
    let huge = "18446744073709551615";
    let cases = [
        (tensor("F32", json!([2]), json!([0, 4])), "`x` of F32 [2] cannot fill the bytes 0..4"),
        (tensor("F32", json!([1]), json!([4, 0])), "`x`"),
        (tensor("F32", json!([2]), json!([0, 8])), ""),
        (tensor("F32", json!([4]), json!([0, 16])), "only 8 are there"),
        (tensor("F32", json!([1]), json!([4, 8])), "4 bytes before the tensor `x` belong to none"),
        (tensor("F32", json!([1]), json!([0, 4])), "4 bytes after its last tensor"),
        (tensor("F32", json!([-1]), json!([0, 8])), "`x`"),
        (tensor("F32", json!([1.5]), json!([0, 8])), "`x`"),
        (tensor("F32", json!("2"), json!([0, 8])), "`x`"),
        (tensor("F32", json!([2]), json!([0])), "`x`"),
        (tensor("F32", json!([2]), json!([0, 8, 9])), "`x`"),
        (tensor("F31", json!([2]), json!([0, 8])), "F31"),
        (tensor("F4", json!([1]), json!([0, 0])), "`x`"),
        (tensor("F32", json!([4_294_967_296_u64, 4_294_967_296_u64]), json!([0, 8])), "`x`"),
        (tensor("U8", json!([u64::MAX]), json!([0, u64::MAX])), "`x`"),
        (format!("{{\"x\":{{\"dtype\":\"U8\",\"shape\":[{huge}0],\"data_offsets\":[0,8]}}}}"), "`x`"),
        (r#"{"x": 3}"#.into(), "`x` as 3"),
        (r#"{"x": null}"#.into(), "`x` as null"),
        ("{}".into(), "8 bytes after"),
        (r#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F16","shape":[3],"data_offsets":[2,8]}}"#.into(), "`x` and `y` overlap"),
        (r#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#.into(), "`x` twice"),
        (r#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#.into(), "`x` twice"),
    ];
    for (header, part) in cases {
        let folder = folder(&[("model.safetensors", &with_header(&header, 8))]);
        match part {
            "" => drop(open(folder.path()).unwrap()),
            part => drop(sentence(open(folder.path()), &["model.safetensors", part])),
        }
    }

    // Many sizes that fit one by one and overflow together.
    let each = 1_u64 << 60;
    let sums: Vec<_> = (0..17_u64)
        .map(|i| {
            let (from, to) = (i.wrapping_mul(each), (i + 1).wrapping_mul(each));
            format!(
                "\"t{i:02}\":{{\"dtype\":\"U8\",\"shape\":[{each}],\"data_offsets\":[{from},{to}]}}"
            )
        })
        .collect();
    let file = with_header(&format!("{{{}}}", sums.join(",")), 8);
    sentence(
        open(folder(&[("model.safetensors", &file)]).path()),
        &["model.safetensors"],
    );
}

#[test]
fn random_damage_never_panics() {
    let mut rng = StdRng::seed_from_u64(7);
    let whole = safetensors(&alone_tensors());
    let header = header_of(&whole);
    let config = alone().to_string().into_bytes();
    let mut opened = 0;
    for _ in 0..4000 {
        let (mut file, mut config) = (whole.clone(), config.clone());
        for _ in 0..rng.random_range(1..4) {
            match rng.random_range(0..4) {
                0 => file[rng.random_range(0..8)] = rng.random(),
                1 | 2 => file[rng.random_range(8..header)] = rng.random_range(b' '..b'~'),
                _ => {
                    let at = rng.random_range(0..config.len());
                    config[at] = rng.random_range(b' '..b'~');
                }
            }
        }
        if let Ok(checkpoint) = Checkpoint::from_bytes(&config, file, "damaged") {
            opened += 1;
            let shown = format!("{:#}", checkpoint.inspect());
            assert!(shown.contains("total"));
            if let Err(error) = checkpoint.entropy_weights() {
                assert!(!error.to_string().contains('\n'));
            }
        }
    }
    assert!(
        opened > 100,
        "only {opened} of the damaged files could be opened at all"
    );
}

/// The entropy model alone, over two shards.
fn shards() -> (Vec<u8>, Vec<u8>, Value) {
    let tensors = alone_tensors();
    let (first, second) = tensors.split_at(9);
    let mut map = serde_json::Map::new();
    for (part, file) in [
        (first, "model-00001-of-00002.safetensors"),
        (second, "model-00002-of-00002.safetensors"),
    ] {
        map.extend(part.iter().map(|t| (t.0.clone(), json!(file))));
    }
    (
        safetensors(first),
        safetensors(second),
        json!({"metadata": {"total_size": 1}, "weight_map": map}),
    )
}

fn sharded(first: &[u8], second: Option<&[u8]>, index: &str) -> tempfile::TempDir {
    let folder = folder(&[("model-00001-of-00002.safetensors", first)]);
    fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
    if let Some(second) = second {
        fs::write(
            folder.path().join("model-00002-of-00002.safetensors"),
            second,
        )
        .unwrap();
    }
    folder
}

#[test]
fn shards_are_one_checkpoint() {
    let (first, second, index) = shards();
    let folder = sharded(&first, Some(&second), &index.to_string());
    let checkpoint = open(folder.path()).unwrap();
    let weights = checkpoint.entropy_weights().unwrap();
    assert_eq!(weights.lm_head.shape, [260, 8]);
    let inspection = checkpoint.inspect();
    assert!(inspection.complete(), "{inspection}");
    assert_eq!(inspection.files.len(), 2);
    assert!(inspection.to_string().contains("2 files"));
}

#[test]
fn an_index_that_lies_is_refused() {
    let (first, second, index) = shards();
    let refused = |first: &[u8], second: Option<&[u8]>, index: &str, parts: &[&str]| {
        sentence(open(sharded(first, second, index).path()), parts);
    };
    let good = index.to_string();
    let file = "model.safetensors.index.json";
    refused(
        &first,
        None,
        &good,
        &[
            file,
            "`model-00002-of-00002.safetensors`",
            "not in its folder",
        ],
    );
    refused(
        &first,
        Some(&second[..40]),
        &good,
        &["model-00002-of-00002.safetensors", "cut off"],
    );
    refused(
        &first,
        Some(&[]),
        &good,
        &["model-00002-of-00002.safetensors", "empty"],
    );
    refused(
        &first,
        Some(&first),
        &good,
        &["00001", "00002", "`embed_tokens.weight`", "once"],
    );
    refused(&first, Some(&second), "{", &[file, "not valid JSON"]);
    refused(&first, Some(&second), "[]", &[file, "weight_map"]);
    refused(
        &first,
        Some(&second),
        r#"{"weight_map": 3}"#,
        &[file, "weight_map"],
    );
    refused(
        &first,
        Some(&second),
        r#"{"weight_map": {}}"#,
        &[file, "no tensor"],
    );

    let with = |tensor: &str, place: Value| {
        let mut index = index.clone();
        index["weight_map"][tensor] = place;
        index.to_string()
    };
    refused(
        &first,
        Some(&second),
        &with("ghost.weight", json!("model-00001-of-00002.safetensors")),
        &["`ghost.weight`", "00001"],
    );
    refused(
        &first,
        Some(&second),
        &with("norm.weight", json!("model-00001-of-00002.safetensors")),
        &["`norm.weight`", "00001"],
    );
    for place in [
        json!("../x.safetensors"),
        json!("/etc/passwd"),
        json!("a/b"),
        json!(".."),
        json!(""),
        json!(7),
        json!(null),
    ] {
        refused(
            &first,
            Some(&second),
            &with("norm.weight", place),
            &["`norm.weight`", "beside it"],
        );
    }
}
