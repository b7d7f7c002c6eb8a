//! How far what a GPU made of a module is from what the CPU made of it.

use lorascope_kernels::Kernel;
use lorascope_kernels::check::{self, Difference, LIMIT};
use lorascope_kernels::linalg::{Factored, Made, Order, Pair, Spectrum, thin_svd};
use nalgebra::DMatrix;

use crate::session::compute::trust::OF_SIGMA;

/// U·Σ·Vᵀ beside its norm: single directions may be any where singular values are near each other.
pub(crate) fn of_vectors(gpu: &Spectrum, cpu: &Spectrum) -> Option<Difference> {
    let product = |spectrum: &Spectrum| match spectrum {
        Spectrum::Found { sigma, vectors: Some((u, v)), .. } => {
            let mut left = u.map(f64::from);
            for (mut column, sigma) in left.column_iter_mut().zip(sigma) {
                column *= *sigma;
            }
            Some(Factored { left, right: v.map(f64::from) })
        }
        _ => None,
    };
    // Both may leave out a direction at the edge of the numerical rank.
    Some(Difference { kernels: OF_SIGMA, off: apart(&product(gpu)?, &product(cpu)?), limit: 2.0 * LIMIT })
}

/// B'·A' beside its norm.
pub(crate) fn of_made(
    gpu: &Made,
    cpu: &Made,
    pair: &Pair,
    order: Option<&Order>,
    kernels: &'static [Kernel],
) -> Difference {
    let factored =
        |left: &DMatrix<f32>, right: &DMatrix<f32>| Factored { left: left.map(f64::from), right: right.map(f64::from) };
    let off = match (gpu, cpu) {
        (Made::NotFinite { count: a }, Made::NotFinite { count: b }) if a == b => 0.0,
        (Made::OutOfRange, Made::OutOfRange) => 0.0,
        // Factors that only got other rows have nothing of each other, and their product may cancel.
        (Made::Factors { left: a, right: b, .. }, Made::Factors { left: p, right: q, .. }) if order.is_none() => {
            let off = |(gpu, cpu)| if_finite([gpu, cpu].map(is_finite), || check::largest_part(gpu, cpu));
            check::worst([(a, p), (b, q)].map(off))
        }
        (Made::Factors { left: a, right: b, .. }, Made::Factors { left: p, right: q, .. }) => {
            let are_finite = [is_finite(a) && is_finite(b), is_finite(p) && is_finite(q)];
            if_finite(are_finite, || apart(&factored(a, b), &factored(p, q)))
        }
        _ => f64::INFINITY,
    };
    let difference = Difference { kernels, off, limit: 2.0 * LIMIT };
    match order.filter(|_| difference.is_wrong()) {
        Some(order) => Difference { limit: limit_at(pair, order.rank as usize, difference.limit), ..difference },
        None => difference,
    }
}

fn is_finite(matrix: &DMatrix<f32>) -> bool {
    matrix.iter().all(|x| x.is_finite())
}

/// ‖P − Q‖ beside ‖Q‖.
fn apart(p: &Factored, q: &Factored) -> f64 {
    check::part(p.difference_sq(1.0, q, 1.0).sqrt(), q.dot(q).sqrt())
}

/// A difference of results, which are finite on the GPU and on the CPU or not: what neither can say is the file's.
fn if_finite(is_finite: [bool; 2], off: impl FnOnce() -> f64) -> f64 {
    match is_finite {
        [true, true] => off(),
        [false, false] => 0.0,
        _ => f64::INFINITY,
    }
}

/// How far apart two best approximations of rank k may be whose updates are apart by `limit`. Directions turn by as much
/// as σₖ − σₖ₊₁ is smaller than σ₁ (Wedin, BIT 12, 1972); but where they are all exchanged, the approximations differ by
/// no more than those of σₖ.
fn limit_at(pair: &Pair, rank: usize, limit: f64) -> f64 {
    let Some(thin) = thin_svd(&Factored::new(pair).core_of_qr()) else { return limit };
    let sigma = &thin.sigma;
    match (sigma.first(), sigma.get(rank.wrapping_sub(1)), sigma.get(rank)) {
        (Some(&first), Some(&last), Some(&next)) if next > 0.0 => {
            let norm = sigma[..rank].iter().map(|s| (s / first).powi(2)).sum::<f64>().sqrt() * first;
            let exchanged = 2.0 * (rank.min(sigma.len() - rank) as f64).sqrt() * last / norm;
            (limit * 1.0f64.max(first / (last - next))).min(limit + exchanged)
        }
        _ => limit,
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use lorascope_kernels::{FactorType, RawTall};

    /// An update of rank 1 whose factors have three columns, all the same.
    fn rank_one() -> Pair {
        let tall = |rows: usize| {
            let bytes = (0..rows * 3).flat_map(|n| ((n / 3 + 1) as f32).to_le_bytes()).collect();
            Rc::new(RawTall { rows: rows as u32, cols: 3, transposed: false, dtype: FactorType::F32, bytes })
        };
        Pair { left: tall(5), right: tall(4) }
    }

    fn made(left: DMatrix<f32>, right: DMatrix<f32>) -> Made {
        Made::Factors { left, right, fallback: false }
    }

    /// Interpolated factors may nearly cancel in their product, where rounding is large; NaN on one side only is a
    /// difference, and on both it is the file's.
    #[test]
    fn factors_with_other_rows_are_compared_one_by_one() {
        let pair = rank_one();
        let of = |gpu: &Made, cpu: &Made| of_made(gpu, cpu, &pair, None, &[Kernel::Resize]);
        let left = DMatrix::from_row_slice(3, 2, &[1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
        let right = DMatrix::from_row_slice(2, 2, &[1.0, -0.9999, 0.7, -0.7]);
        let rounded = made(left.map(|x| x * (1.0 + 2e-7)), right.clone());
        assert!(!of(&rounded, &made(left.clone(), right.clone())).is_wrong());
        let off = made(left.map(|x| x * 1.001), right.clone());
        assert!(of(&off, &made(left.clone(), right.clone())).is_wrong());
        let nan = || {
            let mut spoilt = left.clone();
            spoilt[(1, 1)] = f32::NAN;
            made(spoilt, right.clone())
        };
        assert!(of(&nan(), &made(left.clone(), right.clone())).is_wrong());
        assert!(!of(&nan(), &nan()).is_wrong());
    }

    /// Of rank 1 in effect, cut to 2 of 3: the second direction is any, and still a wrong product is wrong.
    #[test]
    fn a_cut_through_noise_excuses_no_wrong_product() {
        let pair = rank_one();
        let order = Order { rank: 2, rows: [5, 4], gain: 1.0 };
        let product = |scale: f32| {
            made(DMatrix::from_fn(5, 2, |i, _| scale * (i + 1) as f32), DMatrix::from_fn(4, 2, |i, _| (i + 1) as f32))
        };
        let of = |gpu: &Made| of_made(gpu, &product(1.0), &pair, Some(&order), OF_SIGMA);
        assert!(!of(&product(1.0)).is_wrong());
        assert!(of(&product(1.001)).is_wrong());
        assert!(of(&Made::OutOfRange).is_wrong() && of(&Made::OutOfRange).limit.is_finite());
    }
}
