//! Every tensor that a config calls for: name, shape, part.

use serde::Serialize;

use super::config::{BltConfig, Config, EntropyConfig, StackConfig};
use super::form::{DECODER_PROJECTION, Form, HASH_TABLES, table};
use super::naming::HEAD;

/// The parts of a checkpoint, in the order a byte passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The entropy model.
    Entropy,
    /// The hashed n-gram embeddings.
    HashTables,
    /// The local encoder with the byte embedding.
    Encoder,
    /// The latent model.
    Latent,
    /// The local decoder.
    Decoder,
    /// The output head.
    Head,
    /// Tensors that the config does not call for.
    Other,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Entropy => "entropy model",
            Self::HashTables => "hash tables",
            Self::Encoder => "encoder",
            Self::Latent => "latent model",
            Self::Decoder => "decoder",
            Self::Head => "head",
            Self::Other => "other",
        })
    }
}

/// One tensor that a config calls for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedTensor {
    /// Its name in the file.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// The part it belongs to.
    pub part: Part,
    /// With tied embeddings: the other name under which the file may hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

impl ExpectedTensor {
    /// The number of elements.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.shape.iter().map(|&n| n as u64).product()
    }
}

/// The tensors of a block: the rest of the name, and the shape by config.
type Member = (&'static str, fn(&StackConfig) -> Vec<usize>);

pub(super) const BLOCK: [Member; 9] = [
    ("input_layernorm.weight", |c| vec![n(c.hidden_size)]),
    ("self_attn.q_proj.weight", |c| {
        vec![n(c.heads * c.head_dim), n(c.hidden_size)]
    }),
    ("self_attn.k_proj.weight", |c| {
        vec![n(c.kv_heads * c.head_dim), n(c.hidden_size)]
    }),
    ("self_attn.v_proj.weight", |c| {
        vec![n(c.kv_heads * c.head_dim), n(c.hidden_size)]
    }),
    ("self_attn.o_proj.weight", |c| {
        vec![n(c.hidden_size), n(c.heads * c.head_dim)]
    }),
    ("post_attention_layernorm.weight", |c| {
        vec![n(c.hidden_size)]
    }),
    ("mlp.gate_proj.weight", |c| {
        vec![n(c.intermediate_size), n(c.hidden_size)]
    }),
    ("mlp.up_proj.weight", |c| {
        vec![n(c.intermediate_size), n(c.hidden_size)]
    }),
    ("mlp.down_proj.weight", |c| {
        vec![n(c.hidden_size), n(c.intermediate_size)]
    }),
];

const CROSS: [Member; 6] = [
    ("q_norm.weight", |c| vec![n(c.hidden_size)]),
    ("k_norm.weight", |c| vec![n(c.hidden_size)]),
    ("q_proj.weight", |c| {
        vec![n(c.heads * c.head_dim), n(c.hidden_size)]
    }),
    ("k_proj.weight", |c| {
        vec![n(c.kv_heads * c.head_dim), n(c.hidden_size)]
    }),
    ("v_proj.weight", |c| {
        vec![n(c.kv_heads * c.head_dim), n(c.hidden_size)]
    }),
    ("o_proj.weight", |c| {
        vec![n(c.hidden_size), n(c.heads * c.head_dim)]
    }),
];

/// The tensors a checkpoint of this config holds: `model.patcher.*` and the
/// rest for a whole BLT, names without prefix for an entropy model alone.
#[must_use]
pub fn expected_tensors(config: &Config) -> Vec<ExpectedTensor> {
    expected_with(config, &Form::transformers(config))
}

/// The same in the form of certain files.
pub(super) fn expected_with(config: &Config, form: &Form) -> Vec<ExpectedTensor> {
    let mut list = Vec::new();
    if let Some(entropy) = &config.entropy {
        list.extend(entropy_tensors(entropy, form.entropy_prefix));
    }
    if let Some(blt) = &config.blt {
        list.extend(blt_tensors(blt, form));
    }
    list
}

/// The entropy model's tensors under a prefix.
pub(super) fn entropy_tensors(config: &EntropyConfig, prefix: &str) -> Vec<ExpectedTensor> {
    let mut list = Vec::new();
    let table = vec![n(config.vocab_size), n(config.stack.hidden_size)];
    let (embed, head) = (
        format!("{prefix}embed_tokens.weight"),
        format!("{prefix}lm_head.weight"),
    );
    if config.tied {
        list.push(ExpectedTensor {
            name: embed,
            shape: table,
            part: Part::Entropy,
            alias: Some(head),
        });
    } else {
        push(&mut list, Part::Entropy, embed, table.clone());
        push(&mut list, Part::Entropy, head, table);
    }
    members(
        &mut list,
        Part::Entropy,
        &format!("{prefix}layers"),
        config.stack.layers,
        &BLOCK,
        &config.stack,
    );
    push(
        &mut list,
        Part::Entropy,
        format!("{prefix}norm.weight"),
        vec![n(config.stack.hidden_size)],
    );
    list
}

/// The tensors of encoder, latent model and decoder.
pub(super) fn blt_tensors(c: &BltConfig, form: &Form) -> Vec<ExpectedTensor> {
    let mut all = Vec::new();
    let list = &mut all;
    hash_tables(c, form, list);
    encoder(c, list);
    latent(c, list);
    decoder(c, form, list);
    list.push(ExpectedTensor {
        name: HEAD.into(),
        shape: vec![n(c.vocab_size), n(c.encoder.hidden_size)],
        part: Part::Head,
        alias: c.tied.then(|| EMBED.to_owned()),
    });
    all
}

pub(super) const EMBED: &str = "model.local_encoder.embed_tokens.weight";

fn hash_tables(c: &BltConfig, form: &Form, list: &mut Vec<ExpectedTensor>) {
    let local = n(c.encoder.hidden_size);
    if form.split_tables {
        for index in 0..c.hash.tables() {
            let shape = vec![n(c.hash.vocab), local];
            push(list, Part::HashTables, table(index), shape);
        }
    } else {
        let rows = usize::try_from(c.hash.rows()).unwrap_or(usize::MAX);
        let name = format!("{HASH_TABLES}.weight");
        push(list, Part::HashTables, name, vec![rows, local]);
    }
}

fn encoder(c: &BltConfig, list: &mut Vec<ExpectedTensor>) {
    let local = n(c.encoder.hidden_size);
    if !c.tied {
        let shape = vec![n(c.vocab_size), local];
        push(list, Part::Encoder, EMBED, shape);
    }
    members(
        list,
        Part::Encoder,
        "model.local_encoder.layers",
        c.encoder.layers,
        &BLOCK,
        &c.encoder,
    );
    members(
        list,
        Part::Encoder,
        "model.local_encoder.cross_attn_layers",
        c.encoder_crosses(),
        &CROSS,
        &c.encoder,
    );
    if c.encoder_cross {
        push(
            list,
            Part::Encoder,
            "model.local_encoder.patch_embedding_projection.weight",
            vec![n(c.cross_attn_k) * local, n(c.pools()) * local],
        );
    }
}

fn latent(c: &BltConfig, list: &mut Vec<ExpectedTensor>) {
    let (global, joined) = (n(c.latent.hidden_size), n(c.patch_width()));
    if joined != global {
        let name = "model.global_transformer.token_embedding_projection.weight";
        push(list, Part::Latent, name, vec![global, joined]);
    }
    members(
        list,
        Part::Latent,
        "model.global_transformer.layers",
        c.latent.layers,
        &BLOCK,
        &c.latent,
    );
}

fn decoder(c: &BltConfig, form: &Form, list: &mut Vec<ExpectedTensor>) {
    let (local, global) = (n(c.decoder.hidden_size), n(c.latent.hidden_size));
    if form.decoder_projection {
        let rows = if c.decoder_cross { c.cross_attn_k } else { 1 };
        let shape = vec![n(rows) * local, global];
        push(list, Part::Decoder, DECODER_PROJECTION, shape);
    }
    members(
        list,
        Part::Decoder,
        "model.local_decoder.cross_attn_layers",
        c.decoder_crosses(),
        &CROSS,
        &c.decoder,
    );
    members(
        list,
        Part::Decoder,
        "model.local_decoder.layers",
        c.decoder.layers,
        &BLOCK,
        &c.decoder,
    );
    push(
        list,
        Part::Decoder,
        "model.local_decoder.norm.weight",
        vec![local],
    );
}

fn push(list: &mut Vec<ExpectedTensor>, part: Part, name: impl Into<String>, shape: Vec<usize>) {
    list.push(ExpectedTensor {
        name: name.into(),
        shape,
        part,
        alias: None,
    });
}

fn members(
    list: &mut Vec<ExpectedTensor>,
    part: Part,
    prefix: &str,
    layers: u32,
    members: &[Member],
    config: &StackConfig,
) {
    for layer in 0..layers {
        for (rest, shape) in members {
            push(
                list,
                part,
                format!("{prefix}.{layer}.{rest}"),
                shape(config),
            );
        }
    }
}

/// Sizes are checked to be far below any `usize`.
fn n(size: u32) -> usize {
    size as usize
}
