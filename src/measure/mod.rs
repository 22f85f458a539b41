//! Measurements: does this adapter compute what the reference computes and how
//! fast, how well does a model predict, what does it cost, how much does
//! noise hurt, and where two ways to cut a text agree.

pub mod agreement;
pub mod bench;
pub mod flops;
pub mod noise;
pub mod peaks;
pub mod score;
pub mod scorer;
pub mod verify;
