//! The measures that the heatmap and the table offer: name, definition, value, how it is written.

use super::number::{ABSENT, fixed, general, percent};
use lorascope_protocol::report::ModuleReport;

/// One number per module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Measure {
    #[default]
    EnergyShare,
    Frobenius,
    Sigma1,
    EffectiveRank,
    StableRank,
    RankUsed,
    SpectralEntropy,
}

impl Measure {
    pub const ALL: [Measure; 7] = [
        Measure::EnergyShare,
        Measure::Frobenius,
        Measure::Sigma1,
        Measure::EffectiveRank,
        Measure::StableRank,
        Measure::RankUsed,
        Measure::SpectralEntropy,
    ];

    /// Stable word for form values and links.
    pub fn key(self) -> &'static str {
        match self {
            Measure::EnergyShare => "energy-share",
            Measure::Frobenius => "frobenius",
            Measure::Sigma1 => "sigma-1",
            Measure::EffectiveRank => "effective-rank",
            Measure::StableRank => "stable-rank",
            Measure::RankUsed => "rank-used",
            Measure::SpectralEntropy => "spectral-entropy",
        }
    }

    pub fn from_key(key: &str) -> Option<Measure> {
        Measure::ALL.into_iter().find(|m| m.key() == key)
    }

    pub fn label(self) -> &'static str {
        match self {
            Measure::EnergyShare => "Energy share",
            Measure::Frobenius => "‖ΔW‖",
            Measure::Sigma1 => "σ₁",
            Measure::EffectiveRank => "Effective rank",
            Measure::StableRank => "Stable rank",
            Measure::RankUsed => "Rank used",
            Measure::SpectralEntropy => "Spectral entropy",
        }
    }

    /// What the legend's numbers count.
    pub fn unit(self) -> &'static str {
        match self {
            Measure::EnergyShare => "of the adapter’s energy",
            Measure::Frobenius => "Frobenius norm of ΔW",
            Measure::Sigma1 => "largest singular value",
            Measure::EffectiveRank | Measure::StableRank => "directions",
            Measure::RankUsed => "numerical rank / directions possible",
            Measure::SpectralEntropy => "nats",
        }
    }

    /// The definition, for a person.
    pub fn help(self) -> &'static str {
        match self {
            Measure::EnergyShare => {
                "‖ΔW‖² of this module divided by the sum over all modules: the part of the whole update that lies here."
            }
            Measure::Frobenius => {
                "Frobenius norm of the module’s update ΔW, the scale s included; its square is the energy, Σσ²."
            }
            Measure::Sigma1 => "The largest singular value of ΔW: how far the update can move an input of length one.",
            Measure::EffectiveRank => {
                "exp of the entropy of σ²/Σσ²: how many directions the energy is spread over. 1 means a single \
                 direction; the rank means all of them equally."
            }
            Measure::StableRank => {
                "Σσ²/σ₁²: how many times the energy of the strongest direction the whole update holds. It is the \
                 smaller, steadier cousin of the effective rank."
            }
            Measure::RankUsed => {
                "Numerical rank (the count of σ > 2·10⁻⁶·σ₁) divided by how many directions the update can have as it \
                 is stored: the rank of a LoRA, r₁·r₂ of a LoHa, the smaller side of a full difference. Below 100 %, \
                 some of them do nothing."
            }
            Measure::SpectralEntropy => {
                "Entropy of σ²/Σσ² in nats; the effective rank is exp of it. 0 means a single direction."
            }
        }
    }

    /// The value; `None` where it is not a finite number or not defined.
    pub fn value(self, module: &ModuleReport) -> Option<f64> {
        let x = match self {
            Measure::EnergyShare => module.energy_share,
            Measure::Frobenius => module.frobenius,
            Measure::Sigma1 => module.sigma_1(),
            Measure::EffectiveRank => module.effective_rank,
            Measure::StableRank => module.stable_rank,
            Measure::RankUsed => f64::from(module.numerical_rank) / directions(module),
            Measure::SpectralEntropy => module.spectral_entropy,
        };
        x.is_finite().then_some(x)
    }

    pub fn write(self, x: f64) -> String {
        match self {
            Measure::EnergyShare | Measure::RankUsed => percent(x),
            Measure::Frobenius | Measure::Sigma1 => general(x),
            Measure::EffectiveRank | Measure::StableRank => fixed(x, 2),
            Measure::SpectralEntropy => fixed(x, 3),
        }
    }

    /// Whether the value is only a lower bound: it wants all singular values, and only the largest are known.
    pub fn is_bound(self, module: &ModuleReport) -> bool {
        module.truncated && matches!(self, Measure::EffectiveRank | Measure::RankUsed | Measure::SpectralEntropy)
    }

    /// The module's value in words, with ≥ where it is a lower bound.
    pub fn write_of(self, module: &ModuleReport) -> String {
        match self.value(module) {
            None => ABSENT.to_owned(),
            // It counts elsewhere.
            _ if self == Measure::EnergyShare && module.copy_of.is_some() => "copy".to_owned(),
            Some(x) if self.is_bound(module) => at_least(&self.write(x)),
            Some(x) => self.write(x),
        }
    }
}

/// What stands beside a lower bound.
pub const BOUND: &str =
    "A lower bound: of this update only the largest singular values are computed, and the smaller ones add to it.";

/// A lower bound.
pub fn at_least(text: &str) -> String {
    format!("≥ {text}")
}

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
    use crate::model::testing::module;

    #[test]
    fn every_measure_has_its_own_words_and_finds_its_key() {
        for measure in Measure::ALL {
            assert_eq!(Measure::from_key(measure.key()), Some(measure));
            assert!(!measure.label().is_empty() && !measure.unit().is_empty() && measure.help().ends_with('.'));
        }
        assert_eq!(Measure::from_key("nonsense"), None);
    }

    #[test]
    fn values_are_the_reports_and_never_nan() {
        let mut m = module("layers.0.q_proj", Some(0), "q", 4);
        m.numerical_rank = 3;
        assert_eq!(Measure::RankUsed.value(&m), Some(0.75));
        assert_eq!(Measure::Sigma1.value(&m), Some(2.0));
        m.frobenius = f64::NAN;
        assert_eq!(Measure::Frobenius.value(&m), None);
        assert_eq!(Measure::Frobenius.write_of(&m), ABSENT);
        m.singular_values.clear();
        assert_eq!(Measure::Sigma1.value(&m), None, "derived from a norm that is none");
        (m.frobenius, m.stable_rank) = (4.0, 4.0);
        assert_eq!(Measure::Sigma1.value(&m), Some(2.0), "‖ΔW‖/√(stable rank)");
        (m.frobenius, m.stable_rank) = (0.0, 0.0);
        assert_eq!(Measure::Sigma1.value(&m), Some(0.0));
    }

    #[test]
    fn what_wants_all_singular_values_is_a_bound_where_some_are_missing() {
        let mut m = module("layers.0.q_proj", Some(0), "q", 4);
        assert!(Measure::ALL.iter().all(|measure| !measure.is_bound(&m)));
        m.truncated = true;
        let bounds: Vec<Measure> = Measure::ALL.into_iter().filter(|measure| measure.is_bound(&m)).collect();
        assert_eq!(bounds, [Measure::EffectiveRank, Measure::RankUsed, Measure::SpectralEntropy]);
        assert_eq!(Measure::EffectiveRank.write_of(&m), "≥ 1.50");
        assert!(!Measure::Frobenius.write_of(&m).contains('≥'));
        // Four of the 32 that 64 × 32 allows.
        assert_eq!(Measure::RankUsed.value(&m), Some(0.125));
    }

    #[test]
    fn directions_are_those_that_the_stored_form_allows() {
        // A LoHa of rank 2 whose product has four directions, and a full difference without a rank.
        for rank in [2, 0] {
            let mut m = module("layers.0.q_proj", Some(0), "q", 4);
            m.rank = rank;
            m.numerical_rank = 3;
            assert_eq!(Measure::RankUsed.value(&m), Some(0.75));
        }
    }
}
