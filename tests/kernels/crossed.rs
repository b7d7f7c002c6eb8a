//! The directions of updates beside each other, against dense f64.

use lorascope_kernels::Primitives;
use lorascope_kernels::linalg::{Directed, Pair, cross_all};
use nalgebra::DMatrix;

use crate::cases::{FAMILIES, SHAPES, pair};

/// ⟨ΔWₐ, ΔW_b⟩ / (‖ΔWₐ‖·‖ΔW_b‖); 0 where one is zero.
fn cosine(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    let (a, b) = (a / a.amax().max(f64::MIN_POSITIVE), b / b.amax().max(f64::MIN_POSITIVE));
    let norms = a.norm() * b.norm();
    if norms == 0.0 { 0.0 } else { a.dot(&b) / norms }
}

/// The cosine of every family with itself, with its opposite and with what is nearly the same is good to 2e-7, that of
/// one with itself to 1e-10, and overlaps are at most 1 to 1e-6.
pub async fn cosines_agree(backend: &impl Primitives) {
    let ranks: &[usize] = if cfg!(target_arch = "wasm32") { &[1, 16] } else { &[1, 16, 31] };
    for &rank in ranks {
        for shape in [SHAPES[n_of(rank)], SHAPES[(n_of(rank) + 3) % SHAPES.len()]] {
            let updates: Vec<Pair> = FAMILIES.iter().map(|&family| pair(family, rank, shape)).collect();
            let dense: Vec<DMatrix<f64>> =
                updates.iter().map(|pair| pair.left.to_f64() * pair.right.to_f64().transpose()).collect();
            let wanted: Vec<[usize; 2]> =
                (0..updates.len()).flat_map(|a| (a..updates.len()).map(move |b| [a, b])).collect();
            let (directed, crossed) = cross_all(backend, &updates, &wanted).await.unwrap();
            for (&[a, b], crossed) in wanted.iter().zip(&crossed) {
                let what = format!("{:?} and {:?}, rank {rank}, {shape:?}", FAMILIES[a], FAMILIES[b]);
                let [(sigma_a, rank_a), (sigma_b, rank_b)] = [a, b].map(|n| match &directed[n] {
                    Directed::Found { sigma, rank, .. } => (sigma, *rank),
                    other => panic!("{:?}: {other:?}", FAMILIES[n]),
                });
                let found = crossed.as_ref().map_or(0.0, |crossed| crossed.cosine);
                let exact = cosine(&dense[a], &dense[b]);
                let bound = if a == b { 1e-10 } else { 2e-7 };
                assert!((found - exact).abs() <= bound, "{what}: {found} for {exact}");
                let most = rank_a.min(rank_b) as f64;
                let shared = crossed.as_ref().map_or([0.0; 2], |crossed| {
                    [&crossed.left, &crossed.right].map(|side| side.view((0, 0), (rank_a, rank_b)).norm_squared())
                });
                assert!(shared.iter().all(|&shared| shared <= most * (1.0 + 1e-6)), "{what}: {shared:?}");
                assert!(a != b || shared.iter().all(|shared| (shared - most).abs() <= 1e-9), "{what}");
                for (n, sigma) in [(a, sigma_a), (b, sigma_b)] {
                    let (norm, exact) = (length(sigma), dense[n].norm());
                    assert!(a == b || (norm - exact).abs() <= 1e-6 * exact, "{what}: norm {norm}, not {exact}");
                }
            }
        }
    }
}

/// ‖σ‖, whose squares may vanish.
fn length(sigma: &[f64]) -> f64 {
    let unit = sigma.first().copied().unwrap_or(0.0);
    if unit > 0.0 { unit * sigma.iter().map(|s| (s / unit).powi(2)).sum::<f64>().sqrt() } else { 0.0 }
}

fn n_of(rank: usize) -> usize {
    rank % SHAPES.len()
}
