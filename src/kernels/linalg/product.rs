//! Products of tall factors with one another, in f64 on the CPU: exact products of f32, summed in f64.

use nalgebra::DMatrix;

use super::dense::thin_qr;
use crate::RawTall;

/// Below this part of its terms a squared difference has lost digits that count.
const CANCELLED: f64 = 1e-6;

/// The factors of an update in f64, column by column: L (out × r) and R (in × r) of L·Rᵀ.
#[derive(Clone, Debug)]
pub struct Factored {
    pub left: DMatrix<f64>,
    pub right: DMatrix<f64>,
}

impl Factored {
    pub fn new(pair: &super::Pair) -> Self {
        Self { left: dense(&pair.left), right: dense(&pair.right) }
    }

    /// ⟨L₁·R₁ᵀ, L₂·R₂ᵀ⟩ = Σ (L₁ᵀL₂) ∘ (R₁ᵀR₂), neither product formed.
    pub fn dot(&self, other: &Self) -> f64 {
        self.left.tr_mul(&other.left).component_mul(&self.right.tr_mul(&other.right)).sum()
    }

    /// ‖s·self − t·other‖²_F. Where the terms cancel, through orthonormal coordinates of both, so that a difference
    /// is good to 1e-15 of what it is a difference of; one below 1e-14 is none. NaN of numbers that are not finite.
    pub fn difference_sq(&self, s: f64, other: &Self, t: f64) -> f64 {
        let terms = s * s * self.dot(self) + t * t * other.dot(other);
        let square = terms - 2.0 * s * t * self.dot(other);
        if !square.is_finite() {
            return f64::NAN;
        }
        if square > CANCELLED * terms || terms == 0.0 {
            return square.max(0.0);
        }
        let side = |x: &DMatrix<f64>, y: &DMatrix<f64>| {
            let (p, q) = (x.ncols(), y.ncols());
            let joint = DMatrix::from_fn(x.nrows(), p + q, |i, j| if j < p { x[(i, j)] } else { y[(i, j - p)] });
            let (_, r) = thin_qr(joint);
            (r.columns(0, p).into_owned(), r.columns(p, q).into_owned())
        };
        let ((l1, l2), (r1, r2)) = (side(&self.left, &other.left), side(&self.right, &other.right));
        let exact = (l1 * r1.transpose() * s - l2 * r2.transpose() * t).norm_squared();
        if exact <= terms * 1e-28 { 0.0 } else { exact }
    }

    /// A small matrix of the same singular values: R_L·R_Rᵀ of the factors' QR decompositions.
    pub fn core_of_qr(&self) -> DMatrix<f64> {
        thin_qr(self.left.clone()).1 * thin_qr(self.right.clone()).1.transpose()
    }

    /// Uᵀ·(L·Rᵀ)·V for U (out × k) and V (in × k): the core that `align` finds of a dense update.
    pub fn core(&self, u: &DMatrix<f64>, v: &DMatrix<f64>) -> DMatrix<f64> {
        u.tr_mul(&self.left) * self.right.tr_mul(v)
    }
}

fn dense(raw: &RawTall) -> DMatrix<f64> {
    let (rows, cols) = (raw.rows as usize, raw.cols as usize);
    let mut by_row = vec![0.0; rows * cols];
    raw.rows_f64(0, rows, &mut by_row);
    DMatrix::from_row_slice(rows, cols, &by_row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, cols: usize, seed: f64) -> DMatrix<f64> {
        DMatrix::from_fn(rows, cols, |i, j| (seed + (i * cols + j) as f64 * 1.7).sin())
    }

    #[test]
    fn what_is_no_number_is_no_difference_of_zero() {
        let a = Factored { left: matrix(9, 2, 1.0), right: matrix(5, 2, 2.0) };
        let mut b = a.clone();
        assert_eq!(a.difference_sq(1.0, &b, 1.0), 0.0);
        b.left[(3, 1)] = f64::NAN;
        assert!(a.difference_sq(1.0, &b, 1.0).is_nan());
        b.left[(3, 1)] = f64::INFINITY;
        assert!(a.difference_sq(1.0, &b, 1.0).is_nan());
    }

    #[test]
    fn dot_and_core_are_those_of_the_dense_products() {
        let a = Factored { left: matrix(9, 2, 1.0), right: matrix(5, 2, 2.0) };
        let b = Factored { left: matrix(9, 3, 3.0), right: matrix(5, 3, 4.0) };
        let (x, y) = (&a.left * a.right.transpose(), &b.left * b.right.transpose());
        assert!((a.dot(&b) - x.dot(&y)).abs() < 1e-12);
        let square = a.difference_sq(2.0, &b, 3.0);
        assert!((square - (&x * 2.0 - &y * 3.0).norm_squared()).abs() < 1e-11 * square);
        let (u, v) = (matrix(9, 4, 5.0), matrix(5, 4, 6.0));
        assert!((a.core(&u, &v) - u.transpose() * x * v).amax() < 1e-12);
    }

    #[test]
    fn a_difference_keeps_its_digits_where_the_terms_cancel() {
        let a = Factored { left: matrix(40, 2, 1.0), right: matrix(30, 2, 2.0) };
        assert_eq!(a.difference_sq(1.5, &a, 1.5), 0.0);
        let step = matrix(40, 2, 3.0) * 1e-9;
        let near = Factored { left: &a.left + &step, right: a.right.clone() };
        let exact = (&step * a.right.transpose()).norm();
        assert!((a.difference_sq(1.0, &near, 1.0).sqrt() - exact).abs() < 1e-5 * exact);
    }
}
