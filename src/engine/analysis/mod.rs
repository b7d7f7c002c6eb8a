//! Measures: pure functions of small numbers. No GPU, no DOM, no tensor.

pub mod alignment;
mod assemble;
pub mod comparison;
mod copies;
pub mod measures;
pub mod profile;
mod sigma;

pub use assemble::report;
pub use sigma::Sigma;
