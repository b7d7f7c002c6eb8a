//! How a projected module stands to its source: figures about the factors as they are written.

use serde::{Deserialize, Serialize};

use crate::analysis::measures::frobenius;
use lorascope_kernels::linalg::{Coordinates, Pair, coordinates, double_rank};
use lorascope_protocol::report::Quality;

/// Left singular vectors that the reference compares.
const COMPARED: usize = 5;
/// Singular values nearer than this part of σ₁ do not determine their vectors.
const SEPARATE: f64 = 1e-3;

/// What was measured of one module, without the scale.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Descending, min(out', in', rank') of them.
    pub sigma: Vec<f64>,
    pub quality: Quality,
    part: Part,
}

/// What a module adds to the figures of the whole adapter.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Part {
    before: f64,
    after: f64,
    /// ‖ΔW − ΔW'‖, where the shapes agree.
    distance: Option<f64>,
    ranks: Option<[usize; 2]>,
}

/// Compares L·Rᵀ of the source with that of the result. `None` where a factor holds a number that is not finite.
pub fn measure(source: &Pair, result: &Pair) -> Option<Measured> {
    let both = coordinates(source, result)?;
    let before = frobenius(&both.first.sigma);
    let after = frobenius(&both.second.sigma);
    let ranks = double_rank(source, &both.first.sigma).zip(double_rank(result, &both.second.sigma));
    let part = Part { before, after, distance: both.distance, ranks: ranks.map(|(a, b)| [a, b]) };
    let mut quality = part.quality();
    quality.left_angles = both.angles(0).unwrap_or_default();
    quality.right_angles = both.angles(1).unwrap_or_default();
    quality.subspace_alignment = alignment(&both);
    let mut sigma = both.second.sigma;
    sigma.resize(result.left.rows.min(result.right.rows).min(result.left.cols) as usize, 0.0);
    Some(Measured { sigma, quality, part })
}

/// The same figures for the whole adapter, as one long vector: of every module what was measured, and its scale.
pub fn whole<'a>(modules: impl Iterator<Item = (&'a Measured, f64)>) -> Quality {
    let mut total = Part { before: 0.0, after: 0.0, distance: Some(0.0), ranks: Some([0, 0]) };
    for (Measured { part, .. }, scale) in modules {
        total.before = total.before.hypot(scale * part.before);
        total.after = total.after.hypot(scale * part.after);
        total.distance = total.distance.zip(part.distance).map(|(a, b)| a.hypot(scale * b));
        total.ranks = total.ranks.zip(part.ranks).map(|([a, b], [c, d])| [a + c, b + d]);
    }
    total.quality()
}

impl Part {
    fn quality(self) -> Quality {
        let Self { before, after, distance, ranks } = self;
        let error = distance.map(|distance| distance / before).filter(|error| error.is_finite());
        let squared = error.map(|error| error * error);
        Quality {
            relative_error: error,
            reconstruction_error: squared,
            energy_kept: squared.map(|squared| 1.0 - squared),
            rank_preservation: ranks.filter(|ranks| ranks[0] > 0).map(|[a, b]| b as f64 / a as f64),
            norm_ratio: Some(after / before).filter(|ratio| ratio.is_finite()),
            ..Quality::default()
        }
    }
}

/// The reference's mean cosine, where the compared vectors are determined up to their signs.
fn alignment(both: &Coordinates) -> Option<f64> {
    let determined = |sigma: &[f64]| {
        let apart = |pair: &[f64]| pair[0] - pair[1] > SEPARATE * sigma[0];
        let next = sigma.get(COMPARED).copied().unwrap_or(0.0);
        let last = sigma.get(COMPARED - 1).is_some_and(|&s| s - next > SEPARATE * sigma[0]);
        last && sigma.windows(2).take(COMPARED - 1).all(apart)
    };
    // Where the outputs differ, the vectors have coordinates in other bases, and not as many.
    if both.distance.is_none() || !determined(&both.first.sigma) || !determined(&both.second.sigma) {
        return None;
    }
    let cosines = both.left_cosines(COMPARED);
    (cosines.len() == COMPARED).then(|| cosines.iter().sum::<f64>() / COMPARED as f64)
}
