//! The engine natively, its GPU on whatever adapter there is: dialects, checkpoints, every kind of work, what is
//! written. The tests
//! are named by their folders (`cargo test --workspace --test engine alignment::`).

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]

#[path = "../common/alignments.rs"]
mod alignments;
#[path = "../cases/mod.rs"]
mod cases;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/dialect.rs"]
mod dialect;
#[path = "../common/dropped.rs"]
mod dropped;
#[path = "../common/models.rs"]
mod models;
#[path = "../common/numbers.rs"]
mod numbers;
#[path = "../common/peft.rs"]
mod peft;
#[path = "../common/projections.rs"]
mod projections;
#[path = "../common/started.rs"]
mod started;
#[path = "../common/written.rs"]
mod written;

mod addresses;
mod alignment;
mod analysis;
mod checkpoint;
mod comparison;
mod dialects;
mod digests;
mod expected;
mod export;
mod extraction;
mod gpu;
mod intake;
mod loaded_by_peft;
mod projection;
mod projection_plan;
mod q8_0;
mod reports;
mod session;
