//! The zip archive around a pickle and its storages.

use std::io::Cursor;
use std::ops::Range;

use zip::{CompressionMethod, ZipArchive};

use crate::Result;
use crate::checkpoint::sentence::{quoted, refuse};

/// How files of PyTorch before 1.6 begin: a pickled magic number.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19";

/// The members of an archive, where they lie in it.
#[derive(Debug)]
pub(super) struct Archive {
    /// The folder that `torch.save` puts everything in, with its slash.
    root: String,
    members: Vec<(String, Range<usize>)>,
}

impl Archive {
    pub(super) fn open(bytes: &[u8], label: &str) -> Result<Self> {
        if bytes.starts_with(b"version https://git-lfs") {
            return Err(refuse(format!(
                "{label} is a Git LFS pointer, not the weights; run `git lfs pull` in its folder"
            )));
        }
        if bytes.starts_with(LEGACY) {
            return Err(refuse(format!(
                "{label} is in the format of PyTorch before version 1.6; load it with PyTorch and save it again"
            )));
        }
        let broken = |error: &dyn std::fmt::Display| {
            refuse(format!(
                "{label} is not a whole file of torch.save: {error}; download it again"
            ))
        };
        let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|e| broken(&e))?;
        let mut members = Vec::with_capacity(zip.len());
        for index in 0..zip.len() {
            let file = zip.by_index_raw(index).map_err(|e| broken(&e))?;
            let name = String::from_utf8_lossy(file.name_raw()).into_owned();
            if file.compression() != CompressionMethod::Stored || file.encrypted() {
                return Err(refuse(format!(
                    "{label} holds {} compressed or encrypted, where torch.save stores; save it again",
                    quoted(&name)
                )));
            }
            let start = file.data_start().and_then(|n| usize::try_from(n).ok());
            let range = start
                .zip(usize::try_from(file.size()).ok())
                .and_then(|(start, size)| Some(start..start.checked_add(size)?))
                .filter(|range| range.end <= bytes.len());
            match range {
                Some(range) => members.push((name, range)),
                None => return Err(broken(&format!("{} reaches beyond its end", quoted(&name)))),
            }
        }
        members.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        if let Some(pair) = members.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(broken(&format!("it holds {} twice", quoted(&pair[0].0))));
        }
        let roots: Vec<_> = members
            .iter()
            .filter_map(|(name, _)| name.strip_suffix("data.pkl"))
            .filter(|root| root.is_empty() || root.ends_with('/'))
            .map(str::to_owned)
            .collect();
        match <[String; 1]>::try_from(roots) {
            Ok([root]) => Ok(Self { root, members }),
            Err(_) => Err(refuse(format!(
                "{label} is a zip archive without the one data.pkl that torch.save writes; \
                 name a checkpoint"
            ))),
        }
    }

    /// Where a member lies, by its name below the root.
    pub(super) fn member(&self, name: &str) -> Option<Range<usize>> {
        let full = format!("{}{name}", self.root);
        let place = self
            .members
            .binary_search_by(|(name, _)| name.as_str().cmp(&full));
        Some(self.members.get(place.ok()?)?.1.clone())
    }
}
