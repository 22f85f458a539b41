//! Checkpoints as the CPU reference takes them.

use crate::reference::blt::{BltMatrices, BltShape, CrossMatrices, Stack};
use crate::reference::{self, BlockMatrices, BlockShape, EntropyMatrices, EntropyShape};
use blt::checkpoint::{BlockWeights, Checkpoint, CrossWeights, Pooling, StackConfig, TensorView};
use blt::patch::{Rule, Scheme};

/// Opens a variant of the golden data.
pub(crate) fn open(variant: &str) -> Checkpoint {
    Checkpoint::open(&super::folder(variant).to_string_lossy()).unwrap()
}

/// The rule that the checkpoint was made for; every byte a patch without an
/// entropy model.
pub(crate) fn rule_of(checkpoint: &Checkpoint) -> Rule {
    let patching = checkpoint.patching();
    let scheme = match checkpoint.entropy_weights() {
        Ok(_) => Scheme::Entropy {
            threshold: patching.threshold.unwrap(),
        },
        Err(_) => Scheme::Byte,
    };
    Rule::new(scheme)
        .unwrap()
        .with_max_patch_length(patching.max_patch_length)
        .unwrap()
}

/// The entropy model on the CPU, if the checkpoint has one.
pub(crate) fn entropy_matrices(checkpoint: &Checkpoint) -> Option<EntropyMatrices> {
    let w = checkpoint.entropy_weights().ok()?;
    let c = &w.config;
    Some(EntropyMatrices {
        shape: EntropyShape {
            hidden: c.stack.hidden_size as usize,
            heads: c.stack.heads as usize,
            kv_heads: c.stack.kv_heads as usize,
            head: c.stack.head_dim as usize,
            intermediate: c.stack.intermediate_size as usize,
            vocabulary: c.vocab_size as usize,
            window: c.window.unwrap_or(u32::MAX) as usize,
            theta: c.stack.rope_theta,
            epsilon: c.stack.norm_eps,
        },
        embed: w.embed.to_f32(),
        layers: w.layers.iter().map(block).collect(),
        norm: w.norm.to_f32(),
        head: w.lm_head.to_f32(),
    })
}

/// Encoder, latent model and decoder on the CPU. `repool`: as transformers
/// treats several cross-attentions in the encoder.
pub(crate) fn blt_matrices(checkpoint: &Checkpoint, repool: bool) -> BltMatrices {
    let w = checkpoint.blt_weights().unwrap();
    let c = w.config;
    let some = |tensor: &Option<TensorView<'_>>| tensor.as_ref().map(TensorView::to_f32);
    let window = c.local_window.map(|window| window as usize);
    let pooling = |kind: &Pooling| match kind {
        Pooling::Max => reference::Pooling::Max,
        Pooling::Mean => reference::Pooling::Mean,
        Pooling::Min => reference::Pooling::Min,
    };
    BltMatrices {
        shape: BltShape {
            k: c.cross_attn_k as usize,
            groups: c.hash.group_sizes.clone(),
            functions: c.hash.functions as usize,
            hash_vocabulary: c.hash.vocab,
            pooling: c.pooling.iter().map(pooling).collect(),
            concatenate: c.concatenate.map(|count| count as usize),
            repool,
            encoder_window: c.cross_window_encoder.unwrap_or(1) as usize,
            decoder_window: c.cross_window_decoder.unwrap_or(1) as usize,
        },
        embed: w.embed.to_f32(),
        hash_tables: w.hash_tables.iter().flat_map(TensorView::to_f32).collect(),
        encoder: stack(&c.encoder, window, &w.encoder),
        encoder_cross: w.encoder_cross.iter().map(cross).collect(),
        encoder_projection: some(&w.encoder_projection),
        latent_projection: some(&w.latent_projection),
        latent: stack(&c.latent, None, &w.latent),
        decoder_projection: some(&w.decoder_projection),
        decoder: stack(&c.decoder, window, &w.decoder),
        decoder_cross: w.decoder_cross.iter().map(cross).collect(),
        decoder_norm: w.decoder_norm.to_f32(),
        head: w.head.to_f32(),
    }
}

fn stack(config: &StackConfig, window: Option<usize>, layers: &[BlockWeights<'_>]) -> Stack {
    Stack {
        shape: BlockShape {
            hidden: config.hidden_size as usize,
            heads: config.heads as usize,
            kv_heads: config.kv_heads as usize,
            head: config.head_dim as usize,
            intermediate: config.intermediate_size as usize,
            theta: config.rope_theta,
            epsilon: config.norm_eps,
        },
        window,
        layers: layers.iter().map(block).collect(),
    }
}

fn block(weights: &BlockWeights<'_>) -> BlockMatrices {
    BlockMatrices {
        attention_norm: weights.attention_norm.to_f32(),
        q: weights.q.to_f32(),
        k: weights.k.to_f32(),
        v: weights.v.to_f32(),
        o: weights.o.to_f32(),
        mlp_norm: weights.mlp_norm.to_f32(),
        gate: weights.gate.to_f32(),
        up: weights.up.to_f32(),
        down: weights.down.to_f32(),
    }
}

fn cross(weights: &CrossWeights<'_>) -> CrossMatrices {
    CrossMatrices {
        q_norm: weights.q_norm.to_f32(),
        k_norm: weights.k_norm.to_f32(),
        q: weights.q.to_f32(),
        k: weights.k.to_f32(),
        v: weights.v.to_f32(),
        o: weights.o.to_f32(),
    }
}
