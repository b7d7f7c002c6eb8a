//! The figures of an update ΔW beside a real one X.

use crate::model::column::{Column, sentence};
use crate::model::number::{cosine, general, percent, short, times};
use lorascope_protocol::report::Figures;

/// One number of [`Figures`].
pub type Figure = Column<Figures>;

pub const FIGURES: [&Figure; 6] = [&COSINE, &CAPTURE, &CHANCE, &OVER_CHANCE, &UPDATE_NORM, &RELATIVE_NORM];
/// Those worth a picture of all modules; chance only says how large they are.
pub const HEAT: [&Figure; 5] = [&COSINE, &CAPTURE, &OVER_CHANCE, &UPDATE_NORM, &RELATIVE_NORM];
/// Those that are followed over the steps.
pub const TRAJECTORY: [&Figure; 3] = [&COSINE, &CAPTURE, &UPDATE_NORM];

pub const COSINE: Figure = Figure::figure(
    "cosine",
    "Cosine",
    "cosine of ΔW and X",
    "⟨ΔW, X⟩/(‖ΔW‖·‖X‖): 1 where the adapter moves the weights exactly as this update did, −1 where it undoes it, 0 \
     where the two have nothing to do with each other. Weights have so many dimensions that two independent updates \
     have a cosine near zero whatever they do, so read it beside the capture.",
    |f| f.cosine,
    cosine,
)
.hinted("⟨ΔW, X⟩/(‖ΔW‖·‖X‖), from −1 to 1; near zero between independent updates, whatever they do")
.diverging();

pub const CAPTURE: Figure = Figure::figure(
    "capture",
    "Capture",
    "of ‖X‖² in the adapter’s subspaces",
    "‖UᵀXV‖²/‖X‖², U and V the output and input directions that the adapter uses: the share of the real update that \
     the adapter could have written at all, whatever it did write. Absent where X is zero.",
    |f| f.capture,
    percent,
)
.hinted("Share of ‖X‖² in the output and input directions that the adapter uses")
.share();

pub const CHANCE: Figure = Figure::figure(
    "chance",
    "Chance",
    "of ‖X‖², by chance",
    "What random subspaces of the same dimensions would capture: k²/(m·n) for k directions of an m×n weight. A capture \
     means something as far as it lies above this.",
    |f| f.chance,
    percent,
)
.hinted("What random directions of the same number would capture: k²/(m·n)");

pub const OVER_CHANCE: Figure = Figure::figure(
    "over-chance",
    "Capture ÷ chance",
    "the chance level",
    "How many times its chance level the capture is: ×1 is what random directions would do, ×10 means that the adapter \
     looks where training really worked.",
    |f| Some(f.capture? / f.chance?),
    times,
)
.headed("÷ chance")
.hinted("Capture divided by its chance level");

pub const UPDATE_NORM: Figure = Figure::figure(
    "update-norm",
    "‖X‖",
    "Frobenius norm of X",
    "Frobenius norm of the real update X = W(to) − W(from): how far training moved this weight in the step.",
    |f| f.update_norm,
    general,
)
.hinted("Frobenius norm of the real update X = W(to) − W(from)");

pub const RELATIVE_NORM: Figure = Figure::figure(
    "relative-norm",
    "‖ΔW‖/‖W‖",
    "of the weight’s norm",
    "‖ΔW‖_F/‖W(from)‖_F, scale included: how large the adapter’s update is beside the weight that it changes. Not \
     known along adapters, which come without the weight.",
    |f| f.relative_norm,
    percent,
)
.hinted("How large the adapter’s update is beside the weight that it changes");

/// A tick of an axis.
pub fn write_tick(figure: &Figure, x: f64) -> String {
    if [&CAPTURE, &CHANCE, &RELATIVE_NORM].contains(&figure) {
        format!("{}\u{202f}%", short(x * 100.0))
    } else {
        short(x)
    }
}

/// All figures of a module in a sentence, the one asked for first; cosine and capture never without the other.
pub fn words(first: &Figure, figures: &Figures) -> String {
    let capture = format!(
        "capture {} (chance {}, {})",
        CAPTURE.write_of(figures),
        CHANCE.write_of(figures),
        OVER_CHANCE.write_of(figures)
    );
    let mut parts = vec![
        (COSINE.key, format!("cosine {}", COSINE.write_of(figures))),
        (CAPTURE.key, capture),
        (UPDATE_NORM.key, format!("‖X‖ {}", UPDATE_NORM.write_of(figures))),
    ];
    if RELATIVE_NORM.value(figures).is_some() {
        parts.push((RELATIVE_NORM.key, format!("‖ΔW‖/‖W‖ {}", RELATIVE_NORM.write_of(figures))));
    }
    sentence(if *first == OVER_CHANCE { CAPTURE.key } else { first.key }, parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::of_key;
    use crate::model::number::ABSENT;

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
        for figure in FIGURES {
            assert_eq!(of_key(&FIGURES, figure.key), Some(figure));
            assert!(!figure.label.is_empty() && !figure.unit.is_empty() && figure.help.ends_with('.'));
            assert_eq!(figure.write_of(&Figures::default()), ABSENT);
        }
        assert_eq!(of_key(&FIGURES, "nonsense"), None);
        let zero = Figures { capture: Some(0.0), chance: Some(0.0), cosine: Some(f64::NAN), ..Figures::default() };
        assert_eq!((OVER_CHANCE.value(&zero), COSINE.value(&zero)), (None, None));
    }

    #[test]
    fn the_words_begin_with_the_figure_and_hold_the_capture_with_its_chance() {
        let plain = |figure: &Figure, figures: &Figures| words(figure, figures).replace('\u{202f}', " ");
        let all = "cosine 0.1235, capture 31.0 % (chance 2.50 %, ×12.4), ‖X‖ 1.500, ‖ΔW‖/‖W‖ 0.20 %";
        assert_eq!(plain(&COSINE, &example()), all);
        let captured = plain(&OVER_CHANCE, &example());
        assert!(captured.starts_with("capture 31.0 % (chance 2.50 %, ×12.4), cosine 0.1235"), "{captured}");
        let none = plain(&COSINE, &Figures::default());
        assert_eq!(none, "cosine –, capture – (chance –, –), ‖X‖ –");
    }
}
