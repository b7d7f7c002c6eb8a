//! The largest singular values of a matrix of full rank, whose spectrum may hardly fall: a block Lanczos process with
//! full reorthogonalisation (Golub, Luk, Overton, "A block Lanczos method", ACM TOMS 7, 1981). Where power iterations
//! see only the last block, all blocks together reach the edge of a flat spectrum.

use nalgebra::DMatrix;

use super::orthonormal::{gram, orthonormal};
use super::sketch::Gaussian;
use super::update::Update;
use crate::Side;

/// Columns of a block: values that are equal so many times are all found.
const BLOCK: usize = 8;
/// Columns of the basis, at most.
const MOST: usize = 640;
/// Values are settled once they move by less than this part of σ₁ from one check to the next.
const SETTLED: f64 = 1e-8;
/// Blocks between two checks.
const BETWEEN: usize = 4;

/// The largest `count` singular values of X, or as many as it has; fewer where the process ends on X's whole range.
///
/// # Errors
/// Those of the update's own methods.
pub async fn largest_values<U: Update>(update: &mut U, count: usize) -> Result<Vec<f64>, U::Error> {
    let [m, n] = update.shape();
    let most = MOST.max(4 * count).min(m.min(n));
    let mut random = Gaussian::new(0x0b_10_c4_1a_9c_05_0f_aa);
    let mut q = DMatrix::zeros(m, 0);
    let mut z = DMatrix::zeros(n, 0);
    let mut next = update.multiply(Side::Right, &random.matrix(n, BLOCK.min(most))).await?;
    let mut sigma = Vec::new();
    loop {
        let block = beyond(&q, &next, most - q.ncols());
        if block.ncols() == 0 {
            break;
        }
        let turned = update.multiply(Side::Left, &block).await?;
        q = joined(q, &block);
        z = joined(z, &turned);
        if q.ncols() >= most {
            break;
        }
        if (q.ncols() / BLOCK).is_multiple_of(BETWEEN) && q.ncols() >= 2 * count {
            let now = values(&z);
            let moved = settled(&sigma, &now, count);
            sigma = now;
            if moved {
                break;
            }
        }
        next = update.multiply(Side::Right, &turned).await?;
    }
    let mut sigma = values(&z);
    sigma.truncate(count);
    Ok(sigma)
}

/// An orthonormal basis of what of `next` lies beyond `q`, of at most `room` columns.
fn beyond(q: &DMatrix<f64>, next: &DMatrix<f64>, room: usize) -> DMatrix<f64> {
    if !next.iter().all(|x| x.is_finite()) {
        return DMatrix::zeros(next.nrows(), 0);
    }
    let size = next.norm();
    let mut rest = next.clone();
    // Twice: what the first time leaves of the known directions is no longer small beside the rest.
    for _ in 0..2 {
        rest -= q * q.tr_mul(&rest);
    }
    // What is left of a direction that was in q already is rounding, and no direction.
    let kept: Vec<usize> = (0..rest.ncols()).filter(|&j| rest.column(j).norm() > 1e-10 * size).collect();
    let (block, _) = orthonormal(&rest.select_columns(&kept));
    let block = &block - q * q.tr_mul(&block);
    let (block, _) = orthonormal(&block);
    block.columns(0, block.ncols().min(room)).into_owned()
}

/// The singular values of XᵀQ, none above X's own.
fn values(z: &DMatrix<f64>) -> Vec<f64> {
    let gram = gram(z);
    if gram.is_empty() || !gram.iter().all(|x| x.is_finite()) {
        return Vec::new();
    }
    let mut sigma: Vec<f64> = gram.symmetric_eigenvalues().iter().map(|l| l.max(0.0).sqrt()).collect();
    sigma.sort_by(|a, b| b.total_cmp(a));
    sigma
}

fn settled(before: &[f64], now: &[f64], count: usize) -> bool {
    let largest = now.first().copied().unwrap_or(0.0);
    let pairs = before.iter().zip(now.iter().take(count));
    before.len() >= count && pairs.fold(0.0f64, |most, (a, b)| most.max((a - b).abs())) <= SETTLED * largest
}

fn joined(left: DMatrix<f64>, right: &DMatrix<f64>) -> DMatrix<f64> {
    let known = left.ncols();
    let mut both = left.resize_horizontally(known + right.ncols(), 0.0);
    both.columns_mut(known, right.ncols()).copy_from(right);
    both
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    struct Matrix(DMatrix<f64>);

    impl Update for Matrix {
        type Error = ();

        fn shape(&self) -> [usize; 2] {
            [self.0.nrows(), self.0.ncols()]
        }

        async fn multiply(&mut self, side: Side, weight: &DMatrix<f64>) -> Result<DMatrix<f64>, ()> {
            Ok(if side == Side::Right { &self.0 * weight } else { self.0.tr_mul(weight) })
        }

        async fn norm_sq(&mut self) -> Result<f64, ()> {
            Ok(self.0.norm_squared())
        }
    }

    fn largest(matrix: &DMatrix<f64>, count: usize) -> Vec<f64> {
        pollster::block_on(largest_values(&mut Matrix(matrix.clone()), count)).unwrap_or_default()
    }

    /// Noise, whose spectrum is as flat as they come; values that are equal; a low rank; nothing.
    #[test]
    fn the_largest_values_are_those_of_the_dense_svd() {
        let mut random = Gaussian::new(3);
        let noise = random.matrix(600, 700);
        let mut expected: Vec<f64> = noise.singular_values().iter().copied().collect();
        expected.sort_by(|a, b| b.total_cmp(a));
        let found = largest(&noise, 32);
        assert_eq!(found.len(), 32);
        for (a, b) in found.iter().zip(&expected) {
            assert!((a - b).abs() <= 1e-6 * expected[0], "{a} for {b}");
        }
        let equal =
            DMatrix::from_fn(600, 600, |i, j| if i == j { if i < 6 { 5.0 } else { 1.0 / (i as f64) } } else { 0.0 });
        let found = largest(&equal, 10);
        assert!(found[..6].iter().all(|s| (s - 5.0).abs() < 1e-9), "{found:?}");
        assert!((found[6] - 1.0 / 6.0).abs() < 1e-9, "{found:?}");
        let low = random.matrix(900, 3) * random.matrix(3, 800);
        let found = largest(&low, 16);
        assert!(found[2] > 1.0 && found.iter().skip(3).all(|&s| s < 1e-6 * found[0]), "{found:?}");
        assert!(largest(&DMatrix::zeros(600, 600), 4).is_empty());
    }
}
