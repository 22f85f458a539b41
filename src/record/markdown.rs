//! A Markdown table: one line per patch.

use std::io::{self, Write};

use super::glyph::{Glyph, Glyphs};
use super::{ByteRecord, RecordWriter, Summary};
use crate::bytes::{BOS, Piece, id_of};
use crate::patch::{Known, Patcher, Rule, Scheme};

/// The most bytes of text that a Markdown table holds.
pub const MARKDOWN_MAX_BYTES: u64 = 65_536;

/// What stands above a table besides the counts; what is not known is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MarkdownOptions {
    /// The name of the text.
    pub title: Option<String>,
    /// The name of the model.
    pub model: Option<String>,
    /// The rule that cut the text. It also says why each patch starts.
    pub rule: Option<Rule>,
}

/// Writes a table of the patches of a text of at most [`MARKDOWN_MAX_BYTES`]
/// bytes, as GitHub shows them: index, text, bytes, the mean entropy of its
/// bytes and that of its first one, and why it starts there, below a heading
/// with the model, the rule and the counts. Columns of which nothing is known
/// are left out.
///
/// The text of a patch is a code span, written as by
/// [`Brackets`](super::Brackets): `\n`, `\t`, `\r`, `\\`, and `\xNN` for bytes
/// that cannot be shown; a space is `␣`, and brackets stand for themselves. The
/// next byte is not shown.
///
/// The lines are collected, because the counts stand above them, and written by
/// [`finish`](RecordWriter::finish).
#[derive(Debug)]
pub struct Markdown<W> {
    out: W,
    options: MarkdownOptions,
    glyphs: Glyphs,
    texts: Vec<Code>,
    patches: Vec<Patch>,
    summary: Summary,
    why: Option<Why>,
}

/// What is known about a patch.
#[derive(Debug, Default)]
struct Patch {
    bytes: u64,
    /// Of its first byte.
    entropy: Option<f32>,
    /// The entropies of its bytes, and how many have one.
    sum: f64,
    known: u64,
    why: &'static str,
}

impl<W: Write> Markdown<W> {
    /// A writer into a sink.
    pub fn new(out: W, options: MarkdownOptions) -> Self {
        Self {
            out,
            why: options.rule.as_ref().map(Why::new),
            options,
            glyphs: Glyphs::default(),
            texts: Vec::new(),
            patches: Vec::new(),
            summary: Summary::default(),
        }
    }

    fn heading(&mut self) -> io::Result<()> {
        let MarkdownOptions { title, model, rule } = &self.options;
        let code = |name: &str| Code(name.replace(char::is_control, " ")).span();
        match title {
            Some(title) => writeln!(self.out, "### Patches of {}\n", code(title))?,
            None => writeln!(self.out, "### Patches\n")?,
        }
        if let Some(model) = model {
            writeln!(self.out, "- model: {}", code(model))?;
        }
        if let Some(rule) = rule {
            writeln!(self.out, "- rule: {}", in_words(rule))?;
        }
        let summary = &self.summary;
        write!(
            self.out,
            "- {} bytes, {} patches",
            summary.bytes(),
            summary.patches()
        )?;
        if let Some(mean) = summary.mean_patch() {
            write!(self.out, ", {mean:.2} bytes per patch")?;
        }
        writeln!(self.out)?;
        if summary.boundaries() > 0 {
            writeln!(
                self.out,
                "- {} of {} boundaries inside a character",
                summary.boundaries_in_characters(),
                summary.boundaries()
            )?;
        }
        if let Some(mean) = summary.mean_entropy() {
            write!(self.out, "- {mean:.3} nats of entropy per byte")?;
            match summary.bits_per_byte() {
                Some(bits) => writeln!(self.out, ", {bits:.3} bits of surprise")?,
                None => writeln!(self.out)?,
            }
        }
        Ok(())
    }

    fn table(&mut self) -> io::Result<()> {
        let has_entropy = self.summary.mean_entropy().is_some();
        let has_why = self.why.is_some();
        let columns = |always: [&str; 3], entropy: [&str; 2], why: &str| {
            let mut cells = always.to_vec();
            cells.extend(entropy.iter().filter(|_| has_entropy));
            cells.extend(Some(why).filter(|_| has_why));
            format!("| {} |", cells.join(" | "))
        };
        let out = &mut self.out;
        writeln!(out)?;
        let names = ["#", "patch", "bytes"];
        let entropies = ["mean entropy", "entropy at start"];
        writeln!(out, "{}", columns(names, entropies, "why here"))?;
        writeln!(
            out,
            "{}",
            columns(["---:", "---", "---:"], ["---:", "---:"], "---")
        )?;
        for (index, (patch, text)) in self.patches.iter().zip(&self.texts).enumerate() {
            let nats = |value: Option<f64>| value.map_or("-".into(), |nats| format!("{nats:.3}"));
            let mean = (patch.known > 0).then(|| patch.sum / patch.known as f64);
            let line = columns(
                [&index.to_string(), &text.span(), &patch.bytes.to_string()],
                [&nats(mean), &nats(patch.entropy.map(f64::from))],
                patch.why,
            );
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

fn add(texts: &mut Vec<Code>, glyph: Glyph) {
    if glyph.start || texts.is_empty() {
        texts.push(Code::default());
    }
    if let Some(text) = texts.last_mut() {
        text.0.push_str(&shown(glyph.piece));
    }
}

impl<W: Write> RecordWriter for Markdown<W> {
    fn write(&mut self, record: &ByteRecord) -> io::Result<()> {
        if record.byte.is_some() && self.summary.bytes() == MARKDOWN_MAX_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "a table holds at most {MARKDOWN_MAX_BYTES} bytes of text; longer ones can be written as jsonl or csv"
                ),
            ));
        }
        self.summary.add(record);
        let why = self.why.as_mut().map_or("", |why| why.of(record));
        let texts = &mut self.texts;
        self.glyphs.push(record, |glyph| {
            add(texts, glyph);
            Ok(())
        })?;
        if record.byte.is_none() {
            return Ok(());
        }
        let entropy = record.entropy.filter(|h| h.is_finite());
        if record.start || self.patches.is_empty() {
            self.patches.push(Patch {
                entropy,
                why,
                ..Patch::default()
            });
        }
        if let Some(patch) = self.patches.last_mut() {
            patch.bytes += 1;
            patch.known += u64::from(entropy.is_some());
            patch.sum += entropy.map_or(0.0, f64::from);
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let texts = &mut self.texts;
        self.glyphs.finish(|glyph| {
            add(texts, glyph);
            Ok(())
        })?;
        self.heading()?;
        if !self.patches.is_empty() {
            self.table()?;
        }
        self.out.flush()
    }
}

/// The text of a code span within a table.
#[derive(Debug, Default)]
struct Code(String);

impl Code {
    /// The span: in more backticks than the text has in a row.
    fn span(&self) -> String {
        let runs = self.0.split(|c| c != '`').map(str::len);
        let fence = "`".repeat(runs.max().unwrap_or(0) + 1);
        let room = if fence.len() > 1 { " " } else { "" };
        format!("{fence}{room}{}{room}{fence}", self.0)
    }
}

fn shown(piece: Piece) -> String {
    match piece {
        Piece::Char('\n') => "\\n".into(),
        Piece::Char('\t') => "\\t".into(),
        Piece::Char('\r') => "\\r".into(),
        Piece::Char('\\') => "\\\\".into(),
        // The one character that a table takes for its own even in code. Other backslashes come
        // in pairs, so that none of them joins this one.
        Piece::Char('|') => "\\|".into(),
        // A code span loses spaces at its ends, and the page those in a row.
        Piece::Char(' ') => "␣".into(),
        Piece::Char(c) => c.into(),
        Piece::Invalid(byte) => format!("\\x{byte:02X}"),
    }
}

/// Follows a rule along the records to say why patches start.
#[derive(Debug)]
struct Why {
    scheme: &'static str,
    /// The scheme alone, if there is a longest patch on top of it.
    unbound: Option<Box<dyn Patcher + Send>>,
    id: u32,
}

impl Why {
    fn new(rule: &Rule) -> Self {
        let unbound = rule.max_patch_length().is_some();
        Self {
            scheme: match rule.scheme() {
                Scheme::Entropy { .. } => "above the threshold",
                Scheme::Monotonic { .. } => "risen by the threshold",
                Scheme::Both { .. } => "above and risen by the thresholds",
                Scheme::Space => "after a space",
                Scheme::Static { .. } => "size reached",
                Scheme::Byte => "each byte",
                Scheme::Delimiter => "after a delimiter",
                Scheme::DelimiterPredicted => "delimiter expected",
                Scheme::Lookup { .. } => "in the table",
            },
            unbound: Rule::new(rule.scheme().clone())
                .ok()
                .filter(|_| unbound)
                .map(|rule| rule.patcher()),
            id: BOS,
        }
    }

    /// Why a patch would start at this byte.
    fn of(&mut self, record: &ByteRecord) -> &'static str {
        let known = Known {
            id: self.id,
            entropy: record.entropy,
            best: None,
        };
        let starts = match &mut self.unbound {
            Some(patcher) => patcher.next_starts(&known),
            None => true,
        };
        self.id = record.byte.map_or(BOS, id_of);
        match (record.index, starts) {
            (0, _) => "first byte",
            (_, true) => self.scheme,
            (_, false) => "longest patch",
        }
    }
}

fn in_words(rule: &Rule) -> String {
    let scheme = match rule.scheme() {
        Scheme::Entropy { threshold } => format!("entropy above {threshold} nats"),
        Scheme::Monotonic { threshold } => format!("entropy risen by more than {threshold} nats"),
        Scheme::Both {
            threshold,
            threshold_add,
        } => format!("entropy above {threshold} nats and risen by more than {threshold_add} nats"),
        Scheme::Space => "words".into(),
        Scheme::Static { size: 1 } | Scheme::Byte => "each byte".into(),
        Scheme::Static { size } => format!("{size} bytes each"),
        Scheme::Delimiter => "delimiter tokens".into(),
        Scheme::DelimiterPredicted => "where the model expects a delimiter token".into(),
        Scheme::Lookup { .. } => "a table of the last two bytes".into(),
    };
    match rule.max_patch_length() {
        Some(max) => format!("{scheme}, at most {max} bytes per patch"),
        None => scheme,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::bytes::prompt;
    use crate::patch::starts;
    use crate::record::records;

    fn table(text: &[u8], rule: &Rule, entropies: Option<&[f32]>) -> String {
        let flags = starts(rule, &prompt(text), entropies).unwrap();
        let options = MarkdownOptions {
            rule: Some(rule.clone()),
            ..MarkdownOptions::default()
        };
        let mut out = Vec::new();
        let mut writer = Markdown::new(&mut out, options);
        for record in records(text, entropies, None, &flags).unwrap() {
            writer.write(&record).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_text_of_a_patch_cannot_leave_its_cell() {
        let code = |text: &str| Code(text.chars().map(Piece::Char).map(shown).collect()).span();
        assert_eq!(code("a"), "`a`");
        assert_eq!(code(" a  "), "`␣a␣␣`");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a``b`"), "``` a``b` ```");
        assert_eq!(code("|"), r"`\|`");
        assert_eq!(code(r"\|"), r"`\\\|`");
        assert_eq!(code("\n\r\t\\"), r"`\n\r\t\\`");
        let rule = Rule::new(Scheme::Static { size: 4 }).unwrap();
        let text = b"|`\n|\xFF\xE2\x82||```*_<b>\\|";
        let shown = table(text, &rule, None);
        for line in shown.lines().skip_while(|line| !line.starts_with("| #")) {
            // Bars that are not escaped: four around three columns and one for the reason.
            let bars = line.replace("\\|", "").matches('|').count();
            assert_eq!(bars, 5, "{line}");
        }
    }

    #[test]
    fn the_reason_is_the_rule_or_the_bound_on_it() {
        let rule = Rule::entropy(1.5).unwrap();
        let bound = rule.with_max_patch_length(Some(2)).unwrap();
        let h = [9.0, 1.0, 1.0, 2.0, 1.0, 1.0, 3.0];
        let shown = table(b"abcdef", &bound, Some(&h));
        let why: Vec<&str> = shown
            .lines()
            .filter(|line| line.contains('`'))
            .filter_map(|line| line.trim_end_matches(" |").rsplit("| ").next())
            .collect();
        assert_eq!(
            why,
            [
                "first byte",
                "longest patch",
                "above the threshold",
                "longest patch"
            ]
        );
        assert!(shown.contains("- rule: entropy above 1.5 nats, at most 2 bytes per patch\n"));
        assert!(shown.contains("- 6 bytes, 4 patches, 1.50 bytes per patch\n"));
        assert!(shown.contains("| 0 | `ab` | 2 | 5.000 | 9.000 | first byte |\n"));
    }

    #[test]
    fn nothing_known_and_nothing_there_leave_columns_and_table_out() {
        let words = Rule::new(Scheme::Space).unwrap();
        let shown = table(b"a b", &words, None);
        assert!(shown.contains("| # | patch | bytes | why here |\n"));
        assert!(shown.contains("| 1 | `b` | 1 | after a space |\n"));
        let empty = table(b"", &words, None);
        assert_eq!(
            empty,
            "### Patches\n\n- rule: words\n- 0 bytes, 0 patches\n"
        );
    }

    #[test]
    fn a_table_has_a_greatest_text() {
        let mut writer = Markdown::new(Vec::new(), MarkdownOptions::default());
        let mut recorder = crate::record::Recorder::default();
        for _ in 0..MARKDOWN_MAX_BYTES {
            let record = recorder.byte(b'a', None, None, false);
            writer.write(&record).unwrap();
        }
        writer.write(&recorder.to_come(None, false)).unwrap();
        let error = writer.write(&recorder.byte(b'a', None, None, false));
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
