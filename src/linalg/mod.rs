//! The r×r algebra in f64, shared by both backends, and the spectrum of a product of two tall factors.

mod dense;
mod gram_pass;
mod jacobi;
mod spectrum;

pub use dense::{Thin, thin_svd};
pub use spectrum::{Pair, Spectrum, Want, spectra};
