//! One-sided Jacobi SVD, started from the eigenvectors of MᵀM.
//!
//! nalgebra's bidiagonal SVD (0.35) gives wrong singular values for some rank-deficient matrices, which factors
//! with dependent columns produce; its symmetric eigensolver does not. Its eigenvectors V₀ make the columns of
//! M·V₀ nearly orthogonal, and a few sweeps of Hestenes' rotations make them so to the last digit. (Demmel,
//! Veselić, "Jacobi's method is more accurate than QR", SIAM J. Matrix Anal. Appl. 13, 1992.)

use nalgebra::DMatrix;

/// Columns whose cosine is at most this are orthogonal, or at most √n·2⁻⁵² where that is more: a sum of n products is
/// no better, and rotating after its rounding errors would go on for sweeps. (LAPACK's DGESVJ has √n·2⁻⁵³.)
const ORTHOGONAL: f64 = 1e-15;
/// Sweeps before giving up; three are usual.
const MAX_SWEEPS: usize = 40;

/// M·V with orthogonal columns, and the orthogonal V, for a finite M (rows ≥ cols). `None` if it does not settle.
pub fn orthogonal_columns(matrix: &DMatrix<f64>) -> Option<(DMatrix<f64>, DMatrix<f64>)> {
    let mut v = gram_eigenvectors(matrix);
    let mut columns = matrix * &v;
    let cols = columns.ncols();
    // A column this short is rounding noise: it has no direction that could be made orthogonal.
    let longest = columns.column_iter().map(|c| c.norm_squared()).fold(0.0, f64::max);
    let noise = longest * cols as f64 * (4.0 * f64::EPSILON).powi(2);
    let orthogonal = ORTHOGONAL.max((columns.nrows() as f64).sqrt() * f64::EPSILON);
    for _ in 0..MAX_SWEEPS {
        let mut settled = true;
        // Rotations keep them up to date; what cancellation spoils is made good by the next sweep. A sweep without
        // rotations, which is the last, has them exactly.
        let mut squares: Vec<f64> = columns.column_iter().map(|c| c.norm_squared()).collect();
        for p in 0..cols {
            for q in p + 1..cols {
                let (a, b) = (squares[p], squares[q]);
                if a <= noise || b <= noise {
                    continue;
                }
                let product = columns.column(p).dot(&columns.column(q));
                if product.abs() <= orthogonal * (a * b).sqrt() {
                    continue;
                }
                settled = false;
                let zeta = (b - a) / (2.0 * product);
                let t = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cos = t.hypot(1.0).recip();
                rotate(&mut columns, p, q, cos, cos * t);
                rotate(&mut v, p, q, cos, cos * t);
                (squares[p], squares[q]) = (a - t * product, b + t * product);
            }
        }
        if settled {
            return Some((columns, v));
        }
    }
    None
}

/// The eigenvectors of MᵀM (cols × cols) for a finite M.
fn gram_eigenvectors(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    // So that no square overflows or vanishes.
    let largest = matrix.amax();
    let scaled = if largest > 0.0 { matrix / largest } else { matrix.clone() };
    scaled.tr_mul(&scaled).symmetric_eigen().eigenvectors
}

/// Columns p < q become cos·p − sin·q and sin·p + cos·q.
fn rotate(matrix: &mut DMatrix<f64>, p: usize, q: usize, cos: f64, sin: f64) {
    let rows = matrix.nrows();
    let (head, tail) = matrix.as_mut_slice().split_at_mut(q * rows);
    for (x, y) in head[p * rows..(p + 1) * rows].iter_mut().zip(&mut tail[..rows]) {
        (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits() -> impl FnMut() -> f64 {
        let mut state = 1u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from((state >> 40) as u32 % 7) - 3.0
        }
    }

    /// Rank-deficient products of small integers, of which nalgebra's own SVD gets one in twenty wrong.
    #[test]
    fn rank_deficient_matrices_come_out_right() {
        let mut digit = digits();
        for case in 0..500 {
            let (n, rank) = (1 + case % 12, 1 + case % 5);
            let m = DMatrix::from_fn(n, rank, |_, _| digit()) * DMatrix::from_fn(rank, n, |_, _| digit());
            let (columns, v) = orthogonal_columns(&m).unwrap();
            let scale = m.norm().max(1.0);
            assert!((&columns * v.transpose() - m).norm() <= 1e-13 * scale, "case {case}");
            assert!((v.tr_mul(&v) - DMatrix::identity(n, n)).norm() <= 1e-13, "case {case}");
            let gram = columns.tr_mul(&columns);
            let off = (&gram - DMatrix::from_diagonal(&gram.diagonal())).amax();
            assert!(off <= 1e-13 * scale * scale, "case {case}");
        }
    }
}
