//! `blt corpus`: what it writes, and that nothing is lost or doubled, whatever ends a run.

mod meta;
mod resume;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type};
use arrow_array::{Int64Array, RecordBatch, StringArray};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::{good, model, refused};

/// Texts of all kinds, `count` of them.
fn texts(count: usize) -> Vec<String> {
    let words = [
        "a",
        "word",
        "그리고",
        "\u{0}",
        "Zeile\n",
        "x = 1;",
        "",
        "😀",
    ];
    let mut state = 7u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let text = |_| {
        let length = next(9);
        let words: Vec<&str> = (0..length).map(|_| words[next(words.len())]).collect();
        words.join(" ")
    };
    (0..count).map(text).collect()
}

/// Lines of JSON with the names `d0`, `d1` …
fn lines(texts: &[String], first: usize) -> Vec<u8> {
    let line = |(at, text): (usize, &String)| {
        format!(
            "{}\n",
            json!({"id": format!("d{}", first + at), "text": text})
        )
    };
    texts
        .iter()
        .enumerate()
        .map(line)
        .collect::<String>()
        .into_bytes()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn columns(path: &Path) -> Vec<RecordBatch> {
    let file = File::open(path).unwrap();
    if path.extension().is_some_and(|end| end == "parquet") {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        builder.build().unwrap().map(Result::unwrap).collect()
    } else {
        FileReader::try_new(file, None)
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    id: String,
    lengths: Vec<i32>,
    entropies: Option<Vec<f32>>,
    nll: Option<Vec<f32>>,
    text: Option<String>,
}

/// The rows of `--layout patches`.
fn rows(path: &Path) -> Vec<Row> {
    let mut all = Vec::new();
    for batch in columns(path) {
        let column = |name: &str| batch.column_by_name(name);
        let floats = |name: &str, row: usize| {
            let list = column(name)?.as_list::<i32>().value(row);
            Some(list.as_primitive::<Float32Type>().values().to_vec())
        };
        for row in 0..batch.num_rows() {
            let lengths = column("patch_lengths").unwrap().as_list::<i32>().value(row);
            all.push(Row {
                id: column("id")
                    .unwrap()
                    .as_string::<i32>()
                    .value(row)
                    .to_owned(),
                lengths: lengths.as_primitive::<Int32Type>().values().to_vec(),
                entropies: floats("entropies", row),
                nll: floats("nll", row),
                text: column("text").map(|text| text.as_string::<i32>().value(row).to_owned()),
            });
        }
    }
    all
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The command that reads `data` into `out`, and what else it is told.
fn corpus<'a>(data: &'a Path, out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let base = ["corpus", "-q", shown(data), "-o", shown(out)];
    [&base[..], more].concat()
}

fn manifest(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap()
}

/// All files of a folder that is not hidden, by their paths in it, with what they hold.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with('.') {
                continue;
            }
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().to_owned();
                    found.insert(name, fs::read(&path).unwrap());
                }
            }
        }
    }
    found
}

/// Every kind of input gives the same rows, and these are what `patch` and `entropy` say.
#[test]
fn rows_are_what_patch_and_entropy_say() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let texts = texts(300);
    let json = lines(&texts, 0);
    fs::write(place("json.jsonl"), &json).unwrap();
    // Two members one behind the other, as tools that append leave them.
    let (one, two) = json.split_at(json.len() / 2);
    fs::write(
        place("gzip.jsonl.gz"),
        [gzipped(one), gzipped(two)].concat(),
    )
    .unwrap();
    let frames = [one, two].map(|part| zstd::encode_all(part, 1).unwrap());
    fs::write(place("zstd.jsonl.zst"), frames.concat()).unwrap();
    let ids: Vec<String> = (0..texts.len()).map(|at| format!("d{at}")).collect();
    let schema = Arc::new(Schema::new(vec![
        Field::new("other", DataType::Int64, true),
        Field::new("text", DataType::Utf8, true),
        Field::new("id", DataType::Utf8, true),
    ]));
    let batch = RecordBatch::try_new(
        Arc::clone(&schema),
        vec![
            Arc::new(Int64Array::from(vec![3; texts.len()])),
            Arc::new(StringArray::from(texts.clone())),
            Arc::new(StringArray::from(ids)),
        ],
    )
    .unwrap();
    let mut writer =
        FileWriter::try_new(File::create(place("file.arrow")).unwrap(), &schema).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let stream = File::create(place("stream.arrow")).unwrap();
    let mut writer = StreamWriter::try_new(stream, &schema).unwrap();
    writer.write(&batch.slice(0, 100)).unwrap();
    writer.write(&batch.slice(100, 200)).unwrap();
    writer.finish().unwrap();
    let table = File::create(place("table.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(table, schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    let out = place("out");
    let model = model();
    let more = ["-m", &model, "--entropies", "--nll", "--text"];
    let arguments = corpus(folder.path(), &out, &more);
    good(&arguments, b"");
    let first = rows(&out.join("json.parquet"));
    assert_eq!(first.len(), texts.len());
    for name in ["gzip", "zstd", "file", "stream", "table"] {
        assert!(
            rows(&out.join(format!("{name}.parquet"))) == first,
            "{name}"
        );
    }
    for (at, (row, text)) in first.iter().zip(&texts).enumerate() {
        assert_eq!(
            (&row.id, row.text.as_ref()),
            (&format!("d{at}"), Some(text))
        );
        assert_eq!(row.lengths.iter().sum::<i32>() as usize, text.len());
        if at % 10 == 0 && !text.is_empty() {
            let said = good(&["entropy", "-q", "-m", &model, "-f", "-"], text.as_bytes()).text();
            let said: Vec<Value> = said
                .lines()
                .map(|l| serde_json::from_str(l).unwrap())
                .collect();
            let bytes = &said[..text.len()];
            let starts = bytes.iter().filter(|record| record["start"] == true);
            assert_eq!(starts.count(), row.lengths.len(), "{text:?}");
            let of = |key: &str| -> Vec<f64> {
                bytes
                    .iter()
                    .map(|record| record[key].as_f64().unwrap())
                    .collect()
            };
            let mut start = 0;
            for length in &row.lengths {
                assert_eq!(bytes[start]["start"], true, "{text:?}");
                start += usize::try_from(*length).unwrap();
            }
            for (key, own) in [("entropy", &row.entropies), ("nll", &row.nll)] {
                let own = own.as_ref().unwrap();
                assert_eq!(own.len(), text.len());
                for (a, b) in own.iter().zip(of(key)) {
                    assert!((f64::from(*a) - b).abs() < 1e-5, "{key} of {text:?}");
                }
            }
        }
    }
    let manifest = manifest(&out);
    assert_eq!(manifest["complete"], true);
    assert_eq!(manifest["totals"]["texts"], 6 * texts.len());
    let output = &manifest["outputs"][0];
    assert_eq!(output["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(manifest["settings"]["rule"]["mode"], "entropy");
    // All is done: nothing is read again.
    let before = content(&out);
    good(&arguments, b"");
    assert!(content(&out) == before);
}

#[test]
fn a_rule_of_bytes_needs_no_model() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("a.jsonl"), folder.path().join("out"));
    fs::write(&data, lines(&["two words".to_owned(), String::new()], 0)).unwrap();
    let arguments = corpus(
        &data,
        &out,
        &["--mode", "static", "--patch-size", "4", "--format", "arrow"],
    );
    good(&arguments, b"");
    let rows = rows(&out.join("a.arrow"));
    let lengths: Vec<_> = rows.iter().map(|row| row.lengths.clone()).collect();
    assert_eq!(lengths.iter().flatten().sum::<i32>(), 9);
    assert!(lengths[0].len() >= 3 && lengths[1].is_empty());
    assert_eq!(manifest(&out)["settings"]["model"], Value::Null);
}

#[test]
fn bad_lines_are_counted_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("a.jsonl"), folder.path().join("out"));
    let mut text = b"\xEF\xBB\xBF{\"text\":\"one\"}\r\n\n{\"text\":\"torn\n".to_vec();
    text.extend(b"{\"text\":\"\xFF\"}\n{\"no\":1}\n{\"content\":\"two\",\"url\":\"u\"}");
    fs::write(&data, text).unwrap();
    let arguments = [
        "corpus",
        shown(&data),
        "-o",
        shown(&out),
        "--mode",
        "space",
        "--text",
    ];
    let ran = good(&arguments, b"");
    assert!(ran.err.contains("3 bad lines are in"), "{}", ran.err);
    assert!(ran.err.contains("line 3 of a.jsonl"), "{}", ran.err);
    let found: Vec<_> = rows(&out.join("a.parquet"))
        .into_iter()
        .map(|row| (row.id, row.text.unwrap()))
        .collect();
    let want = [("a.jsonl:1", "one"), ("u", "two")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(found, want);
    let bad = fs::read_to_string(out.join("bad/a.parquet.jsonl")).unwrap();
    let bad: Vec<Value> = bad
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let places: Vec<_> = bad
        .iter()
        .map(|bad| bad["line"].as_u64().unwrap())
        .collect();
    assert_eq!(places, [3, 4, 5]);
    assert_eq!(bad[0]["raw"], "{\"text\":\"torn");
    assert_eq!(bad[1]["raw_base64"], "eyJ0ZXh0Ijoi/yJ9");
    assert!(bad[2]["reason"].as_str().unwrap().contains("--text-column"));
    assert_eq!(manifest(&out)["totals"]["bad_lines"], 3);
}

#[test]
fn columns_can_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("a.jsonl.gz"), folder.path().join("out"));
    let line = json!({"text": "no", "id": "no", "body": "yes", "key": 7}).to_string();
    fs::write(&data, gzipped(line.as_bytes())).unwrap();
    let named = ["--text-column", "body", "--id-column", "key", "--text"];
    let more = [&named[..], &["--mode", "byte"]].concat();
    good(&corpus(&data, &out, &more), b"");
    let row = rows(&out.join("a.parquet")).remove(0);
    assert_eq!((row.id.as_str(), row.text.as_deref()), ("7", Some("yes")));
    assert_eq!(row.lengths, [1, 1, 1]);
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    fs::write(place("a.jsonl"), "{\"text\":\"a\"}\n").unwrap();
    fs::write(place("b.txt"), "a").unwrap();
    let (data, other, out) = (place("a.jsonl"), place("b.txt"), place("out"));
    let (data, other, out) = (shown(&data), shown(&other), shown(&out));
    let cases: [(&[&str], &str); 9] = [
        (&[other], "no kind"),
        (&[data, "--layout", "meta", "--nll"], "--layout patches"),
        (&[data, "--dataset", "x"], "--layout meta"),
        (
            &[data, "--mode", "space", "--reset-every", "9"],
            "--reset-every",
        ),
        (&[data, "--layout", "meta", "--reset-every", "9"], "8192"),
        (&[data, "--patch-size", "4"], "--threshold"),
        (&[data, "--shard", "3/3"], "0/8 to 7/8"),
        (
            &[data, "--mode", "space", "--nll", "--text-column"],
            "--text-column",
        ),
        (&["none*.jsonl"], "no file of a corpus"),
    ];
    for (arguments, said) in cases {
        let base = ["corpus", "-o", out];
        let (code, sentence) = refused(&[&base[..], arguments].concat());
        assert_eq!(code, 2, "{sentence}");
        assert!(sentence.contains(said), "{sentence}");
    }
    // Results of other settings are not mixed.
    good(&["corpus", "-q", data, "-o", out, "--mode", "space"], b"");
    let (code, sentence) = refused(&["corpus", data, "-o", out, "--mode", "byte"]);
    assert!(code == 2 && sentence.contains("`rule`"), "{sentence}");
    fs::write(place("a.jsonl"), "{\"text\":\"more\"}\n").unwrap();
    let (code, sentence) = refused(&["corpus", data, "-o", out, "--mode", "space"]);
    assert!(code == 2 && sentence.contains("inputs"), "{sentence}");
}

/// An input that is torn is named, and the others are read; once it is mended the same
/// command does the rest.
#[test]
fn a_torn_input_does_not_end_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let whole = gzipped(&lines(&texts(400), 0));
    // Of the same size, for that is a setting.
    let mut torn = whole.clone();
    let half = torn.len() / 2;
    torn[half..].fill(0xFF);
    fs::write(place("a.jsonl.gz"), &torn).unwrap();
    fs::write(place("b.jsonl"), lines(&texts(30), 0)).unwrap();
    let (data, out) = (place(""), place("out"));
    let arguments = corpus(&data, &out, &["--mode", "space"]);
    let (code, sentence) = refused(&arguments);
    assert!(code == 1 && sentence.contains("a.jsonl.gz"), "{sentence}");
    assert!(!out.join("a.parquet").exists());
    assert_eq!(rows(&out.join("b.parquet")).len(), 30);
    assert_eq!(manifest(&out)["complete"], false);
    fs::write(place("a.jsonl.gz"), &whole).unwrap();
    good(&arguments, b"");
    assert_eq!(rows(&out.join("a.parquet")).len(), 400);
    assert_eq!(manifest(&out)["complete"], true);
}

/// Runs that share a corpus have each text once, with as many inputs as shards, fewer
/// and more.
#[test]
fn shards_are_the_whole() {
    for (inputs, shards) in [(1, 3), (2, 4), (5, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let texts = texts(4500);
        for (at, part) in texts.chunks(texts.len() / inputs).enumerate() {
            let first = at * (texts.len() / inputs);
            fs::write(data.join(format!("{at}.jsonl")), lines(part, first)).unwrap();
        }
        let out = folder.path().join("out");
        let mut busy = 0;
        for shard in 0..shards {
            let shard = format!("{shard}/{shards}");
            let arguments = corpus(&data, &out, &["--mode", "space"]);
            let before = content(&out_or_empty(&out)).len();
            good(
                &[&arguments[..], &["--text", "--shard", &shard]].concat(),
                b"",
            );
            // A manifest is always there.
            busy += usize::from(content(&out).len() > before + 1);
        }
        assert!(busy > 1, "{inputs} inputs, {shards} shards");
        let mut found: Vec<(String, String)> = content(&out)
            .keys()
            .filter(|path| path.extension().is_some_and(|end| end == "parquet"))
            .flat_map(|path| rows(&out.join(path)))
            .map(|row| (row.id, row.text.unwrap()))
            .collect();
        let mut want: Vec<(String, String)> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| (format!("d{at}"), text.clone()))
            .collect();
        found.sort();
        want.sort();
        assert!(found == want, "{inputs} inputs, {shards} shards");
        let (code, sentence) = refused(&[
            "corpus",
            shown(&data),
            "-o",
            shown(&out),
            "--mode",
            "space",
            "--text",
            "--shard",
            "0/9",
        ]);
        assert!(code == 2 && sentence.contains("`shards`"), "{sentence}");
    }
}

fn out_or_empty(out: &Path) -> PathBuf {
    fs::create_dir_all(out).unwrap();
    out.to_owned()
}
