//! The measures of an adapter's modules, which the heatmap, the module table and the spectrum show.

use super::column::Column;
use super::number::{fixed, general, percent};
use lorascope_protocol::report::ModuleReport;

/// One number per module.
pub type Measure = Column<ModuleReport>;

pub const MEASURES: [&Measure; 7] =
    [&ENERGY_SHARE, &FROBENIUS, &SIGMA_1, &EFFECTIVE_RANK, &STABLE_RANK, &RANK_USED, &SPECTRAL_ENTROPY];

pub const ENERGY_SHARE: Measure = Measure::figure(
    "energy-share",
    "Energy share",
    "of the adapter’s energy",
    "‖ΔW‖² of this module divided by the sum over all modules: the part of the whole update that lies here.",
    |m| Some(m.energy_share),
    percent,
)
.headed("Share")
// The energy of a copy counts elsewhere.
.written(|m| match m.copy_of {
    Some(_) if m.energy_share.is_finite() => "copy".to_owned(),
    _ => percent(m.energy_share),
});

pub const FROBENIUS: Measure = Measure::figure(
    "frobenius",
    "‖ΔW‖",
    "Frobenius norm of ΔW",
    "Frobenius norm of the module’s update ΔW, the scale s included; its square is the energy, Σσ².",
    |m| Some(m.frobenius),
    general,
);

pub const SIGMA_1: Measure = Measure::figure(
    "sigma-1",
    "σ₁",
    "largest singular value",
    "The largest singular value of ΔW: how far the update can move an input of length one.",
    |m| Some(m.sigma_1()),
    general,
);

pub const EFFECTIVE_RANK: Measure = Measure::figure(
    "effective-rank",
    "Effective rank",
    "directions",
    "exp of the entropy of σ²/Σσ²: how many directions the energy is spread over. 1 means a single direction; the rank \
     means all of them equally.",
    |m| Some(m.effective_rank),
    |x| fixed(x, 2),
)
.headed("Eff. rank")
.bound(|m| m.truncated);

pub const STABLE_RANK: Measure = Measure::figure(
    "stable-rank",
    "Stable rank",
    "directions",
    "Σσ²/σ₁²: how many times the energy of the strongest direction the whole update holds. It is the smaller, steadier \
     cousin of the effective rank.",
    |m| Some(m.stable_rank),
    |x| fixed(x, 2),
);

pub const RANK_USED: Measure = Measure::figure(
    "rank-used",
    "Rank used",
    "numerical rank / directions possible",
    "Numerical rank (the count of σ > 2·10⁻⁶·σ₁) divided by how many directions the update can have as it is stored: \
     the rank of a LoRA, r₁·r₂ of a LoHa, the smaller side of a full difference. Below 100 %, some of them do nothing.",
    |m| Some(f64::from(m.numerical_rank) / directions(m)),
    percent,
)
.bound(|m| m.truncated);

pub const SPECTRAL_ENTROPY: Measure = Measure::figure(
    "spectral-entropy",
    "Spectral entropy",
    "nats",
    "Entropy of σ²/Σσ² in nats; the effective rank is exp of it. 0 means a single direction.",
    |m| Some(m.spectral_entropy),
    |x| fixed(x, 3),
)
.headed("Entropy")
.bound(|m| m.truncated);

/// How many singular values above zero the update can have, as it is stored.
fn directions(module: &ModuleReport) -> f64 {
    if module.truncated {
        // Not all of them are listed; no update has more than its smaller side.
        return module.shape[0].min(module.shape[1]).max(1) as f64;
    }
    // A product of factors, as in LoHa, has more than its rank.
    (module.rank as usize).max(module.known_values()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::of_key;
    use crate::model::number::ABSENT;
    use crate::model::testing::module;

    #[test]
    fn every_measure_has_its_own_words_and_finds_its_key() {
        for measure in MEASURES {
            assert_eq!(of_key(&MEASURES, measure.key), Some(measure));
            assert!(!measure.label.is_empty() && !measure.unit.is_empty() && measure.help.ends_with('.'));
        }
        assert_eq!(of_key(&MEASURES, "nonsense"), None);
    }

    #[test]
    fn values_are_the_reports_and_never_nan() {
        let mut m = module("layers.0.q_proj", Some(0), "q", 4);
        m.numerical_rank = 3;
        assert_eq!(RANK_USED.value(&m), Some(0.75));
        assert_eq!(SIGMA_1.value(&m), Some(2.0));
        m.frobenius = f64::NAN;
        assert_eq!(FROBENIUS.value(&m), None);
        assert_eq!(FROBENIUS.write_of(&m), ABSENT);
        m.singular_values.clear();
        assert_eq!(SIGMA_1.value(&m), None, "derived from a norm that is none");
        (m.frobenius, m.stable_rank) = (4.0, 4.0);
        assert_eq!(SIGMA_1.value(&m), Some(2.0), "‖ΔW‖/√(stable rank)");
        (m.frobenius, m.stable_rank) = (0.0, 0.0);
        assert_eq!(SIGMA_1.value(&m), Some(0.0));
    }

    #[test]
    fn what_wants_all_singular_values_is_a_bound_where_some_are_missing() {
        let mut m = module("layers.0.q_proj", Some(0), "q", 4);
        assert!(MEASURES.iter().all(|measure| !measure.is_bound(&m)));
        m.truncated = true;
        let bounds: Vec<&Measure> = MEASURES.into_iter().filter(|measure| measure.is_bound(&m)).collect();
        assert_eq!(bounds, [&EFFECTIVE_RANK, &RANK_USED, &SPECTRAL_ENTROPY]);
        assert_eq!(EFFECTIVE_RANK.write_of(&m), "≥ 1.50");
        assert!(!FROBENIUS.write_of(&m).contains('≥'));
        // Four of the 32 that 64 × 32 allows.
        assert_eq!(RANK_USED.value(&m), Some(0.125));
    }

    #[test]
    fn directions_are_those_that_the_stored_form_allows() {
        // A LoHa of rank 2 whose product has four directions, and a full difference without a rank.
        for rank in [2, 0] {
            let mut m = module("layers.0.q_proj", Some(0), "q", 4);
            m.rank = rank;
            m.numerical_rank = 3;
            assert_eq!(RANK_USED.value(&m), Some(0.75));
        }
    }
}
