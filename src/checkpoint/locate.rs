//! What `-m` names: a folder, a `.safetensors` file, or a model in the Hugging
//! Face cache. Nothing here touches the network or reads a weight.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::sentence::{listing, quoted, refuse, unreadable};
use crate::{Result, files};

/// The variables that say where the Hugging Face cache is.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `HF_HUB_CACHE`, or `HUGGINGFACE_HUB_CACHE` as it was called before: the cache itself.
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
            hf_hub_cache: read("HF_HUB_CACHE").or_else(|| read("HUGGINGFACE_HUB_CACHE")),
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
    /// What was taken where other files could be meant as well; a sentence.
    pub(super) note: Option<String>,
}

/// Names of a config, best first: the model's own says more than the training
/// program's arguments.
const CONFIGS: [&str; 3] = ["config.json", "params.json", TRAINING];
/// The arguments of Meta's training program, where `config.json` has the model's.
pub(super) const TRAINING: &str = "train_args.json";
/// The folder in which Meta's tools put the one file that they make of a distributed
/// checkpoint.
const CONSOLIDATED: &str = "consolidated";
/// What says which parts of a distributed checkpoint are where.
pub(super) const METADATA: &str = ".metadata";
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
    /// A folder of `torch.distributed.checkpoint`.
    Distributed(PathBuf),
}

/// A name in a folder, and what weights by that name are.
type Place = (&'static str, fn(PathBuf) -> Found);

/// Where weights may be in a folder, best first: one file before several.
const WEIGHTS: [Place; 6] = [
    ("model.safetensors", Found::Single),
    ("model.safetensors.index.json", Found::Index),
    ("consolidated.pth", Found::Pth),
    // What Meta's tools make of a folder of the trainer.
    ("consolidated/consolidated.pth", Found::Pth),
    (METADATA, |path| {
        Found::Distributed(path.parent().unwrap_or(Path::new("")).into())
    }),
    // The same weights as consolidated.pth, with what rotary angles are computed from.
    (WITH_ROPE, Found::Pth),
];
const WITH_ROPE: &str = "consolidated_with_rope.pth";

/// Finds the files that `name` stands for. A path that exists wins over a
/// model of that name in the cache.
pub(super) fn locate(name: &str, environment: &Environment) -> Result<Located> {
    let path = Path::new(name);
    if files::is_folder(path) {
        return folder(path, name.into(), "");
    }
    if files::is_file(path) {
        return file(path);
    }
    match fs::metadata(path) {
        Ok(_) => Err(refuse(format!("{name} is neither a file nor a folder"))),
        Err(_) if dangling(path) => Err(refuse(format!(
            "{name} is a link to nothing; finish the download or correct the link"
        ))),
        Err(source) => match repository(name) {
            Some((repo, revision)) => cached(repo, revision, environment),
            None if source.kind() == std::io::ErrorKind::PermissionDenied => {
                Err(unreadable(path, source))
            }
            None => Err(refuse(format!(
                "there is no checkpoint {}; give a folder with config.json and model.safetensors, \
                 a .safetensors file, or the name of a downloaded model such as org/name",
                quoted(name)
            ))),
        },
    }
}

fn is_there(path: &Path) -> bool {
    files::is_file(path) || files::is_folder(path)
}

fn dangling(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|facts| facts.is_symlink()) && !path.exists()
}

fn file(path: &Path) -> Result<Located> {
    let shown = path.display();
    let folder_of = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().and_then(std::ffi::OsStr::to_str);
    let weights = match path.extension().and_then(std::ffi::OsStr::to_str) {
        Some("safetensors") => Found::Single(path.into()),
        Some("pth") => Found::Pth(path.into()),
        Some("distcp") => Found::Distributed(folder_of.into()),
        _ if name == Some(METADATA) => Found::Distributed(folder_of.into()),
        _ if name.is_some_and(|name| name.ends_with(".index.json")) => Found::Index(path.into()),
        _ if name.is_some_and(|name| CONFIGS.contains(&name)) => {
            return folder(folder_of, shown.to_string(), "");
        }
        _ => {
            return Err(refuse(format!(
                "{shown} is not a .safetensors or .pth file; name that, or the folder that holds config.json and model.safetensors"
            )));
        }
    };
    let Some(config) = config(folder_of) else {
        return Err(refuse(format!(
            "there is no config.json (or Meta's params.json) beside {shown}; put the model's config there"
        )));
    };
    Ok(Located {
        origin: shown.to_string(),
        config,
        weights,
        note: None,
    })
}

/// The config in a folder, or for `consolidated` within one in the folder around it.
fn config(folder: &Path) -> Option<PathBuf> {
    let around = (folder.file_name() == Some(CONSOLIDATED.as_ref()))
        .then(|| folder.parent().unwrap_or(Path::new("")));
    let within = folder.join(CONSOLIDATED);
    let places = [Some(folder), around, Some(&within)].into_iter().flatten();
    let mut configs = places.flat_map(|place| CONFIGS.map(|name| place.join(name)));
    configs.find(|path| files::is_file(path))
}

/// The entropy model that belongs to the checkpoint of a config but lies in a
/// folder of its own, within or beside the checkpoint's.
pub(super) fn entropy_model(config: &Path) -> Result<Option<Located>> {
    let mut folder_of_config = config.parent().unwrap_or(Path::new(""));
    // What was consolidated within a folder belongs to the folder.
    if folder_of_config.file_name() == Some(CONSOLIDATED.as_ref()) {
        folder_of_config = folder_of_config.parent().unwrap_or(Path::new(""));
    }
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
    match places.find(|place| files::is_folder(place)) {
        Some(place) => folder(&place, place.display().to_string(), "").map(Some),
        None => Ok(None),
    }
}

/// `hint` is appended to the sentence that says what is missing.
fn folder(path: &Path, origin: String, hint: &str) -> Result<Located> {
    let mut there = WEIGHTS
        .iter()
        .filter(|(name, _)| is_there(&path.join(name)));
    let link = |names: &[&str]| {
        let name = names.iter().find(|name| dangling(&path.join(name)))?;
        Some(format!("a {name} that is not a link to nothing"))
    };
    let weights = there.next().ok_or_else(|| {
        link(&WEIGHTS.map(|(name, _)| name)).unwrap_or_else(|| {
            "model.safetensors (or model.safetensors.index.json and its shards, or \
             consolidated.pth, or .metadata and its .distcp files)"
                .to_owned()
        })
    });
    let missing = match (config(path), weights) {
        (Some(config), Ok((name, found))) => {
            let others: Vec<_> = there.map(|(name, _)| *name).collect();
            return Ok(Located {
                origin,
                config,
                weights: found(path.join(name)),
                note: beside(path, name, &others),
            });
        }
        (Some(_), Err(weights)) => weights,
        (None, Ok(_)) => match link(&CONFIGS) {
            Some(link) => link,
            None => "config.json (or Meta's params.json)".to_owned(),
        },
        (None, Err(weights)) => format!("config.json and {weights}"),
    };
    let there = files::names(path);
    Err(refuse(format!(
        "{} needs {missing} and holds {}{hint}",
        path.display(),
        listing(&there, 8)
    )))
}

/// What to say where a folder holds weights twice.
fn beside(folder: &Path, taken: &str, others: &[&str]) -> Option<String> {
    let others: Vec<_> = others.iter().filter(|name| **name != WITH_ROPE).collect();
    let (first, rest) = others.split_first()?;
    let more = match rest.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(format!(
        "{} holds {taken} and beside it {first}{more}; {taken} was taken (name the other file to \
         take that)",
        folder.display()
    ))
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

/// The commits that a name without `refs` can mean: those that begin with it, and without
/// a name all.
fn matching<'c>(commits: &'c [String], revision: Option<&str>) -> &'c [String] {
    const SHORTEST: usize = 6;
    let Some(start) = revision else {
        return commits;
    };
    let long = start.len() >= SHORTEST;
    let fits = |commit: &String| long && commit.starts_with(start);
    let first = commits.iter().position(fits).unwrap_or(commits.len());
    let rest = commits.get(first..).unwrap_or_default();
    let count = rest.iter().take_while(|commit| fits(commit)).count();
    rest.get(..count).unwrap_or_default()
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
        let models: Vec<_> = files::names(&hub)
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
    let there = files::names(&snapshots);
    let branch = revision.unwrap_or("main");
    let pinned = fs::read_to_string(home.join("refs").join(branch)).ok();
    let pinned = pinned
        .as_deref()
        .map(|text| text.trim_start_matches('\u{feff}').trim());
    let commit = match pinned {
        Some(commit) => commit,
        // Copied caches lack `refs`, and people shorten the names of commits.
        None => match matching(&there, revision) {
            [one] => one,
            _ => branch,
        },
    };
    let safe = !commit.is_empty()
        && commit
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let snapshot = snapshots.join(commit);
    if !safe || !snapshot.is_dir() {
        let hub = hub.display();
        let has = match (pinned, safe) {
            (Some(commit), true) => format!(
                "knows revision {} of {repo} as {}, and that is not there; it has",
                quoted(branch),
                quoted(commit)
            ),
            _ => format!("has no revision {} of {repo} and holds", quoted(branch)),
        };
        let mut revisions = files::names(&home.join("refs"));
        if pinned.is_some() {
            revisions.clear();
        }
        revisions.extend(there.iter().cloned());
        let choose = match (revisions.first(), revision) {
            (Some(_), None) => format!("; choose one as {repo}@REVISION"),
            _ => String::new(),
        };
        return Err(refuse(format!(
            "the Hugging Face cache {hub} {has} {}{choose}{hint}",
            listing(&revisions, 5)
        )));
    }
    folder(&snapshot, format!("{repo}@{commit}"), &hint)
}
