//! Weights in 8 and 4 bits, from the command line.

use serde_json::{Value, json};

use super::{good, refused};

fn inspected(model: &str) -> Value {
    let text = good(&["inspect", "-m", model, "--json"], b"").text();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_converted_model_writes_what_quantising_at_load_writes() {
    let root = tempfile::tempdir().unwrap();
    for (bits, dtype, named) in [
        ("8", "q8", "Q8/64"),
        ("4", "q4", "Q4/64"),
        ("mixed", "mixed", "Q8/64"),
    ] {
        let folder = root.path().join(bits);
        let out = folder.to_str().unwrap();
        good(&["convert", "-q", out, "--dtype", dtype], b"");
        let found = inspected(out);
        assert_eq!(found["parts"][0]["dtypes"][0], json!(named));
        assert_eq!(found["missing"], json!([]));
        let text = |more: &[&str]| {
            let all = ["generate", "-q", "-p", "The ", "-n", "24", "--temp", "0"];
            good(&[&all[..], more].concat(), b"").out
        };
        assert_eq!(text(&["-m", out]), text(&["--weights", bits]));
        // A file has no more bits than it has.
        assert_eq!(text(&["-m", out]), text(&["-m", out, "--weights", "16"]));
    }
}

#[test]
fn the_forecast_is_of_the_bits_that_were_asked_for() {
    // The model itself has 8 and 4 bits.
    let root = tempfile::tempdir().unwrap();
    let wide = root.path().join("wide").display().to_string();
    good(&["convert", "-q", &wide, "--dtype", "f16"], b"");
    let run = |bits: &str| {
        let all = [
            "generate",
            "-m",
            &wide,
            "-p",
            "x",
            "-n",
            "1",
            "--weights",
            bits,
        ];
        good(&all, b"").err
    };
    let mib = |told: &str| -> f64 {
        let (_, rest) = told.split_once(" needs ").unwrap();
        rest.split_once(' ').unwrap().0.parse().unwrap()
    };
    let [stored, eight, mixed, four] = ["16", "8", "mixed", "4"].map(|bits| mib(&run(bits)));
    assert!(
        stored > 1.6 * eight && eight > 1.2 * mixed && mixed > 1.2 * four,
        "{stored} {eight} {mixed} {four}"
    );
    let (code, sentence) = refused(&["generate", "-p", "x", "--weights", "5"]);
    assert_eq!(code, 2);
    assert!(sentence.contains("auto, 16, 8, mixed or 4"), "{sentence}");
}

/// A checkpoint of about 90 MB in bf16, of random weights.
#[cfg(unix)]
fn large(folder: &std::path::Path) {
    use blt::checkpoint::{Checkpoint, ConvertOptions, Dtype};
    let config = folder.with_extension("json");
    let mut json: Value = serde_json::from_slice(
        &std::fs::read(super::oracle("k2_base").join("config.json")).unwrap(),
    )
    .unwrap();
    json["encoder_hash_byte_group_vocab"] = json!(120_011);
    for section in ["encoder_config", "decoder_config"] {
        json[section]["hidden_size"] = json!(64);
        json[section]["head_dim"] = json!(16);
    }
    std::fs::write(&config, json.to_string()).unwrap();
    let random = Checkpoint::like(config.to_str().unwrap(), Dtype::Bf16, 1).unwrap();
    random
        .convert(folder, &ConvertOptions::default(), |_| Ok(()))
        .unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn converting_takes_memory_for_pieces_and_leaves_nothing_when_killed() {
    use assert_cmd::cargo::CommandCargoExt as _;
    use std::process::{Command, Stdio};

    let root = tempfile::tempdir().unwrap();
    let model = root.path().join("bf16");
    large(&model);
    let start = |out: &std::path::Path| {
        let mut command = Command::cargo_bin("blt").unwrap();
        command.args(["convert", "-q", "--dtype", "q4", "-m"]);
        command.arg(&model).arg(out).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let out = root.path().join("q4");
    let mut child = start(&out);
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok());
        most = most.max(kib.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    let size = std::fs::metadata(model.join("model.safetensors"))
        .unwrap()
        .len();
    assert!(size > 80 << 20, "{size}");
    // The program with its embedded model, and pieces; not the file.
    assert!(most > 0 && most < 60 << 10, "{most} KiB");

    let killed = root.path().join("killed");
    let mut child = start(&killed);
    let begun = || {
        let names = std::fs::read_dir(root.path()).unwrap().map(Result::unwrap);
        let mut names = names.map(|entry| entry.file_name().into_string().unwrap());
        names.any(|name| name.ends_with(".part"))
    };
    while !begun() {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!killed.exists());
}
