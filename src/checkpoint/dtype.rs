//! The types of weights, and which are quantised to fewer bits.

use crate::numerics::Quantisation;

/// The dtypes a weight may have. Files may hold others; they are listed by
/// [`inspect`](super::Checkpoint::inspect) and refused when asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of an `F32`.
    Bf16,
    /// 8 or 4 bits, groups of a row with a scale and a bias.
    Quantised(Quantisation),
}

/// What weights of more bits are quantised to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Narrowed {
    /// The same for all but embeddings of bytes and heads, which get no less than 8 bits.
    To(Quantisation),
    /// 4 bits for hash tables and the latent model, 8 for the rest.
    Mixed,
}

impl Dtype {
    /// Bytes per element; per word of packed ones, if it is quantised.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F32 | Self::Quantised(_) => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Bits per element, without the scales of groups.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::F32 => 32,
            Self::F16 | Self::Bf16 => 16,
            Self::Quantised(quantisation) => quantisation.bits(),
        }
    }

    /// Bytes of a row of `columns` elements, scales included.
    #[must_use]
    pub fn row_bytes(self, columns: usize) -> usize {
        match self {
            Self::Quantised(quantisation) => 4 * quantisation.row_words(columns),
            plain => columns.saturating_mul(plain.size()),
        }
    }

    /// Bytes of a tensor, scales included.
    #[must_use]
    pub fn bytes(self, shape: &[usize]) -> u64 {
        let (columns, rows) = shape.split_last().map_or((1, shape), |(c, r)| (*c, r));
        let rows: u64 = rows.iter().map(|&n| n as u64).product();
        rows.saturating_mul(self.row_bytes(columns) as u64)
    }

    /// What a tensor of this type is used as, if those of more bits are to be quantised:
    /// the one place that says which are.
    pub(super) fn used_as(self, name: &str, shape: &[usize], wanted: Option<Narrowed>) -> Self {
        let wanted = match wanted {
            // Small, and every byte passes through them: in fewer bits they would cost more
            // than they save.
            Some(Narrowed::To(_))
                if name.ends_with("embed_tokens.weight") || name.ends_with("lm_head.weight") =>
            {
                Quantisation::of_bits(8)
            }
            Some(Narrowed::To(wanted)) => Some(wanted),
            // Most of the weights, and little is lost with them.
            Some(Narrowed::Mixed)
                if name.contains("global_transformer.") || name.contains("hash_tok_embedding") =>
            {
                Quantisation::of_bits(4)
            }
            Some(Narrowed::Mixed) => Quantisation::of_bits(8),
            None => None,
        };
        match (wanted, shape) {
            // Matrices and tables; norms are vectors.
            (Some(wanted), [_, columns])
                if wanted.fits(*columns) && self.bits() > wanted.bits() =>
            {
                Self::Quantised(wanted)
            }
            _ => self,
        }
    }

    /// As the safetensors format has it.
    pub(super) fn stored(self) -> safetensors::Dtype {
        match self {
            Self::F32 => safetensors::Dtype::F32,
            Self::F16 => safetensors::Dtype::F16,
            Self::Bf16 => safetensors::Dtype::BF16,
            Self::Quantised(_) => safetensors::Dtype::U32,
        }
    }

    pub(super) fn of(stored: safetensors::Dtype) -> Option<Self> {
        match stored {
            safetensors::Dtype::F32 => Some(Self::F32),
            safetensors::Dtype::F16 => Some(Self::F16),
            safetensors::Dtype::BF16 => Some(Self::Bf16),
            _ => None,
        }
    }
}

impl std::fmt::Display for Dtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::F32 => f.pad("F32"),
            Self::F16 => f.pad("F16"),
            Self::Bf16 => f.pad("BF16"),
            Self::Quantised(quantisation) => quantisation.fmt(f),
        }
    }
}
