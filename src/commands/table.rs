//! A small table on standard output, for people or for programs.

use clap::ValueEnum;
use serde_json::{Map, Value};

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TableFormat {
    /// Aligned columns
    Text,
    /// An array of objects
    Json,
    /// Comma-separated values
    Csv,
    /// Markdown
    Md,
}

/// What a cell shows to people, and its value for programs.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    value: Value,
}

impl Cell {
    /// A word.
    pub(super) fn word(word: impl Into<String>) -> Self {
        let text = word.into();
        Self {
            value: Value::from(text.clone()),
            text,
        }
    }

    /// A count.
    pub(super) fn count(count: u64) -> Self {
        Self {
            text: count.to_string(),
            value: count.into(),
        }
    }

    /// A number, shown with that many digits after the point.
    pub(super) fn number(number: f64, digits: usize) -> Self {
        Self::shown(number, format!("{number:.digits$}"))
    }

    /// A number that may not be known.
    pub(super) fn maybe(number: Option<f64>, digits: usize) -> Self {
        number.map_or_else(
            || Self {
                text: "-".to_owned(),
                value: Value::Null,
            },
            |number| Self::number(number, digits),
        )
    }

    /// A number, shown in another way.
    pub(super) fn shown(number: f64, text: String) -> Self {
        Self {
            text,
            value: number.into(),
        }
    }
}

/// A column: its heading for people, its key for programs. The first column is
/// set flush left, the others flush right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) heading: &'static str,
    pub(super) key: &'static str,
}

/// Rows of as many cells as there are columns.
#[derive(Clone, Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows. The columns are (heading, key).
    pub(super) fn new(columns: &[(&'static str, &'static str)]) -> Self {
        let column = |(heading, key): &(&'static str, &'static str)| Column { heading, key };
        Self {
            columns: columns.iter().map(column).collect(),
            rows: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    /// The table in a format.
    pub(super) fn render(&self, format: TableFormat) -> String {
        match format {
            TableFormat::Text => self.text(),
            TableFormat::Json => format!("{:#}\n", self.json()),
            TableFormat::Csv => self.csv(),
            TableFormat::Md => self.markdown(),
        }
    }

    fn json(&self) -> Value {
        let object = |row: &Vec<Cell>| {
            let pairs = self.columns.iter().zip(row);
            let map: Map<String, Value> = pairs
                .map(|(column, cell)| (column.key.to_owned(), cell.value.clone()))
                .collect();
            Value::Object(map)
        };
        Value::Array(self.rows.iter().map(object).collect())
    }

    fn csv(&self) -> String {
        let head = self.columns.iter().map(|column| column.key.to_owned());
        let mut text = line(head, ",");
        for row in &self.rows {
            text += &line(row.iter().map(|cell| csv_field(&cell.value)), ",");
        }
        text
    }

    fn text(&self) -> String {
        let lines = self.lines(ToOwned::to_owned);
        let width = |at: usize| {
            let cells = lines.iter().filter_map(|line| line.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let set = |(at, cell): (usize, &String)| match widths.get(at) {
            Some(width) if at > 0 => format!("{cell:>width$}"),
            Some(width) => format!("{cell:<width$}"),
            None => cell.clone(),
        };
        lines
            .iter()
            .map(|cells| line(cells.iter().enumerate().map(set), "  "))
            .collect()
    }

    fn markdown(&self) -> String {
        let mut lines = self
            .lines(|text| text.replace('|', "\\|"))
            .into_iter()
            .map(|cells| format!("| {} |\n", cells.join(" | ")));
        let mut text = lines.next().unwrap_or_default();
        text += "|---|";
        text += &"---:|".repeat(self.columns.len().saturating_sub(1));
        text.push('\n');
        text.extend(lines);
        text
    }

    /// The headings, then the rows, as people see them.
    fn lines(&self, mark: impl Fn(&str) -> String) -> Vec<Vec<String>> {
        let head = self.columns.iter().map(|column| mark(column.heading));
        let rows = self
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| mark(&cell.text)).collect());
        std::iter::once(head.collect()).chain(rows).collect()
    }
}

fn line(cells: impl Iterator<Item = String>, between: &str) -> String {
    let cells: Vec<String> = cells.collect();
    format!("{}\n", cells.join(between).trim_end())
}

fn csv_field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => csv_text(text),
        other => other.to_string(),
    }
}

/// A text as a field, in quotes if it needs them.
pub(super) fn csv_text(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[("file", "file"), ("bits per byte", "bits_per_byte")]);
        table.add(vec![Cell::word("a,\"b\"|c"), Cell::number(2.0 / 3.0, 3)]);
        table.add(vec![Cell::word("한"), Cell::maybe(None, 3)]);
        table
    }

    #[test]
    fn each_format_has_its_own_way_with_the_same_rows() {
        assert_eq!(
            table().render(TableFormat::Text),
            "file     bits per byte\n\
             a,\"b\"|c          0.667\n\
             한                    -\n"
        );
        assert_eq!(
            table().render(TableFormat::Md),
            "| file | bits per byte |\n|---|---:|\n| a,\"b\"\\|c | 0.667 |\n| 한 | - |\n"
        );
        assert_eq!(
            table().render(TableFormat::Csv),
            "file,bits_per_byte\n\"a,\"\"b\"\"|c\",0.6666666666666666\n한,\n"
        );
        let json: Vec<Value> =
            serde_json::from_str(&table().render(TableFormat::Json)).unwrap_or_default();
        assert_eq!(json.len(), 2);
        assert_eq!(json[0]["bits_per_byte"], 2.0 / 3.0);
        assert_eq!(
            json[1],
            serde_json::json!({"file": "한", "bits_per_byte": null})
        );
    }
}
