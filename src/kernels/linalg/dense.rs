//! Small dense f64 algebra over nalgebra: what runs once the tall work is done.

use nalgebra::{DMatrix, DVector};

use super::jacobi::orthogonal_columns;

/// A thin singular value decomposition, U·diag(σ)·Vᵀ, σ descending.
#[derive(Clone, Debug)]
pub struct Thin {
    pub u: DMatrix<f64>,
    pub sigma: Vec<f64>,
    pub v: DMatrix<f64>,
}

impl Thin {
    /// Singular values without vectors.
    pub fn values(sigma: Vec<f64>) -> Self {
        Self { u: DMatrix::zeros(0, 0), sigma, v: DMatrix::zeros(0, 0) }
    }

    /// The first `count` triples.
    pub fn truncated(mut self, count: usize) -> Self {
        let k = count.min(self.sigma.len());
        self.sigma.truncate(k);
        Self { u: self.u.columns(0, k).into_owned(), sigma: self.sigma, v: self.v.columns(0, k).into_owned() }
    }
}

/// Q and R of a tall f64 matrix (rows × cols), with min(rows, cols) columns in Q. Householder's, by nalgebra.
pub fn thin_qr(matrix: DMatrix<f64>) -> (DMatrix<f64>, DMatrix<f64>) {
    let qr = matrix.qr();
    (qr.q(), qr.r())
}

/// The thin SVD of a small matrix; columns of U whose σ is zero are zero. `None` if it holds a number that is
/// not finite, or if the iteration does not end, which no finite input is known to cause.
pub fn thin_svd(matrix: &DMatrix<f64>) -> Option<Thin> {
    let largest = matrix.amax();
    if !largest.is_finite() {
        return None;
    }
    if matrix.nrows() < matrix.ncols() {
        let Thin { u, sigma, v } = thin_svd(&matrix.transpose())?;
        return Some(Thin { u: v, sigma, v: u });
    }
    let k = matrix.ncols();
    if largest == 0.0 {
        let (u, v) = (DMatrix::zeros(matrix.nrows(), k), DMatrix::identity(k, k));
        return Some(Thin { u, sigma: vec![0.0; k], v });
    }
    // Scaled by a power of two, exactly, so that no square overflows or vanishes.
    let unit = 2f64.powi(-exponent(largest));
    let (columns, v) = orthogonal_columns(&(matrix * unit))?;
    let norms: Vec<f64> = columns.column_iter().map(|c| c.norm()).collect();
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|&a, &b| norms[b].total_cmp(&norms[a]));
    let inverse = |norm: f64| if norm > 0.0 { 1.0 / norm } else { 0.0 };
    Some(Thin {
        u: DMatrix::from_fn(matrix.nrows(), k, |i, j| columns[(i, order[j])] * inverse(norms[order[j]])),
        sigma: order.iter().map(|&n| norms[n] / unit).collect(),
        v: DMatrix::from_fn(k, k, |i, j| v[(i, order[j])]),
    })
}

/// An estimate of ‖M‖₂ from below by thirty steps of power iteration on MᵀM; good to a few per cent.
pub fn spectral_norm(matrix: &DMatrix<f64>) -> f64 {
    let largest = matrix.amax();
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    let scaled = matrix / largest;
    // Not the ones vector: integer-valued factors may be orthogonal to it.
    let mut x = DVector::from_fn(scaled.ncols(), |i, _| 1.0 + (i as f64 * 0.618_034).fract());
    let mut norm = 0.0;
    for _ in 0..30 {
        let y = scaled.tr_mul(&(&scaled * &x));
        let length = y.norm();
        if length == 0.0 {
            break;
        }
        norm = (length / x.norm()).sqrt();
        x = y / length;
    }
    norm * largest
}

/// The exponent e of a positive finite x in 2^e ≤ x < 2^(e+1), kept where both 2^e and 2^-e are normal numbers.
pub fn exponent(x: f64) -> i32 {
    ((x.to_bits() >> 52 & 0x7ff) as i32 - 1023).clamp(-1021, 1021)
}
