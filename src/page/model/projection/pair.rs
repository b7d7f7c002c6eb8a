//! A module's spectrum before and after: both on one scale, in the units of the spectrum's plot.

use std::fmt::Write;

use crate::model::axis::{Scale, ScaleKind};
use crate::model::spectrum::{self, PLOT, height_of};
use crate::model::tsv::{digits, line, tab_separated};

/// Singular values of ΔW and ΔW′, both with their scale, descending.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub before: Vec<f64>,
    pub after: Vec<f64>,
}

impl Pair {
    /// How many places the axis has.
    pub fn places(&self) -> usize {
        self.before.len().max(self.after.len())
    }

    /// The scale that holds both.
    pub fn scale(&self, kind: ScaleKind) -> Option<Scale> {
        let both: Vec<f64> = self.before.iter().chain(&self.after).copied().collect();
        spectrum::scale(&both, kind)
    }

    /// Bars of the result.
    pub fn bars(&self, scale: Scale) -> String {
        let mut sigma = self.after.clone();
        // As many places as the source has, so that both share the axis.
        sigma.resize(self.places(), 0.0);
        spectrum::bars(&sigma, scale, 0..self.after.len())
    }

    /// The source as a stepped line: it stays visible before and behind the bars.
    pub fn outline(&self, scale: Scale) -> String {
        let step = (PLOT.right - PLOT.left) / self.places().max(1) as f64;
        let mut path = String::new();
        for (i, sigma) in self.before.iter().enumerate() {
            let y = height_of(scale.position(*sigma).filter(|_| *sigma > 0.0).unwrap_or(0.0));
            let end = PLOT.left + step * (i + 1) as f64;
            // Writing into a String cannot fail.
            let _ = match i {
                0 => write!(path, "M{:.2} {y:.2}H{end:.2}", PLOT.left),
                _ => write!(path, "V{y:.2}H{end:.2}"),
            };
        }
        path
    }

    /// Index, σ before and σ after, as a table for other programs.
    pub fn tsv(&self) -> String {
        let of = |i: usize| {
            let both = [self.before.get(i), self.after.get(i)];
            line(&(i + 1).to_string(), both.into_iter().map(|sigma| digits(sigma.copied())))
        };
        let head = ["index", "sigma_before", "sigma_after"].map(str::to_owned);
        tab_separated(std::iter::once(head.into()).chain((0..self.places()).map(of)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(before: &[f64], after: &[f64]) -> Pair {
        Pair { before: before.to_vec(), after: after.to_vec() }
    }

    #[test]
    fn both_share_one_scale_and_axis() {
        let pair = pair(&[4.0, 2.0, 1.0, 0.5], &[8.0, 4.0]);
        for kind in [ScaleKind::Linear, ScaleKind::Log] {
            let scale = pair.scale(kind).unwrap();
            assert_eq!(scale.high, 8.0, "what svd makes larger has room too");
            let bars = pair.bars(scale);
            assert_eq!(bars.matches('M').count(), 2);
            let middle = (PLOT.left + PLOT.right) / 2.0;
            for bar in bars.split('M').skip(1) {
                let x: f64 = bar.split(' ').next().unwrap().parse().unwrap();
                assert!(x < middle, "two of four places fill the left half: {x}");
            }
            let outline = pair.outline(scale);
            assert_eq!((outline.matches('H').count(), outline.matches('V').count()), (4, 3));
            assert!(outline.ends_with(&format!("H{:.2}", PLOT.right)) && !outline.contains("NaN"));
        }
    }

    #[test]
    fn nothing_or_not_a_number_draws_nothing_wrong() {
        let empty = pair(&[], &[]);
        assert_eq!((empty.places(), empty.scale(ScaleKind::Linear)), (0, None));
        let odd = pair(&[1.0, f64::NAN, 0.0], &[0.0]);
        let scale = odd.scale(ScaleKind::Log).unwrap();
        assert!(!odd.outline(scale).contains("NaN") && !odd.bars(scale).contains("NaN"));
        assert_eq!(odd.tsv(), "index\tsigma_before\tsigma_after\n1\t1\t0\n2\t\t\n3\t0\t\n");
    }
}
