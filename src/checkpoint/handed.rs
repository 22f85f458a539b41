//! A checkpoint in a folder that a page has been handed: its files are in memory.

use std::path::Path;

use super::Checkpoint;
use super::sentence::refuse;
use crate::error::{Error, Result};
use crate::files;

pub(super) fn open(name: &str) -> Result<Checkpoint> {
    let folder = Path::new(name);
    let read = |file: &str| {
        let path = folder.join(file);
        match files::read(&path) {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(refuse(format!(
                "{name} has no {file}; a page opens folders with config.json and \
                 model.safetensors, as `blt convert` writes them"
            ))),
            Err(source) => Err(Error::Io {
                action: "read",
                path,
                source,
            }),
        }
    };
    Checkpoint::from_bytes(&read("config.json")?, read("model.safetensors")?, name)
}
