//! The figures that tell how a result stands to its source: name, definition, value, how it is written.

use crate::model::number::{ABSENT, degrees, general, percent_fine};
use lorascope_protocol::report::Quality;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    EnergyKept,
    RelativeError,
    NormRatio,
    RankRatio,
    LeftAngle,
    RightAngle,
    ReferenceError,
    ReferenceAlignment,
}

impl Figure {
    pub const ALL: [Figure; 8] = [
        Figure::EnergyKept,
        Figure::RelativeError,
        Figure::NormRatio,
        Figure::RankRatio,
        Figure::LeftAngle,
        Figure::RightAngle,
        Figure::ReferenceError,
        Figure::ReferenceAlignment,
    ];
    /// Those of the adapter as a whole.
    pub const WHOLE: [Figure; 4] = [Figure::EnergyKept, Figure::RelativeError, Figure::NormRatio, Figure::RankRatio];

    pub fn label(self) -> &'static str {
        match self {
            Figure::EnergyKept => "Energy kept",
            Figure::RelativeError => "Relative error",
            Figure::NormRatio => "Norm ratio",
            Figure::RankRatio => "Rank ratio",
            Figure::LeftAngle => "Angle of outputs",
            Figure::RightAngle => "Angle of inputs",
            Figure::ReferenceError => "Reconstruction error",
            Figure::ReferenceAlignment => "Subspace alignment",
        }
    }

    /// The definition, with its unit, for a person.
    pub fn help(self) -> &'static str {
        match self {
            Figure::EnergyKept => {
                "1 − ‖ΔW − ΔW′‖²/‖ΔW‖², in per cent: for a best approximation the share of Σσ² that is kept. Only \
                 where the sizes agree."
            }
            Figure::RelativeError => {
                "‖ΔW − ΔW′‖/‖ΔW‖, in per cent of the source’s Frobenius norm. 0 means that nothing was lost. Only \
                 where the sizes agree."
            }
            Figure::NormRatio => {
                "‖ΔW′‖/‖ΔW‖: how strong the result is beside its source, both with their scale. 1 means as strong."
            }
            Figure::RankRatio => {
                "The rank that ΔW′ really has divided by that of ΔW. A singular value counts above σ₁·max(out, in)·2⁻⁵²."
            }
            Figure::LeftAngle => {
                "The largest principal angle between the output directions (column spaces) of ΔW and ΔW′, in degrees: \
                 0° means the same directions, 90° that one of them is new. Only where the outputs agree."
            }
            Figure::RightAngle => {
                "The largest principal angle between the input directions (row spaces) of ΔW and ΔW′, in degrees. Only \
                 where the inputs agree."
            }
            Figure::ReferenceError => {
                "The reference projector’s own figure: the mean squared error over the mean square, the square of the \
                 relative error."
            }
            Figure::ReferenceAlignment => {
                "The reference projector’s own figure: the mean cosine of the first five left singular vectors, from 0 \
                 to 1, signs aside. Absent where those vectors are not determined."
            }
        }
    }

    /// The value; `None` where it is absent or not a finite number.
    pub fn value(self, quality: &Quality) -> Option<f64> {
        let x = match self {
            Figure::EnergyKept => quality.energy_kept,
            Figure::RelativeError => quality.relative_error,
            Figure::NormRatio => quality.norm_ratio,
            Figure::RankRatio => quality.rank_preservation,
            // They ascend.
            Figure::LeftAngle => quality.left_angles.last().copied(),
            Figure::RightAngle => quality.right_angles.last().copied(),
            Figure::ReferenceError => quality.reconstruction_error,
            Figure::ReferenceAlignment => quality.subspace_alignment,
        };
        x.filter(|x| x.is_finite())
    }

    pub fn write(self, quality: &Quality) -> String {
        let Some(x) = self.value(quality) else { return ABSENT.to_owned() };
        match self {
            Figure::EnergyKept | Figure::RelativeError => percent_fine(x),
            Figure::NormRatio | Figure::RankRatio | Figure::ReferenceError | Figure::ReferenceAlignment => general(x),
            Figure::LeftAngle | Figure::RightAngle => degrees(x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_has_its_words_and_survives_absence() {
        for figure in Figure::ALL {
            assert!(!figure.label().is_empty() && figure.help().ends_with('.'));
            assert_eq!(figure.write(&Quality::default()), ABSENT);
        }
        let odd = Quality { norm_ratio: Some(f64::NAN), left_angles: vec![f64::INFINITY], ..Quality::default() };
        assert_eq!((Figure::NormRatio.write(&odd), Figure::LeftAngle.value(&odd)), (ABSENT.to_owned(), None));
    }

    #[test]
    fn figures_as_a_person_reads_them() {
        let quality = Quality {
            relative_error: Some(0.164),
            energy_kept: Some(0.9731),
            norm_ratio: Some(0.98646),
            left_angles: vec![0.0, std::f64::consts::FRAC_PI_4],
            ..Quality::default()
        };
        let plain = |f: Figure| f.write(&quality).replace('\u{202f}', " ");
        assert_eq!(plain(Figure::EnergyKept), "97.31 %");
        assert_eq!(plain(Figure::RelativeError), "16.40 %");
        assert_eq!(plain(Figure::NormRatio), "0.9865");
        assert_eq!(plain(Figure::LeftAngle), "45.00°");
        assert_eq!(plain(Figure::RightAngle), "–");
    }
}
