//! Who may import whom: the layers of `src`, and no circle in the device layer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each layer with those below it that it may use; what all may use is left out.
const LAYERS: [(&str, &[&str]); 14] = [
    ("bytes", &[]),
    ("numerics", &["bytes"]),
    ("device", &["numerics"]),
    ("checkpoint", &["numerics"]),
    ("weights", &["device", "checkpoint", "numerics"]),
    ("patch", &["bytes"]),
    ("record", &["bytes", "patch"]),
    ("reference", &["bytes", "numerics"]),
    ("samples", &[]),
    ("model", &["numerics", "device", "checkpoint", "weights"]),
    (
        "session",
        &[
            "bytes",
            "device",
            "checkpoint",
            "model",
            "patch",
            "record",
            "samples",
        ],
    ),
    ("generate", &["bytes", "model", "record", "session"]),
    (
        "measure",
        &[
            "bytes",
            "numerics",
            "device",
            "checkpoint",
            "weights",
            "patch",
            "record",
            "reference",
            "model",
            "session",
            "generate",
        ],
    ),
    (
        "window",
        &[
            "bytes",
            "numerics",
            "device",
            "checkpoint",
            "patch",
            "record",
            "samples",
            "model",
            "session",
            "generate",
            "measure",
        ],
    ),
];
/// What every layer may use.
const SHARED: [&str; 4] = ["error", "Error", "Result", "clock"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file, without comments and without its tests, which may use anything.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The names after `prefix` in a text, those in braces each.
fn names_after<'t>(text: &'t str, prefix: &str) -> Vec<&'t str> {
    let name = |rest: &'t str| {
        let rest = rest.trim_start();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    };
    let names = text.split(prefix).skip(1);
    let names = names.flat_map(|rest| match rest.strip_prefix('{') {
        Some(list) => list
            .split('}')
            .next()
            .unwrap_or("")
            .split(',')
            .map(name)
            .collect(),
        None => vec![name(rest)],
    });
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn layers_use_only_those_below() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (layer, below) in LAYERS {
        let mut all = Vec::new();
        match root.join(layer).is_dir() {
            true => files(&root.join(layer), &mut all),
            false => all.push(root.join(format!("{layer}.rs"))),
        }
        for path in all.iter().filter(|path| !path.ends_with("tests.rs")) {
            if path.components().any(|part| part.as_os_str() == "tests") {
                continue;
            }
            for used in names_after(&code(path), "crate::") {
                assert!(
                    used == layer || below.contains(&used) || SHARED.contains(&used),
                    "{} uses {used}, which is not below {layer}",
                    path.display()
                );
            }
        }
    }
}

/// The file of the device layer that a path within it leads to.
fn module(path: &[&str], known: &BTreeSet<String>) -> Option<String> {
    (1..=path.len()).rev().find_map(|length| {
        let name = path[..length].join("::");
        let kernel = name.trim_end_matches("_few").trim_end_matches("_many");
        known.contains(kernel).then(|| kernel.to_owned())
    })
}

#[test]
fn the_device_layer_has_no_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/device");
    let mut all = Vec::new();
    files(&root, &mut all);
    let name_of = |path: &Path| {
        let inside = path.strip_prefix(&root).unwrap().with_extension("");
        let parts = inside.iter().map(|part| part.to_str().unwrap());
        parts
            .filter(|part| *part != "mod")
            .collect::<Vec<_>>()
            .join("::")
    };
    let known: BTreeSet<String> = all.iter().map(|path| name_of(path)).collect();
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in &all {
        let own = name_of(path);
        // A folder's `mod.rs` names its own files, and so does the root.
        let text = code(path);
        let depth: Vec<&str> = own.split("::").filter(|part| !part.is_empty()).collect();
        let is_folder = path.ends_with("mod.rs");
        let parent = &depth[..depth.len().saturating_sub(usize::from(!is_folder))];
        for line in text
            .lines()
            .filter(|line| line.trim_start().starts_with("use ") || line.contains("pub use"))
        {
            let line = line.trim_start();
            let target: Vec<&str> = if let Some(rest) = line.split("crate::device::").nth(1) {
                rest.split("::").collect()
            } else if let Some(rest) = line
                .split("super::")
                .last()
                .filter(|_| line.contains("super::"))
            {
                let up = line.matches("super::").count() - usize::from(is_folder);
                let kept = parent
                    .len()
                    .saturating_sub(up - usize::from(!is_folder && up > 0));
                parent[..kept]
                    .iter()
                    .copied()
                    .chain(rest.split("::"))
                    .collect()
            } else {
                continue;
            };
            let target: Vec<&str> = target
                .iter()
                .map(|part| part.trim_end_matches([';', ',']).trim())
                .collect();
            if let Some(used) = module(&target, &known)
                && used != own
                && !used.is_empty()
            {
                uses.entry(own.clone()).or_default().insert(used);
            }
        }
    }
    // The roots of folders only gather what is in them.
    let gathers = |name: &str| matches!(name, "" | "cpu" | "gpu" | "cpu::raw" | "cpu::kernels");
    let mut state: BTreeMap<&str, bool> = BTreeMap::new();
    fn visit<'n>(
        name: &'n str,
        uses: &'n BTreeMap<String, BTreeSet<String>>,
        state: &mut BTreeMap<&'n str, bool>,
        way: &mut Vec<&'n str>,
        gathers: &dyn Fn(&str) -> bool,
    ) {
        way.push(name);
        match state.get(name) {
            Some(true) => {}
            Some(false) => panic!("a circle of imports: {}", way.join(" -> ")),
            None => {
                state.insert(name, false);
                for next in uses.get(name).into_iter().flatten() {
                    if !gathers(next) {
                        visit(next, uses, state, way, gathers);
                    }
                }
                state.insert(name, true);
            }
        }
        way.pop();
    }
    assert!(uses.len() > 20, "the imports were not found: {uses:?}");
    for name in uses.keys() {
        visit(name, &uses, &mut state, &mut Vec::new(), &gathers);
    }
}
