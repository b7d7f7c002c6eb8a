//! The singular values of an update, as many as are known.

use serde::{Deserialize, Serialize};

/// Singular values, descending.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sigma {
    pub values: Vec<f64>,
    /// Σσ² of those that are not in `values`; 0 where all are.
    pub rest_sq: f64,
    /// Whether the module's scale is in them already: where the base's weight has a part in the update.
    pub scaled: bool,
}

/// Values beyond which a spectrum is not reported whole, and how many are then: rule of the report for updates of
/// full rank.
const LONGEST: usize = 1024;
const SHOWN: usize = 512;

impl Sigma {
    pub fn whole(values: Vec<f64>) -> Self {
        Self { values, rest_sq: 0.0, scaled: false }
    }

    /// With the scale applied, where it is not yet.
    pub fn times(&self, scale: f64) -> Self {
        let gain = if self.scaled { 1.0 } else { scale.abs() };
        let values = self.values.iter().map(|s| s * gain).collect();
        Self { values, rest_sq: self.rest_sq * gain * gain, scaled: true }
    }

    /// No more values than are reported of an update of full rank.
    pub fn shortened(mut self) -> Self {
        if self.values.len() > LONGEST {
            let rest = self.values.split_off(SHOWN);
            self.rest_sq += rest.iter().map(|s| s * s).sum::<f64>();
        }
        self
    }

    /// The products of two spectra: those of a Kronecker product.
    pub fn products(a: &[f64], b: &[f64]) -> Self {
        let mut values: Vec<f64> = a.iter().flat_map(|a| b.iter().map(move |b| a * b)).collect();
        values.sort_by(|x, y| y.total_cmp(x));
        Self::whole(values)
    }

    /// Padded with zeros, or cut, to `count`.
    pub fn resized(mut self, count: usize) -> Self {
        self.values.resize(count, 0.0);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_spectrum_keeps_its_energy() {
        let sigma = Sigma::whole((0..2000).map(|n| f64::from(2000 - n)).collect());
        let energy: f64 = sigma.values.iter().map(|s| s * s).sum();
        let short = sigma.shortened();
        assert_eq!(short.values.len(), SHOWN);
        let kept: f64 = short.values.iter().map(|s| s * s).sum();
        assert!((kept + short.rest_sq - energy).abs() < 1e-9 * energy);
        assert_eq!(Sigma::whole(vec![2.0, 1.0]).shortened().rest_sq, 0.0);
        assert_eq!(Sigma::products(&[3.0, 1.0], &[2.0, 0.5]).values, [6.0, 2.0, 1.5, 0.5]);
        let scaled = Sigma { values: vec![1.0], rest_sq: 4.0, scaled: false }.times(-3.0);
        assert_eq!((scaled.values, scaled.rest_sq), (vec![3.0], 36.0));
    }
}
