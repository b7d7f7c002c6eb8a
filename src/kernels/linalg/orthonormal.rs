//! Tall f64 matrices (10⁴ × 10²) made orthonormal on the CPU: two or three passes of clipped CholeskyQR
//! ([`super::gram_pass`]), whose work is products of matrices, take a fraction of Householder's time.

use nalgebra::DMatrix;

use super::dense::{exponent, thin_qr};
use super::gram_pass::{Clip, clipped_pass};

/// Passes before Householder's QR takes over; a matrix without full rank needs three.
const MAX_PASSES: usize = 5;
/// Rows of one product on the way to a Gram matrix: small enough for a copy in the cache.
const SLAB: usize = 256;

/// Q and R with Y = Q·R for a finite Y (rows ≥ cols): Q's columns are orthonormal, as many as Y has that are not
/// zero. Where Y has not the rank of its columns, Q goes on in directions that R does without.
pub(super) fn orthonormal(matrix: &DMatrix<f64>) -> (DMatrix<f64>, DMatrix<f64>) {
    let largest = matrix.amax();
    if largest == 0.0 {
        return (DMatrix::zeros(matrix.nrows(), 0), DMatrix::zeros(0, matrix.ncols()));
    }
    // Scaled by a power of two, exactly, so that no square overflows or vanishes.
    let unit = 2f64.powi(-exponent(largest));
    let scaled = matrix * unit;
    let mut r = DMatrix::identity(matrix.ncols(), matrix.ncols()) / unit;
    let mut q = scaled;
    for _ in 0..MAX_PASSES {
        let Some(pass) = clipped_pass(&gram(&q), Clip::ForAnotherPassInF64) else { break };
        q *= pass.weight;
        r = pass.r * r;
        if pass.settled {
            return (q, r);
        }
    }
    thin_qr(matrix.clone())
}

/// YᵀY.
pub(super) fn gram(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let (rows, cols) = matrix.shape();
    let mut gram = DMatrix::zeros(cols, cols);
    for first in (0..rows).step_by(SLAB) {
        let slab = matrix.rows(first, SLAB.min(rows - first));
        gram.gemm(1.0, &slab.transpose(), &slab, 1.0);
    }
    gram
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Well and badly conditioned, without full rank, and with zero columns.
    #[test]
    fn q_is_orthonormal_and_q_r_is_the_matrix() {
        let mut state = 7u64;
        let mut number = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        };
        for (rows, cols, rank, condition) in [
            (300, 20, 20, 1.0),
            (700, 31, 31, 1e6),
            (257, 16, 16, 1e12),
            (300, 24, 5, 1.0),
            (40, 40, 40, 1.0),
            (9, 1, 1, 1.0),
        ] {
            for size in [1.0, 1e-200, 1e150] {
                let mut left = DMatrix::from_fn(rows, rank, |_, _| number());
                for j in 0..rank {
                    left.column_mut(j).scale_mut(f64::powf(condition, -(j as f64) / rank as f64) * size);
                }
                let mut y = left * DMatrix::from_fn(rank, cols, |_, _| number());
                if cols > 3 {
                    y.column_mut(2).fill(0.0);
                }
                let (q, r) = orthonormal(&y);
                assert!((q.tr_mul(&q) - DMatrix::identity(q.ncols(), q.ncols())).amax() <= 1e-13);
                assert!((q * r - &y).norm() <= 1e-13 * y.norm(), "{rows} × {cols}, rank {rank}, {condition:e}");
            }
        }
        let (q, r) = orthonormal(&DMatrix::zeros(5, 3));
        assert_eq!((q.shape(), r.shape()), ((5, 0), (0, 3)));
    }
}
