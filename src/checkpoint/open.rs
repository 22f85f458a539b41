//! From a name to an open checkpoint: whose layout it is, and where its entropy
//! model lies.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Checkpoint;
use super::config::{self, Config};
use super::disk::Access;
use super::files::Weights;
use super::locate::{self, Environment, Found, Located, TRAINING};
use super::meta::{self, Translated};
use super::naming::Naming;
use super::sentence::{refuse, unreadable};
use crate::{Result, files};

/// One folder's config and weights, in transformers' words.
struct Opened {
    /// What to call the config in a sentence.
    label: String,
    config: Value,
    weights: Weights,
    /// What was taken where other files could be meant as well.
    note: Option<String>,
    /// The patching keys that Meta's config has.
    patching: Option<Map<String, Value>>,
    meta: bool,
}

pub(super) fn open(name: &str, environment: &Environment, access: Access) -> Result<Checkpoint> {
    let located = locate::locate(name, environment)?;
    let mut opened = read(&located, false, access)?;
    if lacks_entropy_model(&opened.config)
        && let Some(entropy) = locate::entropy_model(&located.config)?
    {
        opened = attach(opened, read(&entropy, true, access)?)?;
    }
    if let Some(note) = &opened.note {
        tracing::warn!("{note}");
    }
    Ok(Checkpoint {
        origin: located.origin,
        config: Config::read(&opened.config, &opened.label)?,
        json: opened.config,
        weights: opened.weights,
        card: None,
        note: opened.note,
    })
}

fn read(located: &Located, entropy: bool, access: Access) -> Result<Opened> {
    let json = parse(&located.config)?;
    let weights = match &located.weights {
        Found::Single(path) => Weights::open(path, access)?,
        Found::Index(path) => Weights::open_index(path, access)?,
        #[cfg(not(target_arch = "wasm32"))]
        Found::Pth(path) if access == Access::Mapped => Weights::open_pth(path)?,
        #[cfg(not(target_arch = "wasm32"))]
        Found::Distributed(folder) if access == Access::Mapped => super::dcp::open(folder)?,
        Found::Pth(path) | Found::Distributed(path) => {
            return Err(refuse(format!(
                "{} is not read in pieces, as a page reads files; make safetensors of it with \
                 `blt convert`, and open those",
                path.display()
            )));
        }
    };
    let label = located.config.display().to_string();
    let weights = weights.packed(&json, &label)?;
    if !meta::recognised(&json) {
        let whole = json.get("model_type") == Some(&json!("blt"));
        let naming = if whole {
            Naming::Transformers
        } else {
            Naming::Patcher
        };
        return Ok(Opened {
            label,
            config: json,
            weights: weights.rooted(naming.anchor())?,
            note: located.note.clone(),
            patching: None,
            meta: false,
        });
    }
    let training = located.config.with_file_name(TRAINING);
    let training = match files::is_file(&training) {
        true => Some((parse(&training)?, training.display().to_string())),
        false => None,
    };
    let training = training.as_ref().map(|(json, file)| (json, file.as_str()));
    let translated = meta::translate(&json, &label, training, entropy)?;
    Ok(Opened {
        label: format!("{label}, in transformers' words"),
        config: Value::Object(translated.config),
        weights: (weights.rooted(translated.naming.anchor())?).named(translated.naming)?,
        note: located.note.clone(),
        patching: translated.patching,
        meta: true,
    })
}

fn parse(path: &Path) -> Result<Value> {
    let text = files::read(path).map_err(|error| unreadable(path, error))?;
    config::json(&text, &path.display().to_string())
}

fn lacks_entropy_model(config: &Value) -> bool {
    config.get("model_type") == Some(&json!("blt"))
        && config.get("patch_in_forward") == Some(&json!(false))
}

/// Makes an entropy model of a folder of its own part of the whole.
fn attach(whole: Opened, entropy: Opened) -> Result<Opened> {
    let naming = if entropy.meta {
        Translated::INSIDE
    } else {
        Naming::Patcher
    };
    // Checked before it becomes part of the other, so that a sentence names its file.
    if Config::read(&entropy.config, &entropy.label)?.blt.is_some() {
        return Err(refuse(format!(
            "{} is of a whole BLT, where an entropy model is wanted",
            entropy.label
        )));
    }
    let (mut config, mut patcher) = (whole.config, entropy.config);
    for (key, value) in entropy.patching.into_iter().flatten() {
        if let Value::Object(patcher) = &mut patcher {
            patcher.remove(&key);
        }
        // The threshold of a released model is among the arguments of its entropy model too.
        if whole.meta && whole.patching.is_none() {
            config[&key] = value;
        }
    }
    config["patch_in_forward"] = json!(true);
    config["patcher_config"] = patcher;
    Ok(Opened {
        label: whole.label,
        config,
        weights: whole.weights.with(entropy.weights.named(naming)?)?,
        note: whole.note.or(entropy.note),
        patching: whole.patching,
        meta: whole.meta,
    })
}
