//! What `cargo xtask` does, and what the page tests share with it: the static server and the browsers' whereabouts.

pub mod bench;
pub mod browser;
pub mod build;
pub mod debian;
pub mod finish;
pub mod firefox;
pub mod fuzz;
pub mod loads;
pub mod proc;
pub mod serve;
pub mod steps;
pub mod tools;
