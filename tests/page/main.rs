//! The built page in a real browser: `cargo xtask test --only page` builds the page and runs these.
#![cfg(not(target_arch = "wasm32"))]

mod access;
mod alignment;
#[path = "../common/alignments.rs"]
mod alignments;
mod backend;
mod bench;
mod browser;
mod checkpoints;
mod dialects;
mod explore;
mod extraction;
mod fixtures;
mod hostile;
mod hosting;
mod items;
mod large;
mod long;
mod look;
#[path = "../common/peft.rs"]
mod peft;
mod projection;
#[path = "../common/projections.rs"]
mod projections;
mod remote;
mod report;
mod spectra;
mod training;
