//! A text of a corpus, and where in a document its parts are.

use serde_json::{Map, Value};

/// Which columns of a document are its text and its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The text [default: `text`, else `content`].
    pub text: Option<String>,
    /// The name [default: the first of `sample_id`, `title`, `qid`, `paper_id`, `path`,
    /// `url` and `id` that the document has, else its file and line].
    pub id: Option<String>,
}

const TEXTS: [&str; 2] = ["text", "content"];
/// In the order in which the reference trainer looks for them.
const IDS: [&str; 7] = ["sample_id", "title", "qid", "paper_id", "path", "url", "id"];

impl Columns {
    /// The columns in which the text may be, the likeliest first.
    pub(super) fn texts(&self) -> Vec<&str> {
        match &self.text {
            Some(named) => vec![named],
            None => TEXTS.to_vec(),
        }
    }

    /// The columns in which the name may be, the likeliest first.
    pub(super) fn ids(&self) -> Vec<&str> {
        match &self.id {
            Some(named) => vec![named],
            None => IDS.to_vec(),
        }
    }

    /// What is to be said of a document without a text.
    pub(super) fn no_text(&self) -> String {
        match &self.text {
            Some(named) => format!("there is no `{named}`"),
            None => "there is neither `text` nor `content`; name the column with --text-column"
                .to_owned(),
        }
    }

    /// What is to be said of a document without a name, where one is asked for.
    pub(super) fn no_id(&self) -> Option<String> {
        let named = self.id.as_ref()?;
        Some(format!("there is no `{named}`"))
    }
}

/// A text of a corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) id: String,
    pub(super) text: String,
}

/// A line or row of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Document(Document),
    Bad(Bad),
}

/// A line or row that holds no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    /// Its number in the input, from 1.
    pub(super) line: u64,
    /// What is wrong with it.
    pub(super) reason: String,
    /// Its bytes, where they are there.
    pub(super) raw: Vec<u8>,
}

/// A line of JSON as a document; `place` names it if nothing else does.
///
/// # Errors
/// What is wrong with it.
pub(super) fn of_json(
    line: &[u8],
    columns: &Columns,
    place: impl FnOnce() -> String,
) -> Result<Document, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Value::Object(mut object) = value else {
        return Err("it is no JSON object".to_owned());
    };
    let id = id_of(&object, columns, place)?;
    let text = columns.texts().into_iter().find_map(|column| {
        let found = object.get_mut(column)?.take();
        (!found.is_null()).then_some((column, found))
    });
    match text {
        Some((_, Value::String(text))) => Ok(Document { id, text }),
        Some((column, _)) => Err(format!("its `{column}` is no string")),
        None => Err(columns.no_text()),
    }
}

fn id_of(
    object: &Map<String, Value>,
    columns: &Columns,
    place: impl FnOnce() -> String,
) -> Result<String, String> {
    let ids = columns.ids();
    let found = ids.iter().find_map(|column| match object.get(*column)? {
        Value::Null => None,
        Value::String(id) => Some(id.clone()),
        other => Some(other.to_string()),
    });
    match (found, columns.no_id()) {
        (Some(id), _) => Ok(id),
        (None, Some(reason)) => Err(reason),
        (None, None) => Ok(place()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str, columns: &Columns) -> Result<(String, String), String> {
        let place = || "file:7".to_owned();
        of_json(line.as_bytes(), columns, place).map(|document| (document.id, document.text))
    }

    #[test]
    fn the_first_name_of_a_list_is_taken_as_text() {
        let any = Columns::default();
        for (line, id, text) in [
            (r#"{"id":3,"title":"t","text":"a"}"#, "t", "a"),
            (r#"{"url":"u","path":"p","content":"b"}"#, "p", "b"),
            (r#"{"id":3.5,"text":"a\u0000","content":"b"}"#, "3.5", "a\0"),
            (
                r#"{"sample_id":null,"id":[1,"x"],"text":""}"#,
                "[1,\"x\"]",
                "",
            ),
            (r#"{"text":null,"content":"b"}"#, "file:7", "b"),
        ] {
            assert_eq!(
                of(line, &any),
                Ok((id.to_owned(), text.to_owned())),
                "{line}"
            );
        }
        let named = Columns {
            text: Some("body".to_owned()),
            id: Some("key".to_owned()),
        };
        let line = r#"{"text":"a","id":1,"body":"b","key":2}"#;
        assert_eq!(of(line, &named), Ok(("2".to_owned(), "b".to_owned())));
        for (line, reason) in [
            (r#"{"key":1,"text":"a"}"#, "`body`"),
            (r#"{"body":"a"}"#, "`key`"),
        ] {
            let said = of(line, &named).err().unwrap_or_default();
            assert!(said.contains(reason), "{said}");
        }
    }

    #[test]
    fn what_is_no_document_says_why() {
        for (line, reason) in [
            ("", "EOF"),
            ("{\"text\": \"a", "EOF"),
            ("[1]", "no JSON object"),
            ("{}", "--text-column"),
            (r#"{"text":7}"#, "`text` is no string"),
            (r#"{"text":"\ud800"}"#, "hex escape"),
        ] {
            let said = of(line, &Columns::default()).err().unwrap_or_default();
            assert!(said.contains(reason), "{line}: {said}");
        }
    }
}
