//! The layout of the reference trainer, read by what its description says.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use arrow_array::cast::AsArray;
use arrow_array::types::Float16Type;
use arrow_ipc::reader::FileReader;
use arrow_schema::DataType;
use serde_json::Value;

use super::{corpus, lines, shown, texts};
use crate::{good, model};

/// A document as the reference trainer gets it.
struct Sample {
    id: String,
    text: String,
    entropies: Vec<f32>,
}

/// Reads `OUT/{data set}/{model}/{data set}.chunk.NN.jsonl.shard_S.arrow`, of which those
/// count that have an empty `.complete` beside them.
fn read(out: &Path, data_set: &str, model: &str) -> Vec<Sample> {
    let folder = out.join(data_set).join(model);
    let names: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    let mut samples = Vec::new();
    let (complete, files): (Vec<&String>, Vec<&String>) =
        names.iter().partition(|name| name.ends_with(".complete"));
    assert_eq!(complete.len(), files.len(), "{names:?}");
    for name in files {
        let rest = name.strip_prefix(&format!("{data_set}.chunk.")).unwrap();
        let (chunk, shard) = rest.split_once(".jsonl.shard_").unwrap();
        assert!(
            chunk.len() >= 2 && chunk.bytes().all(|byte| byte.is_ascii_digit()),
            "{name}"
        );
        let shard = shard.strip_suffix(".arrow").unwrap();
        assert!(shard.parse::<u32>().is_ok(), "{name}");
        let mark = folder.join(format!("{name}.complete"));
        assert_eq!(fs::metadata(mark).unwrap().len(), 0);
        let reader = FileReader::try_new(File::open(folder.join(name)).unwrap(), None).unwrap();
        let schema = reader.schema();
        let fields: Vec<(&str, bool)> = schema
            .fields()
            .iter()
            .map(|field| (field.name().as_str(), field.is_nullable()))
            .collect();
        let want = [("sample_id", false), ("text", false), ("entropies", false)];
        assert_eq!(fields, want);
        assert_eq!(schema.field(0).data_type(), &DataType::Utf8);
        assert_eq!(schema.field(1).data_type(), &DataType::Utf8);
        let DataType::List(item) = schema.field(2).data_type() else {
            panic!("{schema}");
        };
        assert_eq!(item.data_type(), &DataType::Float16);
        let batches: Vec<_> = reader.map(Result::unwrap).collect();
        for (at, batch) in batches.iter().enumerate() {
            let last = at + 1 == batches.len();
            assert!(batch.num_rows() == 1000 || last && batch.num_rows() <= 1000);
            assert!(
                batch
                    .columns()
                    .iter()
                    .all(|column| column.null_count() == 0)
            );
            let (ids, texts) = (
                batch.column(0).as_string::<i32>(),
                batch.column(1).as_string::<i32>(),
            );
            let entropies = batch.column(2).as_list::<i32>();
            for row in 0..batch.num_rows() {
                let values = entropies.value(row);
                let values = values.as_primitive::<Float16Type>().values().to_vec();
                samples.push(Sample {
                    id: ids.value(row).to_owned(),
                    text: texts.value(row).to_owned(),
                    entropies: values.into_iter().map(half::f16::to_f32).collect(),
                });
            }
        }
    }
    samples
}

/// The nearest half and the tokens' rounding.
fn near(half: f32, nats: f64) -> bool {
    (f64::from(half) - nats).abs() <= nats.abs() * 2f64.powi(-11) + 2e-5
}

#[test]
fn the_trainers_layout_is_as_described() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("my.set");
    fs::create_dir(&data).unwrap();
    let texts = texts(2300);
    let (one, two) = texts.split_at(1200);
    fs::write(data.join("a.jsonl"), lines(one, 0)).unwrap();
    fs::write(data.join("b.jsonl"), lines(two, one.len())).unwrap();
    let out = folder.path().join("out");
    let model = model();
    let arguments = corpus(&data, &out, &["-m", &model, "--layout", "meta"]);
    good(&arguments, b"");
    let samples = read(&out, "my.set", "k2_base");
    assert_eq!(samples.len(), texts.len());
    for (at, (sample, text)) in samples.iter().zip(&texts).enumerate() {
        assert_eq!((&sample.id, &sample.text), (&format!("d{at}"), text));
        assert_eq!(sample.entropies.len(), text.len() + 2);
        if at % 50 == 0 && !text.is_empty() {
            let said = good(&["entropy", "-q", "-m", &model, "-f", "-"], text.as_bytes()).text();
            for (line, half) in said.lines().zip(&sample.entropies) {
                let record: Value = serde_json::from_str(line).unwrap();
                assert!(near(*half, record["entropy"].as_f64().unwrap()), "{text:?}");
            }
        }
    }
}

/// The context begins anew every 8192 tokens: what follows is as in a text that begins there.
#[test]
fn the_context_begins_anew_as_the_reference_does() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("long.jsonl");
    let text = "A sentence that goes on and on, 그리고. ".repeat(420);
    fs::write(&data, lines(std::slice::from_ref(&text), 0)).unwrap();
    let out = folder.path().join("out");
    let model = model();
    let names = ["--dataset", "a/b", "--model-name", "m"];
    let more = [&["-m", &model, "--layout", "meta"], &names[..]].concat();
    good(&corpus(&data, &out, &more), b"");
    let sample = read(&out, "a_b", "m").remove(0);
    assert!(text.len() > 2 * 8192);
    let reset = [
        "entropy",
        "-q",
        "-m",
        &model,
        "-f",
        "-",
        "--reset-every",
        "8192",
    ];
    let said = good(&reset, text.as_bytes()).text();
    assert_eq!(sample.entropies.len(), said.lines().count() + 1);
    for (line, half) in said.lines().zip(&sample.entropies) {
        let record: Value = serde_json::from_str(line).unwrap();
        assert!(
            near(*half, record["entropy"].as_f64().unwrap()),
            "{line} {half}"
        );
    }
}

/// The same folder through pyarrow, where Python has it.
#[test]
fn pyarrow_reads_the_trainers_layout() {
    let python = std::env::var("BLT_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let there = Command::new(&python)
        .args(["-c", "import pyarrow"])
        .output();
    if !there.is_ok_and(|ran| ran.status.success()) {
        eprintln!(
            "no pyarrow in {python}: its reading is not tested (BLT_TEST_PYTHON names another)"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("set.jsonl");
    let texts = texts(1500);
    fs::write(&data, lines(&texts, 0)).unwrap();
    let out = folder.path().join("out");
    let model = model();
    let arguments = corpus(&data, &out, &["-m", &model, "--layout", "meta"]);
    good(&arguments, b"");
    let script = "
import json, sys
import pyarrow as pa, pyarrow.dataset, pathlib
out, data = map(pathlib.Path, sys.argv[1:])
file, = out.glob('set/k2_base/set.chunk.00.jsonl.shard_0.arrow')
assert file.with_name(file.name + '.complete').stat().st_size == 0
schema = pa.schema([
    pa.field('sample_id', pa.string(), nullable=False),
    pa.field('text', pa.string(), nullable=False),
    pa.field('entropies', pa.list_(pa.float16()), nullable=False),
])
table = pa.dataset.dataset(str(file), format='arrow').to_table()
assert table.schema.equals(schema), table.schema
reader = pa.ipc.open_file(pa.memory_map(str(file)))
assert [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)] == [1000, 500]
rows = table.to_pylist()
lines = [json.loads(line) for line in data.read_text().split('\\n') if line]
assert len(rows) == len(lines)
for row, line in zip(rows, lines):
    assert (row['sample_id'], row['text']) == (line['id'], line['text'])
    assert len(row['entropies']) == len(line['text'].encode()) + 2
    assert all(0 <= h < 5.6 for h in row['entropies'])
";
    let ran = Command::new(&python)
        .args(["-c", script, shown(&out), shown(&data)])
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}
