//! The random matrices of randomized algorithms: always the same ones, so that results can be repeated.

use nalgebra::DMatrix;

/// Gaussian numbers of a fixed sequence (splitmix64, Box–Muller).
#[derive(Debug)]
pub(super) struct Gaussian(u64);

impl Gaussian {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn matrix(&mut self, rows: usize, cols: usize) -> DMatrix<f64> {
        DMatrix::from_fn(rows, cols, |_, _| {
            let radius = (-2.0 * self.uniform().ln()).sqrt();
            radius * (std::f64::consts::TAU * self.uniform()).cos()
        })
    }

    /// In (0, 1].
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}
