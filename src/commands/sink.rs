//! Records on their way to the output, in one of its forms.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use blt::Error;
use blt::bytes::byte_of;
use blt::patch::Rule;
use blt::record::{
    Ansi, Brackets, ByteRecord, Csv, JsonLines, MARKDOWN_MAX_BYTES, Markdown, MarkdownOptions,
    RecordWriter, SVG_MAX_BYTES, Svg, SvgOptions,
};
use blt::session::text::Likely;
use serde::Serialize;

use super::failure::{Failure, Outcome, argument};
use super::output::Output;

/// The forms of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Brackets,
    Ansi,
    JsonLines,
    /// JSON lines with the most likely bytes.
    JsonLinesTop,
    Csv,
    Markdown,
    Svg,
}

impl Form {
    /// What a form that is written only when the text has ended is called, and
    /// the most bytes of text that it holds.
    pub(super) fn limit(self) -> Option<(&'static str, u64)> {
        match self {
            Self::Markdown => Some(("a table", MARKDOWN_MAX_BYTES)),
            Self::Svg => Some(("a figure", SVG_MAX_BYTES)),
            _ => None,
        }
    }
}

/// What the names in a form are those of.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// The file or sample that the text is from.
    pub(super) text: Option<String>,
    pub(super) model: Option<String>,
}

/// What the writers write into; the output takes it piece by piece, so that
/// what has gone out always ends with a whole record.
#[derive(Clone, Debug, Default)]
struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Records on their way to the output.
pub(super) struct Sink {
    form: Form,
    names: Names,
    buffer: Buffer,
    writer: Option<Box<dyn RecordWriter>>,
    output: Output,
}

impl Sink {
    /// A sink of a form. The names are for the heading of a figure or table.
    pub(super) fn new(form: Form, names: Names, output: Output) -> Self {
        Self {
            form,
            names,
            buffer: Buffer::default(),
            writer: None,
            output,
        }
    }

    /// Writes records and, for the form that has them, the most likely tokens
    /// in place of each. `rule` is what found the patches.
    ///
    /// # Errors
    /// What the form and the output say.
    pub(super) fn write(
        &mut self,
        records: &[ByteRecord],
        best: &[Vec<Likely>],
        rule: Option<&Rule>,
    ) -> Outcome {
        if self.form == Form::JsonLinesTop {
            for (record, best) in records.iter().zip(best) {
                self.write_top(record, best)?;
            }
        } else {
            let writer = self
                .writer
                .get_or_insert_with(|| writer(self.form, &self.names, rule, &self.buffer));
            for record in records {
                writer.write(record).map_err(refused)?;
            }
        }
        self.drain()
    }

    fn write_top(&mut self, record: &ByteRecord, best: &[Likely]) -> Outcome {
        let line = WithTop {
            record,
            top: best.iter().map(Top::of).collect(),
        };
        serde_json::to_writer(&mut self.buffer, &line).map_err(|error| refused(error.into()))?;
        self.buffer.write_all(b"\n").map_err(refused)
    }

    fn drain(&mut self) -> Outcome {
        let mut buffer = self.buffer.0.borrow_mut();
        self.output.write(&buffer)?;
        buffer.clear();
        Ok(())
    }

    /// The records to come are of another text: what is read by people gets an
    /// end there, lines for programs go on.
    ///
    /// # Errors
    /// What the form and the output say.
    pub(super) fn next_text(&mut self) -> Outcome {
        if matches!(self.form, Form::Brackets | Form::Ansi | Form::Markdown)
            && let Some(mut writer) = self.writer.take()
        {
            writer.finish().map_err(refused)?;
            if self.form == Form::Markdown {
                self.buffer.write_all(b"\n").map_err(refused)?;
            }
        }
        self.drain()
    }

    /// Writes what ends the form; a file takes its place.
    ///
    /// # Errors
    /// What the form and the output say.
    pub(super) fn finish(mut self) -> Outcome {
        if let Some(mut writer) = self.writer.take() {
            writer.finish().map_err(refused)?;
        }
        self.drain()?;
        self.output.commit()
    }

    /// Ends what was written so far, if it stays, so that brackets are closed
    /// and the terminal has its own colours again. Half a figure is none, and
    /// the counts of half a table would be wrong.
    pub(super) fn interrupted(mut self) {
        if self.form.limit().is_none()
            && self.output.keeps_part()
            && let Some(mut writer) = self.writer.take()
            && writer.finish().is_ok()
        {
            // The run ends with the interruption, whatever this says.
            let _ = self.drain();
        }
    }
}

fn writer(
    form: Form,
    names: &Names,
    rule: Option<&Rule>,
    buffer: &Buffer,
) -> Box<dyn RecordWriter> {
    let buffer = buffer.clone();
    match form {
        Form::Brackets => Box::new(Brackets::new(buffer)),
        Form::Ansi => Box::new(Ansi::new(buffer)),
        Form::JsonLines | Form::JsonLinesTop => Box::new(JsonLines::new(buffer)),
        Form::Csv => Box::new(Csv::new(buffer)),
        Form::Markdown => {
            let options = MarkdownOptions {
                title: names.text.clone(),
                model: names.model.clone(),
                rule: rule.cloned(),
            };
            Box::new(Markdown::new(buffer, options))
        }
        Form::Svg => {
            let default = SvgOptions::default();
            let options = SvgOptions {
                title: match &names.text {
                    Some(title) => format!("{}: {title}", default.title),
                    None => default.title.clone(),
                },
                threshold: rule.and_then(Rule::entropy_threshold),
                ..default
            };
            Box::new(Svg::new(buffer, options))
        }
    }
}

/// The buffer takes everything, so an error is the form's own: too long a text.
fn refused(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::InvalidInput => argument(error.to_string()).into(),
        _ => Error::Io {
            action: "write",
            path: "the output".into(),
            source: error,
        }
        .into(),
    }
}

#[derive(Serialize)]
struct WithTop<'a> {
    #[serde(flatten)]
    record: &'a ByteRecord,
    top: Vec<Top>,
}

/// A token that could have been here; `byte` is null for the special ones.
#[derive(Serialize)]
struct Top {
    id: u32,
    byte: Option<u8>,
    nll: f32,
}

impl Top {
    fn of((id, log_p): &Likely) -> Self {
        Self {
            id: *id,
            byte: byte_of(*id),
            // No -0: what is certain has none.
            nll: (-log_p).max(0.0),
        }
    }
}
