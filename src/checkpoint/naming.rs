//! How files name their tensors, and how transformers does: above this module
//! only the latter names exist (spec section 13).

/// How one file names its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// As transformers does.
    Transformers,
    /// An entropy model in transformers' own names that belongs to a whole BLT.
    Patcher,
    /// Meta's encoder, latent model and decoder.
    Meta,
    /// Meta's entropy model, to be found under this prefix.
    MetaEntropy(&'static str),
}

/// What the names of the entropy model inside a BLT start with.
pub(super) const PATCHER: &str = "model.patcher.";
/// The head of a whole BLT.
pub(super) const HEAD: &str = "lm_head.weight";

const META_HEAD: &str = "local_decoder.output.weight";

/// Ends of names: Meta's, transformers'. The first that fits counts.
const ENDS: [(&str, &str); 16] = [
    (".attention.wq.weight", ".self_attn.q_proj.weight"),
    (".attention.wk.weight", ".self_attn.k_proj.weight"),
    (".attention.wv.weight", ".self_attn.v_proj.weight"),
    (".attention.wo.weight", ".self_attn.o_proj.weight"),
    (".feed_forward.w1.weight", ".mlp.gate_proj.weight"),
    (".feed_forward.w3.weight", ".mlp.up_proj.weight"),
    (".feed_forward.w2.weight", ".mlp.down_proj.weight"),
    (".attention_norm.weight", ".input_layernorm.weight"),
    (".ffn_norm.weight", ".post_attention_layernorm.weight"),
    (".cross_attn_norm_q.weight", ".q_norm.weight"),
    (".cross_attn_norm_kv.weight", ".k_norm.weight"),
    (".wq.weight", ".q_proj.weight"),
    (".wk.weight", ".k_proj.weight"),
    (".wv.weight", ".v_proj.weight"),
    (".wo.weight", ".o_proj.weight"),
    (".tok_embeddings.weight", ".embed_tokens.weight"),
];

/// The tables of Meta's entropy model, whose names have nothing before them.
const TABLES: [(&str, &str); 2] = [
    ("tok_embeddings.weight", "embed_tokens.weight"),
    ("output.weight", "lm_head.weight"),
];

/// What programs put into names: `torch.compile`, data parallel training, sharding and
/// recomputed activations, each around a part of the model or around all of it.
const WRAPPERS: [&str; 4] = [
    "_orig_mod",
    "module",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
];

/// A name without what wraps it, wherever that is.
pub(super) fn unwrapped(stored: &str) -> String {
    let parts = stored.split('.').filter(|part| !WRAPPERS.contains(part));
    parts.collect::<Vec<_>>().join(".")
}

/// Whether a tensor holds what the config says as well: the angles of rotary positions.
pub(super) fn is_derived(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    matches!(
        last,
        "freqs_cis" | "inv_freq" | "original_inv_freq" | "cos_cached" | "sin_cached"
    )
}

impl Naming {
    /// The name of the tensor that every model of this layout has: what comes before it in
    /// a file is around the model, and part of no name.
    pub(super) fn anchor(self) -> &'static str {
        match self {
            Self::Transformers => "model.local_encoder.embed_tokens.weight",
            Self::Patcher => "embed_tokens.weight",
            Self::Meta => "local_encoder.tok_embeddings.weight",
            Self::MetaEntropy(_) => "tok_embeddings.weight",
        }
    }

    /// The name that transformers gives to what the file calls `stored`.
    pub(super) fn ours(self, stored: &str) -> String {
        match self {
            Self::Transformers => stored.to_owned(),
            Self::Patcher => {
                let rest = stored.strip_prefix("patcher.").unwrap_or(stored);
                format!("{PATCHER}{rest}")
            }
            Self::Meta if stored == META_HEAD => HEAD.to_owned(),
            Self::Meta => format!("model.{}", swap(stored, ENDS.into_iter())),
            Self::MetaEntropy(prefix) => {
                let table = TABLES.iter().find(|(meta, _)| *meta == stored);
                let rest = match table {
                    Some((_, ours)) => (*ours).to_owned(),
                    None => swap(stored, ENDS.into_iter()),
                };
                format!("{prefix}{rest}")
            }
        }
    }

    /// The name that the file would give to what transformers calls `name`.
    pub(super) fn theirs(self, name: &str) -> String {
        let back = |name: &str| swap(name, ENDS.into_iter().map(|(meta, ours)| (ours, meta)));
        match self {
            Self::Transformers => name.to_owned(),
            Self::Patcher => name.strip_prefix(PATCHER).unwrap_or(name).to_owned(),
            Self::Meta if name == HEAD => META_HEAD.to_owned(),
            Self::Meta => back(name.strip_prefix("model.").unwrap_or(name)),
            Self::MetaEntropy(prefix) => {
                let rest = name.strip_prefix(prefix).unwrap_or(name);
                let table = TABLES.iter().find(|(_, ours)| *ours == rest);
                table.map_or_else(|| back(rest), |(meta, _)| (*meta).to_owned())
            }
        }
    }

    /// Whether a file of this naming is where a tensor would be.
    pub(super) fn covers(self, name: &str) -> bool {
        match self {
            Self::Transformers => true,
            Self::Patcher => name.starts_with(PATCHER),
            Self::Meta => !name.starts_with(PATCHER),
            Self::MetaEntropy(prefix) => name.starts_with(prefix),
        }
    }
}

fn swap<'e>(name: &str, mut ends: impl Iterator<Item = (&'e str, &'e str)>) -> String {
    let found = ends.find_map(|(from, to)| Some(format!("{}{to}", name.strip_suffix(from)?)));
    found.unwrap_or_else(|| name.to_owned())
}
