//! What is here to run on and with: devices, models, kernels.

use blt::device::Tier;
use serde_json::Value;

use super::{good, model};

#[test]
fn devices_are_listed_best_first() {
    let ran = good(&["devices"], b"");
    let text = ran.text();
    assert!(text.lines().next().unwrap().contains("backend"));
    assert_eq!(
        text.lines().filter(|line| line.starts_with("*  ")).count(),
        1
    );

    let list: Vec<Value> = serde_json::from_str(&good(&["devices", "--json"], b"").text()).unwrap();
    assert_eq!(
        list.iter()
            .filter(|adapter| adapter["chosen"] == true)
            .count(),
        1
    );
    assert_eq!(list[0]["chosen"], true);
    for (index, adapter) in list.iter().enumerate() {
        assert_eq!(adapter["index"], index);
        for key in ["name", "class", "driver"] {
            assert!(text.contains(adapter[key].as_str().unwrap()), "{key}");
        }
        // The processor has no graphics API, and so nothing that belongs to one.
        for key in ["backend", "tier", "binding_bytes", "buffer_bytes"] {
            assert_eq!(adapter[key].is_null(), adapter["class"] == "cpu", "{key}");
        }
    }
    assert_eq!(
        list.iter()
            .filter(|device| device["class"] == "cpu")
            .count(),
        1
    );
    // A GPU comes before the processor, a software driver after it.
    let ranks = ["discrete", "integrated", "virtual", "cpu", "software"];
    let rank = |device: &Value| ranks.iter().position(|class| device["class"] == *class);
    assert!(list.is_sorted_by_key(rank), "{text}");
    assert_eq!(
        ran.err.contains("a software driver"),
        list[0]["class"] == "software",
        "{}",
        ran.err
    );

    let last = (list.len() - 1).to_string();
    let chosen = good(&["devices", "--json", "--adapter", &last], b"").text();
    let chosen: Vec<Value> = serde_json::from_str(&chosen).unwrap();
    assert_eq!(chosen.last().unwrap()["chosen"], true);
}

/// An index is that of the list, also where a tier leaves the processor out of account.
#[test]
fn an_index_means_the_same_device_with_a_tier() {
    let list = good(&["devices", "--json"], b"").text();
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    for (index, device) in list.iter().enumerate() {
        let index = index.to_string();
        let arguments = ["--tier", "base", "--adapter", &index, "patch", "-v", "a"];
        if device["class"] == "cpu" {
            let ran = super::Ran::of(&mut super::blt(&arguments));
            assert_eq!(ran.code, 2, "{}", ran.err);
            assert!(ran.err.contains("no tiers"), "{}", ran.err);
        } else {
            let ran = good(&arguments, b"");
            assert!(
                ran.err.contains(device["name"].as_str().unwrap()),
                "{}",
                ran.err
            );
        }
    }
    let ran = good(&["--tier", "base", "patch", "-v", "a"], b"");
    let first = list.iter().find(|device| device["class"] != "cpu").unwrap();
    assert!(
        ran.err.contains(first["name"].as_str().unwrap()),
        "{}",
        ran.err
    );
}

#[test]
fn what_is_found_out_about_an_adapter_is_kept_and_shown() {
    let list = good(&["devices", "--json"], b"").text();
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    let mut adapters = list.iter().filter(|adapter| !adapter["backend"].is_null());
    let adapter = adapters
        .next()
        .expect("a graphics adapter, Mesa's software driver at least");
    let (index, model) = (adapter["index"].to_string(), model());
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = super::blt(&["--adapter", &index]);
        command.args(arguments).env("XDG_CACHE_HOME", folder.path());
        let ran = super::Ran::of(&mut command);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        ran
    };
    let patch = ["patch", "-m", &model, "--format", "jsonl", "Some words"];
    let plain = run(&[&patch[..], &["--tune", "off"]].concat()).text();
    assert!(
        run(&["devices", "-v"])
            .text()
            .contains("no model has been loaded on it yet")
    );
    let tuned = run(&[&patch[..], &["--tune", "again", "-v"]].concat());
    assert_eq!(tuned.text().lines().count(), plain.lines().count());
    assert!(
        tuned.err.contains("kernel variants checked in"),
        "{}",
        tuned.err
    );
    let known = run(&["devices", "-v"]).text();
    for part in [
        "kernel variants agree with the processor",
        "us per step",
        "kept in ",
    ] {
        // A choice needs a tier above the base one.
        let needed = part != "us per step" || adapter["tier"] != "base";
        assert!(!needed || known.contains(part), "{part}: {known}");
    }
    // The words `kept in` lead to the file; broken, it is as if it were not there.
    let file = known
        .lines()
        .find_map(|line| line.split("kept in ").nth(1))
        .unwrap();
    assert!(std::path::Path::new(file).starts_with(folder.path()));
    std::fs::write(file, "{\"about\": 3").unwrap();
    assert!(
        run(&["devices", "-v"])
            .text()
            .contains("no model has been loaded on it yet")
    );
    // And a folder that cannot be written changes nothing.
    std::fs::remove_dir_all(folder.path().join("blt")).unwrap();
    std::fs::write(folder.path().join("blt"), "").unwrap();
    let again = run(&[&patch[..], &["--tune", "again"]].concat());
    assert_eq!(again.text().lines().count(), plain.lines().count());
}

#[test]
fn inspect_says_what_is_inside() {
    let model = model();
    let short = good(&["inspect", "-m", &model], b"").text();
    let long = good(&["inspect", "-m", &model, "--tensors"], b"").text();
    assert!(short.contains("entropy model") && !short.contains("embed_tokens.weight"));
    assert!(long.contains("model.patcher.embed_tokens.weight"));

    let json: Value =
        serde_json::from_str(&good(&["inspect", "-m", &model, "--json"], b"").text()).unwrap();
    assert_eq!(json["total"]["tensors"], 90);
    assert_eq!(json["tensors"], Value::Array(Vec::new()));
    let file = format!("{model}/model.safetensors");
    let full = good(&["inspect", "-m", &file, "--json", "--tensors"], b"").text();
    let full: Value = serde_json::from_str(&full).unwrap();
    assert_eq!(full["tensors"].as_array().unwrap().len(), 90);
    assert_eq!(full["total"], json["total"]);
}

#[test]
fn every_tier_gives_the_same_patches() {
    let model = model();
    let list = good(&["devices", "--json"], b"").text();
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    let best = list.iter().find_map(|device| device["tier"].as_str());
    let best = best.unwrap();
    let text = "Any tier gives the same patches, with or without checks.";
    let expected = good(&["patch", "-m", &model, text], b"").text();
    let best: Tier = best.parse().unwrap();
    for tier in Tier::ALL.into_iter().filter(|tier| best.includes(*tier)) {
        let arguments = ["--tier", &tier.to_string(), "patch", "-m", &model, text];
        assert_eq!(good(&arguments, b"").text(), expected, "{tier}");
    }
    let checked = good(
        &[
            "--tier",
            "base",
            "patch",
            "-m",
            &model,
            "--checked-shaders",
            text,
        ],
        b"",
    )
    .text();
    assert_eq!(checked, expected);
}
