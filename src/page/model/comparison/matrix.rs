//! The matrix of all adapters: what it can show, its cells, their colours and words.

use std::sync::Arc;

use super::Compared;
use super::figures::{interference_words, share, signed};
use crate::model::axis::{Scale, ScaleKind};
use crate::model::colour::{ColourMap, Palette, Rgb};
use crate::model::column::Column;
use crate::model::number::{ABSENT, cosine};
use crate::model::tsv::{digits, line, tab_separated};
use lorascope_protocol::report::PairFigures;

/// One number of two adapters.
pub type PairFigure = Column<PairFigures>;

/// What the cells can show.
pub const FIGURES: [&PairFigure; 4] = [&COSINE, &OVERLAP_OUT, &OVERLAP_IN, &INTERFERENCE];

pub const COSINE: PairFigure = PairFigure::figure(
    "cosine",
    "Cosine",
    "cosine of the whole adapters",
    "Each adapter as one long vector of all its updates ΔW, scales included; a module that only one of two has counts \
     as zero in the other. 1: both change the model in the same way. −1: one undoes the other. 0 is what independent \
     adapters have whatever they do, because a model has so many weights; it does not say that they go well together.",
    |f| f.cosine,
    signed,
)
.diverging();

pub const OVERLAP_OUT: PairFigure = PairFigure::figure(
    "overlap-out",
    "Subspace overlap, output side",
    "of the smaller subspace, all shared modules",
    "How much of the output directions (left singular vectors of ΔW) of one adapter lies within those of the other, over \
     all shared modules: 0 none, 1 all of the smaller one’s. Beside it what random directions of the same number would \
     have. Two adapters may write to the same directions and still have a cosine of 0.",
    |f| Some(f.overlap?[0]),
    share,
);

pub const OVERLAP_IN: PairFigure = PairFigure::figure(
    "overlap-in",
    "Subspace overlap, input side",
    "of the smaller subspace, all shared modules",
    "The same for the input directions (right singular vectors of ΔW): do the two adapters react to the same parts of \
     what comes in? Only what lies above the chance level means something.",
    |f| Some(f.overlap?[1]),
    share,
);

pub const INTERFERENCE: PairFigure = PairFigure::figure(
    "interference",
    "Interference",
    "of ‖A‖² + ‖B‖², all shared modules",
    "What adding the two does to the size of the update: (‖A + B‖² − ‖A‖² − ‖B‖²)/(‖A‖² + ‖B‖²) over the shared modules. \
     Below 0 they undo each other, above 0 they add up, 1 are two equal adapters, 0 are independent ones.",
    |f| f.interference,
    signed,
)
.diverging();

/// The whole range that there is: a colour means the same in every matrix.
pub fn scale(figure: &PairFigure) -> Scale {
    let low = if figure.palette == Palette::Diverging { -1.0 } else { 0.0 };
    Scale { kind: ScaleKind::Linear, low, high: 1.0 }
}

/// The chance level beside the value, where there is one.
pub fn chance(figure: &PairFigure, figures: &PairFigures) -> Option<f64> {
    let side = [&OVERLAP_OUT, &OVERLAP_IN].into_iter().position(|overlap| overlap == figure)?;
    Some(figures.chance?[side]).filter(|x| x.is_finite())
}

/// All adapters that are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    pub compared: Arc<Compared>,
    pub labels: Vec<String>,
    /// Adapters whose updates are all exactly zero: they are like nothing, not even like themselves.
    pub zero: Vec<bool>,
}

/// One cell as it is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Every digit that there is, for hooks and copies.
    pub value: Option<f64>,
    /// The adapter-wide cosine, whatever is shown.
    pub cosine: Option<f64>,
    pub text: String,
    /// `chance 0.004`, below the number.
    pub note: Option<String>,
    /// The whole cell in a sentence.
    pub words: String,
}

impl Matrix {
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn entry(&self, figure: &PairFigure, row: usize, column: usize) -> Entry {
        if row == column {
            let value = self.zero.get(row).map(|is_zero| if *is_zero { 0.0 } else { 1.0 });
            let text = value.map_or_else(|| ABSENT.to_owned(), |x| figure.write(x));
            let words = format!("{} beside itself", self.label(row));
            return Entry { value, cosine: value, text, note: None, words };
        }
        let Some(figures) = self.compared.figures(row, column) else { return Entry::default() };
        let (value, text) = (figure.value(figures), figure.write_of(figures));
        let note = chance(figure, figures).map(|chance| format!("chance {}", share(chance)));
        let said = match value {
            None if figure.palette == Palette::Diverging => "no module of one is in the other".to_owned(),
            None => "no shared module has directions on both sides".to_owned(),
            Some(x) if *figure == COSINE => format!("cosine {}", cosine(x)),
            Some(x) if *figure == INTERFERENCE => format!("interference {text}, {}", interference_words(x)),
            Some(_) => {
                let side = if *figure == OVERLAP_OUT { "output" } else { "input" };
                let chance = note.as_ref().map(|note| format!(", {note}")).unwrap_or_default();
                format!("overlap {text} on the {side} side{chance}")
            }
        };
        let words = format!("{} and {}: {said}", self.label(row), self.label(column));
        Entry { value, cosine: COSINE.value(figures), text, note, words }
    }

    /// The colour of a cell; none where there is no value.
    pub fn colour(&self, figure: &PairFigure, row: usize, column: usize, map: &ColourMap) -> Option<Rgb> {
        let value = self.entry(figure, row, column).value?;
        scale(figure).position(value).map(|t| map.at(t))
    }

    pub fn label(&self, place: usize) -> &str {
        self.labels.get(place).map_or("", String::as_str)
    }

    /// Where a key leads from a cell: over the diagonal, never onto it.
    pub fn step(&self, (row, column): (usize, usize), key: &str, control: bool) -> Option<(usize, usize)> {
        use crate::model::heat::{Cell, step};
        let n = self.len();
        let next = step([n, n], Cell { row, column }, key, control)?;
        let (mut r, mut c) = (next.row, next.column);
        if r == c {
            match key {
                "ArrowDown" if r + 1 < n => r += 1,
                "ArrowUp" if r > 0 => r -= 1,
                "ArrowRight" | "Home" if c + 1 < n => c += 1,
                "ArrowLeft" | "End" if c > 0 => c -= 1,
                // There is nothing behind the corner.
                _ => return None,
            }
        }
        Some((r, c))
    }

    /// The matrix as a table for other programs; overlaps with a second table of their chance levels.
    pub fn tsv(&self, figure: &PairFigure) -> String {
        let places = 0..self.len();
        let table = |name: &str, value: &dyn Fn(usize, usize) -> Option<f64>| {
            let of_row = |row| line(self.label(row), places.clone().map(|column| digits(value(row, column))));
            tab_separated(std::iter::once(line(name, self.labels.iter().cloned())).chain(places.clone().map(of_row)))
        };
        let mut out = table(figure.key, &|row, column| self.entry(figure, row, column).value);
        if figure.palette == Palette::Sequential {
            out.push('\n');
            out.push_str(&table("chance", &|row, column| chance(figure, self.compared.figures(row, column)?)));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::of_key;
    use crate::model::comparison::testing::{compared, figures};

    fn example(n: usize) -> Matrix {
        let labels = (0..n).map(|i| format!("adapter {i}")).collect();
        Matrix { compared: Arc::new(compared(n)), labels, zero: vec![false; n] }
    }

    #[test]
    fn every_pair_is_found_from_both_sides() {
        for n in [2, 3, 7, 30] {
            let matrix = example(n);
            assert_eq!(matrix.compared.pairs.len(), n * (n - 1) / 2);
            let mut next = 0;
            for a in 0..n {
                assert_eq!(matrix.entry(&COSINE, a, a).value, Some(1.0));
                for b in a + 1..n {
                    let expected = matrix.compared.pairs[next].cosine;
                    assert_eq!(matrix.entry(&COSINE, a, b).value, expected, "{a} {b} of {n}");
                    assert_eq!(matrix.entry(&COSINE, b, a).value, expected);
                    next += 1;
                }
            }
            assert_eq!(matrix.entry(&COSINE, 0, n), Entry::default());
        }
    }

    #[test]
    fn overlaps_never_come_without_chance() {
        let matrix = example(3);
        let entry = matrix.entry(&OVERLAP_OUT, 2, 0);
        assert_eq!((entry.text.as_str(), entry.note.as_deref()), ("0.31", Some("chance 0.004")));
        assert_eq!(entry.words, "adapter 2 and adapter 0: overlap 0.31 on the output side, chance 0.004");
        assert_eq!(entry.cosine, matrix.entry(&COSINE, 0, 2).value, "the cosine stays at hand");
        assert_eq!(matrix.tsv(&OVERLAP_IN).lines().filter(|line| line.starts_with("chance\t")).count(), 1);
        assert_eq!(matrix.tsv(&COSINE).lines().count(), 4);
    }

    #[test]
    fn what_is_absent_or_zero_is_said() {
        let mut matrix = example(2);
        matrix.compared = Arc::new(Compared { pairs: vec![PairFigures::default()], ..compared(2) });
        matrix.zero[1] = true;
        for show in FIGURES {
            let entry = matrix.entry(show, 0, 1);
            assert_eq!((entry.value, entry.text.as_str()), (None, ABSENT));
            assert!(entry.words.starts_with("adapter 0 and adapter 1: no "), "{}", entry.words);
            assert_eq!(matrix.colour(show, 0, 1, &ColourMap::new(show.palette, false)), None);
            assert_eq!(of_key(&FIGURES, show.key), Some(show));
        }
        assert_eq!(matrix.entry(&COSINE, 1, 1).value, Some(0.0));
        let odd = PairFigures { cosine: Some(f64::NAN), ..figures(0.1) };
        assert_eq!(COSINE.value(&odd), None);
    }

    #[test]
    fn zero_is_the_middle_and_one_the_end() {
        let matrix = example(2);
        let map = ColourMap::new(Palette::Diverging, false);
        assert_eq!(matrix.colour(&COSINE, 0, 0, &map), Some(map.at(1.0)));
        assert_eq!(scale(&COSINE).position(0.0), Some(0.5));
        assert_eq!(scale(&OVERLAP_IN).position(0.0), Some(0.0));
    }

    #[test]
    fn keys_step_over_the_diagonal() {
        let matrix = example(3);
        assert_eq!(matrix.step((0, 1), "ArrowDown", false), Some((2, 1)));
        assert_eq!(matrix.step((0, 1), "ArrowLeft", false), None, "the corner is nobody’s cell");
        assert_eq!(matrix.step((1, 0), "ArrowRight", false), Some((1, 2)));
        assert_eq!(matrix.step((2, 0), "End", false), Some((2, 1)));
        assert_eq!(matrix.step((0, 2), "Home", false), Some((0, 1)));
        assert_eq!(matrix.step((0, 1), "ArrowUp", false), Some((0, 1)));
        assert_eq!(matrix.step((0, 1), "x", false), None);
    }
}
