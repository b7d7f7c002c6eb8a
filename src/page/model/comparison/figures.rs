//! The figures of a module that two adapters have: name, definition, value, how it is written.

use crate::model::colour::Palette;
use crate::model::number::{ABSENT, cosine, fixed, general, significant};
use lorascope_protocol::report::ComparedModule;

/// One number of a [`ComparedModule`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Figure {
    #[default]
    Cosine,
    OverlapOut,
    OverlapIn,
    Interference,
}

impl Figure {
    pub const ALL: [Figure; 4] = [Figure::Cosine, Figure::OverlapOut, Figure::OverlapIn, Figure::Interference];

    /// Stable word for form values and links.
    pub fn key(self) -> &'static str {
        match self {
            Figure::Cosine => "cosine",
            Figure::OverlapOut => "overlap-out",
            Figure::OverlapIn => "overlap-in",
            Figure::Interference => "interference",
        }
    }

    pub fn from_key(key: &str) -> Option<Figure> {
        Figure::ALL.into_iter().find(|figure| figure.key() == key)
    }

    pub const fn label(self) -> &'static str {
        match self {
            Figure::Cosine => "Cosine",
            Figure::OverlapOut => "Overlap, output side",
            Figure::OverlapIn => "Overlap, input side",
            Figure::Interference => "Interference",
        }
    }

    /// What a legend's numbers count.
    pub fn unit(self) -> &'static str {
        match self {
            Figure::Cosine => "cosine of the two updates",
            Figure::OverlapOut | Figure::OverlapIn => "of the smaller subspace",
            Figure::Interference => "of ‖A‖² + ‖B‖²",
        }
    }

    /// The definition, for a person.
    pub const fn help(self) -> &'static str {
        match self {
            Figure::Cosine => {
                "⟨ΔW_A, ΔW_B⟩/(‖ΔW_A‖·‖ΔW_B‖): 1 where both change this weight in the same way, −1 where one undoes the \
                 other. Independent updates have a cosine near 0 whatever they do, so read it beside the overlap."
            }
            Figure::OverlapOut => {
                "‖U_AᵀU_B‖²/min(k_A, k_B), U the output directions (left singular vectors) of each update and k their \
                 number: the share of the smaller subspace that lies within the other one. Random directions have \
                 max(k_A, k_B)/m in m dimensions, the chance level."
            }
            Figure::OverlapIn => {
                "‖V_AᵀV_B‖²/min(k_A, k_B), V the input directions (right singular vectors) of each update and k their \
                 number: the share of the smaller subspace that lies within the other one. Random directions have \
                 max(k_A, k_B)/n in n dimensions, the chance level."
            }
            Figure::Interference => {
                "(‖A + B‖² − ‖A‖² − ‖B‖²)/(‖A‖² + ‖B‖²): what adding the two does to this update. Below 0 they undo each \
                 other, above 0 they add up; 1 are two equal updates, 0 are independent ones."
            }
        }
    }

    pub fn palette(self) -> Palette {
        match self {
            Figure::Cosine | Figure::Interference => Palette::Diverging,
            Figure::OverlapOut | Figure::OverlapIn => Palette::Sequential,
        }
    }

    /// The value; `None` where it is absent or not a finite number.
    pub fn value(self, module: &ComparedModule) -> Option<f64> {
        let x = match self {
            Figure::Cosine => Some(module.cosine),
            Figure::OverlapOut => module.overlap.map(|sides| sides[0]),
            Figure::OverlapIn => module.overlap.map(|sides| sides[1]),
            Figure::Interference => Some(module.interference),
        };
        x.filter(|x| x.is_finite())
    }

    pub fn write(self, x: f64) -> String {
        match self {
            Figure::Cosine => cosine(x),
            Figure::OverlapOut | Figure::OverlapIn => share(x),
            Figure::Interference => signed(x),
        }
    }

    pub fn write_of(self, module: &ComparedModule) -> String {
        self.value(module).map_or_else(|| ABSENT.to_owned(), |x| self.write(x))
    }
}

/// All figures of a module in a sentence, the one asked for first; an overlap never without its chance level.
pub fn words(first: Figure, module: &ComparedModule) -> String {
    let overlap = |side: usize, name: &str| {
        let chance = module.chance.map_or_else(|| ABSENT.to_owned(), |sides| share(sides[side]));
        let figure = [Figure::OverlapOut, Figure::OverlapIn][side];
        format!("overlap {} on the {name} side (chance {chance})", figure.write_of(module))
    };
    let mut parts = vec![
        (Figure::Cosine, format!("cosine {}", Figure::Cosine.write_of(module))),
        (Figure::OverlapOut, overlap(0, "output")),
        (Figure::OverlapIn, overlap(1, "input")),
        (Figure::Interference, format!("interference {}", Figure::Interference.write_of(module))),
    ];
    // Stable: the rest stays in its order.
    parts.sort_by_key(|(figure, _)| *figure != first);
    let norms = format!("‖A‖ {}, ‖B‖ {}", general(module.norms[0]), general(module.norms[1]));
    parts.into_iter().map(|(_, text)| text).chain([norms]).collect::<Vec<_>>().join(", ")
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
    use crate::model::comparison::testing::module;

    #[test]
    fn every_figure_has_its_words_and_survives_absence() {
        let none = ComparedModule { overlap: None, chance: None, cosine: f64::NAN, ..module("x", 0.5) };
        for figure in Figure::ALL {
            assert_eq!(Figure::from_key(figure.key()), Some(figure));
            assert!(!figure.label().is_empty() && !figure.unit().is_empty() && figure.help().ends_with('.'));
            assert_eq!(figure.write_of(&none) == ABSENT, figure != Figure::Interference);
        }
        assert_eq!(Figure::from_key("nonsense"), None);
    }

    #[test]
    fn the_words_begin_with_the_figure_and_hold_chance_with_the_overlap() {
        let module = ComparedModule { overlap: Some([0.31, 0.002]), chance: Some([0.25, 0.125]), ..module("x", 0.5) };
        let said = words(Figure::Cosine, &module);
        assert_eq!(
            said,
            "cosine 0.5000, overlap 0.31 on the output side (chance 0.25), overlap 0.002 on the input side (chance \
             0.12), interference 0.400, ‖A‖ 1.000, ‖B‖ 2.000"
        );
        assert!(words(Figure::OverlapIn, &module).starts_with("overlap 0.002 on the input side (chance 0.12), cosine"));
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
