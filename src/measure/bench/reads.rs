//! What decoding has to read, by the shape of a model: the bound that memory
//! sets to it.

use crate::checkpoint::{BltConfig, Checkpoint, Config, Part, StackConfig};
use crate::measure::flops::between;

/// The least that decoding reads of the device's memory.
///
/// Each byte takes every weight of the entropy model, the encoder, the decoder
/// and the head once, and each latent step every weight of the latent model and
/// of the projections around it; both see keys and values of what came before,
/// which are f32. Activations, norms and rows of embedding tables count nothing.
#[derive(Clone, Debug)]
pub struct DecodeReads {
    config: Config,
    /// Bytes per weight of the entropy model.
    entropy_weight: f64,
    /// Bytes per weight of all else.
    weight: f64,
}

impl DecodeReads {
    /// Those of a checkpoint whose weights lie on the device as they are stored, or
    /// quantised as it says.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    pub fn of(checkpoint: &Checkpoint) -> Self {
        let parts = checkpoint.inspect().parts;
        let mean = |counts: fn(Part) -> bool| {
            let held = parts.iter().filter(|held| counts(held.part));
            let sum = held.fold((0, 0), |(bytes, weights), held| {
                (bytes + held.held.bytes, weights + held.held.parameters)
            });
            sum.0 as f64 / sum.1.max(1) as f64
        };
        Self {
            config: checkpoint.config().clone(),
            entropy_weight: mean(|part| part == Part::Entropy),
            weight: mean(|part| !matches!(part, Part::Entropy | Part::HashTables | Part::Other)),
        }
    }

    /// Bytes read per byte of text, after `context` of them, where that many
    /// latent steps fall on a byte.
    #[must_use]
    pub fn per_byte(&self, context: f64, steps: f64) -> f64 {
        self.entropy(context) + self.local(context) + steps * self.step(context * steps)
    }

    /// Bytes that the entropy model reads for a byte after `context` others.
    #[must_use]
    pub fn entropy(&self, context: f64) -> f64 {
        self.config.entropy.as_ref().map_or(0.0, |entropy| {
            let stack = &entropy.stack;
            let head = f64::from(entropy.vocab_size) * f64::from(entropy.stack.hidden_size);
            self.entropy_weight * (blocks(stack) + head)
                + keys_and_values(stack, entropy.window, context)
        })
    }

    /// Bytes that encoder, decoder and head read for a byte: all that a drafted one
    /// takes.
    #[must_use]
    pub fn local(&self, context: f64) -> f64 {
        self.config.blt.as_ref().map_or(0.0, |blt| {
            let of_byte = blocks(&blt.encoder) + blocks(&blt.decoder) + crosses(blt).0;
            let head = f64::from(blt.vocab_size) * f64::from(blt.decoder.hidden_size);
            self.weight * (of_byte + head)
                + keys_and_values(&blt.encoder, blt.local_window, context)
                + keys_and_values(&blt.decoder, blt.local_window, context)
        })
    }

    /// Bytes that a latent step reads after `patches` patches, or one of several
    /// patches at once.
    #[must_use]
    pub fn step(&self, patches: f64) -> f64 {
        self.config.blt.as_ref().map_or(0.0, |blt| {
            let of_step = blocks(&blt.latent) + between(blt) + crosses(blt).1;
            self.weight * of_step + keys_and_values(&blt.latent, None, patches)
        })
    }
}

/// Weights of a stack's blocks.
fn blocks(stack: &StackConfig) -> f64 {
    let feed_forward = 3.0 * f64::from(stack.hidden_size) * f64::from(stack.intermediate_size);
    f64::from(stack.layers) * (2.0 * (queries(stack) + keys(stack)) + feed_forward)
}

/// Weights of the query projection; the output's has as many.
fn queries(stack: &StackConfig) -> f64 {
    f64::from(stack.hidden_size) * f64::from(stack.heads * stack.head_dim)
}

/// Weights of the key projection; the values' has as many.
fn keys(stack: &StackConfig) -> f64 {
    f64::from(stack.hidden_size) * f64::from(stack.kv_heads * stack.head_dim)
}

/// Weights of cross-attention that each byte takes, and that each patch takes:
/// in the encoder patches ask, in the decoder bytes do.
fn crosses(config: &BltConfig) -> (f64, f64) {
    let layers = |any: bool, all: bool, stack: &StackConfig| match (any, all) {
        (false, _) => 0.0,
        (true, false) => 1.0,
        (true, true) => f64::from(stack.layers),
    };
    let (encoder, decoder) = (&config.encoder, &config.decoder);
    let in_encoder = 2.0 * layers(config.encoder_cross, config.encoder_cross_all, encoder);
    let in_decoder = 2.0 * layers(config.decoder_cross, config.decoder_cross_all, decoder);
    (
        in_encoder * keys(encoder) + in_decoder * queries(decoder),
        in_encoder * queries(encoder) + in_decoder * keys(decoder),
    )
}

/// Bytes of keys and values that one position sees after `before` others.
fn keys_and_values(stack: &StackConfig, window: Option<u32>, before: f64) -> f64 {
    let seen = window.map_or(before, |window| before.min(f64::from(window)));
    8.0 * f64::from(stack.layers) * f64::from(stack.kv_heads * stack.head_dim) * seen
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn config() -> Config {
        let stack = |hidden: u32, layers: u32| {
            serde_json::json!({
                "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": 2,
                "num_key_value_heads": 1, "intermediate_size": 10, "hidden_size_global": 24,
                "cross_attn_k": 2, "vocab_size": 260, "sliding_window": 7,
            })
        };
        let json = serde_json::json!({
            "model_type": "blt", "vocab_size": 260, "cross_attn_k": 2,
            "local_attention_window_len": 7, "encoder_hash_byte_group_vocab": 50,
            "encoder_config": stack(8, 1), "decoder_config": stack(8, 3),
            "global_config": stack(24, 2), "patcher_config": stack(16, 1),
        });
        Config::parse(json.to_string().as_bytes(), "config.json").unwrap()
    }

    #[test]
    fn a_small_model_reads_what_it_does_by_hand() {
        let mut reads = DecodeReads {
            config: config(),
            entropy_weight: 4.0,
            weight: 2.0,
        };
        // A block of width w: queries and output w², keys and values w²/2, 3·10·w.
        let block = |width: f64| 3.0 * width * width + 30.0 * width;
        let entropy = 4.0 * (block(16.0) + 260.0 * 16.0);
        // Keys of the encoder's one cross-attention, queries of the decoder's three.
        let local = 2.0 * (4.0 * block(8.0) + 2.0 * 32.0 + 6.0 * 64.0 + 260.0 * 8.0);
        assert_eq!(reads.per_byte(0.0, 0.0), entropy + local);
        // The other way round for patches; 16 <- 8, 24 <- 16 and 16 <- 24 columns.
        let projections = 16.0 * 8.0 + 24.0 * 16.0 + 16.0 * 24.0;
        let step = 2.0 * (2.0 * block(24.0) + projections + 2.0 * 64.0 + 6.0 * 32.0);
        assert_eq!(reads.per_byte(0.0, 0.5), entropy + local + step / 2.0);
        // 4 bytes each of key and value columns: 8 and 4 · 4, and 2 · 12 of the patches.
        let seen = |bytes: f64| 8.0 * (8.0 + 16.0) * bytes;
        assert_eq!(reads.per_byte(5.0, 0.0), entropy + local + seen(5.0));
        assert_eq!(reads.per_byte(100.0, 0.0), entropy + local + seen(7.0));
        let patches = 8.0 * 24.0 * 25.0;
        assert_eq!(
            reads.per_byte(100.0, 0.25),
            entropy + local + seen(7.0) + (step + patches) / 4.0
        );
        reads.config.entropy = None;
        assert_eq!(reads.per_byte(0.0, 0.0), local);
    }
}
