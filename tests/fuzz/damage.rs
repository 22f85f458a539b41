//! Ways to damage something.

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Number, Value, json};

/// Numbers that programs are wrong about.
const NUMBERS: [u64; 12] = [
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    65_535,
    u32::MAX as u64,
    1 << 31,
    i64::MAX as u64,
    u64::MAX,
];

fn below(rng: &mut StdRng, end: usize) -> usize {
    rng.random_range(0..end.max(1))
}

/// Changes a few of the bytes.
pub(crate) fn bytes(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    for _ in 0..=below(rng, 4) {
        let length = bytes.len();
        let at = below(rng, length + 1);
        let count = below(rng, (length - at).min(16) + 1);
        match below(rng, 10) {
            0 | 1 if at < length => bytes[at] ^= 1 << below(rng, 8),
            2 if at < length => bytes[at] = rng.random(),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..at + count)),
            5 => {
                let more: Vec<u8> = (0..count).map(|_| rng.random()).collect();
                bytes.splice(at..at, more);
            }
            6 => {
                let again = bytes[at..at + count].to_vec();
                bytes.splice(at..at, again);
            }
            7 => {
                let other = below(rng, length + 1);
                let part = bytes[other..other + below(rng, (length - other).min(64) + 1)].to_vec();
                let end = (at + part.len()).min(length);
                bytes.splice(at..end, part);
            }
            _ => {
                let width = [1, 2, 4, 8][below(rng, 4)];
                let number = NUMBERS[below(rng, NUMBERS.len())].to_le_bytes();
                let end = (at + width).min(length);
                bytes.splice(at..end, number[..width].iter().copied());
            }
        }
    }
}

/// Changes a few of the values.
pub(crate) fn json(value: &mut Value, rng: &mut StdRng) {
    for _ in 0..=below(rng, 3) {
        one(value, rng);
    }
}

fn one(value: &mut Value, rng: &mut StdRng) {
    match value {
        Value::Object(map) if !map.is_empty() && below(rng, 12) > 0 => {
            let at = below(rng, map.len());
            let Some(key) = map.keys().nth(at).cloned() else {
                return;
            };
            match below(rng, 14) {
                0 => drop(map.remove(&key)),
                1 => {
                    let moved = map.remove(&key).unwrap_or_default();
                    map.insert(format!("{key}{}", below(rng, 10)), moved);
                }
                2 => {
                    let copied = map[&key].clone();
                    let other = below(rng, map.len());
                    if let Some(other) = map.values_mut().nth(other) {
                        *other = copied;
                    }
                }
                _ => one(&mut map[&key], rng),
            }
        }
        Value::Array(items) if !items.is_empty() && below(rng, 12) > 0 => {
            let at = below(rng, items.len());
            match below(rng, 6) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => one(&mut items[at], rng),
            }
        }
        other => *other = leaf(other, rng),
    }
}

fn leaf(old: &Value, rng: &mut StdRng) -> Value {
    let number = NUMBERS[below(rng, NUMBERS.len())];
    match below(rng, 12) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(false),
        3 => json!([]),
        4 => json!({}),
        5 => json!(""),
        6 => json!("x".repeat(below(rng, 3000))),
        7 => json!(-1),
        8 => Number::from_f64([0.5, -0.0, 1e300, 1e-300][below(rng, 4)])
            .map_or(Value::Null, Value::Number),
        9 => match old.as_u64() {
            Some(old) => json!(old.wrapping_add(1)),
            None => json!(number),
        },
        10 => match old.as_u64() {
            Some(old) => json!(old / 2),
            None => json!("entropy"),
        },
        _ => json!(number),
    }
}
