//! The JSON lines: which entropy belongs to which byte, and where patches start.

use safetensors::SafeTensors;
use serde_json::Value;

use super::{good, oracle};

/// The golden data of an input.
struct Golden {
    bytes: Vec<u8>,
    /// By position, BOS first.
    entropies: Vec<f32>,
    /// By position, and one more.
    starts: Vec<bool>,
    /// By position, 260 each; empty if not kept.
    logits: Vec<f32>,
}

impl Golden {
    fn read(variant: &str, input: &str) -> Self {
        let path = oracle(variant).join(format!("golden_{input}.safetensors"));
        let file = std::fs::read(path).unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        let bytes = |name: &str| tensors.tensor(name).map(|t| t.data().to_vec());
        let ints = |name: &str| -> Vec<i64> {
            let data = bytes(name).unwrap();
            let chunks = data.chunks_exact(8);
            chunks
                .map(|c| i64::from_le_bytes(c.try_into().unwrap()))
                .collect()
        };
        let floats = |name: &str| -> Vec<f32> {
            let data = bytes(name).unwrap_or_default();
            let chunks = data.chunks_exact(4);
            chunks
                .map(|c| f32::from_le_bytes(c.try_into().unwrap()))
                .collect()
        };
        let mut starts = Vec::new();
        for length in ints("patch_lengths") {
            starts.extend((0..length).map(|at| at == 0));
        }
        Self {
            bytes: ints("input_ids")[1..]
                .iter()
                .map(|id| u8::try_from(id - 4).unwrap())
                .collect(),
            entropies: floats("entropies"),
            starts,
            logits: floats("patcher_logits"),
        }
    }

    /// -ln p of a byte.
    fn nll(&self, at: usize) -> f64 {
        let row: Vec<f64> = self.logits[at * 260..][..260]
            .iter()
            .map(|l| f64::from(*l))
            .collect();
        let total: f64 = row.iter().map(|l| l.exp()).sum();
        total.ln() - row[usize::from(self.bytes[at]) + 4]
    }
}

fn lines(text: &str) -> Vec<Value> {
    assert!(text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn close(value: &Value, expected: f64, tolerance: f64) {
    let found = value.as_f64().unwrap();
    assert!(
        (found - expected).abs() < tolerance,
        "{found} for {expected}"
    );
}

#[test]
fn lines_agree_with_the_golden_data() {
    let inputs = [
        ("k2_base", "ascii"),
        ("k2_base", "code"),
        ("k2_base", "korean"),
        ("k2_base", "empty"),
        ("k2_base", "one"),
        ("window", "two"),
        ("maxpatch", "ascii"),
        ("bf16w", "korean"),
    ];
    for (variant, input) in inputs {
        let golden = Golden::read(variant, input);
        let model = oracle(variant).display().to_string();
        let arguments = ["patch", "-", "-m", &model, "--format", "jsonl"];
        let ran = good(&arguments, &golden.bytes);
        let lines = lines(&ran.text());
        assert_eq!(lines.len(), golden.bytes.len() + 1, "{variant} {input}");
        let mut patch = -1;
        for (i, line) in lines.iter().enumerate() {
            let keys: Vec<_> = line
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            assert_eq!(keys, ["i", "byte", "entropy", "nll", "start", "patch"]);
            assert_eq!(line["i"], i);
            assert_eq!(
                line["byte"],
                golden
                    .bytes
                    .get(i)
                    .copied()
                    .map_or(Value::Null, Value::from)
            );
            // The entropy of predicting byte i, at the position before it: BOS has position 0.
            close(&line["entropy"], golden.entropies[i].into(), 1e-4);
            assert_eq!(line["start"], golden.starts[i + 1], "{variant} {input} {i}");
            patch += i64::from(golden.starts[i + 1]);
            assert_eq!(line["patch"], patch);
            match golden.bytes.get(i) {
                None => assert!(line["nll"].is_null()),
                Some(_) if golden.logits.is_empty() => {}
                Some(_) => close(&line["nll"], golden.nll(i), 2e-4),
            }
        }
    }
}

#[test]
fn entropy_writes_the_same_lines_as_patch() {
    let golden = Golden::read("k2_base", "ascii");
    let model = super::model();
    let patch = good(&["patch", "-m", &model, "--format", "jsonl"], &golden.bytes);
    let entropy = good(&["entropy", "-m", &model], &golden.bytes);
    assert_eq!(patch.text(), entropy.text());

    // With a rule that needs no model, patch has no entropies and entropy has.
    let bare = good(
        &[
            "patch", "-m", &model, "--mode", "space", "--format", "jsonl",
        ],
        &golden.bytes,
    );
    let full = good(&["entropy", "-m", &model, "--mode", "space"], &golden.bytes);
    for (bare, full) in lines(&bare.text()).iter().zip(lines(&full.text())) {
        assert!(bare["entropy"].is_null() && bare["nll"].is_null() && full["entropy"].is_number());
        assert_eq!(
            (&bare["start"], &bare["patch"]),
            (&full["start"], &full["patch"])
        );
    }
    assert!(
        bare.text()
            .contains(r#""byte":32,"entropy":null,"nll":null,"start":false,"patch":0}"#)
    );
}

#[test]
fn the_most_likely_bytes_stand_in_place_of_each() {
    let golden = Golden::read("k2_base", "ascii");
    let ran = good(
        &["entropy", "-m", &super::model(), "--top", "3"],
        &golden.bytes,
    );
    let lines = lines(&ran.text());
    assert_eq!(lines.len(), golden.bytes.len() + 1);
    for (at, line) in lines.iter().enumerate() {
        let keys: Vec<_> = line
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            keys,
            ["i", "byte", "entropy", "nll", "start", "patch", "top"]
        );
        let row = &golden.logits[at * 260..][..260];
        let total: f64 = row.iter().map(|l| f64::from(*l).exp()).sum();
        let mut order: Vec<usize> = (0..260).collect();
        order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
        let top = line["top"].as_array().unwrap();
        assert_eq!(top.len(), 3);
        for (found, id) in top.iter().zip(order) {
            assert_eq!(found["id"], id);
            assert_eq!(
                found["byte"],
                id.checked_sub(4).map_or(Value::Null, Value::from)
            );
            close(&found["nll"], total.ln() - f64::from(row[id]), 2e-4);
        }
    }
}

#[test]
fn csv_has_the_numbers_of_the_lines() {
    let text = b"a,\"b\"\n\xff";
    let model = super::model();
    let json = good(&["patch", "-m", &model, "--format", "jsonl"], text).text();
    let csv = good(&["patch", "-m", &model, "--format", "csv"], text).text();
    let mut rows = csv.lines();
    assert_eq!(rows.next(), Some("i,byte,entropy,nll,start,patch"));
    for (row, line) in rows.by_ref().zip(lines(&json)) {
        let cells: Vec<String> = line
            .as_object()
            .unwrap()
            .values()
            .map(|v| {
                if v.is_null() {
                    String::new()
                } else {
                    v.to_string()
                }
            })
            .collect();
        assert_eq!(row, cells.join(","));
    }
    assert_eq!((rows.next(), csv.lines().count()), (None, text.len() + 2));
    assert_eq!(
        csv,
        good(&["entropy", "-m", &model, "--format", "csv"], text).text()
    );
}
