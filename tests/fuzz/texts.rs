//! Requests, prompts, tables, and text in any bytes.

use blt::bytes::classes;
use blt::measure::score::Request;
use blt::patch::LookupTable;
use blt::text_file::{from_json, to_json, unmarked, unmarked_json};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::{damage, folder, run, sentence};

/// Text in some clothes, damaged.
fn dressed(text: &str, rng: &mut StdRng) -> Vec<u8> {
    let wide = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect();
    let mut bytes: Vec<u8> = match rng.random_range(0..6) {
        0 => wide(u16::to_le_bytes),
        1 => wide(u16::to_be_bytes),
        2 => format!("\u{feff}{text}").into_bytes(),
        _ => text.as_bytes().to_vec(),
    };
    damage::bytes(&mut bytes, rng);
    bytes
}

#[test]
fn requests() {
    let good = json!({"context": "한글 and more", "continuation": " b", "doc": 7});
    let coded = json!({"context_base64": "7aCA/w==", "continuation_base64": "Y2Q"});
    run(&[], 1, |rng| {
        let mut value = if rng.random() {
            good.clone()
        } else {
            coded.clone()
        };
        damage::json(&mut value, rng);
        let text = dressed(&value.to_string(), rng);
        if let Ok(text) = unmarked_json(&text) {
            for line in text.split(|byte| *byte == b'\n') {
                if let Ok(request) = serde_json::from_slice::<Request>(line) {
                    let (key, value) = to_json("context", &request.context);
                    let text = value.as_str().map(str::to_owned);
                    let back = match key.ends_with("base64") {
                        true => from_json("context", None, text),
                        false => from_json("context", text, None),
                    };
                    assert_eq!(back, Ok(request.context));
                }
            }
        }
    });
}

#[test]
fn prompts() {
    run(&[], 1, |rng| {
        let text = dressed("first prompt\r\n두 번째\n\n{\"prompt\": \"x\"}", rng);
        if let Ok(plain) = unmarked(&text) {
            assert!(text.ends_with(plain) && text.len() - plain.len() <= 3);
            assert_eq!(classes(plain).len(), plain.len());
        }
        let (key, value) = to_json("text", &text);
        assert_eq!(key == "text", std::str::from_utf8(&text).is_ok());
        assert!(value.is_string());
    });
}

#[test]
fn lookup_tables() {
    let folder = folder();
    let path = folder.path().join("table.json");
    let good = json!({"side": 260, "pairs": [[104, 105], [0, 259], [36, 36]]});
    run(&[], 2, |rng| {
        let mut value: Value = good.clone();
        damage::json(&mut value, rng);
        std::fs::write(&path, dressed(&value.to_string(), rng)).unwrap();
        if let Some(table) = sentence(LookupTable::open(&path)) {
            let _ = table.get(rng.random(), rng.random());
        }
    });
}
