//! How an adapter's update ΔW = s·L·Rᵀ stands to a real update X: from a few sums per module.
//!
//! With L·Rᵀ = U·Σ·Vᵀ (k singular triples) and the core C = Uᵀ·X·V, trace(BᵀXAᵀ) = Σσᵢ·Cᵢᵢ and the capture is
//! ‖C‖²/‖X‖². Everything here is without the scale, so that a scale set by hand later costs nothing.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::measures::frobenius;
use lorascope_protocol::report::Figures;

/// Why a module has no figures beside an update, as part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NotAligned {
    #[error("its update cannot be written as two thin factors (of 1,024 columns at most), which alignment takes")]
    NoFactors,
    #[error("{why} (in {states})")]
    NoWeight { why: String, states: String },
    #[error("its weight is not stored the same way in both checkpoints")]
    StoredApart,
    /// An adapter, by its label, lacks it.
    #[error("{0} has no such module")]
    NoModule(String),
    #[error("its shape is {own:?}, and {other:?} in {state}")]
    Shapes { own: [u64; 2], other: [u64; 2], state: String },
    #[error("its factors could not be decomposed")]
    NotDecomposed,
    #[error("its weight holds {0} numbers that are not finite (NaN or infinity) in these checkpoints")]
    NotFinite(u64),
}

/// What a pass over X gave for one module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// ⟨L·Rᵀ, X⟩
    pub dot: f64,
    /// ‖UᵀXV‖²
    pub captured: f64,
    /// ‖X‖²
    pub update_sq: f64,
    /// ‖W(from)‖², where there is such a weight.
    pub weight_sq: Option<f64>,
    /// k, the columns of U and V.
    pub rank: u32,
}

impl Sums {
    /// `core` is UᵀXV (k × k), `sigma` the singular values of L·Rᵀ.
    pub fn of_core(core: &DMatrix<f64>, sigma: &[f64], update_sq: f64, weight_sq: Option<f64>) -> Self {
        let dot = core.diagonal().iter().zip(sigma).map(|(c, s)| c * s).sum();
        Self { dot, captured: core.norm_squared(), update_sq, weight_sq, rank: core.ncols() as u32 }
    }
}

/// One module beside one update.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    pub sums: Sums,
    /// Singular values of L·Rᵀ.
    pub sigma: &'a [f64],
    pub scale: f64,
    /// `[out, in]`
    pub shape: [u64; 2],
}

impl Beside<'_> {
    pub fn figures(&self) -> Figures {
        figures(&Totals::of(self))
    }

    /// The reference program's answer (`compute_subspace_alignment`): without the scale, ‖BA‖² clamped to 1e-10 from
    /// below, 0 where ‖X‖ < 1e-10.
    pub fn reference_cosine(&self) -> f64 {
        let norm = frobenius(self.sigma).powi(2).max(1e-10).sqrt();
        let update = self.sums.update_sq.sqrt();
        if update < 1e-10 { 0.0 } else { self.sums.dot / (norm * update) }
    }
}

/// The figures of all modules as one long vector each side.
pub fn whole<'a>(modules: impl Iterator<Item = &'a Beside<'a>>) -> Figures {
    let mut all: Option<Totals> = None;
    for module in modules {
        let own = Totals::of(module);
        all = Some(all.map_or(own, |sum| sum.plus(&own)));
    }
    all.map_or_else(Figures::default, |totals| figures(&totals))
}

/// Sums that add up over modules, scales included.
#[derive(Clone, Copy)]
struct Totals {
    dot: f64,
    own_sq: f64,
    update_sq: f64,
    captured: f64,
    /// Σ chance·‖X‖²: what random subspaces would capture of these updates.
    by_chance: f64,
    weight_sq: Option<f64>,
    /// The chance of the only module, for an X of zero.
    chance: Option<f64>,
}

impl Totals {
    fn of(module: &Beside<'_>) -> Self {
        let Sums { dot, captured, update_sq, weight_sq, rank } = module.sums;
        let chance = f64::from(rank).powi(2) / (module.shape[0] as f64 * module.shape[1] as f64);
        Self {
            dot: module.scale * dot,
            own_sq: (module.scale * frobenius(module.sigma)).powi(2),
            update_sq,
            captured,
            by_chance: chance * update_sq,
            weight_sq,
            chance: Some(chance),
        }
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            dot: self.dot + other.dot,
            own_sq: self.own_sq + other.own_sq,
            update_sq: self.update_sq + other.update_sq,
            captured: self.captured + other.captured,
            by_chance: self.by_chance + other.by_chance,
            weight_sq: self.weight_sq.zip(other.weight_sq).map(|(a, b)| a + b),
            chance: None,
        }
    }
}

fn figures(totals: &Totals) -> Figures {
    let norms = totals.own_sq.sqrt() * totals.update_sq.sqrt();
    let moved = totals.update_sq > 0.0;
    let finite = |x: f64| Some(x).filter(|x| x.is_finite());
    Figures {
        // Rounding may leave a cosine of 1 a little above it.
        cosine: if norms > 0.0 { finite((totals.dot / norms).clamp(-1.0, 1.0)) } else { Some(0.0) },
        capture: if moved { finite((totals.captured / totals.update_sq).min(1.0)) } else { None },
        chance: totals.chance.or_else(|| if moved { finite(totals.by_chance / totals.update_sq) } else { None }),
        update_norm: finite(totals.update_sq.sqrt()),
        relative_norm: totals
            .weight_sq
            .filter(|&square| square > 0.0)
            .and_then(|square| finite(totals.own_sq.sqrt() / square.sqrt())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(sums: Sums, sigma: &[f64], scale: f64) -> Beside<'_> {
        Beside { sums, sigma, scale, shape: [8, 4] }
    }

    #[test]
    fn an_update_that_is_the_adapter_has_cosine_and_capture_one() {
        let sigma = [3.0, 4.0];
        let core = DMatrix::from_diagonal(&nalgebra::DVector::from_row_slice(&sigma));
        let sums = Sums::of_core(&core, &sigma, 25.0, Some(100.0));
        let figures = beside(sums, &sigma, 2.0).figures();
        assert_eq!(figures.cosine, Some(1.0));
        assert_eq!(figures.capture, Some(1.0));
        assert_eq!(figures.chance, Some(4.0 / 32.0));
        assert_eq!((figures.update_norm, figures.relative_norm), (Some(5.0), Some(1.0)));
        // A negative scale turns the update round; the reference knows no scale.
        assert_eq!(beside(sums, &sigma, -2.0).figures().cosine, Some(-1.0));
        assert_eq!(beside(sums, &sigma, -2.0).reference_cosine(), 1.0);
    }

    #[test]
    fn zero_norms_give_zero_and_absent_shares() {
        let still = Sums { weight_sq: Some(0.0), rank: 2, ..Sums::default() };
        let figures = beside(still, &[1.0], 1.0).figures();
        assert_eq!((figures.cosine, figures.capture, figures.update_norm), (Some(0.0), None, Some(0.0)));
        assert_eq!(figures.relative_norm, None);
        assert_eq!(beside(still, &[1.0], 1.0).reference_cosine(), 0.0);
        assert_eq!(beside(Sums { update_sq: 4.0, ..still }, &[], 1.0).figures().cosine, Some(0.0));
        assert_eq!(whole([].iter()), Figures::default());
    }

    #[test]
    fn a_tiny_adapter_keeps_its_true_cosine_and_the_reference_its_clamp() {
        let sums = Sums { dot: 1e-9, update_sq: 1.0, rank: 1, ..Sums::default() };
        let module = beside(sums, &[1e-9], 1.0);
        assert_eq!(module.figures().cosine, Some(1.0));
        assert!((module.reference_cosine() - 1e-4).abs() < 1e-12);
    }

    #[test]
    fn the_whole_is_one_long_vector() {
        let a = beside(Sums { dot: 2.0, captured: 1.0, update_sq: 4.0, weight_sq: Some(1.0), rank: 1 }, &[1.0], 3.0);
        let b = beside(Sums { dot: 0.0, captured: 0.0, update_sq: 12.0, weight_sq: Some(8.0), rank: 2 }, &[4.0], 1.0);
        let figures = whole([a, b].iter());
        assert_eq!(figures.cosine, Some(6.0 / (5.0 * 4.0)));
        assert_eq!(figures.capture, Some(1.0 / 16.0));
        assert_eq!(figures.chance, Some((4.0 / 32.0 + 12.0 * 4.0 / 32.0) / 16.0));
        assert_eq!((figures.update_norm, figures.relative_norm), (Some(4.0), Some(5.0 / 3.0)));
        assert_eq!(whole([a, beside(Sums { weight_sq: None, ..b.sums }, &[4.0], 1.0)].iter()).relative_norm, None);
    }
}
