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

/// The measures of the spectrum `sigma`, beside which `rest_sq` is Σσ² of values that are not known one by one. Those
/// count as one, which makes the effective rank and the entropy lower bounds, as the numerical rank then is.
pub fn measures(sigma: &[f64], rest_sq: f64) -> Measures {
    let Some(mut relative) = relative_squares(sigma) else { return Measures::default() };
    let rest = rest_sq.sqrt() / sigma.first().copied().unwrap_or(1.0);
    if rest > 0.0 {
        relative.push(rest * rest);
    }
    let total: f64 = relative.iter().sum();
    let entropy: f64 = relative.iter().map(|square| square / total).filter(|&p| p > 0.0).map(|p| -p * p.ln()).sum();
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
