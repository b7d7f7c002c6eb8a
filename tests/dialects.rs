//! Every dialect, made from its documented keys and shapes, against its formula in dense f64.

#![cfg(not(target_arch = "wasm32"))]

mod common;
#[path = "dialects/maths.rs"]
mod maths;
#[path = "dialects/peft.rs"]
mod peft;
