//! The `blt` command line.

fn main() {}
