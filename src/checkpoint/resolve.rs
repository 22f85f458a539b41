//! From tensor names to fields: what is missing, unknown or misshaped ends here.

use super::expected::{ExpectedTensor, Part};
use super::files::{Listed, Weights};
use super::sentence::{listing, quoted, refuse};
use super::tensor::TensorView;
use crate::{Error, Result};

/// How the sentences speak of what is being resolved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject {
    /// `lacks 3 of {whose} 21 tensors`
    whose: &'static str,
    /// `holds tensors{within} that its config does not call for`
    within: &'static str,
}

pub(super) const ENTROPY: Subject = Subject {
    whose: "the entropy model's",
    within: " in its entropy model",
};

pub(super) const BLT: Subject = Subject {
    whose: "the model's",
    within: "",
};

/// Everything expected is there in its shape and a usable dtype, and of `under`
/// nothing else.
pub(super) fn check(
    weights: &Weights,
    expected: &[ExpectedTensor],
    under: &[Listed<'_>],
    subject: Subject,
) -> Result<()> {
    let mut missing = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    for tensor in expected {
        let names = [Some(&tensor.name), tensor.alias.as_ref()];
        let mut any = false;
        for name in names.into_iter().flatten() {
            known.insert(name.as_str());
            let Some(found) = weights.get(name) else {
                continue;
            };
            any = true;
            if found.shape != tensor.shape {
                return Err(misshaped(found, tensor));
            }
            found.weight_type()?;
        }
        if !any {
            missing.push(weights.name_if_stored(&tensor.name));
        }
    }
    let unknown: Vec<_> = under
        .iter()
        .filter(|t| !known.contains(t.name))
        .map(|t| t.stored_name)
        .collect();
    let label = weights.label_for(expected.first().map_or("", |t| &t.name));
    if !missing.is_empty() {
        let also = if unknown.is_empty() {
            String::new()
        } else {
            format!(" (it holds {} instead)", listing(&unknown, 2))
        };
        return Err(refuse(format!(
            "{label} lacks {} of {} {} tensors: {}{also}",
            missing.len(),
            subject.whose,
            expected.len(),
            listing(&missing, 3)
        )));
    }
    if !unknown.is_empty() {
        return Err(refuse(format!(
            "{label} holds tensors{} that its config does not call for: {}",
            subject.within,
            listing(&unknown, 3)
        )));
    }
    Ok(())
}

fn misshaped(found: Listed<'_>, expected: &ExpectedTensor) -> Error {
    let (name, file) = (quoted(found.stored_name), found.file);
    if let (Part::HashTables, &[rows, columns], &[wanted, width]) =
        (expected.part, found.shape, expected.shape.as_slice())
        && columns == width
    {
        return refuse(format!(
            "the hash table {name} in {file} has {rows} rows where the config's \
             `encoder_hash_byte_group_*` keys ask for {wanted}"
        ));
    }
    refuse(format!(
        "the tensor {name} in {file} has the shape {:?} where the config asks for {:?}",
        found.shape, expected.shape
    ))
}

/// A tensor that [`check`] has seen.
pub(super) fn take<'a>(weights: &'a Weights, name: &str) -> Result<TensorView<'a>> {
    match weights.get(name) {
        Some(found) => found.view(),
        None => Err(refuse(format!(
            "{} lacks the tensor {}",
            weights.label(),
            quoted(&weights.name_if_stored(name))
        ))),
    }
}

/// Embedding and head, of which a tied model may hold only one.
pub(super) fn either<'a>(
    weights: &'a Weights,
    embed: &str,
    head: &str,
) -> Result<(TensorView<'a>, TensorView<'a>)> {
    let held = |name: &str, other: &str| match weights.get(name) {
        Some(found) => found.view(),
        None => take(weights, other),
    };
    Ok((held(embed, head)?, held(head, embed)?))
}
