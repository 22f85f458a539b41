//! The `.metadata` of `torch.distributed.checkpoint`: which tensors there are, and in which
//! part of which file each part of them is.

use std::collections::BTreeMap;
use std::ops::Range;

use super::object::{Global, Names, Object, Value};
use super::pickle::{self, Loaded};
use crate::Result;
use crate::checkpoint::sentence::{quoted, refuse};

/// A part of a tensor.
#[derive(Debug)]
pub(in crate::checkpoint) struct Chunk {
    /// Where it begins in the tensor, by dimension.
    pub(in crate::checkpoint) first: Vec<usize>,
    /// The name of its file.
    pub(in crate::checkpoint) file: String,
    /// Where it is in that file, as a file of `torch.save`.
    pub(in crate::checkpoint) bytes: Range<u64>,
}

/// What a distributed checkpoint holds.
#[derive(Debug)]
pub(in crate::checkpoint) struct Distributed {
    /// The tensors by name: shape and parts.
    pub(in crate::checkpoint) tensors: BTreeMap<String, (Vec<usize>, Vec<Chunk>)>,
}

impl Distributed {
    /// Reads the file `label` whose content is `code`.
    pub(in crate::checkpoint) fn read(code: &[u8], label: &str) -> Result<Self> {
        let loaded = pickle::load(code, label, Names::Metadata)?;
        let reader = Reader {
            loaded: &loaded,
            label,
        };
        let root = reader.record(loaded.root, "Metadata")?;
        let mut tensors = BTreeMap::new();
        for (name, stored) in reader.pairs(root.get("state_dict_metadata"))? {
            let name = reader.text(*name)?;
            // Other values (a step, a learning rate) are not needed.
            if let Ok(stored) = reader.record(*stored, "TensorStorageMetadata") {
                let shape = reader.counts(stored.get("size"))?;
                tensors.insert(name.to_owned(), (shape, Vec::new()));
            }
        }
        for (index, place) in reader.pairs(root.get("storage_data"))? {
            let index = reader.record(*index, "MetadataIndex")?;
            let name = reader.text(index.get("fqn"))?;
            let Some((_, chunks)) = tensors.get_mut(name) else {
                continue;
            };
            let place = reader.record(*place, "_StorageInfo")?;
            let transformed = place.get("transform_descriptors");
            if transformed != Value::None && !reader.list(transformed)?.is_empty() {
                return Err(refuse(format!(
                    "{label} says that {} is stored in another form (compressed or encrypted); \
                     save the checkpoint without",
                    quoted(name)
                )));
            }
            let start = reader.number(place.get("offset"))?;
            let length = reader.number(place.get("length"))?;
            chunks.push(Chunk {
                first: match index.get("offset") {
                    Value::None => Vec::new(),
                    offset => reader.counts(offset)?,
                },
                file: reader.text(place.get("relative_path"))?.to_owned(),
                bytes: start..start.checked_add(length).ok_or_else(|| reader.wrong())?,
            });
        }
        Ok(Self { tensors })
    }
}

/// The attributes of a record.
struct Record<'l, 'a> {
    loaded: &'l Loaded<'a>,
    attributes: &'l [(Value, Value)],
}

impl Record<'_, '_> {
    /// An attribute; `None` where there is none.
    fn get(&self, name: &str) -> Value {
        let named = |key: &Value| matches!(super::object_of(self.loaded, *key), Some(Object::Text(text)) if *text == name);
        let found = self.attributes.iter().find(|(key, _)| named(key));
        found.map_or(Value::None, |(_, value)| *value)
    }
}

struct Reader<'l, 'a> {
    loaded: &'l Loaded<'a>,
    label: &'l str,
}

impl<'l, 'a> Reader<'l, 'a> {
    fn wrong(&self) -> crate::Error {
        refuse(format!(
            "{} is not the .metadata of a checkpoint of torch.distributed.checkpoint; download it \
             again, or make one file of it where it was written: python -m \
             torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER consolidated.pth",
            self.label
        ))
    }

    fn object(&self, value: Value) -> Result<&'l Object<'a>> {
        super::object_of(self.loaded, value).ok_or_else(|| self.wrong())
    }

    fn record(&self, value: Value, class: &str) -> Result<Record<'l, 'a>> {
        match self.object(value)? {
            Object::Record(Global::Record(name), attributes) if *name == class => Ok(Record {
                loaded: self.loaded,
                attributes: self.pairs(*attributes)?,
            }),
            _ => Err(self.wrong()),
        }
    }

    fn pairs(&self, value: Value) -> Result<&'l [(Value, Value)]> {
        match self.object(value)? {
            Object::Dict(pairs) => Ok(pairs),
            _ => Err(self.wrong()),
        }
    }

    fn list(&self, value: Value) -> Result<&'l [Value]> {
        match self.object(value)? {
            Object::List(items) | Object::Tuple(items) => Ok(items),
            _ => Err(self.wrong()),
        }
    }

    fn text(&self, value: Value) -> Result<&'a str> {
        match self.object(value)? {
            Object::Text(text) => Ok(text),
            _ => Err(self.wrong()),
        }
    }

    fn number(&self, value: Value) -> Result<u64> {
        match value {
            Value::Int(n) => u64::try_from(n).map_err(|_| self.wrong()),
            _ => Err(self.wrong()),
        }
    }

    fn counts(&self, value: Value) -> Result<Vec<usize>> {
        let count = |item: &Value| {
            let n = self.number(*item)?;
            usize::try_from(n).map_err(|_| self.wrong())
        };
        self.list(value)?.iter().map(count).collect()
    }
}
