//! Reading one object of a config, with errors that name file, key and value.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::checkpoint::sentence::{refuse, value};
use crate::{Error, Result};

/// An object of the config: the whole of it, or a sub-config.
#[derive(Clone)]
pub(in crate::checkpoint) struct Section<'a> {
    file: &'a str,
    /// Empty, or the sub-config's key and a dot.
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Section<'a> {
    /// The whole config.
    pub(in crate::checkpoint) fn root(file: &'a str, json: &'a Value) -> Result<Self> {
        match json {
            Value::Object(map) => Ok(Self {
                file,
                path: String::new(),
                map,
            }),
            other => Err(refuse(format!(
                "{file} is {}; it must be an object of settings",
                value(other)
            ))),
        }
    }

    /// The value of a key; `null` counts as absent.
    pub(in crate::checkpoint) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|v| !v.is_null())
    }

    /// The value of a key, be it `null`.
    pub(in crate::checkpoint) fn given(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key)
    }

    /// Whether the key is there, be it with `null`.
    pub(in crate::checkpoint) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// The sentence for a value that cannot be.
    pub(in crate::checkpoint) fn wrong(&self, key: &str, must: &str) -> Error {
        let found = self.map.get(key).map_or_else(|| "missing".into(), value);
        refuse(format!(
            "{}: `{}{key}` is {found}; it must be {must}",
            self.file, self.path
        ))
    }

    /// A sub-config.
    pub(in crate::checkpoint) fn section(&self, key: &str) -> Result<Option<Self>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self {
                file: self.file,
                path: format!("{}{key}.", self.path),
                map,
            })),
            Some(_) => Err(self.wrong(key, "an object of settings")),
        }
    }

    /// A sub-config that must be there.
    pub(in crate::checkpoint) fn needed_section(&self, key: &str) -> Result<Self> {
        self.section(key)?
            .ok_or_else(|| self.wrong(key, "an object of settings"))
    }

    /// A whole number from 1 to `most`.
    pub(in crate::checkpoint) fn count(&self, key: &str, most: u32) -> Result<Option<u32>> {
        self.get(key)
            .map(|found| count(found, most).ok_or_else(|| self.wrong(key, &whole(most))))
            .transpose()
    }

    /// A whole number from 1 to `most` that must be there.
    pub(in crate::checkpoint) fn needed_count(&self, key: &str, most: u32) -> Result<u32> {
        self.count(key, most)?
            .ok_or_else(|| self.wrong(key, &whole(most)))
    }

    /// A list of whole numbers from 1 to `most`.
    pub(in crate::checkpoint) fn counts(&self, key: &str, most: u32) -> Result<Option<Vec<u32>>> {
        let Some(found) = self.get(key) else {
            return Ok(None);
        };
        let list = found.as_array().filter(|list| !list.is_empty());
        let counts = list.and_then(|list| list.iter().map(|n| count(n, most)).collect());
        match counts {
            Some(counts) => Ok(Some(counts)),
            None => Err(self.wrong(key, &format!("a list, each of it {}", whole(most)))),
        }
    }

    /// A number for which `sound` holds; `must` describes those.
    pub(in crate::checkpoint) fn number(
        &self,
        key: &str,
        must: &str,
        sound: impl Fn(f32) -> bool,
    ) -> Result<Option<f32>> {
        let Some(found) = self.get(key) else {
            return Ok(None);
        };
        match f32::deserialize(found) {
            Ok(n) if n.is_finite() && sound(n) => Ok(Some(n)),
            _ => Err(self.wrong(key, must)),
        }
    }

    /// A truth value.
    pub(in crate::checkpoint) fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    /// A text.
    pub(in crate::checkpoint) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "a text")),
        }
    }

    /// The key, if it is there at all, must equal what another place says.
    pub(in crate::checkpoint) fn agrees(
        &self,
        key: &str,
        expected: u32,
        because: &str,
    ) -> Result<()> {
        match self.get(key) {
            Some(found) if found.as_u64() != Some(expected.into()) => {
                Err(self.wrong(key, &format!("{expected}, {because}")))
            }
            _ => Ok(()),
        }
    }
}

fn count(found: &Value, most: u32) -> Option<u32> {
    found
        .as_u64()
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| (1..=most).contains(n))
}

fn whole(most: u32) -> String {
    format!("a whole number from 1 to {most}")
}
