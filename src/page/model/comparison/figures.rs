//! The figures of a module that two adapters have.

use crate::model::column::{Column, sentence};
use crate::model::number::{ABSENT, cosine, fixed, general, significant};
use lorascope_protocol::report::ComparedModule;

/// One number of a [`ComparedModule`].
pub type Figure = Column<ComparedModule>;

/// Those that the heatmap shows.
pub const FIGURES: [&Figure; 4] = [&COSINE, &OVERLAP_OUT, &OVERLAP_IN, &INTERFERENCE];

pub const COSINE: Figure = Figure::figure(
    "cosine",
    "Cosine",
    "cosine of the two updates",
    "⟨ΔW_A, ΔW_B⟩/(‖ΔW_A‖·‖ΔW_B‖): 1 where both change this weight in the same way, −1 where one undoes the other. \
     Independent updates have a cosine near 0 whatever they do, so read it beside the overlap.",
    |m| Some(m.cosine),
    cosine,
)
.hinted("⟨ΔW_A, ΔW_B⟩/(‖ΔW_A‖·‖ΔW_B‖), from −1 to 1; near zero between independent updates")
.diverging();

pub const OVERLAP_OUT: Figure = Figure::figure(
    "overlap-out",
    "Overlap, output side",
    "of the smaller subspace",
    "‖U_AᵀU_B‖²/min(k_A, k_B), U the output directions (left singular vectors) of each update and k their number: the \
     share of the smaller subspace that lies within the other one. Random directions have max(k_A, k_B)/m in m \
     dimensions, the chance level.",
    |m| Some(m.overlap?[0]),
    share,
)
.headed("Overlap out")
.hinted("Share of the smaller output subspace that lies within the other one")
.share();

pub const OVERLAP_IN: Figure = Figure::figure(
    "overlap-in",
    "Overlap, input side",
    "of the smaller subspace",
    "‖V_AᵀV_B‖²/min(k_A, k_B), V the input directions (right singular vectors) of each update and k their number: the \
     share of the smaller subspace that lies within the other one. Random directions have max(k_A, k_B)/n in n \
     dimensions, the chance level.",
    |m| Some(m.overlap?[1]),
    share,
)
.headed("Overlap in")
.hinted("Share of the smaller input subspace that lies within the other one")
.share();

pub const INTERFERENCE: Figure = Figure::figure(
    "interference",
    "Interference",
    "of ‖A‖² + ‖B‖²",
    "(‖A + B‖² − ‖A‖² − ‖B‖²)/(‖A‖² + ‖B‖²): what adding the two does to this update. Below 0 they undo each other, \
     above 0 they add up; 1 are two equal updates, 0 are independent ones.",
    |m| Some(m.interference),
    signed,
)
.hinted("What adding the two does to this update: below 0 they undo each other, above they add up")
.diverging();

/// The table of the modules that both have.
pub const COLUMNS: [&Figure; 9] = [
    &Figure::module("Path of the module in the model, as A names it"),
    &COSINE,
    &OVERLAP_OUT,
    &CHANCE[0],
    &OVERLAP_IN,
    &CHANCE[1],
    &INTERFERENCE,
    &NORMS[0],
    &NORMS[1],
];

const CHANCE: [Figure; 2] = [
    Figure::number(
        "chance-out",
        "Chance",
        "What random output directions of the same number have: max(k_A, k_B)/m",
        |m| Some(m.chance?[0]),
        share,
    ),
    Figure::number(
        "chance-in",
        "Chance",
        "What random input directions of the same number have: max(k_A, k_B)/n",
        |m| Some(m.chance?[1]),
        share,
    ),
];

const NORMS: [Figure; 2] = [
    Figure::number(
        "norm-a",
        "‖A‖",
        "Frobenius norm of A’s update ΔW of this module, scale included",
        |m| Some(m.norms[0]),
        general,
    ),
    Figure::number(
        "norm-b",
        "‖B‖",
        "Frobenius norm of B’s update ΔW of this module, scale included",
        |m| Some(m.norms[1]),
        general,
    ),
];

/// All figures of a module in a sentence, the one asked for first; an overlap never without its chance level.
pub fn words(first: &Figure, module: &ComparedModule) -> String {
    let overlap = |figure: &Figure, name: &str, chance: &Figure| {
        let text =
            format!("overlap {} on the {name} side (chance {})", figure.write_of(module), chance.write_of(module));
        (figure.key, text)
    };
    let parts = vec![
        (COSINE.key, format!("cosine {}", COSINE.write_of(module))),
        overlap(&OVERLAP_OUT, "output", &CHANCE[0]),
        overlap(&OVERLAP_IN, "input", &CHANCE[1]),
        (INTERFERENCE.key, format!("interference {}", INTERFERENCE.write_of(module))),
    ];
    let [a, b] = module.norms.map(general);
    format!("{}, ‖A‖ {a}, ‖B‖ {b}", sentence(first.key, parts))
}

/// A number on both sides of zero in a narrow cell: three decimals, and no sign before what they show as zero.
pub fn signed(x: f64) -> String {
    let text = fixed(x, 3);
    if text == "−0.000" { "0.000".to_owned() } else { text }
}

/// A share of 0 to 1 in a narrow cell: two decimals, one digit where it is smaller than they show.
pub fn share(x: f64) -> String {
    if x.abs() >= 0.01 || x == 0.0 { fixed(x, 2) } else { significant(x, 1) }
}

/// What an interference says of two updates.
pub fn interference_words(x: f64) -> &'static str {
    match x {
        x if !x.is_finite() => ABSENT,
        x if x.abs() < 0.01 => "they neither undo each other nor add up",
        x if x <= -0.6 => "they largely undo each other",
        x if x <= -0.2 => "they partly undo each other",
        x if x < 0.0 => "they undo each other a little",
        x if x < 0.2 => "they add up a little",
        x if x < 0.6 => "they partly add up",
        _ => "they largely add up",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::of_key;
    use crate::model::comparison::testing::module;

    #[test]
    fn every_figure_has_its_words_and_survives_absence() {
        let none = ComparedModule { overlap: None, chance: None, cosine: f64::NAN, ..module("x", 0.5) };
        for figure in FIGURES {
            assert_eq!(of_key(&FIGURES, figure.key), Some(figure));
            assert!(!figure.label.is_empty() && !figure.unit.is_empty() && figure.help.ends_with('.'));
            assert_eq!(figure.write_of(&none) == ABSENT, *figure != INTERFERENCE);
        }
        assert_eq!(of_key(&FIGURES, "nonsense"), None);
    }

    #[test]
    fn the_words_begin_with_the_figure_and_hold_chance_with_the_overlap() {
        let module = ComparedModule { overlap: Some([0.31, 0.002]), chance: Some([0.25, 0.125]), ..module("x", 0.5) };
        let said = words(&COSINE, &module);
        assert_eq!(
            said,
            "cosine 0.5000, overlap 0.31 on the output side (chance 0.25), overlap 0.002 on the input side (chance \
             0.12), interference 0.400, ‖A‖ 1.000, ‖B‖ 2.000"
        );
        assert!(words(&OVERLAP_IN, &module).starts_with("overlap 0.002 on the input side (chance 0.12), cosine"));
    }

    #[test]
    fn numbers_in_narrow_cells() {
        assert_eq!([signed(-1e-9), signed(-0.1234), signed(f64::NAN)], ["0.000", "−0.123", ABSENT]);
        assert_eq!(
            [share(0.0), share(0.31), share(0.0042), share(2e-4), share(1.0)],
            ["0.00", "0.31", "0.004", "2×10⁻⁴", "1.00"]
        );
    }

    #[test]
    fn interference_in_words_turns_at_zero() {
        let said = [-1.0, -0.3, -0.12, -0.001, 0.0, 0.12, 0.3, 1.0, f64::NAN].map(interference_words);
        assert_eq!(
            said,
            [
                "they largely undo each other",
                "they partly undo each other",
                "they undo each other a little",
                "they neither undo each other nor add up",
                "they neither undo each other nor add up",
                "they add up a little",
                "they partly add up",
                "they largely add up",
                ABSENT,
            ]
        );
    }
}
