//! Numbers that have to be the same everywhere: the rows of the hash tables, and
//! weights made from their index.

mod hash_ids;
mod random_weights;

pub use hash_ids::{HASH_PRIMES, hash_ids, hash_powers};
pub use random_weights::{pcg, random_weight};
