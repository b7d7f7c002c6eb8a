//! Every dialect, made from its documented keys and shapes, against its formula in dense f64.

#![cfg(not(target_arch = "wasm32"))]

#[path = "dialects/base.rs"]
mod base;
mod common;
#[path = "dialects/convolutions.rs"]
mod convolutions;
#[path = "dialects/crafted.rs"]
mod crafted;
#[path = "dialects/diffusers.rs"]
mod diffusers;
#[path = "dialects/full_rank.rs"]
mod full_rank;
#[path = "dialects/kohya.rs"]
mod kohya;
#[path = "dialects/lycoris.rs"]
mod lycoris;
#[path = "dialects/maths.rs"]
mod maths;
#[path = "dialects/peft.rs"]
mod peft;
#[path = "dialects/peft_others.rs"]
mod peft_others;
#[path = "dialects/peft_variants.rs"]
mod peft_variants;
#[path = "dialects/refused.rs"]
mod refused;
#[path = "dialects/rotations.rs"]
mod rotations;
#[path = "dialects/same_report.rs"]
mod same_report;
#[path = "dialects/trainers.rs"]
mod trainers;
#[path = "dialects/writers.rs"]
mod writers;
