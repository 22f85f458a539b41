//! The CPU forms, one file per kernel of `shaders`, and what they share.

pub(crate) mod attention;
mod attention_few;
mod attention_many;
pub(crate) mod attention_merge;
pub(crate) mod close_patches;
pub(crate) mod concatenate;
pub(crate) mod cross_attention;
pub(crate) mod cross_keys_row;
pub(crate) mod cross_row;
pub(crate) mod embed;
pub(crate) mod entropy;
pub(crate) mod entropy_start;
pub(crate) mod gate_up_row;
pub(crate) mod gather_add;
pub(crate) mod hash_embed;
pub(crate) mod linear;
mod linear_few;
mod linear_many;
pub(crate) mod one_row;
pub(crate) mod patch_starts;
pub(crate) mod peak;
pub(crate) mod pool;
pub(crate) mod qkv_row;
pub(crate) mod random_weights;
pub(crate) mod ring_store;
pub(crate) mod rms_norm;
pub(crate) mod rope_store;
mod scratch;
pub(crate) mod shared_product;
pub(crate) mod swiglu;
pub(crate) mod top_k;

/// A number of the shaders' as an index.
#[inline(always)]
pub(crate) fn size(number: u32) -> usize {
    // Every target has at least 32 bits.
    number as usize
}
