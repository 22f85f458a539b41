//! What `-m` may name.

use std::fs;
use std::path::{Path, PathBuf};

use blt::checkpoint::{Checkpoint, Environment, cached_models};

use crate::checkpoint::{alone, alone_tensors, safetensors, sentence};

fn checkpoint_in(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("config.json"), alone().to_string()).unwrap();
    fs::write(
        folder.join("model.safetensors"),
        safetensors(&alone_tensors()),
    )
    .unwrap();
}

fn open(path: &Path) -> blt::Result<Checkpoint> {
    Checkpoint::open_in(path.to_str().unwrap(), &Environment::default())
}

#[test]
fn folders_and_files() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("a model / with spaces, ümläuts and 한글");
    checkpoint_in(&folder);
    for name in [
        folder.clone(),
        folder.join(""),
        folder.join("model.safetensors"),
    ] {
        let checkpoint = open(&name).unwrap();
        assert_eq!(checkpoint.origin(), name.to_str().unwrap());
        checkpoint.entropy_weights().unwrap();
    }
    let renamed = folder.join("weights of mine.safetensors");
    fs::rename(folder.join("model.safetensors"), &renamed).unwrap();
    open(&renamed).unwrap();
    sentence(
        open(&folder),
        &["needs model.safetensors", "weights of mine.safetensors"],
    );
    sentence(
        open(&folder.join("config.json")),
        &["needs model.safetensors", "weights of mine.safetensors"],
    );
    fs::remove_file(folder.join("config.json")).unwrap();
    sentence(
        open(&renamed),
        &[
            "no config.json (or Meta's params.json) beside",
            "weights of mine",
        ],
    );
}

#[test]
fn folders_that_hold_no_checkpoint() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path();
    let shown = path.to_str().unwrap();
    sentence(
        open(path),
        &[shown, "config.json and model.safetensors", "holds nothing"],
    );
    fs::write(path.join("notes.txt"), "").unwrap();
    sentence(open(path), &["needs config.json", "holds notes.txt"]);
    fs::write(path.join("consolidated.pth"), "").unwrap();
    sentence(open(path), &["consolidated.pth", "params.json"]);
    for i in 0..50 {
        fs::write(path.join(format!("file{i:02}")), "").unwrap();
    }
    sentence(open(path), &["and 44 more"]);

    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("model.safetensors"), "x").unwrap();
    sentence(
        open(root.path()),
        &["needs config.json (or Meta's params.json) and holds model.safetensors"],
    );
    fs::write(root.path().join("config.json"), alone().to_string()).unwrap();
    fs::remove_file(root.path().join("model.safetensors")).unwrap();
    fs::create_dir(root.path().join("model.safetensors")).unwrap();
    sentence(open(root.path()), &["model.safetensors is not a file"]);
}

#[test]
fn names_that_are_nothing() {
    let root = tempfile::tempdir().unwrap();
    let absent = root.path().join("absent");
    sentence(open(&absent), &["absent", "folder", "org/name"]);
    for name in [
        "",
        "gpt2",
        "a/b/c",
        "../up",
        "./here/model",
        "a//b",
        "org/name@",
        "org/name@a//b",
        "org/..",
        "nul\0/byte",
    ] {
        sentence(
            Checkpoint::open_in(name, &Environment::default()),
            &["there is no checkpoint"],
        );
    }
    sentence(
        Checkpoint::open_in("org/name", &Environment::default()),
        &["org/name", "HF_HOME"],
    );
}

#[cfg(unix)]
#[test]
fn links() {
    let root = tempfile::tempdir().unwrap();
    let (real, link) = (root.path().join("real"), root.path().join("link"));
    checkpoint_in(&real);
    std::os::unix::fs::symlink(&real, &link).unwrap();
    open(&link).unwrap();
    fs::rename(real.join("model.safetensors"), root.path().join("blob")).unwrap();
    std::os::unix::fs::symlink(root.path().join("blob"), real.join("model.safetensors")).unwrap();
    open(&link).unwrap();
    fs::remove_file(root.path().join("blob")).unwrap();
    sentence(open(&real), &["link to nothing"]);
    sentence(open(&real.join("model.safetensors")), &["link to nothing"]);
    sentence(
        open(Path::new("/dev/null")),
        &["neither a file nor a folder"],
    );
}

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A cache with one model at one commit, `main` pointing to it.
fn cache(hub: &Path) -> PathBuf {
    let model = hub.join("models--acme--tiny-blt.v1");
    checkpoint_in(&model.join("snapshots").join(COMMIT));
    fs::create_dir_all(model.join("refs/pr")).unwrap();
    fs::write(model.join("refs/main"), COMMIT).unwrap();
    fs::write(model.join("refs/pr/1"), format!("{COMMIT}\n")).unwrap();
    model
}

#[test]
fn the_cache_is_where_the_environment_says() {
    let root = tempfile::tempdir().unwrap();
    let at = |below: &str| root.path().join(below);
    let none = Environment::default();
    let cases = [
        (
            "cache",
            Environment {
                hf_hub_cache: Some(at("cache")),
                hf_home: Some(at("wrong")),
                ..none.clone()
            },
        ),
        (
            "hf/hub",
            Environment {
                hf_home: Some(at("hf")),
                home: Some(at("wrong")),
                ..none.clone()
            },
        ),
        (
            "xdg/huggingface/hub",
            Environment {
                xdg_cache_home: Some(at("xdg")),
                home: Some(at("wrong")),
                ..none.clone()
            },
        ),
        (
            "me/.cache/huggingface/hub",
            Environment {
                home: Some(at("me")),
                ..none.clone()
            },
        ),
    ];
    for (below, environment) in cases {
        assert_eq!(environment.hub(), Some(at(below)));
        cache(&at(below));
        for name in [
            "acme/tiny-blt.v1",
            "acme/tiny-blt.v1@main",
            "acme/tiny-blt.v1@pr/1",
            &format!("acme/tiny-blt.v1@{COMMIT}"),
        ] {
            let checkpoint = Checkpoint::open_in(name, &environment).unwrap();
            assert_eq!(checkpoint.origin(), format!("acme/tiny-blt.v1@{COMMIT}"));
            checkpoint.entropy_weights().unwrap();
        }
    }
    assert_eq!(none.hub(), None);
    assert!(Environment::of_process().hub().is_some() || std::env::home_dir().is_none());
}

#[test]
fn a_miss_in_the_cache_says_what_is_there() {
    let root = tempfile::tempdir().unwrap();
    let environment = Environment {
        hf_hub_cache: Some(root.path().into()),
        ..Environment::default()
    };
    let miss =
        |name: &str, parts: &[&str]| sentence(Checkpoint::open_in(name, &environment), parts);
    let hub = root.path().to_str().unwrap();
    miss(
        "acme/other",
        &[
            hub,
            "acme/other",
            "holds nothing",
            "hf download acme/other",
            "gated",
        ],
    );
    let model = cache(root.path());
    miss(
        "acme/other",
        &["holds acme/tiny-blt.v1", "hf download acme/other"],
    );
    miss(
        "acme/tiny-blt.v1@v2",
        &[
            "no revision `v2`",
            "main",
            COMMIT,
            "hf download acme/tiny-blt.v1 --revision v2",
        ],
    );
    miss("acme/tiny-blt.v1@.hidden", &["there is no checkpoint"]);

    // Gated weights: the download stopped after the config.
    let snapshot = model.join("snapshots").join(COMMIT);
    fs::remove_file(snapshot.join("model.safetensors")).unwrap();
    miss(
        "acme/tiny-blt.v1",
        &[
            "needs model.safetensors",
            "holds config.json",
            "gated",
            "hf auth login",
        ],
    );
    for bad in ["../../..", "", "/etc", "a b"] {
        fs::write(model.join("refs/main"), bad).unwrap();
        miss("acme/tiny-blt.v1", &["no revision `main`", COMMIT]);
    }
    fs::remove_dir_all(model.join("snapshots")).unwrap();
    miss("acme/tiny-blt.v1", &["no revision `main`"]);
}

#[test]
fn a_path_wins_over_the_cache() {
    let root = tempfile::tempdir().unwrap();
    let environment = Environment {
        hf_hub_cache: Some(root.path().into()),
        ..Environment::default()
    };
    // `src/checkpoint` exists where tests run, and has the form of a model's name.
    sentence(
        Checkpoint::open_in("src/checkpoint", &environment),
        &["src/checkpoint needs config.json", "dcp.rs"],
    );
}

#[test]
fn downloaded_models_are_listed_by_name() {
    let root = tempfile::tempdir().unwrap();
    let environment = Environment {
        hf_hub_cache: Some(root.path().to_owned()),
        ..Environment::default()
    };
    for folder in [
        "models--facebook--blt-1b",
        "models--itazap--BLT--small",
        "models--org--other",
        "datasets--org--blt",
    ] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    assert_eq!(
        cached_models(&environment),
        ["facebook/blt-1b", "itazap/BLT--small"]
    );
    assert!(cached_models(&Environment::default()).is_empty());
}

/// Caches as copies and interrupted downloads leave them.
#[test]
fn caches_without_refs_or_with_several_revisions() {
    let root = tempfile::tempdir().unwrap();
    let environment = Environment {
        hf_hub_cache: Some(root.path().into()),
        ..Environment::default()
    };
    let open = |name: &str| Checkpoint::open_in(name, &environment);
    let origin = |name: &str| open(name).unwrap().origin().to_owned();
    let model = cache(root.path());
    let name = "acme/tiny-blt.v1";
    let main = format!("{name}@{COMMIT}");

    // A byte order mark or a line feed in the file of a branch is not part of the commit.
    for content in [format!("{COMMIT}\r\n"), format!("\u{feff}{COMMIT}")] {
        fs::write(model.join("refs/main"), content).unwrap();
        assert_eq!(origin(name), main);
    }

    // A lone snapshot without `refs` can only be the one.
    fs::remove_dir_all(model.join("refs")).unwrap();
    assert_eq!(origin(name), main);
    assert_eq!(origin(&format!("{name}@{COMMIT}")), main);
    // A commit may be shortened as people do, and not further.
    assert_eq!(origin(&format!("{name}@{}", &COMMIT[..7])), main);
    let short = format!("{name}@{}", &COMMIT[..3]);
    sentence(open(&short), &["no revision", COMMIT]);

    // Of several one must be chosen, and what is there is listed with how to.
    let other = "ffff0123456789ffff0123456789ffff01234567";
    checkpoint_in(&model.join("snapshots").join(other));
    let choose = format!("{name}@REVISION");
    sentence(open(name), &["no revision `main`", COMMIT, other, &choose]);
    assert_eq!(
        origin(&format!("{name}@{other}")),
        format!("{name}@{other}")
    );
    assert_eq!(
        origin(&format!("{name}@ffff012")),
        format!("{name}@{other}")
    );

    // A branch whose snapshot was deleted.
    fs::create_dir_all(model.join("refs")).unwrap();
    fs::write(model.join("refs/main"), "0123456789abcdef").unwrap();
    sentence(
        open(name),
        &[
            "`main`",
            "`0123456789abcdef`",
            "is not there",
            COMMIT,
            other,
            &choose,
        ],
    );
}

/// Links whose blobs are gone are named as links, whichever file they are.
#[cfg(unix)]
#[test]
fn links_to_nothing_are_named() {
    let root = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors"] {
        let folder = root.path().join(name);
        checkpoint_in(&folder);
        fs::remove_file(folder.join(name)).unwrap();
        std::os::unix::fs::symlink("../../blobs/gone", folder.join(name)).unwrap();
        sentence(
            open(&folder),
            &[&format!("a {name} that is not a link to nothing")],
        );
    }
}
