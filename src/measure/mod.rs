//! Measurements: how fast is this device, how well does a model predict, what does
//! it cost, how much does noise hurt, how well does it know letters, and where do two
//! ways to cut a text agree; and the tuning of a GPU by what it is to run.

pub mod agreement;
pub mod answers;
pub mod bench;
pub mod characters;
pub mod flops;
pub mod noise;
pub mod peaks;
pub mod score;
pub mod scorer;
pub mod tune;
