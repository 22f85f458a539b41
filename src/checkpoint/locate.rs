//! What `-m` names: a folder, a `.safetensors` file, or a model in the Hugging
//! Face cache. Nothing here touches the network or reads a weight.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::sentence::{listing, quoted, refuse};
use crate::{Error, Result};

/// The variables that say where the Hugging Face cache is.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `HF_HUB_CACHE`: the cache itself.
    pub hf_hub_cache: Option<PathBuf>,
    /// `HF_HOME`: the cache is its `hub`.
    pub hf_home: Option<PathBuf>,
    /// `XDG_CACHE_HOME`: the cache is its `huggingface/hub`.
    pub xdg_cache_home: Option<PathBuf>,
    /// The user's home: the cache is its `.cache/huggingface/hub`.
    pub home: Option<PathBuf>,
}

impl Environment {
    /// The variables of this process; empty ones count as unset.
    #[must_use]
    pub fn of_process() -> Self {
        let home = env::home_dir().filter(|p| !p.as_os_str().is_empty());
        let read = |name: &str| {
            let value = env::var_os(name)
                .filter(|v: &OsString| !v.is_empty())
                .map(PathBuf::from)?;
            match (value.strip_prefix("~"), &home) {
                (Ok(rest), Some(home)) => Some(home.join(rest)),
                _ => Some(value),
            }
        };
        Self {
            hf_hub_cache: read("HF_HUB_CACHE"),
            hf_home: read("HF_HOME"),
            xdg_cache_home: read("XDG_CACHE_HOME"),
            home,
        }
    }

    /// The folder of the cache, by the rules of `huggingface_hub`.
    #[must_use]
    pub fn hub(&self) -> Option<PathBuf> {
        let below = |folder: &Option<PathBuf>, rest: &str| folder.as_ref().map(|f| f.join(rest));
        self.hf_hub_cache
            .clone()
            .or_else(|| below(&self.hf_home, "hub"))
            .or_else(|| below(&self.xdg_cache_home, "huggingface/hub"))
            .or_else(|| below(&self.home, ".cache/huggingface/hub"))
    }
}

/// The models in the Hugging Face cache that look like one of this crate's, as
/// `org/name`, sorted. A cache that is not there or cannot be read holds none.
#[must_use]
pub fn cached_models(environment: &Environment) -> Vec<String> {
    let folders = environment.hub().and_then(|hub| fs::read_dir(hub).ok());
    let mut names: Vec<String> = folders
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let name = name.strip_prefix("models--")?.replacen("--", "/", 1);
            name.to_lowercase().contains("blt").then_some(name)
        })
        .collect();
    names.sort();
    names
}

/// The files of a checkpoint.
#[derive(Debug)]
pub(super) struct Located {
    /// What to call it: the path as given, or `org/name@commit`.
    pub(super) origin: String,
    pub(super) config: PathBuf,
    pub(super) weights: Found,
}

/// Names of a config, best first: the model's own says more than the training
/// program's arguments.
const CONFIGS: [&str; 3] = ["config.json", "params.json", TRAINING];
/// The arguments of Meta's training program, where `config.json` has the model's.
pub(super) const TRAINING: &str = "train_args.json";
/// The folder in which Meta keeps an entropy model.
const ENTROPY: &str = "entropy_model";

#[derive(Debug)]
pub(super) enum Found {
    /// One `.safetensors` file.
    Single(PathBuf),
    /// `model.safetensors.index.json`, which names the shards.
    Index(PathBuf),
    /// One file of `torch.save`.
    Pth(PathBuf),
}

/// Finds the files that `name` stands for. A path that exists wins over a
/// model of that name in the cache.
pub(super) fn locate(name: &str, environment: &Environment) -> Result<Located> {
    let path = Path::new(name);
    match fs::metadata(path) {
        Ok(facts) if facts.is_dir() => folder(path, name.into(), ""),
        Ok(facts) if facts.is_file() => file(path),
        Ok(_) => Err(refuse(format!("{name} is neither a file nor a folder"))),
        Err(_) if dangling(path) => Err(refuse(format!(
            "{name} is a link to nothing; finish the download or correct the link"
        ))),
        Err(source) => match repository(name) {
            Some((repo, revision)) => cached(repo, revision, environment),
            None if source.kind() == std::io::ErrorKind::PermissionDenied => Err(Error::Io {
                action: "read",
                path: path.into(),
                source,
            }),
            None => Err(refuse(format!(
                "there is no checkpoint {}; give a folder with config.json and model.safetensors, \
                 a .safetensors file, or the name of a downloaded model such as org/name",
                quoted(name)
            ))),
        },
    }
}

fn dangling(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|facts| facts.is_symlink()) && !path.exists()
}

fn file(path: &Path) -> Result<Located> {
    let shown = path.display();
    let weights = match path.extension().and_then(std::ffi::OsStr::to_str) {
        Some("safetensors") => Found::Single(path.into()),
        Some("pth") => Found::Pth(path.into()),
        _ => {
            return Err(refuse(format!(
                "{shown} is not a .safetensors or .pth file; name that, or the folder that holds config.json and model.safetensors"
            )));
        }
    };
    let Some(config) = config(path.parent().unwrap_or(Path::new(""))) else {
        return Err(refuse(format!(
            "there is no config.json (or Meta's params.json) beside {shown}; put the model's config there"
        )));
    };
    Ok(Located {
        origin: shown.to_string(),
        config,
        weights,
    })
}

/// The config in a folder.
fn config(folder: &Path) -> Option<PathBuf> {
    let mut configs = CONFIGS.iter().map(|name| folder.join(name));
    configs.find(|path| path.is_file())
}

/// The entropy model that belongs to the checkpoint of a config but lies in a
/// folder of its own, within or beside the checkpoint's.
pub(super) fn entropy_model(config: &Path) -> Result<Option<Located>> {
    let folder_of_config = config.parent().unwrap_or(Path::new(""));
    let beside = match folder_of_config.file_name() {
        Some(_) => folder_of_config
            .parent()
            .unwrap_or(Path::new(""))
            .to_owned(),
        None => folder_of_config.join(".."),
    };
    let mut places = [folder_of_config, &beside]
        .map(|place| place.join(ENTROPY))
        .into_iter();
    match places.find(|place| place.is_dir()) {
        Some(place) => folder(&place, place.display().to_string(), "").map(Some),
        None => Ok(None),
    }
}

/// `hint` is appended to the sentence that says what is missing.
fn folder(path: &Path, origin: String, hint: &str) -> Result<Located> {
    let single = path.join("model.safetensors");
    let index = path.join("model.safetensors.index.json");
    let pth = path.join("consolidated.pth");
    let weights = if single.exists() {
        Ok(Found::Single(single))
    } else if index.exists() {
        Ok(Found::Index(index))
    } else if pth.exists() {
        Ok(Found::Pth(pth))
    } else if dangling(&single) {
        Err("a model.safetensors that is not a link to nothing")
    } else {
        Err(
            "model.safetensors (or model.safetensors.index.json and its shards, or consolidated.pth)",
        )
    };
    let missing = match (config(path), weights) {
        (Some(config), Ok(weights)) => {
            return Ok(Located {
                origin,
                config,
                weights,
            });
        }
        (Some(_), Err(weights)) => weights.to_owned(),
        (None, Ok(_)) => "config.json (or Meta's params.json)".to_owned(),
        (None, Err(weights)) => format!("config.json and {weights}"),
    };
    let there = names(path);
    Err(refuse(format!(
        "{} needs {missing} and holds {}{hint}",
        path.display(),
        listing(&there, 8)
    )))
}

/// The names in a folder, sorted; none if it cannot be read.
fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    names
}

/// `org/name` or `org/name@revision`.
fn repository(name: &str) -> Option<(&str, Option<&str>)> {
    let word = |s: &str| {
        !s.is_empty()
            && !s.starts_with('.')
            && s.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let (repo, revision) = match name.split_once('@') {
        Some((repo, revision)) => (repo, Some(revision)),
        None => (name, None),
    };
    let (org, model) = repo.split_once('/')?;
    let sound = word(org) && word(model) && revision.is_none_or(|r| r.split('/').all(word));
    sound.then_some((repo, revision))
}

fn cached(repo: &str, revision: Option<&str>, environment: &Environment) -> Result<Located> {
    let wanted = revision.map_or_else(String::new, |r| format!(" --revision {r}"));
    let hint = format!(
        "; get it with `hf download {repo}{wanted}`, after `hf auth login` and accepting the licence \
         on its page if the weights are gated"
    );
    let Some(hub) = environment.hub() else {
        return Err(refuse(format!(
            "{repo} is no file or folder, and there is no Hugging Face cache to look in; set HF_HOME or HF_HUB_CACHE"
        )));
    };
    let home = hub.join(format!("models--{}", repo.replace('/', "--")));
    if !home.is_dir() {
        let models: Vec<_> = names(&hub)
            .iter()
            .filter_map(|n| n.strip_prefix("models--"))
            .map(|n| n.replacen("--", "/", 1))
            .collect();
        return Err(refuse(format!(
            "{repo} is no file or folder and not in the Hugging Face cache {}, which holds {}{hint}",
            hub.display(),
            listing(&models, 5)
        )));
    }

    let snapshots = home.join("snapshots");
    let branch = revision.unwrap_or("main");
    let pinned = fs::read_to_string(home.join("refs").join(branch)).ok();
    let commit = pinned.as_deref().map_or(branch, str::trim);
    let safe = !commit.is_empty()
        && commit
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let snapshot = snapshots.join(commit);
    if !safe || !snapshot.is_dir() {
        let mut revisions = names(&home.join("refs"));
        revisions.extend(names(&snapshots));
        return Err(refuse(format!(
            "the Hugging Face cache {} has no revision {} of {repo} and holds {}{hint}",
            hub.display(),
            quoted(branch),
            listing(&revisions, 5)
        )));
    }
    folder(&snapshot, format!("{repo}@{commit}"), &hint)
}
