//! What a spectrum says. σ are the singular values of ΔW in descending order, all finite and not negative.
//!
//! Everything but the energy is computed on σ/σ₁, so that squares neither overflow nor vanish; of an all-zero
//! spectrum every measure is 0.

/// σ counts towards the numerical rank above this part of σ₁: what remains of a zero after f32 arithmetic.
const RANK_TOLERANCE: f64 = 2e-6;

/// The measures of one spectrum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// ‖σ‖²/σ₁².
    pub stable_rank: f64,
    /// exp of the spectral entropy (Roy and Vetterli's definition, over σ²/Σσ²).
    pub effective_rank: f64,
    /// Count of σ > 2e-6·σ₁.
    pub numerical_rank: u32,
    /// −Σ p·ln p with p = σ²/Σσ², in nats.
    pub spectral_entropy: f64,
}

/// The measures of the spectrum `sigma`, beside which `rest_sq` is Σσ² of values that are not known one by one. None of
/// those is above the last known one: with so many, each of that size, the effective rank and the entropy are lower
/// bounds, and no smaller than the stable rank says. The numerical rank counts the known ones alone.
#[inline(never)]
pub fn measures(sigma: &[f64], rest_sq: f64) -> Measures {
    let Some(relative) = relative_squares(sigma) else { return Measures::default() };
    let rest = (rest_sq.sqrt() / sigma.first().copied().unwrap_or(1.0)).powi(2);
    let total: f64 = relative.iter().sum::<f64>() + rest;
    let mut entropy: f64 = relative.iter().map(|square| square / total).filter(|&p| p > 0.0).map(|p| -p * p.ln()).sum();
    if rest > 0.0 {
        // −p·ln p of each is at least p·(−ln of the largest that it can be).
        let last = relative.last().copied().filter(|&last| last > 0.0).unwrap_or(rest);
        entropy -= rest / total * (rest.min(last) / total).ln();
    }
    // A single direction gives −1·ln 1, which is a negative zero.
    let entropy = entropy.max(0.0);
    let first = sigma.first().copied().unwrap_or_default();
    let numerical_rank = sigma.iter().filter(|&&s| s / first > RANK_TOLERANCE).count();
    Measures {
        stable_rank: total,
        effective_rank: entropy.exp(),
        numerical_rank: u32::try_from(numerical_rank).unwrap_or(u32::MAX),
        spectral_entropy: entropy,
    }
}

/// ‖σ‖, the Frobenius norm of ΔW; infinite only where it is beyond double precision.
pub fn frobenius(sigma: &[f64]) -> f64 {
    let first = sigma.first().copied().unwrap_or_default();
    relative_squares(sigma).map_or(0.0, |relative| first * relative.iter().sum::<f64>().sqrt())
}

/// Σσ²; infinite only where it is beyond double precision.
pub fn energy(sigma: &[f64]) -> f64 {
    sigma.iter().map(|s| s * s).sum()
}

/// For k = 1, 2, …: Σ_{i≤k}σ²/Σσ², the energy that rank k keeps. All 0 for an all-zero spectrum.
pub fn energy_kept(sigma: &[f64]) -> Vec<f64> {
    let Some(relative) = relative_squares(sigma) else { return vec![0.0; sigma.len()] };
    let total: f64 = relative.iter().sum();
    let running = relative.iter().scan(0.0, |sum, square| {
        *sum += square;
        Some((*sum / total).min(1.0))
    });
    running.collect()
}

/// The smallest k whose rank-k part keeps at least `share` (0 to 1) of the energy; 0 where there is no energy.
pub fn rank_keeping(sigma: &[f64], share: f64) -> usize {
    if relative_squares(sigma).is_none() {
        return 0;
    }
    let kept = energy_kept(sigma);
    kept.iter().position(|&k| k >= share).map_or(sigma.len(), |at| at + 1)
}

/// (σ/σ₁)²; `None` where σ₁ is 0 or there is none.
fn relative_squares(sigma: &[f64]) -> Option<Vec<f64>> {
    let first = *sigma.first()?;
    (first > 0.0).then(|| sigma.iter().map(|s| (s / first) * (s / first)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_one_by_one_bounds_from_below() {
        let sigma: Vec<f64> = (0..200).map(|n| 1.0 / (1.0 + 0.01 * f64::from(n))).collect();
        let whole = measures(&sigma, 0.0);
        for known in [1, 8, 60, 199] {
            let part = measures(&sigma[..known], energy(&sigma[known..]));
            assert!((part.stable_rank - whole.stable_rank).abs() <= 1e-9 * whole.stable_rank, "{known}");
            assert!(part.spectral_entropy <= whole.spectral_entropy + 1e-12, "{known}: {part:?}");
            assert!(part.effective_rank >= part.stable_rank - 1e-9, "{known}: {part:?}");
            assert!(part.numerical_rank <= whole.numerical_rank, "{known}");
        }
        // One further value is known as well as if it were listed.
        let nearly = measures(&[2.0, 1.5], 1.0);
        assert!((nearly.spectral_entropy - measures(&[2.0, 1.5, 1.0], 0.0).spectral_entropy).abs() < 1e-12);
    }
}
