//! Measurements: does this adapter compute what the reference computes, and
//! how fast.

pub mod verify;
