//! The shaders of `shaders/view`, and the parameters that they read.

#![allow(missing_docs, unreachable_pub, reason = "generated")]

include!(concat!(env!("OUT_DIR"), "/view.rs"));
