//! Two products of tall factors side by side in small coordinates: how near they are, without forming either.
//!
//! The factors of both on one side, [X, Y], have a common orthonormal basis Q with [X, Y] = Q·[R_X, R_Y], and what
//! is asked of X and Y (norms, angles, differences) is asked of R_X and R_Y. R comes from one Gram matrix in f64 on
//! the CPU, whichever backend made the factors: a figure about a result should not come from the arithmetic that
//! it judges. It is good to 1e-8 of a column's length.

use nalgebra::DMatrix;

use super::dense::{Thin, thin_qr, thin_svd};
use super::gram_pass::{Clip, clipped_pass};
use super::spectrum::Pair;
use crate::RawTall;
use crate::cpu::gram::{joint_gram, plain_gram};

/// Directions with a σ below this part of σ₁ are not placed well enough for an angle.
const PLACED: f64 = 1e-4;

/// The coordinates of two products L₁·R₁ᵀ and L₂·R₂ᵀ.
pub struct Coordinates {
    /// Thin SVDs of both products in coordinates.
    pub first: Thin,
    pub second: Thin,
    /// The coordinates of both products' left (0) and right (1) sides are in one basis.
    pub common: [bool; 2],
    /// ‖L₁·R₁ᵀ − L₂·R₂ᵀ‖_F, where both sides are common.
    pub distance: Option<f64>,
}

/// `None` where a factor holds a number that is not finite.
pub fn coordinates(first: &Pair, second: &Pair) -> Option<Coordinates> {
    let [l1, l2] = side(&first.left, &second.left)?;
    let [r1, r2] = side(&first.right, &second.right)?;
    let (a, b) = (l1 * r1.transpose(), l2 * r2.transpose());
    let common = [first.left.rows == second.left.rows, first.right.rows == second.right.rows];
    let distance = (common == [true, true]).then(|| (&a - &b).norm());
    Some(Coordinates { first: thin_svd(&a)?, second: thin_svd(&b)?, common, distance })
}

/// R_X and R_Y: of one basis where the rows agree, else each of its own.
fn side(x: &RawTall, y: &RawTall) -> Option<[DMatrix<f64>; 2]> {
    if x.rows == y.rows {
        let r = clipped_pass(&joint_gram(x, y), Clip::AtZero)?.r;
        let (p, q) = (x.cols as usize, y.cols as usize);
        return Some([r.columns(0, p).into_owned(), r.columns(p, q).into_owned()]);
    }
    let own = |m: &RawTall| Some(clipped_pass(&plain_gram(m), Clip::AtZero)?.r);
    Some([own(x)?, own(y)?])
}

impl Coordinates {
    /// Principal angles in radians, ascending, between the spaces of the left (0) or right (1) singular vectors of
    /// both products, σ > 1e-4·σ₁ each; none where that side is not common. Sines below π/4, cosines above (Björck,
    /// Golub, Math. Comp. 27, 1973).
    pub fn angles(&self, side: usize) -> Option<Vec<f64>> {
        if !self.common[side] {
            return None;
        }
        let (mut a, mut b) = (space(&self.first, side), space(&self.second, side));
        if a.ncols() < b.ncols() {
            std::mem::swap(&mut a, &mut b);
        }
        if b.ncols() == 0 {
            return Some(Vec::new());
        }
        let product = a.tr_mul(&b);
        let cosines = thin_svd(&product)?.sigma;
        let mut sines = thin_svd(&(&b - &a * product))?.sigma;
        sines.reverse();
        let angle = |(cos, sin): (&f64, &f64)| {
            if cos.powi(2) > 0.5 { sin.min(1.0).asin() } else { cos.min(1.0).acos() }
        };
        Some(cosines.iter().zip(&sines).map(angle).collect())
    }

    /// \|uᵢ·u'ᵢ\| of the first `count` left singular vectors.
    pub fn left_cosines(&self, count: usize) -> Vec<f64> {
        let pairs = self.first.u.column_iter().zip(self.second.u.column_iter());
        pairs.take(count).map(|(a, b)| a.dot(&b).abs()).collect()
    }
}

fn space(thin: &Thin, side: usize) -> DMatrix<f64> {
    let largest = thin.sigma.first().copied().unwrap_or(0.0);
    let k = thin.sigma.iter().filter(|&&s| s > PLACED * largest).count();
    let vectors = if side == 0 { &thin.u } else { &thin.v };
    vectors.columns(0, k).into_owned()
}

/// The rank of L·Rᵀ by the rule of NumPy and PyTorch: the count of σ > σ₁·max(m, n)·2⁻⁵². Where coordinates cannot
/// tell (a σ near their error) both factors are decomposed by Householder QR.
pub fn double_rank(pair: &Pair, sigma: &[f64]) -> Option<usize> {
    const DOUBTFUL: f64 = 1e-6;
    let largest = sigma.first().copied().unwrap_or(0.0);
    if largest == 0.0 {
        return Some(0);
    }
    let count = (pair.left.rows.min(pair.right.rows).min(pair.left.cols)) as usize;
    if sigma.len() >= count && sigma.iter().take(count).all(|&s| s > DOUBTFUL * largest) {
        return Some(count);
    }
    let (_, left) = thin_qr(pair.left.to_f64());
    let (_, right) = thin_qr(pair.right.to_f64());
    let exact = thin_svd(&(left * right.transpose()))?.sigma;
    let bound = exact.first()? * f64::from(pair.left.rows.max(pair.right.rows)) * f64::EPSILON;
    Some(exact.iter().filter(|&&s| s > bound).count())
}
