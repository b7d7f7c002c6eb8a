//! The built page in a real browser: `cargo xtask test --only page` builds the page and runs these.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]

mod access;
mod alignment;
#[path = "../common/alignments.rs"]
mod alignments;
mod backend;
mod bench;
mod browser;
mod checkpoints;
mod comparison;
mod crew;
mod dialects;
mod drop;
mod embed;
mod experts;
mod explore;
mod exports;
mod extraction;
mod firefox;
mod fixtures;
mod hostile;
mod hosting;
mod items;
mod large;
mod long;
mod look;
mod lost;
mod many;
#[path = "../common/numbers.rs"]
mod numbers;
#[path = "../common/peft.rs"]
mod peft;
mod projection;
#[path = "../common/projections.rs"]
mod projections;
mod remote;
mod report;
mod samples;
mod schemes;
mod share;
mod spectra;
mod training;
mod watchdog;
mod weight;
