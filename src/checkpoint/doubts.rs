//! Settings that no file contradicts, and that ruin a result all the same: mostly what a
//! conversion has lost.

use serde_json::Value;

use super::config::{BltConfig, Config, EntropyConfig};

/// What the released models have, and a model trained with it needs.
const WINDOW: u32 = 512;

/// A sentence for each such setting.
pub(super) fn of(config: &Config, json: &Value) -> Vec<String> {
    let mut doubts = Vec::new();
    if let Some(entropy) = &config.entropy {
        entropy_window(entropy, config.blt.as_ref(), &mut doubts);
    }
    if let Some(blt) = &config.blt {
        local_window(blt, config.entropy.as_ref(), &mut doubts);
    }
    epsilons(json, "", &mut doubts);
    doubts
}

fn entropy_window(entropy: &EntropyConfig, blt: Option<&BltConfig>, doubts: &mut Vec<String>) {
    let positions = entropy.stack.max_positions;
    match entropy.window {
        None if positions.is_none_or(|n| n > WINDOW) => {
            let other = match blt.and_then(|blt| blt.local_window) {
                Some(window) => format!(", while encoder and decoder have one of {window}"),
                None => String::new(),
            };
            doubts.push(format!(
                "the entropy model has no attention window (`sliding_window` is null){other}; \
                 released ones have {WINDOW}, and without it patches shrink towards single bytes \
                 past {WINDOW} bytes of text"
            ));
        }
        Some(window) if positions.is_some_and(|n| n < window) => doubts.push(format!(
            "the entropy model has positions for {} bytes, less than its attention window of \
             {window}: one of `max_position_embeddings` and `sliding_window` is probably that of \
             another model",
            positions.unwrap_or_default()
        )),
        _ => {}
    }
}

fn local_window(blt: &BltConfig, entropy: Option<&EntropyConfig>, doubts: &mut Vec<String>) {
    let positions = blt.max_positions();
    match blt.local_window {
        None if positions.is_none_or(|n| n > WINDOW) => {
            let other = match entropy.and_then(|entropy| entropy.window) {
                Some(window) => format!(", while the entropy model has one of {window}"),
                None => String::new(),
            };
            doubts.push(format!(
                "encoder and decoder have no attention window (`local_attention_window_len` is \
                 null){other}; released models have {WINDOW}, and what is past {WINDOW} bytes is \
                 predicted worse without it"
            ));
        }
        Some(window) if positions.is_some_and(|n| n < window) => doubts.push(format!(
            "encoder and decoder have positions for {} bytes, less than their attention window of \
             {window}: one of `max_position_embeddings` and `local_attention_window_len` is \
             probably that of another model",
            positions.unwrap_or_default()
        )),
        _ => {}
    }
}

/// Two names for one number, which may differ.
fn epsilons(json: &Value, path: &str, doubts: &mut Vec<String>) {
    let Value::Object(map) = json else {
        return;
    };
    let number = |key: &str| map.get(key).and_then(Value::as_f64);
    if let (Some(used), Some(other)) = (number("rms_norm_eps"), number("norm_eps"))
        && used != other
    {
        doubts.push(format!(
            "`{path}rms_norm_eps` is {used} and `{path}norm_eps` is {other}; the former is used"
        ));
    }
    for (key, value) in map {
        epsilons(value, &format!("{path}{key}."), doubts);
    }
}
