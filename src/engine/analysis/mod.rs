//! Measures: pure functions of small numbers. No GPU, no DOM, no tensor.

pub mod alignment;
mod assemble;
pub mod by_block;
pub mod comparison;
pub mod measures;
pub mod profile;
pub mod scheme;
mod sigma;

pub use assemble::report;
pub use sigma::Sigma;
