//! Non-finite weights.

use std::path::Path;

use super::{oracle, refused};

/// A folder with a golden checkpoint in which the first element of a tensor has
/// other bits.
fn damaged(variant: &str, tensor: &str, bits: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = oracle(variant);
    std::fs::copy(from.join("config.json"), folder.path().join("config.json")).unwrap();
    let mut file = std::fs::read(from.join("model.safetensors")).unwrap();
    let (size, header) = safetensors::SafeTensors::read_metadata(&file).unwrap();
    let at = 8 + size + header.info(tensor).unwrap().data_offsets.0;
    file[at..at + 4].copy_from_slice(&bits.to_le_bytes());
    std::fs::write(folder.path().join("model.safetensors"), file).unwrap();
    folder
}

const NAN: u32 = f32::NAN.to_bits();
const INFINITE: u32 = f32::INFINITY.to_bits();
const HEAD: &str = "lm_head.weight";
const NORM: &str = "model.local_decoder.norm.weight";
const PATCHER: &str = "model.patcher.norm.weight";

fn check(arguments: &[&str], folder: &Path, words: &[&str]) {
    let folder = folder.display().to_string();
    let arguments = [arguments, &["-q", "-m", &folder]].concat();
    let (code, sentence) = refused(&arguments);
    assert_eq!(code, 4, "{arguments:?}: {sentence}");
    for word in words {
        assert!(sentence.contains(word), "{arguments:?}: {sentence}");
    }
}

#[test]
fn the_tensor_is_named() {
    for (tensor, bits) in [(NORM, NAN), (HEAD, INFINITE), (PATCHER, NAN)] {
        let folder = damaged("k2_base", tensor, bits);
        let here = folder.path().display().to_string();
        let words = [tensor, here.as_str(), "NaN or infinite", "another copy"];
        check(
            &["generate", "-p", "some text", "-n", "4"],
            folder.path(),
            &words,
        );
        check(
            &["generate", "-p", "", "-n", "4", "--echo"],
            folder.path(),
            &words,
        );
        check(&["score", "-"], folder.path(), &words);
        check(
            &["bench", "-p", "8", "-n", "0", "-r", "1"],
            folder.path(),
            &words,
        );
    }
}

#[test]
fn so_it_is_for_the_entropy_model_alone() {
    for (tensor, bits) in [(PATCHER, NAN), (PATCHER, INFINITE)] {
        let folder = damaged("k2_base", tensor, bits);
        let words = [tensor, "NaN or infinite"];
        check(&["patch", "some text"], folder.path(), &words);
        check(&["entropy", "t"], folder.path(), &words);
        check(
            &["patch", "a text", "--patch-size", "3"],
            folder.path(),
            &words,
        );
        check(
            &["score", "--model-part", "entropy", "-"],
            folder.path(),
            &words,
        );
    }
    // What the entropy model does not read does not trouble it.
    let folder = damaged("k2_base", NORM, NAN);
    let folder = folder.path().display().to_string();
    super::good(&["patch", "some text", "-m", &folder], b"");
}

#[test]
fn an_entropy_model_in_place_of_the_own_is_looked_into() {
    let folder = damaged("window", PATCHER, NAN);
    let other = folder.path().display().to_string();
    let arguments = ["generate", "-p", "x", "--entropy-model", &other];
    check(&arguments, &oracle("k2_base"), &[PATCHER, &other]);
}

#[test]
fn numbers_that_are_too_large_are_no_damage() {
    let folder = damaged("k2_base", NORM, f32::MAX.to_bits());
    let words = ["after position ", "far too large"];
    check(&["generate", "-p", "some text"], folder.path(), &words);
}
