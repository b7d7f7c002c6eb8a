//! Singular values alone, by eigenvalues of small symmetric matrices: an eighth of the work of a small SVD.

use nalgebra::{Cholesky, DMatrix};

/// Error of a singular value that is left to other ways, relative to σ₁; the targets ask for 1e-6.
const TOLERANCE: f64 = 1e-7;
/// Rounding errors of the products and of the eigenvalues, relative to the norms that go into them.
const ROUNDING: f64 = 8.0 * f64::EPSILON / 2.0;

/// Squares below it may have lost digits to underflow.
const SMALLEST: f64 = 1e-250;

/// σ of L·Rᵀ, descending, from LᵀL and RᵀR (r × r, good to f64): with LᵀL = K·Kᵀ, σ² are the eigenvalues of
/// Kᵀ·(RᵀR)·K. A square costs half of the digits, so `None` where the smallest σ would not be good to 1e-7·σ₁, and
/// where LᵀL is not positive definite: those ask for a decomposition without squares.
pub fn values_of_grams(left: &DMatrix<f64>, right: &DMatrix<f64>) -> Option<Vec<f64>> {
    let norms = left.norm() * right.norm();
    if !norms.is_finite() {
        return None;
    }
    let lower = Cholesky::new(left.clone())?.unpack();
    settled(&lower.tr_mul(&(right * &lower)), norms)
}

/// σ of a small matrix, descending; `None` as [`values_of_grams`], or where it is not finite.
pub fn values_of(matrix: &DMatrix<f64>) -> Option<Vec<f64>> {
    let gram = if matrix.nrows() < matrix.ncols() { matrix * matrix.transpose() } else { matrix.tr_mul(matrix) };
    let norm = gram.norm();
    settled(&gram, norm)
}

/// The roots of the eigenvalues of `squares`, if an error of rounding in its entries leaves them good.
fn settled(squares: &DMatrix<f64>, norms: f64) -> Option<Vec<f64>> {
    if !(SMALLEST..f64::INFINITY).contains(&norms) || !squares.iter().all(|x| x.is_finite()) {
        return None;
    }
    let mut values: Vec<f64> = squares.symmetric_eigenvalues().iter().map(|square| square.max(0.0).sqrt()).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    let (largest, smallest) = (*values.first()?, *values.last()?);
    // d(σ²) = 2σ·dσ
    (ROUNDING * norms <= 2.0 * smallest * TOLERANCE * largest).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::dense::{thin_qr, thin_svd};

    fn random(rows: usize, cols: usize, seed: u64) -> DMatrix<f64> {
        let mut state = seed;
        DMatrix::from_fn(rows, cols, |_, _| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
    }

    /// Where there is an answer it is within the bound, down to where there is none.
    #[test]
    fn values_are_those_of_the_svd_or_none() {
        let mut answered = 0;
        for case in 0..60u64 {
            let (rank, condition) = (1 + case as usize % 20, 10f64.powi(case as i32 % 9));
            let mut left = random(90, rank, case + 1);
            for j in 0..rank {
                left.column_mut(j).scale_mut(condition.powf(-(j as f64) / rank as f64));
            }
            let right = random(70, rank, case + 100) * random(rank, rank, case + 200);
            let (_, l) = thin_qr(left.clone());
            let (_, r) = thin_qr(right.clone());
            let core = l * r.transpose();
            let exact = thin_svd(&core).unwrap().sigma;
            for found in [values_of_grams(&left.tr_mul(&left), &right.tr_mul(&right)), values_of(&core)] {
                let Some(found) = found else { continue };
                answered += 1;
                assert_eq!(found.len(), rank);
                let worst = found.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(worst <= TOLERANCE * exact[0], "case {case}: {worst:e} of {:e}", exact[0]);
            }
        }
        assert!(answered > 60, "{answered} of 120");
    }

    #[test]
    fn what_has_lost_its_digits_has_no_answer() {
        let dependent = DMatrix::from_fn(40, 3, |i, j| ((i * 7 + j % 2) % 5) as f64);
        let good = random(40, 3, 5);
        let gram = |m: &DMatrix<f64>| m.tr_mul(m);
        assert_eq!(values_of_grams(&gram(&dependent), &gram(&good)), None);
        assert_eq!(values_of_grams(&gram(&good), &gram(&dependent)), None);
        let zero = DMatrix::zeros(3, 3);
        assert_eq!(values_of_grams(&zero, &gram(&good)), None);
        assert_eq!(values_of(&(good.rows(0, 3).into_owned() * 1e-130)), None, "digits lost to underflow");
        assert_eq!(values_of(&zero), None, "a square may have vanished");
        assert_eq!(values_of_grams(&DMatrix::from_element(3, 3, f64::NAN), &gram(&good)), None);
        assert_eq!(values_of_grams(&gram(&good), &DMatrix::from_element(3, 3, f64::INFINITY)), None);
        assert_eq!(values_of_grams(&(gram(&good) * 1e300), &(gram(&good) * 1e300)), None, "out of range");
    }
}
