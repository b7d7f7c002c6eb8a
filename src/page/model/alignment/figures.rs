//! The figures of an update ΔW beside a real one X: name, definition, value, how it is written.

use crate::model::colour::Palette;
use crate::model::number::{ABSENT, cosine, general, percent, short, times};
use lorascope_protocol::report::Figures;

/// One number of [`Figures`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Figure {
    #[default]
    Cosine,
    Capture,
    Chance,
    /// Capture divided by its chance level.
    OverChance,
    UpdateNorm,
    RelativeNorm,
}

impl Figure {
    pub const ALL: [Figure; 6] =
        [Figure::Cosine, Figure::Capture, Figure::Chance, Figure::OverChance, Figure::UpdateNorm, Figure::RelativeNorm];
    /// Those worth a picture of all modules; chance only says how large they are.
    pub const HEAT: [Figure; 5] =
        [Figure::Cosine, Figure::Capture, Figure::OverChance, Figure::UpdateNorm, Figure::RelativeNorm];
    /// Those that are followed over the steps.
    pub const TRAJECTORY: [Figure; 3] = [Figure::Cosine, Figure::Capture, Figure::UpdateNorm];

    /// Stable word for form values.
    pub fn key(self) -> &'static str {
        match self {
            Figure::Cosine => "cosine",
            Figure::Capture => "capture",
            Figure::Chance => "chance",
            Figure::OverChance => "over-chance",
            Figure::UpdateNorm => "update-norm",
            Figure::RelativeNorm => "relative-norm",
        }
    }

    pub fn from_key(key: &str) -> Option<Figure> {
        Figure::ALL.into_iter().find(|figure| figure.key() == key)
    }

    pub const fn label(self) -> &'static str {
        match self {
            Figure::Cosine => "Cosine",
            Figure::Capture => "Capture",
            Figure::Chance => "Chance",
            Figure::OverChance => "Capture ÷ chance",
            Figure::UpdateNorm => "‖X‖",
            Figure::RelativeNorm => "‖ΔW‖/‖W‖",
        }
    }

    /// For the head of a narrow column, beside those of the others.
    pub const fn short_label(self) -> &'static str {
        match self {
            Figure::OverChance => "÷ chance",
            other => other.label(),
        }
    }

    /// What a legend's numbers count.
    pub fn unit(self) -> &'static str {
        match self {
            Figure::Cosine => "cosine of ΔW and X",
            Figure::Capture => "of ‖X‖² in the adapter’s subspaces",
            Figure::Chance => "of ‖X‖², by chance",
            Figure::OverChance => "the chance level",
            Figure::UpdateNorm => "Frobenius norm of X",
            Figure::RelativeNorm => "of the weight’s norm",
        }
    }

    /// The definition, with its unit, for a person.
    pub fn help(self) -> &'static str {
        match self {
            Figure::Cosine => {
                "⟨ΔW, X⟩/(‖ΔW‖·‖X‖): 1 where the adapter moves the weights exactly as this update did, −1 where it \
                 undoes it, 0 where the two have nothing to do with each other. Weights have so many dimensions that \
                 two independent updates have a cosine near zero whatever they do, so read it beside the capture."
            }
            Figure::Capture => {
                "‖UᵀXV‖²/‖X‖², U and V the output and input directions that the adapter uses: the share of the real \
                 update that the adapter could have written at all, whatever it did write. Absent where X is zero."
            }
            Figure::Chance => {
                "What random subspaces of the same dimensions would capture: k²/(m·n) for k directions of an m×n weight. \
                 A capture means something as far as it lies above this."
            }
            Figure::OverChance => {
                "How many times its chance level the capture is: ×1 is what random directions would do, ×10 means that \
                 the adapter looks where training really worked."
            }
            Figure::UpdateNorm => {
                "Frobenius norm of the real update X = W(to) − W(from): how far training moved this weight in the step."
            }
            Figure::RelativeNorm => {
                "‖ΔW‖_F/‖W(from)‖_F, scale included: how large the adapter’s update is beside the weight that it \
                 changes. Not known along adapters, which come without the weight."
            }
        }
    }

    /// Only a cosine lies on both sides of zero.
    pub fn palette(self) -> Palette {
        if self == Figure::Cosine { Palette::Diverging } else { Palette::Sequential }
    }

    /// The value; `None` where it is absent or not a finite number.
    pub fn value(self, figures: &Figures) -> Option<f64> {
        let x = match self {
            Figure::Cosine => figures.cosine,
            Figure::Capture => figures.capture,
            Figure::Chance => figures.chance,
            Figure::OverChance => figures.capture.zip(figures.chance).map(|(capture, chance)| capture / chance),
            Figure::UpdateNorm => figures.update_norm,
            Figure::RelativeNorm => figures.relative_norm,
        };
        x.filter(|x| x.is_finite())
    }

    pub fn write(self, x: f64) -> String {
        match self {
            Figure::Cosine => cosine(x),
            Figure::Capture | Figure::Chance | Figure::RelativeNorm => percent(x),
            Figure::OverChance => times(x),
            Figure::UpdateNorm => general(x),
        }
    }

    /// A tick of an axis.
    pub fn write_tick(self, x: f64) -> String {
        match self {
            Figure::Capture | Figure::Chance | Figure::RelativeNorm => format!("{}\u{202f}%", short(x * 100.0)),
            _ => short(x),
        }
    }

    pub fn write_of(self, figures: &Figures) -> String {
        self.value(figures).map_or_else(|| ABSENT.to_owned(), |x| self.write(x))
    }
}

/// All figures of a module in a sentence, the one asked for first; cosine and capture never without the other.
pub fn words(first: Figure, figures: &Figures) -> String {
    let capture = format!(
        "capture {} (chance {}, {})",
        Figure::Capture.write_of(figures),
        Figure::Chance.write_of(figures),
        Figure::OverChance.write_of(figures)
    );
    let mut parts = vec![
        (Figure::Cosine, format!("cosine {}", Figure::Cosine.write_of(figures))),
        (Figure::Capture, capture),
        (Figure::UpdateNorm, format!("‖X‖ {}", Figure::UpdateNorm.write_of(figures))),
    ];
    if Figure::RelativeNorm.value(figures).is_some() {
        parts.push((Figure::RelativeNorm, format!("‖ΔW‖/‖W‖ {}", Figure::RelativeNorm.write_of(figures))));
    }
    // Stable: the rest stays in its order.
    parts.sort_by_key(|(figure, _)| *figure != if first == Figure::OverChance { Figure::Capture } else { first });
    parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Figures {
        Figures {
            cosine: Some(0.1234567),
            capture: Some(0.31),
            chance: Some(0.025),
            update_norm: Some(1.5),
            relative_norm: Some(0.002),
        }
    }

    #[test]
    fn every_figure_has_its_words_and_survives_absence() {
        for figure in Figure::ALL {
            assert_eq!(Figure::from_key(figure.key()), Some(figure));
            assert!(!figure.label().is_empty() && !figure.unit().is_empty() && figure.help().ends_with('.'));
            assert_eq!(figure.write_of(&Figures::default()), ABSENT);
        }
        assert_eq!(Figure::from_key("nonsense"), None);
        let zero = Figures { capture: Some(0.0), chance: Some(0.0), cosine: Some(f64::NAN), ..Figures::default() };
        assert_eq!((Figure::OverChance.value(&zero), Figure::Cosine.value(&zero)), (None, None));
    }

    #[test]
    fn the_words_begin_with_the_figure_and_hold_the_capture_with_its_chance() {
        let plain = |figure, figures: &Figures| words(figure, figures).replace('\u{202f}', " ");
        let all = "cosine 0.1235, capture 31.0 % (chance 2.50 %, ×12.4), ‖X‖ 1.500, ‖ΔW‖/‖W‖ 0.20 %";
        assert_eq!(plain(Figure::Cosine, &example()), all);
        let captured = plain(Figure::OverChance, &example());
        assert!(captured.starts_with("capture 31.0 % (chance 2.50 %, ×12.4), cosine 0.1235"), "{captured}");
        let none = plain(Figure::Cosine, &Figures::default());
        assert_eq!(none, "cosine –, capture – (chance –, –), ‖X‖ –");
    }
}
