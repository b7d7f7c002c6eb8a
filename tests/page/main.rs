//! The built page in a real browser: `cargo xtask test --only page` builds the page and runs these.
#![cfg(not(target_arch = "wasm32"))]

mod backend;
mod browser;
mod explore;
mod fixtures;
mod hostile;
mod items;
mod large;
mod look;
mod report;
mod spectra;
