//! What `cargo xtask` does, and what tests and benchmarks share with it: where the workspace lies, the static server,
//! the browsers' whereabouts, the records of a benchmark.

#![allow(clippy::expect_used, clippy::panic, clippy::missing_errors_doc, reason = "its user is at the command line")]

pub mod bench;
pub mod browser;
pub mod build;
pub mod debian;
pub mod finish;
pub mod firefox;
pub mod fuzz;
pub mod lines;
pub mod loads;
pub mod proc;
pub mod serve;
pub mod steps;
pub mod tools;
