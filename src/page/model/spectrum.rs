//! The spectrum of one module: bars of σ, the energy kept by rank k, and their picture in SVG units.

use std::fmt::Write;

use super::axis::{Scale, ScaleKind};
use super::number::{general, grouped, percent, plural};
use super::tsv::{digits, line, tab_separated};
use lorascope_protocol::report::ModuleReport;

/// The drawing area inside the SVG's view box, in its units.
pub const PLOT: Plot = Plot { width: 360.0, height: 232.0, left: 38.0, right: 314.0, top: 12.0, bottom: 190.0 };

/// The view box and where the axes lie in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plot {
    pub width: f64,
    pub height: f64,
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

/// Energy kept by the first k singular values, for k = 1 … n: Σ_{i≤k}σ²/‖ΔW‖². Empty where there is no energy.
///
/// `norm` is ‖ΔW‖ where `sigma` holds only the largest; without it they are all, and the last k keeps everything.
pub fn energy_kept(sigma: &[f64], norm: Option<f64>) -> Vec<f64> {
    // Relative to the largest, so that squares neither overflow nor vanish.
    let largest = sigma.iter().copied().filter(|s| s.is_finite()).fold(0.0, f64::max);
    if largest <= 0.0 {
        return Vec::new();
    }
    let mut sum = 0.0;
    let mut kept: Vec<f64> = sigma
        .iter()
        .map(|s| {
            let s = s / largest;
            sum += if s.is_finite() { s * s } else { 0.0 };
            sum
        })
        .collect();
    // Rounding must not make the known part more than the whole.
    let whole = norm.map(|norm| (norm / largest).powi(2)).filter(|whole| whole.is_finite()).unwrap_or(sum).max(sum);
    kept.iter_mut().for_each(|k| *k /= whole);
    kept
}

/// Names on the axis of the energy kept.
pub const PERCENTS: [(f64, &str); 3] = [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")];

/// The values that get a line, and where: (value, y).
pub fn value_ticks(scale: Scale) -> Vec<(f64, f64)> {
    scale.ticks(4).into_iter().filter_map(|t| Some((t, height_of(scale.position(t)?)))).collect()
}

/// The smallest rank that keeps `fraction` of the energy; `None` where there is none to keep.
pub fn rank_for(kept: &[f64], fraction: f64) -> Option<usize> {
    // One part in 10¹² of slack: the sum's own rounding must not ask for one rank more.
    kept.iter().position(|k| *k >= fraction - 1e-12).map(|i| i + 1)
}

/// "Rank 7 keeps 95.2 % of the energy."
pub fn sentence(kept: &[f64], rank: usize) -> String {
    match rank.checked_sub(1).and_then(|i| kept.get(i)) {
        Some(k) => format!("Rank {rank} keeps {} of the energy.", percent(*k)),
        None => "This module’s update is zero: there is no energy to keep.".to_owned(),
    }
}

/// "90 % needs rank 5, 95 % rank 7, 99 % more than 512."; nothing where there is no energy.
pub fn needs(kept: &[f64]) -> String {
    if kept.is_empty() {
        return String::new();
    }
    let rank = |fraction| match rank_for(kept, fraction) {
        Some(rank) => format!("rank {rank}"),
        None => format!("more than {}", kept.len()),
    };
    format!("90 % needs {}, 95 % {}, 99 % {}.", rank(0.90), rank(0.95), rank(0.99))
}

/// What a spectrum that is not whole lacks, for a person.
pub fn lacks(known: usize) -> String {
    format!(
        "Only the {} largest singular values of this update are computed. ‖ΔW‖, the energy kept and the stable rank are \
         exact all the same; effective rank, rank used and spectral entropy are at least what is shown (≥).",
        grouped(known as u64)
    )
}

/// What stands in place of a spectrum that did not come along, for a person.
pub fn unlisted(module: &ModuleReport) -> String {
    format!(
        "The link that this came by has no room for the {} of this update. The largest is σ₁ = {}; the measures below are \
         of all of them. Drop the adapter’s own file to see the spectrum.",
        plural(module.known_values(), "singular value", "singular values"),
        general(module.sigma_1())
    )
}

/// The scale of the bars; a linear one begins at zero.
pub fn scale(sigma: &[f64], kind: ScaleKind) -> Option<Scale> {
    let mut scale = Scale::over(sigma.iter().copied().filter(|s| *s > 0.0), kind)?;
    match scale.kind {
        ScaleKind::Linear => scale.low = 0.0,
        // Half a decade of room, or the smallest bar would have no height.
        ScaleKind::Log => scale.low /= 3.0,
    }
    Some(scale)
}

/// One SVG path of the bars `range.start .. range.end`.
pub fn bars(sigma: &[f64], scale: Scale, range: std::ops::Range<usize>) -> String {
    let pitch = (PLOT.right - PLOT.left) / sigma.len().max(1) as f64;
    let width = (pitch * 0.72).min(28.0).max(pitch - 4.0_f64.min(pitch * 0.28)).min(28.0);
    let mut path = String::new();
    for (i, s) in sigma.iter().enumerate().take(range.end).skip(range.start) {
        let height = scale.position(*s).filter(|_| *s > 0.0).unwrap_or(0.0) * (PLOT.bottom - PLOT.top);
        let x = PLOT.left + pitch * i as f64 + (pitch - width) / 2.0;
        // Writing into a String cannot fail.
        let _ = write!(path, "M{x:.2} {:.2}v-{height:.2}h{width:.2}v{height:.2}z", PLOT.bottom);
    }
    path
}

/// The energy-kept curve, over the middles of the bars, from 0 at the bottom to 1 at the top.
pub fn curve(kept: &[f64]) -> String {
    let mut path = String::new();
    for (i, k) in kept.iter().enumerate() {
        let letter = if i == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{:.2} {:.2}", middle(i, kept.len()), height_of(*k));
    }
    path
}

/// x of the middle of bar `i` of `n`.
pub fn middle(i: usize, n: usize) -> f64 {
    PLOT.left + (PLOT.right - PLOT.left) * (i as f64 + 0.5) / n.max(1) as f64
}

/// y of a position from 0 to 1.
pub fn height_of(t: f64) -> f64 {
    PLOT.bottom - t * (PLOT.bottom - PLOT.top)
}

/// Which singular values get a name on the axis: (index from 0, its number from 1).
pub fn index_ticks(n: usize) -> Vec<usize> {
    if n <= 8 {
        return (0..n).collect();
    }
    let stride = [2, 4, 8, 16, 32, 64, 128, 256].into_iter().find(|s| n / s <= 6).unwrap_or(n);
    let mut ticks: Vec<usize> = std::iter::once(0).chain((stride - 1..n).step_by(stride)).collect();
    if ticks.last().is_some_and(|last| n - 1 - last >= stride / 2) {
        ticks.push(n - 1);
    }
    ticks
}

/// Index, σ, σ/σ₁ and energy kept, as a table for other programs.
pub fn tsv(sigma: &[f64], kept: &[f64]) -> String {
    let first = sigma.first().copied().filter(|first| *first > 0.0);
    let of = |(i, s): (usize, &f64)| {
        let fields = [Some(*s), first.map(|first| s / first), kept.get(i).copied()];
        line(&(i + 1).to_string(), fields.into_iter().map(digits))
    };
    let head = ["index", "sigma", "sigma_relative", "energy_kept"].map(str::to_owned);
    tab_separated(std::iter::once(head.into()).chain(sigma.iter().enumerate().map(of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_kept_and_the_ranks_that_keep_it() {
        let kept = energy_kept(&[3.0, 4.0f64.sqrt(), 3.0f64.sqrt()], None);
        assert!((kept[0] - 9.0 / 16.0).abs() < 1e-15 && kept[2] == 1.0);
        assert_eq!(rank_for(&kept, 0.5), Some(1));
        assert_eq!(rank_for(&kept, 0.9), Some(3));
        assert_eq!(rank_for(&[], 0.9), None);
        assert_eq!(needs(&kept), "90 % needs rank 3, 95 % rank 3, 99 % rank 3.");
        assert_eq!(needs(&[]), "");
    }

    #[test]
    fn the_largest_alone_keep_their_part_of_the_whole() {
        // ‖ΔW‖² = 100, of which 92 is known.
        let sigma = [8.0, 4.0, 12.0f64.sqrt()];
        let kept = energy_kept(&sigma, Some(10.0));
        assert!((kept[0] - 0.64).abs() < 1e-15 && (kept[2] - 0.92).abs() < 1e-15, "{kept:?}");
        assert_eq!(needs(&kept), "90 % needs rank 3, 95 % more than 3, 99 % more than 3.");
        assert!(sentence(&kept, 1).starts_with("Rank 1 keeps 64.0"));
        // A norm below what is listed is rounding.
        assert_eq!(energy_kept(&[3.0, 4.0], Some(5.0 - 1e-12))[1], 1.0);
        assert_eq!(energy_kept(&[3.0, 4.0], Some(f64::NAN))[1], 1.0);
        assert!(lacks(512).starts_with("Only the 512 largest"));
    }

    #[test]
    fn the_smallest_and_largest_numbers_survive() {
        for x in [1e-300, 1e300] {
            assert_eq!(energy_kept(&[x, x], None), [0.5, 1.0]);
        }
        assert!(energy_kept(&[0.0, 0.0], None).is_empty());
        assert_eq!(energy_kept(&[1.0, f64::NAN], None), [1.0, 1.0]);
        assert!(sentence(&[], 1).contains("zero"));
        assert!(sentence(&[0.952], 1).starts_with("Rank 1 keeps 95.2"));
    }

    #[test]
    fn bars_stay_inside_the_plot() {
        for n in [1usize, 2, 16, 256, 512] {
            let sigma: Vec<f64> = (0..n).map(|i| 0.9f64.powi(i as i32)).collect();
            for kind in [ScaleKind::Linear, ScaleKind::Log] {
                let path = bars(&sigma, scale(&sigma, kind).unwrap(), 0..n);
                assert_eq!(path.matches('M').count(), n);
                assert!(!path.contains("NaN"));
                for bar in path.split('M').skip(1) {
                    let x: f64 = bar.split(' ').next().unwrap().parse().unwrap();
                    assert!((PLOT.left - 0.01..=PLOT.right).contains(&x), "{x}");
                }
            }
        }
    }

    #[test]
    fn zero_bars_have_no_height_and_nothing_is_drawn_of_nothing() {
        let sigma = [1.0, 0.0];
        for kind in [ScaleKind::Linear, ScaleKind::Log] {
            assert!(bars(&sigma, scale(&sigma, kind).unwrap(), 1..2).contains("v-0.00"));
        }
        assert_eq!(scale(&[0.0], ScaleKind::Linear), None);
        assert_eq!(curve(&[]), "");
        assert_eq!(curve(&[0.5, 1.0]).matches('L').count(), 1);
    }

    #[test]
    fn axis_names_are_few() {
        assert_eq!(index_ticks(8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(index_ticks(16), [0, 3, 7, 11, 15]);
        for n in 1..600 {
            let ticks = index_ticks(n);
            assert!(ticks.len() <= 9 && ticks.windows(2).all(|w| w[0] < w[1]) && *ticks.last().unwrap() < n, "{n}");
        }
    }
}
