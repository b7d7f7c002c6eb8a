//! The figures that tell how a result stands to its source.

use crate::model::column::Column;
use crate::model::number::{degrees, general, percent_fine};
use lorascope_protocol::report::Quality;

pub type Figure = Column<Quality>;

pub const FIGURES: [&Figure; 8] = [
    &ENERGY_KEPT,
    &RELATIVE_ERROR,
    &NORM_RATIO,
    &RANK_RATIO,
    &LEFT_ANGLE,
    &RIGHT_ANGLE,
    &REFERENCE_ERROR,
    &REFERENCE_ALIGNMENT,
];
/// Those of the adapter as a whole.
pub const WHOLE: [&Figure; 4] = [&ENERGY_KEPT, &RELATIVE_ERROR, &NORM_RATIO, &RANK_RATIO];

pub const ENERGY_KEPT: Figure = Figure::number(
    "kept",
    "Energy kept",
    "1 − ‖ΔW − ΔW′‖²/‖ΔW‖², in per cent: for a best approximation the share of Σσ² that is kept. Only where the sizes \
     agree.",
    |q| q.energy_kept,
    percent_fine,
)
.hinted("1 − ‖ΔW − ΔW′‖²/‖ΔW‖², measured; only where the sizes agree")
.share()
.ascending();

pub const RELATIVE_ERROR: Figure = Figure::number(
    "error",
    "Relative error",
    "‖ΔW − ΔW′‖/‖ΔW‖, in per cent of the source’s Frobenius norm. 0 means that nothing was lost. Only where the sizes \
     agree.",
    |q| q.relative_error,
    percent_fine,
)
.headed("Rel. error")
.hinted("‖ΔW − ΔW′‖/‖ΔW‖, measured; only where the sizes agree");

pub const NORM_RATIO: Figure = Figure::number(
    "norm",
    "Norm ratio",
    "‖ΔW′‖/‖ΔW‖: how strong the result is beside its source, both with their scale. 1 means as strong.",
    |q| q.norm_ratio,
    general,
)
.hinted("‖ΔW′‖/‖ΔW‖, both with their scale");

pub const RANK_RATIO: Figure = Figure::number(
    "rank-ratio",
    "Rank ratio",
    "The rank that ΔW′ really has divided by that of ΔW. A singular value counts above σ₁·max(out, in)·2⁻⁵².",
    |q| q.rank_preservation,
    general,
);

pub const LEFT_ANGLE: Figure = Figure::number(
    "angle-out",
    "Angle of outputs",
    "The largest principal angle between the output directions (column spaces) of ΔW and ΔW′, in degrees: 0° means the \
     same directions, 90° that one of them is new. Only where the outputs agree.",
    // They ascend.
    |q| q.left_angles.last().copied(),
    degrees,
)
.headed("∠ outputs")
.hinted(
    "Largest principal angle between the output directions before and after, in degrees; only where the outputs agree",
);

pub const RIGHT_ANGLE: Figure = Figure::number(
    "angle-in",
    "Angle of inputs",
    "The largest principal angle between the input directions (row spaces) of ΔW and ΔW′, in degrees. Only where the \
     inputs agree.",
    |q| q.right_angles.last().copied(),
    degrees,
)
.headed("∠ inputs")
.hinted(
    "Largest principal angle between the input directions before and after, in degrees; only where the inputs agree",
);

pub const REFERENCE_ERROR: Figure = Figure::number(
    "reference-error",
    "Reconstruction error",
    "The reference projector’s own figure: the mean squared error over the mean square, the square of the relative error.",
    |q| q.reconstruction_error,
    general,
);

pub const REFERENCE_ALIGNMENT: Figure = Figure::number(
    "reference-alignment",
    "Subspace alignment",
    "The reference projector’s own figure: the mean cosine of the first five left singular vectors, from 0 to 1, signs \
     aside. Absent where those vectors are not determined.",
    |q| q.subspace_alignment,
    general,
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::number::ABSENT;

    #[test]
    fn every_figure_has_its_words_and_survives_absence() {
        for figure in FIGURES {
            assert!(!figure.label.is_empty() && figure.help.ends_with('.'));
            assert_eq!(figure.write_of(&Quality::default()), ABSENT);
        }
        let odd = Quality { norm_ratio: Some(f64::NAN), left_angles: vec![f64::INFINITY], ..Quality::default() };
        assert_eq!((NORM_RATIO.write_of(&odd), LEFT_ANGLE.value(&odd)), (ABSENT.to_owned(), None));
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
        let plain = |f: &Figure| f.write_of(&quality).replace('\u{202f}', " ");
        assert_eq!(plain(&ENERGY_KEPT), "97.31 %");
        assert_eq!(plain(&RELATIVE_ERROR), "16.40 %");
        assert_eq!(plain(&NORM_RATIO), "0.9865");
        assert_eq!(plain(&LEFT_ANGLE), "45.00°");
        assert_eq!(plain(&RIGHT_ANGLE), "–");
    }
}
