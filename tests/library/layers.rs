//! Who may import whom: the layers of `src`, and no circle among its files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each layer with those below it that it may use; what all may use is left out.
const LAYERS: [(&str, &[&str]); 15] = [
    ("bytes", &[]),
    ("numerics", &["bytes"]),
    ("device", &["numerics"]),
    ("checkpoint", &["numerics"]),
    ("weights", &["device", "checkpoint", "numerics"]),
    ("patch", &["bytes"]),
    ("record", &["bytes", "patch"]),
    ("verify", &["bytes", "numerics", "device"]),
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
            "model",
            "session",
            "generate",
            "verify",
        ],
    ),
    (
        "corpus",
        &["bytes", "checkpoint", "patch", "model", "session"],
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
const SHARED: [&str; 9] = [
    "error",
    "Error",
    "Result",
    "clock",
    "files",
    "mapped",
    "page",
    "signals",
    "text_file",
];

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

/// The paths of a `use`: those in braces each, without what they are renamed to.
fn paths(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((prefix, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap();
        return vec![path.to_owned()];
    };
    let inside = &rest[..rest.rfind('}').unwrap()];
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in inside.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            c => parts.last_mut().unwrap().push(c),
        }
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts
        .flat_map(|part| paths(&format!("{prefix}{}", part.trim())))
        .collect()
}

/// Every path that a file names, in a `use` or where it is needed.
fn named(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in code.split(';') {
        let Some(at) = line.rfind("use ").filter(|at| {
            let before = line[..*at].rsplit('\n').next().unwrap().trim();
            before.is_empty() || before.starts_with("pub")
        }) else {
            continue;
        };
        found.extend(paths(&line[at + 4..].replace('\n', " ")));
    }
    for (at, _) in code.match_indices("::") {
        let from_root = ["crate", "super"];
        if from_root.iter().any(|root| code[..at].ends_with(root)) {
            let begin = code[..at].rfind(|c: char| !c.is_alphanumeric() && c != ':');
            let rest = &code[begin.map_or(0, |begin| begin + 1)..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != ':' && c != '_');
            found.push(rest[..end.unwrap_or(rest.len())].to_owned());
        }
    }
    found
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
            for path_used in named(&code(path)) {
                let Some(used) = path_used.strip_prefix("crate::") else {
                    continue;
                };
                let used = used.split("::").next().unwrap();
                // Names in braces are each found as a `use`.
                if used.is_empty() {
                    continue;
                }
                assert!(
                    used == layer || below.contains(&used) || SHARED.contains(&used),
                    "{} uses {used}, which is not below {layer}",
                    path.display()
                );
            }
        }
    }
}

/// What the roots of folders hand on: the root, the name, and the file that it is in.
type HandedOn = BTreeMap<(String, String), String>;

/// The file that a path in the file `own` leads to, by the names of their modules.
fn target(path: &str, own: &str, known: &BTreeSet<String>, handed_on: &HandedOn) -> Option<String> {
    let mut parts: Vec<&str> = path.split("::").map(str::trim).collect();
    let mut from: Vec<&str> = own.split("::").filter(|part| !part.is_empty()).collect();
    match parts[0] {
        "crate" => from.clear(),
        "self" => {}
        "super" => {
            let up = parts.iter().take_while(|part| **part == "super").count();
            from.truncate(from.len() - up);
            parts.drain(..up - 1);
        }
        _ => parts.insert(0, ""),
    }
    from.extend(&parts[1..]);
    let longest = (1..=from.len())
        .rev()
        .map(|length| from[..length].join("::"));
    let found = longest.into_iter().find(|name| known.contains(name))?;
    let name = from.get(found.split("::").count()).unwrap_or(&"");
    let file = handed_on.get(&(found.clone(), (*name).to_owned()));
    Some(file.cloned().unwrap_or(found))
}

/// The names that a file imports for others as well.
fn public(code: &str) -> Vec<String> {
    let uses = code.split(';').filter_map(|line| {
        let at = line.rfind("use ")?;
        let before = line[..at].rsplit('\n').next()?.trim();
        before
            .starts_with("pub")
            .then(|| line[at + 4..].replace('\n', " "))
    });
    uses.flat_map(|tree| paths(&tree)).collect()
}

#[test]
fn files_import_without_circles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&root, &mut all);
    let name_of = |path: &Path| {
        let inside = path.strip_prefix(&root).unwrap().with_extension("");
        let parts = inside.iter().map(|part| part.to_str().unwrap());
        let parts: Vec<&str> = parts.filter(|part| *part != "mod").collect();
        // What a kernel does with few and with many rows belongs to it.
        let name = parts.join("::");
        name.trim_end_matches("_few")
            .trim_end_matches("_many")
            .to_owned()
    };
    all.retain(|path| {
        !path
            .iter()
            .any(|part| part == "tests" || part == "tests.rs")
    });
    let known: BTreeSet<String> = all.iter().map(|path| name_of(path)).collect();
    let mut handed_on = HandedOn::new();
    for path in &all {
        let own = name_of(path);
        for used in public(&code(path)) {
            let name = used.rsplit("::").next().unwrap().trim().to_owned();
            if let Some(file) = target(&used, &own, &known, &HandedOn::new()) {
                handed_on.insert((own.clone(), name), file);
            }
        }
    }
    let within = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in &all {
        let own = name_of(path);
        let targets = named(&code(path));
        let targets = targets
            .iter()
            .filter_map(|path| target(path, &own, &known, &handed_on))
            // A folder's root gathers what is in it, and says what it shares.
            .filter(|used| !within(used, &own) && !within(&own, used));
        uses.entry(own.clone()).or_default().extend(targets);
    }
    let number: usize = uses.values().map(BTreeSet::len).sum();
    assert!(number > 900, "only {number} imports were found");

    // Files that use none of those that are left go first; a circle stays.
    while let Some(free) = uses
        .iter()
        .find(|(_, used)| used.iter().all(|name| !uses.contains_key(name)))
        .map(|(name, _)| name.clone())
    {
        uses.remove(&free);
    }
    let used_within: Vec<&String> = uses
        .keys()
        .filter(|name| uses.values().any(|used| used.contains(*name)))
        .collect();
    assert!(uses.is_empty(), "circles of imports: {used_within:?}");
}

#[test]
fn texts_of_the_window_are_in_tables_of_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/window");
    let mut all = Vec::new();
    files(&root, &mut all);
    for path in all {
        let is_table = path.components().any(|part| {
            let name = part.as_os_str();
            name == "words" || name == "words.rs" || name == "tests" || name == "tests.rs"
        });
        let code: String = code(&path).split_whitespace().collect();
        let chooses = code.contains("language.pick(") || code.contains("language().pick(");
        assert!(
            is_table || !chooses,
            "{} chooses texts by language; a translator looks for them in words.rs",
            path.display()
        );
    }
}
