//! Scales and their ticks: value → position from 0 to 1, linear or logarithmic.

/// How values spread over an axis or a colour map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScaleKind {
    #[default]
    Linear,
    Log,
}

/// Maps values onto 0 … 1. A logarithmic one survives zero: what is not positive lies at its low end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub kind: ScaleKind,
    pub low: f64,
    pub high: f64,
}

/// Decades that a logarithmic scale shows at most: below them lies rounding noise.
const DECADES: i32 = 12;

impl Scale {
    /// The scale that holds every finite one of `values`; `None` where there is none.
    pub fn over(values: impl IntoIterator<Item = f64>, kind: ScaleKind) -> Option<Scale> {
        let (mut low, mut high, mut least_positive) = (f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY);
        for x in values.into_iter().filter(|x| x.is_finite()) {
            low = low.min(x);
            high = high.max(x);
            if x > 0.0 {
                least_positive = least_positive.min(x);
            }
        }
        if low > high {
            return None;
        }
        match kind {
            ScaleKind::Log if high > 0.0 => {
                Some(Scale { kind, low: least_positive.max(high * 10f64.powi(-DECADES)), high })
            }
            _ => Some(Scale { kind: ScaleKind::Linear, low, high }),
        }
    }

    /// The linear scale with zero in its middle that holds every finite one of `values`; `None` where there is none.
    pub fn around_zero(values: impl IntoIterator<Item = f64>) -> Option<Scale> {
        let Scale { low, high, .. } = Scale::over(values, ScaleKind::Linear)?;
        let end = high.max(-low);
        Some(Scale { kind: ScaleKind::Linear, low: -end, high: end })
    }

    /// Position of `x`, 0 to 1 and never outside; the middle where the scale has no width, `None` for no number.
    pub fn position(&self, x: f64) -> Option<f64> {
        if !x.is_finite() {
            return None;
        }
        let (x, low, high) = match self.kind {
            ScaleKind::Linear => (x, self.low, self.high),
            ScaleKind::Log => (x.max(self.low).log10(), self.low.log10(), self.high.log10()),
        };
        let width = high - low;
        Some(if width > 0.0 { ((x - low) / width).clamp(0.0, 1.0) } else { 0.5 })
    }

    /// Round values inside the scale, ascending, about `wanted` of them.
    pub fn ticks(&self, wanted: usize) -> Vec<f64> {
        match self.kind {
            ScaleKind::Linear => linear_ticks(self.low, self.high, wanted),
            ScaleKind::Log => log_ticks(self.low, self.high, wanted),
        }
    }
}

fn linear_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let span = high - low;
    if span <= 0.0 || !span.is_finite() || wanted == 0 {
        return vec![low];
    }
    let rough = span / wanted as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= rough * 0.999).unwrap_or(rough);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

fn log_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let (first, last) = ((low.log10() - 1e-9).ceil() as i32, (high.log10() + 1e-9).floor() as i32);
    if last - first < 1 {
        // Less than two powers of ten inside: 1, 2, 5 of each, or the ends where not even those are.
        let steps = (first - 1..=last).flat_map(|e| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(e)));
        let inside: Vec<f64> = steps.filter(|t| *t >= low && *t <= high).collect();
        return match inside.len() {
            0 | 1 if low < high => vec![low, high],
            0 | 1 => vec![low],
            n => inside.into_iter().step_by(n.div_ceil(wanted.max(1))).collect(),
        };
    }
    let stride = ((last - first + 1) as usize).div_ceil(wanted.max(1)).max(1);
    let mut ticks: Vec<f64> = (first..=last).rev().step_by(stride).map(|e| 10f64.powi(e)).collect();
    ticks.reverse();
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_positions_and_ticks() {
        let scale = Scale::over([0.0, 1.31, f64::NAN, 0.5], ScaleKind::Linear).unwrap();
        assert_eq!((scale.low, scale.high), (0.0, 1.31));
        assert_eq!(scale.position(0.655), Some(0.5));
        assert_eq!(scale.position(9.0), Some(1.0));
        assert_eq!(scale.position(f64::NAN), None);
        assert_eq!(scale.ticks(3), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn zero_lies_in_the_middle() {
        let scale = Scale::around_zero([0.1, f64::NAN, -0.4]).unwrap();
        assert_eq!((scale.low, scale.high, scale.position(0.0)), (-0.4, 0.4, Some(0.5)));
        assert_eq!(Scale::around_zero([0.0]).unwrap().position(0.0), Some(0.5));
        assert_eq!(Scale::around_zero([]), None);
    }

    #[test]
    fn log_survives_zero_and_noise() {
        let scale = Scale::over([0.0, 1e-3, 1.0], ScaleKind::Log).unwrap();
        assert_eq!(scale.position(0.0), Some(0.0));
        assert!((scale.position(10f64.powf(-1.5)).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(scale.ticks(9), [1e-3, 1e-2, 1e-1, 1.0]);
        let narrow = Scale::over([0.111, 1.31], ScaleKind::Log).unwrap();
        assert_eq!(narrow.ticks(4), [0.2, 0.5, 1.0]);
        assert_eq!(Scale::over([3.0, 4.0], ScaleKind::Log).unwrap().ticks(4), [3.0, 4.0]);
        assert_eq!(Scale::over([1e-40, 1.0], ScaleKind::Log).unwrap().low, 1e-12);
    }

    #[test]
    fn all_zero_all_equal_or_nothing() {
        let zero = Scale::over([0.0, 0.0], ScaleKind::Log).unwrap();
        assert_eq!(zero.kind, ScaleKind::Linear);
        assert_eq!(zero.position(0.0), Some(0.5));
        assert_eq!(zero.ticks(4), [0.0]);
        assert_eq!(Scale::over([f64::NAN], ScaleKind::Linear), None);
    }

    #[test]
    fn ticks_stay_inside_and_few() {
        for (low, high) in [(0.0, 1.0), (3.0, 3.7), (-2.0, 5.0), (1e-9, 2e-9), (0.05, 2.4)] {
            for wanted in 2..8 {
                let ticks = linear_ticks(low, high, wanted);
                assert!(!ticks.is_empty() && ticks.len() <= wanted + 1, "{low} {high} {wanted}: {ticks:?}");
                let slack = (high - low) * 1e-6;
                assert!(ticks.iter().all(|t| *t >= low - slack && *t <= high + slack), "{ticks:?}");
            }
        }
        assert!(log_ticks(1e-12, 1.0, 4).len() <= 4);
    }
}
