//! Everything but the kernels, which a browser runs too, and the page: one program, whose tests are named by their
//! folders (`cargo test --test native alignment::`).

#![cfg(not(target_arch = "wasm32"))]

#[path = "../cases/mod.rs"]
mod cases;
#[path = "../common/mod.rs"]
mod common;

mod adapter;
mod addresses;
mod alignment;
mod analysis;
mod checkpoint;
mod comparison;
mod container;
mod dialects;
mod digests;
mod expected;
mod export;
mod extraction;
mod gguf;
mod intake;
mod links;
mod mishaps;
mod names;
mod peft;
mod projection;
mod projection_plan;
mod seeds;
mod session;
mod update;
