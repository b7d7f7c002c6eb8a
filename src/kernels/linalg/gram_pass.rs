//! One pass of eigenvalue-clipped CholeskyQR: from the Gram matrix G = XᵀX of a
//! tall X to a W with X·W closer to orthonormal, and the triangle-like R with X = (X·W)·R.
//!
//! With D = diag(G)^½ and D⁻¹GD⁻¹ = V·Λ·Vᵀ, eigenvalues below 64·u·√r·λmax (u = 2⁻²⁴) are raised to it, and
//! never dropped: W = D⁻¹·V·Λ^-½ and R = Λ^½·Vᵀ·D stay each other's inverse. After Fukaya, Kannan, Nakatsukasa,
//! Yamamoto, Yanagisawa, "Shifted Cholesky QR" (SIAM J. Sci. Comput. 42, 2020), with clipping for the shift.

use nalgebra::{DMatrix, SymmetricEigen};

/// A pass's result.
#[derive(Clone, Debug)]
pub struct Pass {
    /// cols × kept columns; zero rows for columns of X that are exactly zero.
    pub weight: DMatrix<f64>,
    /// kept columns × cols: the inverse of `weight` where X has columns.
    pub r: DMatrix<f64>,
    /// Whether the smallest eigenvalue of the scaled Gram matrix was over one half: X was nearly orthogonal
    /// already, and X·W is orthonormal to working precision.
    pub settled: bool,
}

/// What the eigenvalues of the scaled Gram matrix are raised to, relative to the largest and times √r.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clip {
    /// 64·2⁻²⁴: another pass follows, which measures X·W and so makes up for the raising.
    ForAnotherPass,
    /// 64·2⁻⁵³: another pass follows, and G and X·W are in f64.
    ForAnotherPassInF64,
    /// Zero: G is good to f64, and R is wanted without another pass.
    AtZero,
}

/// `None` if the Gram matrix holds something that is not a finite number. With [`Clip::AtZero`] the `weight` of a
/// direction that X does not have is zero.
pub fn clipped_pass(gram: &DMatrix<f64>, clip: Clip) -> Option<Pass> {
    if !gram.iter().all(|x| x.is_finite()) {
        return None;
    }
    let cols = gram.ncols();
    let kept: Vec<usize> = (0..cols).filter(|&j| gram[(j, j)] > 0.0).collect();
    let d: Vec<f64> = kept.iter().map(|&j| gram[(j, j)].sqrt()).collect();
    let k = kept.len();
    let scaled = DMatrix::from_fn(k, k, |i, j| gram[(kept[i], kept[j])] / d[i] / d[j]);
    if k == 0 {
        return Some(Pass { weight: DMatrix::zeros(cols, 0), r: DMatrix::zeros(0, cols), settled: true });
    }
    let eigen = SymmetricEigen::try_new(scaled, f64::EPSILON, 0)?;
    let largest = eigen.eigenvalues.max();
    let floor = |unit: f64| 64.0 * unit * (k as f64).sqrt() * largest;
    let floor = match clip {
        Clip::ForAnotherPass => floor(2f64.powi(-24)),
        Clip::ForAnotherPassInF64 => floor(2f64.powi(-53)),
        Clip::AtZero => 0.0,
    };
    let roots: Vec<f64> = eigen.eigenvalues.iter().map(|l| l.max(floor).sqrt()).collect();
    let mut weight = DMatrix::zeros(cols, k);
    let mut r = DMatrix::zeros(k, cols);
    for (n, &col) in kept.iter().enumerate() {
        for j in 0..k {
            weight[(col, j)] = if roots[j] > 0.0 { eigen.eigenvectors[(n, j)] / roots[j] / d[n] } else { 0.0 };
            r[(j, col)] = eigen.eigenvectors[(n, j)] * roots[j] * d[n];
        }
    }
    Some(Pass { weight, r, settled: eigen.eigenvalues.min() > 0.5 })
}
