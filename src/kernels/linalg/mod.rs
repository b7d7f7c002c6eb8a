//! The r×r algebra in f64, shared by both backends, and the spectrum of a product of two tall factors.

mod coordinates;
mod cross;
mod dense;
mod factors;
mod gram_pass;
mod jacobi;
mod krylov;
mod orthonormal;
mod product;
mod sketch;
mod spectrum;
mod update;
mod values;

pub use coordinates::{Coordinates, coordinates, double_rank};
pub use cross::{Crossed, Directed, cross_all};
pub use dense::{Thin, thin_svd};
pub use factors::{Made, Order, resized_factors, svd_factors};
pub use krylov::largest_values;
pub use product::Factored;
pub use spectrum::{Pair, Spectrum, Want, spectra};
pub use update::{Update, svd_to_energy, truncated_svd};
