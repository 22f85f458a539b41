//! The released models, and how far another is from them (spec section 13).

use serde::Serialize;
use serde_json::Value;

use super::config::Config;
use super::expected::expected_tensors;

/// A released model.
pub(super) struct Released {
    pub(super) name: &'static str,
    /// Its config, in transformers' words.
    pub(super) config: &'static [u8],
}

const RELEASED: [Released; 2] = [
    Released {
        name: "blt-1b",
        config: include_bytes!("../../assets/like/blt-1b.json"),
    },
    Released {
        name: "blt-7b",
        config: include_bytes!("../../assets/like/blt-7b.json"),
    },
];

impl Released {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        RELEASED.iter().find(|released| released.name == name)
    }

    /// `blt-1b or blt-7b`
    pub(super) fn names() -> String {
        RELEASED.map(|released| released.name).join(" or ")
    }
}

/// The released model that a checkpoint is, or is closest to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Closest {
    /// Its name.
    pub name: &'static str,
    /// The tensors it has in the transformers layout, without those of a part
    /// that the checkpoint is not meant to have.
    pub tensors: u64,
    /// Their elements.
    pub parameters: u64,
    /// What is different: empty if the architecture is the same.
    pub differences: Vec<Difference>,
}

/// A setting that differs from a released model's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Its name, as `inspect --json` has it under `config`.
    pub setting: String,
    /// Its value here.
    pub here: Value,
    /// Its value in the released model.
    pub released: Value,
}

/// The released model with the fewest differences.
pub(super) fn closest(config: &Config) -> Option<Closest> {
    let candidates = RELEASED.iter().filter_map(|released| {
        let mut other = Config::parse(released.config, released.name).ok()?;
        // An entropy model alone is compared with one: both released models have the same.
        if config.blt.is_none() {
            other.blt = None;
        }
        if config.entropy.is_none() {
            other.entropy = None;
        }
        let tensors = expected_tensors(&other);
        Some(Closest {
            name: released.name,
            tensors: tensors.len() as u64,
            parameters: tensors.iter().map(super::ExpectedTensor::parameters).sum(),
            differences: differences(config, &other),
        })
    });
    candidates.min_by_key(|candidate| candidate.differences.len())
}

fn differences(here: &Config, released: &Config) -> Vec<Difference> {
    // How bytes are cut is no part of the architecture.
    let settings = |config: &Config| {
        let parts = [
            ("entropy", serde_json::to_value(config.entropy)),
            ("blt", serde_json::to_value(&config.blt)),
        ];
        let mut out = Vec::new();
        for (name, part) in parts {
            flatten(name, part.unwrap_or_default(), &mut out);
        }
        out
    };
    let (here, released) = (settings(here), settings(released));
    let of = |list: &[(String, Value)], name: &str| {
        let found = list.iter().find(|(setting, _)| setting == name);
        found.map_or(Value::Null, |(_, value)| value.clone())
    };
    let mut names: Vec<&String> = here.iter().map(|(name, _)| name).collect();
    names.extend(released.iter().map(|(name, _)| name).filter(|name| {
        // A part that only one of the two has counts once, by its own name.
        !here
            .iter()
            .any(|(setting, _)| setting == *name || name.starts_with(&format!("{setting}.")))
    }));
    let differences = names.into_iter().map(|name| Difference {
        setting: name.clone(),
        here: of(&here, name),
        released: of(&released, name),
    });
    differences.filter(|d| d.here != d.released).collect()
}

fn flatten(name: &str, value: Value, out: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                flatten(&format!("{name}.{key}"), value, out);
            }
        }
        value => out.push((name.to_owned(), value)),
    }
}
