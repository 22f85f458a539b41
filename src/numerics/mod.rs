//! Numbers that have to be the same everywhere: the rows of the hash tables, weights made
//! from their index, and weights in few bits.

mod hash_ids;
mod quantised;
mod random_weights;

pub use hash_ids::{HASH_PRIMES, hash_ids, hash_powers};
pub use quantised::{Quantisation, halves, pair_word};
pub use random_weights::{pcg, random_weight};
