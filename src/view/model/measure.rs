//! The measures that the heatmap and the table offer: name, definition, value, how it is written.

use super::number::{ABSENT, fixed, general, percent};
use crate::report::ModuleReport;

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
            Measure::RankUsed => "numerical rank / stored rank",
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
                "Frobenius norm of the module’s update ΔW = s·B·A, the scale s included; its square is the energy, Σσ²."
            }
            Measure::Sigma1 => "The largest singular value of ΔW: how far the update can move an input of length one.",
            Measure::EffectiveRank => {
                "exp of the entropy of σ²/Σσ²: how many directions the energy is spread over. 1 means a single \
                 direction; the stored rank means all of them equally."
            }
            Measure::StableRank => {
                "Σσ²/σ₁²: how many times the energy of the strongest direction the whole update holds. It is the \
                 smaller, steadier cousin of the effective rank."
            }
            Measure::RankUsed => {
                "Numerical rank (the count of σ > 2·10⁻⁶·σ₁) divided by the stored rank. Below 100 %, some of the \
                 stored directions do nothing."
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
            Measure::Sigma1 => module.singular_values.first().copied().unwrap_or(0.0),
            Measure::EffectiveRank => module.effective_rank,
            Measure::StableRank => module.stable_rank,
            Measure::RankUsed => f64::from(module.numerical_rank) / f64::from(module.rank.max(1)),
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

    pub fn write_of(self, module: &ModuleReport) -> String {
        self.value(module).map_or_else(|| ABSENT.to_owned(), |x| self.write(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::model::testing::module;

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
        assert_eq!(Measure::Sigma1.value(&m), Some(0.0));
    }
}
