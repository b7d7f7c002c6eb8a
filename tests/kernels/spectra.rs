//! Spectra, singular vectors and new factors of pairs, which the kernels give together, against f64.

use lorascope_kernels::linalg::{Made, Order, Pair, Spectrum, Want, resized_factors, spectra, svd_factors};
use lorascope_kernels::{Primitives, Resize};
use nalgebra::DMatrix;

use super::factors::neighbours;
use crate::cases::{FAMILIES, Family, RANKS, SHAPES, pair, reference_sigma};

/// `svd` of every family: cropped, padded and at a smaller rank, within 2e-6·‖ΔW‖; `interpolate` of a pair.
pub async fn new_factors(backend: &impl Primitives) {
    let ranks: &[usize] = if cfg!(target_arch = "wasm32") { &[1, 16] } else { &[1, 4, 16, 31] };
    for &rank in ranks {
        for (n, family) in FAMILIES.into_iter().enumerate() {
            let shape = SHAPES[n % SHAPES.len()];
            projected_factors(backend, &format!("{family:?}, rank {rank}, {shape:?}"), &pair(family, rank, shape))
                .await;
        }
    }
    let pair = pair(Family::Bfloat, 5, (100, 30));
    let to = [[Resize::Linear(77), Resize::Linear(90)]];
    let made = resized_factors(backend, std::slice::from_ref(&pair), &to).await.unwrap();
    let Made::Factors { left, right, .. } = &made[0] else { panic!("{made:?}") };
    for (factor, raw, to) in [(left, &pair.left, to[0][0]), (right, &pair.right, to[0][1])] {
        let stored = raw.to_f64();
        for i in 0..to.rows() as usize {
            let (above, below, t) = neighbours(to, i, stored.nrows());
            for j in 0..5 {
                let (a, b) = (stored[(above.unwrap(), j)], stored[(below.unwrap(), j)]);
                assert!((f64::from(factor[(i, j)]) - (a + t * (b - a))).abs() <= 1e-6 * a.abs().max(b.abs()));
            }
        }
    }
}

pub async fn ranks_to_16(backend: &impl Primitives) {
    for rank in RANKS.into_iter().filter(|&r| r <= 16) {
        every_family(backend, rank).await;
    }
}

pub async fn rank_31(backend: &impl Primitives) {
    every_family(backend, 31).await;
}

pub async fn rank_64(backend: &impl Primitives) {
    every_family(backend, 64).await;
}

pub async fn rank_128(backend: &impl Primitives) {
    every_family(backend, 128).await;
}

pub async fn rank_256(backend: &impl Primitives) {
    every_family(backend, 256).await;
}

/// Ranks and shapes mixed in one batch: natively, more workgroups than one dimension of a dispatch may have. In a
/// browser `resize_of_many` shows those, in a hundredth of the time.
pub async fn one_batch_of_many(backend: &impl Primitives) {
    let count = if cfg!(target_arch = "wasm32") { 3_000 } else { 40_000 };
    let pairs: Vec<Pair> = (0..count).map(|n| pair(Family::Gaussian, 1 + n % 2, (9 + n % 3, 7 + n % 5))).collect();
    let found = spectra(backend, &pairs, Want::Values).await.unwrap();
    assert_eq!(found.len(), pairs.len());
    for (pair, spectrum) in pairs.iter().zip(&found).step_by(997) {
        let Spectrum::Found { sigma, .. } = spectrum else { panic!("{pair:?}: {spectrum:?}") };
        judge_sigma(&format!("{pair:?}"), &reference_sigma(pair), sigma);
    }
}

/// All families of one rank, to the promised accuracy: with every shape for the small ranks; for the large ones,
/// whose references take seconds, with two shapes each, so chosen that every shape meets every rank. In a browser, where
/// a software GPU is slower still, with one, and for the largest two ranks with every other family.
async fn every_family(backend: &impl Primitives, rank: usize) {
    let is_slow = cfg!(target_arch = "wasm32");
    let per_family = match rank {
        ..=16 => SHAPES.len(),
        _ if is_slow => 1,
        17..64 => SHAPES.len(),
        _ => 2,
    };
    let is_met = |n: usize| !is_slow || rank < 128 || n.is_multiple_of(2) == (rank < 256);
    for (n, family) in FAMILIES.into_iter().enumerate().filter(|&(n, _)| is_met(n)) {
        let shapes: Vec<_> =
            (0..per_family).map(|m| SHAPES[(n + m * SHAPES.len() / per_family) % SHAPES.len()]).collect();
        let pairs: Vec<Pair> = shapes.iter().map(|&shape| pair(family, rank, shape)).collect();
        let values = spectra(backend, &pairs, Want::Values).await.unwrap();
        let vectors = spectra(backend, &pairs, Want::Vectors).await.unwrap();
        assert_eq!([values.len(), vectors.len()], [pairs.len(); 2]);
        for (((shape, pair), values), vectors) in shapes.iter().zip(&pairs).zip(&values).zip(&vectors) {
            let reference = reference_sigma(pair);
            let case = format!("{family:?}, rank {rank}, {shape:?}");
            let Spectrum::Found { sigma, .. } = values else { panic!("{case}: {values:?}") };
            judge_sigma(&format!("{case}, values only"), &reference, sigma);
            let Spectrum::Found { sigma, vectors: Some((u, v)), .. } = vectors else { panic!("{case}: {vectors:?}") };
            judge_sigma(&case, &reference, sigma);
            judge_vectors(&case, pair, &reference, sigma, &u.map(f64::from), &v.map(f64::from));
        }
    }
}

/// The product of the factors that `svd` makes of a pair is the cropped and padded ΔW times the gain; at a smaller
/// rank its error is the tail of the spectrum, which only the best approximation reaches (Eckart and Young).
async fn projected_factors(backend: &impl Primitives, case: &str, pair: &Pair) {
    let dense = pair.left.to_f64() * pair.right.to_f64().transpose();
    let (norm, rank) = (dense.norm(), pair.left.cols);
    let sigma = reference_sigma(pair);
    let orders = [
        Order { rank, rows: [pair.left.rows, pair.right.rows], gain: 1.0 },
        Order { rank, rows: [pair.left.rows.div_ceil(2), pair.right.rows + 40], gain: 0.75 },
        Order { rank: rank.div_ceil(2), rows: [pair.left.rows, pair.right.rows], gain: 1.0 },
    ];
    let made = svd_factors(backend, &[pair.clone(), pair.clone(), pair.clone()], &orders).await.unwrap();
    for (order, made) in orders.iter().zip(&made) {
        let Made::Factors { left, right, .. } = made else { panic!("{case}: {made:?}") };
        let rows = order.rows.map(|r| r as usize);
        let k = order.rank as usize;
        assert_eq!((left.shape(), right.shape()), ((rows[0], k), (rows[1], k)), "{case}");
        let wanted = dense.clone().resize(rows[0], rows[1], 0.0) * order.gain;
        let error = (left.map(f64::from) * right.map(f64::from).transpose() - wanted).norm();
        let tail = sigma.iter().skip(k).map(|s| s * s).sum::<f64>().sqrt();
        assert!((error - tail).abs() <= 2e-6 * norm, "{case} {order:?}: off by {:e}·‖ΔW‖", (error - tail) / norm);
    }
}

/// σ within 1e-6·σ₁.
fn judge_sigma(case: &str, reference: &[f64], sigma: &[f64]) {
    assert_eq!(sigma.len(), reference.len(), "{case}");
    for (n, (s, r)) in sigma.iter().zip(reference).enumerate() {
        let error = (s - r).abs();
        assert!(error <= 1e-6 * reference[0], "{case}: σ{n} is off by {:e}·σ₁", error / reference[0]);
    }
}

/// U and V orthonormal within 2e-6; U·Σ·Vᵀ within 2e-6·‖ΔW‖.
fn judge_vectors(case: &str, pair: &Pair, reference: &[f64], sigma: &[f64], u: &DMatrix<f64>, v: &DMatrix<f64>) {
    let largest = reference[0];
    let rank = reference.iter().filter(|&&s| s > 2e-6 * largest).count();
    // A σ within the error of the threshold may be on either side of it.
    let doubtful = reference.iter().filter(|&&s| (s - 2e-6 * largest).abs() <= 1e-6 * largest && s > 0.0).count();
    assert!(u.ncols().abs_diff(rank) <= doubtful, "{case}: {} columns for rank {rank}", u.ncols());
    assert_eq!(u.ncols(), v.ncols(), "{case}");
    for (name, q) in [("U", u), ("V", v)] {
        let error = (q.tr_mul(q) - DMatrix::identity(q.ncols(), q.ncols())).amax();
        assert!(error <= 2e-6, "{case}: {name} is off orthonormal by {error:e}");
    }
    // The error is ‖P·Qᵀ‖ for P = [UΣ, −L] and Q = [V, R], scaled so that max |L| is 1.
    let (left, right) = (pair.left.to_f64(), pair.right.to_f64());
    let unit = if largest > 0.0 { 1.0 / left.amax() } else { 1.0 };
    let scaled = DMatrix::from_fn(u.nrows(), u.ncols(), |i, j| u[(i, j)] * sigma[j] * unit);
    let cancellation = left.norm() * right.norm() / largest;
    let p = joined(&scaled, &(left * -unit));
    let q = joined(v, &right);
    let error = if cancellation < 100.0 {
        // tr(PᵀP·QᵀQ), good to 1e-8·‖P‖·‖Q‖.
        p.tr_mul(&p).component_mul(&q.tr_mul(&q)).sum().max(0.0).sqrt()
    } else {
        (p.qr().r() * q.qr().r().transpose()).norm()
    };
    let norm = reference.iter().map(|s| (s * unit).powi(2)).sum::<f64>().sqrt();
    assert!(error <= 2e-6 * norm, "{case}: U·Σ·Vᵀ is off by {:e}·‖ΔW‖", error / norm);
}

fn joined(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    let mut joined = a.clone().resize_horizontally(a.ncols() + b.ncols(), 0.0);
    joined.columns_mut(a.ncols(), b.ncols()).copy_from(b);
    joined
}
