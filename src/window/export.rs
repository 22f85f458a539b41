//! The text of the patch screen as other programs take it.

use super::screens::patch::Text;
use crate::error::{Error, Result};
use crate::record::{
    self, Brackets, ByteRecord, JsonLines, Markdown, MarkdownOptions, RecordWriter, Svg, SvgOptions,
};

/// The records of a text, as `blt patch` makes them.
///
/// # Errors
/// [`Error::Argument`] where there is nothing to cut the text by.
pub(crate) fn records(text: &Text) -> Result<Vec<ByteRecord>> {
    if text.cutting().lacks_table() {
        return Err(Error::Argument(
            "there is no lookup table to cut the text by; choose one, or another rule".to_owned(),
        ));
    }
    let bytes = text.bytes();
    let known = text.is_fresh() && text.entropies().iter().all(|h| !h.is_nan());
    let starts: Vec<bool> = std::iter::once(true)
        .chain(text.starts().iter().copied())
        .collect();
    let (entropies, nlls) = match known {
        true => (Some(text.entropies().as_slice()), Some(text.nlls())),
        false => (None, None),
    };
    Ok(record::records(bytes, entropies, nlls, &starts)?.collect())
}

/// A text in one of the forms of `blt patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Brackets,
    Jsonl,
    Markdown,
    Svg,
}

/// Writes a text in a form.
///
/// # Errors
/// [`Error::Argument`] where the form does not hold the text.
pub(crate) fn write(text: &Text, form: Form) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let records = records(text)?;
    let done = match form {
        Form::Brackets => all(Brackets::new(&mut out), &records),
        Form::Jsonl => all(JsonLines::new(&mut out), &records),
        Form::Markdown => {
            let options = MarkdownOptions {
                rule: text.cutting().rule(),
                ..MarkdownOptions::default()
            };
            all(Markdown::new(&mut out, options), &records)
        }
        Form::Svg => {
            let options = SvgOptions {
                threshold: text.cutting().line(),
                ..SvgOptions::default()
            };
            all(Svg::new(&mut out, options), &records)
        }
    };
    done.map_err(|e| Error::Argument(e.to_string()))?;
    Ok(out)
}

fn all(mut writer: impl RecordWriter, records: &[ByteRecord]) -> std::io::Result<()> {
    for record in records {
        writer.write(record)?;
    }
    writer.finish()
}
