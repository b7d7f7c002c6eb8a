//! The directions of updates beside each other, against dense f64.

use lorascope::analysis::comparison::{Both, Own};
use lorascope::compute::Primitives;
use lorascope::linalg::{Directed, Pair, cross_all};
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
            let own = |n: usize, scale: f64| match &directed[n] {
                Directed::Found { sigma, rank, .. } => Own { sigma, rank: *rank, scale },
                other => panic!("{:?}: {other:?}", FAMILIES[n]),
            };
            for (&[a, b], crossed) in wanted.iter().zip(&crossed) {
                let what = format!("{:?} and {:?}, rank {rank}, {shape:?}", FAMILIES[a], FAMILIES[b]);
                let both = Both::new([own(a, 0.5), own(b, -2.0)], crossed.as_ref(), [shape.0 as u64, shape.1 as u64]);
                let both = both.unwrap_or_else(|| panic!("{what}: out of range"));
                let exact = -cosine(&dense[a], &dense[b]);
                let error = (both.cosine - exact).abs();
                let bound = if a == b { 1e-10 } else { 2e-7 };
                assert!(error <= bound, "{what}: {} for {exact}", both.cosine);
                let most = both.ranks[0].min(both.ranks[1]) as f64;
                assert!(both.shared.iter().all(|&shared| shared <= most * (1.0 + 1e-6)), "{what}: {:?}", both.shared);
                assert!(a != b || both.shared.iter().all(|shared| (shared - most).abs() <= 1e-9), "{what}");
                for (n, norm) in [a, b].into_iter().zip(both.norms) {
                    let exact = dense[n].norm() * if n == a { 0.5 } else { 2.0 };
                    assert!(a == b || (norm - exact).abs() <= 1e-6 * exact, "{what}: norm {norm}, not {exact}");
                }
            }
        }
    }
}

fn n_of(rank: usize) -> usize {
    rank % SHAPES.len()
}
