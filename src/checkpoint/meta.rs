//! Configs in Meta's own layout, put into transformers' words (spec section 13).
//!
//! Meta writes the arguments of its training program: `params.json` or
//! `train_args.json` with the whole of them, `config.json` with the model's alone
//! under `args`. One key makes several of transformers' here, so that everything
//! above knows one layout.

use serde_json::{Map, Value, json};

use super::config::Section;
use super::naming::{Naming, PATCHER};
use super::sentence::refuse;
use crate::Result;

/// What a config in Meta's layout says.
#[derive(Debug)]
pub(super) struct Translated {
    /// The same in transformers' words.
    pub(super) config: Map<String, Value>,
    /// How its weights are named.
    pub(super) naming: Naming,
    /// The patching keys among them, if it says anything of patching.
    pub(super) patching: Option<Map<String, Value>>,
}

/// Whether this is a config in Meta's layout.
pub(super) fn recognised(json: &Value) -> bool {
    let is_object = |key: &str| json.get(key).is_some_and(Value::is_object);
    let has = |key: &str| json.get(key).is_some_and(|value| !value.is_null());
    let nested = ["args", "model", "entropy_model"]
        .into_iter()
        .any(is_object);
    // The model's own arguments alone.
    let alone = (has("dim") || has("dim_global")) && has("vocab_size");
    json.get("model_type").is_none() && (nested || alone)
}

/// Translates the config `file`; `training` are the arguments of the training
/// program, where they are in a file of their own. `entropy`: an entropy model
/// is wanted of it.
pub(super) fn translate(
    json: &Value,
    file: &str,
    training: Option<(&Value, &str)>,
    entropy: bool,
) -> Result<Translated> {
    let root = Section::root(file, json)?;
    let args = arguments(&root, entropy)?;
    let whole = args.has("dim_global");
    if entropy && whole {
        return Err(refuse(format!(
            "{file} describes a whole BLT where the entropy model's config is wanted"
        )));
    }
    let mut patching = patcher_args(&root)?;
    if let (None, Some((json, file))) = (&patching, training) {
        patching = patcher_args(&Section::root(file, json)?)?;
    }
    let (mut config, naming) = if whole {
        patching = match patching {
            Some(found) => Some(found),
            None => model_patching(&args)?,
        };
        (blt(&args)?, Naming::Meta)
    } else {
        // Its training cuts nothing, so whatever its patcher is set to means nothing
        // unless it is the rule that needs an entropy model.
        patching = patching.filter(|p| p.get("patching_mode").is_none_or(|mode| mode == "entropy"));
        (entropy_model(&args)?, Naming::MetaEntropy(""))
    };
    // The size is the model's own where it shapes its weights.
    let joins = config.get("cross_attn_encoder") == Some(&json!(false));
    for (key, value) in patching.iter().flatten() {
        if !(joins && key == "patch_size") {
            config.insert(key.clone(), value.clone());
        }
    }
    Ok(Translated {
        config,
        naming,
        patching,
    })
}

impl Translated {
    /// The naming of an entropy model that belongs to a whole BLT.
    pub(super) const INSIDE: Naming = Naming::MetaEntropy(PATCHER);
}

/// Where the model's own arguments are.
fn arguments<'a>(root: &Section<'a>, entropy: bool) -> Result<Section<'a>> {
    if let Some(args) = root.section("args")? {
        return Ok(args);
    }
    let (own, model) = (root.section("entropy_model")?, root.section("model")?);
    // The arguments of an entropy model's training may hold unused ones of a BLT.
    let trained = root.flag("train_entropy_model")?;
    match (own, model) {
        (Some(own), _) if entropy || trained != Some(false) => Ok(own),
        (_, Some(model)) => Ok(model),
        (Some(own), None) => Ok(own),
        (None, None) => Ok(root.clone()),
    }
}

/// The arguments of Meta's patcher, which decide how bytes are cut.
fn patcher_args(root: &Section<'_>) -> Result<Option<Map<String, Value>>> {
    let data = root.section("data")?;
    let within = match &data {
        Some(data) => data.section("patcher_args")?,
        None => None,
    };
    let Some(args) = within.or(root.section("patcher_args")?) else {
        return Ok(None);
    };
    let names = [
        ("patching_mode", "patching_mode"),
        ("threshold", "patching_threshold"),
        ("threshold_add", "patching_threshold_add"),
        ("max_patch_length", "max_patch_length"),
        ("patch_size", "patch_size"),
        ("monotonicity", "monotonicity"),
    ];
    Ok(Some(renamed(&args, &names)?))
}

/// The same among the model's arguments; they count where nothing else does.
fn model_patching(args: &Section<'_>) -> Result<Option<Map<String, Value>>> {
    if args.get("patching_mode").is_none() && args.get("patching_threshold").is_none() {
        return Ok(None);
    }
    let names = [
        "patching_mode",
        "patching_threshold",
        "patching_threshold_add",
        "max_patch_length",
        "patch_size",
        "monotonicity",
    ];
    Ok(Some(renamed(args, &names.map(|name| (name, name)))?))
}

fn renamed(args: &Section<'_>, names: &[(&str, &str)]) -> Result<Map<String, Value>> {
    let mut out = Map::new();
    for (theirs, ours) in names {
        if let Some(value) = args.given(theirs) {
            out.insert((*ours).to_owned(), value.clone());
        }
    }
    // Meta's code cuts into patches of one size when the mode is empty.
    if args.text("patching_mode")? == Some("") {
        out.insert("patching_mode".into(), json!("static"));
    }
    // A mean may be a fraction, and transformers wants a whole number if it can.
    if let Some(size) = out.get("patch_size").and_then(Value::as_f64)
        && size.fract() == 0.0
        && (1.0..1e6).contains(&size)
    {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        out.insert("patch_size".into(), json!(size as u32));
    }
    Ok(out)
}

fn entropy_model(args: &Section<'_>) -> Result<Map<String, Value>> {
    let keys = ["dim", "n_layers", "n_heads", "n_kv_heads", "max_seqlen"];
    let mut config = stack(args, keys)?;
    config.insert("model_type".into(), json!("blt_patcher"));
    config.insert("architectures".into(), json!(["BltPatcher"]));
    config.insert(
        "vocab_size".into(),
        json!(args.needed_count("vocab_size", 1 << 16)?),
    );
    // Meta's loader sets the window of 512 itself.
    config.insert(
        "sliding_window".into(),
        json!(args.count("sliding_window", 1 << 30)?.unwrap_or(512)),
    );
    let tied = args.flag("weight_tying")?.unwrap_or(false);
    config.insert("tie_word_embeddings".into(), json!(tied));
    Ok(config)
}

fn blt(args: &Section<'_>) -> Result<Map<String, Value>> {
    refuse_unknown(args)?;
    let vocab = args.needed_count("vocab_size", 1 << 16)? + extra_rows(args)?;
    let k = args.count("cross_attn_k", 1024)?.unwrap_or(1);
    let flag = |key: &str| args.flag(key).map(|flag| flag.unwrap_or(false));
    let global = args.needed_count("dim_global", 1 << 16)?;
    let local = |part: &str, cross_all: bool| -> Result<Value> {
        let key = |what: &str| format!("{what}_local_{part}");
        let (dim, layers, heads) = (key("dim"), key("n_layers"), key("n_heads"));
        let length = match args.get("max_encoder_seq_length") {
            Some(_) => "max_encoder_seq_length",
            None => "max_seqlen",
        };
        let mut config = stack(args, [&dim, &layers, &heads, "n_kv_heads", length])?;
        if let Some(crossing) = args.count("cross_attn_nheads", 1 << 16)? {
            let own = args.needed_count(&heads, 1 << 16)?;
            if crossing != own {
                return Err(args.wrong("cross_attn_nheads", &format!("{own}, as `{heads}`")));
            }
        }
        config.insert("model_type".into(), json!(format!("blt_local_{part}")));
        config.insert("vocab_size".into(), json!(vocab));
        config.insert("cross_attn_k".into(), json!(k));
        config.insert("hidden_size_global".into(), json!(global));
        config.insert("cross_attn_all_layers".into(), json!(cross_all));
        Ok(Value::Object(config))
    };
    let keys = [
        "dim_global",
        "n_layers_global",
        "n_heads_global",
        "n_kv_heads_global",
        "max_seqlen",
    ];
    let mut latent = stack(args, keys)?;
    latent.insert("model_type".into(), json!("blt_global_transformer"));

    let mut config = Map::new();
    let mut set = |key: &str, value: Value| config.insert(key.to_owned(), value);
    set("model_type", json!("blt"));
    set("architectures", json!(["BltForCausalLM"]));
    set("vocab_size", json!(vocab));
    set("bos_token_id", json!(1));
    set("eos_token_id", json!(2));
    set("patch_in_forward", json!(false));
    set(
        "tie_word_embeddings",
        json!(flag("tie_local_encoder_decoder_logits")?),
    );
    set("cross_attn_k", json!(k));
    for key in ["cross_attn_encoder", "cross_attn_decoder"] {
        // Said only where it differs from what transformers knows.
        if !flag(key)? {
            set(key, json!(false));
        }
    }
    for key in [
        "cross_attn_window_encoder",
        "cross_attn_window_decoder",
        "downsampling_by_pooling",
        "max_seqlen",
    ] {
        let ours = if key == "max_seqlen" {
            "max_position_embeddings"
        } else {
            key
        };
        if let Some(value) = args.get(key) {
            set(ours, value.clone());
        }
    }
    if let Some(window) = args.given("local_attention_window_len") {
        set("local_attention_window_len", window.clone());
    }
    if let Some(size) = args.get("patch_size") {
        set("patch_size", size.clone());
    }
    set("encoder_hash_byte_group_size", group_sizes(args)?);
    let vocab = args.count("encoder_hash_byte_group_vocab", 1 << 28)?;
    set(
        "encoder_hash_byte_group_vocab",
        json!(vocab.unwrap_or(30_000)),
    );
    let functions = args.count("encoder_hash_byte_group_nb_functions", 64)?;
    set(
        "encoder_hash_byte_group_nb_functions",
        json!(functions.unwrap_or(3)),
    );
    set(
        "encoder_config",
        local("encoder", flag("cross_attn_all_layers_encoder")?)?,
    );
    set("global_config", Value::Object(latent));
    set(
        "decoder_config",
        local("decoder", flag("cross_attn_all_layers_decoder")?)?,
    );
    Ok(config)
}

/// Rows of the byte tables beyond the vocabulary; mostly 0, which is no count.
fn extra_rows(args: &Section<'_>) -> Result<u32> {
    match args.get("pm_size").and_then(Value::as_u64) {
        Some(0) => Ok(0),
        _ => Ok(args.count("pm_size", 1 << 16)?.unwrap_or(0)),
    }
}

/// A list, or a text such as `3,4,5`.
fn group_sizes(args: &Section<'_>) -> Result<Value> {
    const KEY: &str = "encoder_hash_byte_group_size";
    match args.get(KEY) {
        Some(Value::String(text)) => {
            let sizes = text.split(',').map(str::trim).filter(|s| !s.is_empty());
            let sizes: std::result::Result<Vec<u32>, _> = sizes.map(str::parse).collect();
            sizes
                .map(|sizes| json!(sizes))
                .map_err(|_| args.wrong(KEY, "a list of whole numbers"))
        }
        Some(list) => Ok(list.clone()),
        None => Err(args.wrong(KEY, "a list: a BLT without hashed n-grams is not supported")),
    }
}

/// What Meta's code can do and no released model does.
fn refuse_unknown(args: &Section<'_>) -> Result<()> {
    for (key, only) in [
        ("use_rope", true),
        ("norm_affine", true),
        ("pre_norm", true),
        ("use_local_encoder_transformer", true),
        ("encoder_enable_byte_ngrams", false),
    ] {
        if args.flag(key)?.is_some_and(|flag| flag != only) {
            return Err(args.wrong(key, &format!("{only}, the only way that is supported")));
        }
    }
    for (key, only) in [("non_linearity", "swiglu"), ("norm_type", "rmsnorm")] {
        if args.text(key)?.is_some_and(|text| text != only) {
            return Err(args.wrong(key, &format!("\"{only}\", the only one that is supported")));
        }
    }
    if args.get("encoder_ngram_to_size_str").is_some() {
        return Err(args.wrong(
            "encoder_ngram_to_size_str",
            "null: tables of n-grams are not supported",
        ));
    }
    let crosses = args.flag("cross_attn_encoder")? == Some(true);
    if crosses && args.flag("cross_attn_init_by_pooling")? == Some(false) {
        return Err(args.wrong(
            "cross_attn_init_by_pooling",
            "true with cross-attention in the encoder",
        ));
    }
    Ok(())
}

/// A stack of blocks from the keys of width, layers, heads, key-value heads and positions.
fn stack(args: &Section<'_>, keys: [&str; 5]) -> Result<Map<String, Value>> {
    let [dim, layers, heads, kv_heads, positions] = keys;
    let hidden = args.needed_count(dim, 1 << 16)?;
    let mut config = Map::new();
    let mut set = |key: &str, value: Value| config.insert(key.to_owned(), value);
    set("hidden_size", json!(hidden));
    set("num_hidden_layers", json!(args.needed_count(layers, 1000)?));
    set(
        "num_attention_heads",
        json!(args.needed_count(heads, 1 << 16)?),
    );
    if let Some(kv_heads) = args.count(kv_heads, 1 << 16)? {
        set("num_key_value_heads", json!(kv_heads));
    }
    if let Some(width) = args.get("head_dim") {
        set("head_dim", width.clone());
    }
    set("intermediate_size", json!(intermediate(args, hidden)?));
    if let Some(positions) = args.count(positions, u32::MAX)? {
        set("max_position_embeddings", json!(positions));
    }
    set(
        "rms_norm_eps",
        (args.get("rms_norm_eps").or(args.get("norm_eps")))
            .cloned()
            .unwrap_or(json!(1e-5)),
    );
    let theta = args.get("rope_theta").cloned().unwrap_or(json!(10_000.0));
    set(
        "rope_parameters",
        json!({"rope_theta": theta, "rope_type": "default"}),
    );
    set("hidden_act", json!("silu"));
    Ok(config)
}

/// Two thirds of four times the width, times a factor, rounded up (spec section 13).
fn intermediate(args: &Section<'_>, hidden: u32) -> Result<u32> {
    let sound = |n: f32| n > 0.0 && n <= 64.0;
    let factor = args.number(
        "ffn_dim_multiplier",
        "a number above 0 and at most 64",
        sound,
    )?;
    let multiple = args.count("multiple_of", 1 << 16)?.unwrap_or(256);
    let third = f64::from(8 * hidden / 3);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let wide = (f64::from(factor.unwrap_or(1.0)) * third) as u32;
    Ok(wide.div_ceil(multiple) * multiple)
}
