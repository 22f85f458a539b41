//! What the results look like.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, Float16Builder, Float32Builder, Int32Builder, ListBuilder, StringBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use half::f16;

use super::document::Document;
use super::result::TextResult;
use crate::Result;

/// Positions after which the reference trainer's entropies begin anew.
pub(super) const META_CONTEXT: u64 = 8192;

/// What the results look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// What the reference trainer reads: `sample_id`, `text`, and the entropies of BOS,
    /// bytes and EOS as halves, whose context begins anew every 8192 tokens.
    Meta,
    /// Patch lengths in bytes by a rule.
    Patches {
        /// The files they are in.
        format: TableFormat,
        /// What else they have.
        extras: Extras,
    },
}

/// Files of tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TableFormat {
    /// Parquet, compressed by Zstandard.
    #[default]
    Parquet,
    /// Arrow's own, which readers map into memory.
    Arrow,
}

/// Columns beside name and patch lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// The entropy of each byte, in nats.
    pub entropies: bool,
    /// -ln p of each byte, in nats.
    pub nll: bool,
    /// The text.
    pub text: bool,
}

impl Layout {
    /// Whether the model must run whatever the rule.
    #[must_use]
    pub const fn needs_model(&self) -> bool {
        match self {
            Self::Meta => true,
            Self::Patches { extras, .. } => extras.entropies || extras.nll,
        }
    }

    /// Its name.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Patches { .. } => "patches",
        }
    }

    pub(super) const fn format(&self) -> TableFormat {
        match self {
            Self::Meta => TableFormat::Arrow,
            Self::Patches { format, .. } => *format,
        }
    }

    /// Whether EOS is read after the bytes.
    pub(super) const fn reads_eos(&self) -> bool {
        matches!(self, Self::Meta)
    }

    pub(super) fn schema(&self) -> SchemaRef {
        let list = |kind| DataType::List(Arc::new(Field::new("item", kind, true)));
        let field = |name: &str, kind| Field::new(name, kind, false);
        let fields = match self {
            Self::Meta => vec![
                field("sample_id", DataType::Utf8),
                field("text", DataType::Utf8),
                field("entropies", list(DataType::Float16)),
            ],
            Self::Patches { extras, .. } => {
                let mut fields = vec![
                    field("id", DataType::Utf8),
                    field("patch_lengths", list(DataType::Int32)),
                ];
                if extras.entropies {
                    fields.push(field("entropies", list(DataType::Float32)));
                }
                if extras.nll {
                    fields.push(field("nll", list(DataType::Float32)));
                }
                if extras.text {
                    fields.push(field("text", DataType::Utf8));
                }
                fields
            }
        };
        Arc::new(Schema::new(fields))
    }

    /// The rows of documents, with what was computed for each.
    ///
    /// # Errors
    /// Where these do not fit each other, which is a mistake of this program.
    pub(super) fn rows(
        &self,
        documents: &[Document],
        results: &[TextResult],
    ) -> Result<RecordBatch> {
        let ids = strings(documents.iter().map(|document| document.id.as_str()));
        let texts = || strings(documents.iter().map(|document| document.text.as_str()));
        let columns = match self {
            Self::Meta => {
                let entropies = results.iter().map(|result| {
                    let halves = result.entropies.iter().map(|nats| f16::from_f32(*nats));
                    halves.collect::<Vec<_>>()
                });
                let lists = lists(Float16Builder::new(), entropies, |values, list| {
                    values.append_slice(&list);
                });
                vec![ids, texts(), lists]
            }
            Self::Patches { extras, .. } => {
                let lengths = results.iter().map(|result| &result.lengths);
                let lengths = lists(Int32Builder::new(), lengths, |values, list| {
                    for length in list {
                        // A text, and so a patch, is far shorter than that.
                        values.append_value(i32::try_from(*length).unwrap_or(i32::MAX));
                    }
                });
                let floats = |of: fn(&TextResult) -> &[f32]| {
                    lists(
                        Float32Builder::new(),
                        results.iter().map(of),
                        |values, list| {
                            values.append_slice(list);
                        },
                    )
                };
                let mut columns = vec![ids, lengths];
                if extras.entropies {
                    columns.push(floats(TextResult::of_bytes));
                }
                if extras.nll {
                    columns.push(floats(|result| &result.nlls));
                }
                if extras.text {
                    columns.push(texts());
                }
                columns
            }
        };
        RecordBatch::try_new(self.schema(), columns)
            .map_err(|error| crate::Error::Argument(error.to_string()))
    }
}

fn strings<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    values.for_each(|value| builder.append_value(value));
    Arc::new(builder.finish())
}

fn lists<B: ArrayBuilder, T>(
    values: B,
    lists: impl Iterator<Item = T>,
    append: impl Fn(&mut B, T),
) -> ArrayRef {
    let mut builder = ListBuilder::new(values);
    for list in lists {
        append(builder.values(), list);
        builder.append(true);
    }
    Arc::new(builder.finish())
}
