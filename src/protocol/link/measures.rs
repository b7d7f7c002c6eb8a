//! A column of measures, rounded in steps of their natural logarithm and packed bit by bit.

use serde::{Deserialize, Serialize};

/// Step of a measure's natural logarithm: a value is off by half of it at most, 0.1 %.
pub const STEP: f64 = 1.0 / 512.0;

/// Not negative numbers. A code of 0 is an exact zero where `zeros`; the next one means exp(`lowest`·STEP), and each
/// further one a step more. The codes have `width` bits each and lie in [`Bits`], one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measures {
    zeros: bool,
    lowest: i32,
    width: u8,
}

/// Bits, the first one in the lowest place of the first byte; the places behind the last one are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    pub bytes: Vec<u8>,
    /// Of those that have been written or read.
    at: usize,
}

impl Bits {
    fn write(&mut self, number: u32, width: u8) {
        for place in 0..width {
            if self.at.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((number >> place & 1) as u8) << (self.at % 8);
            }
            self.at += 1;
        }
    }

    fn read(&mut self, width: u8) -> Option<u32> {
        let mut number = 0;
        for place in 0..width {
            let byte = self.bytes.get(self.at / 8)?;
            number |= u32::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Some(number)
    }

    /// To be read from the first bit.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    /// All of it has been read.
    pub fn is_read(&self) -> bool {
        self.at.div_ceil(8) == self.bytes.len()
    }
}

/// The step next to a positive number; `None` for zero and for what no measure can be.
pub fn steps(x: f64, step: f64) -> Option<i32> {
    // |ln x| is below 746 for every finite number.
    (x > 0.0 && x.is_finite()).then(|| (x.ln() / step).round() as i32)
}

impl Measures {
    pub fn of(values: impl Iterator<Item = f64>, bits: &mut Bits) -> Self {
        let steps: Vec<Option<i32>> = values.map(|x| steps(x, STEP)).collect();
        let zeros = steps.iter().any(Option::is_none);
        let lowest = steps.iter().flatten().copied().min().unwrap_or_default();
        let code = |step: &Option<i32>| step.map_or(0, |step| step.abs_diff(lowest) + u32::from(zeros));
        let largest = steps.iter().map(code).max().unwrap_or_default();
        // At most 20: the logarithms of all doubles are within 1,456.
        let width = (u32::BITS - largest.leading_zeros()) as u8;
        steps.iter().for_each(|step| bits.write(code(step), width));
        Self { zeros, lowest, width }
    }

    /// The next `count` numbers, all finite; `None` where this is no such column.
    pub fn read(self, bits: &mut Bits, count: usize) -> Option<Vec<f64>> {
        if self.width >= 32 {
            return None;
        }
        let number = |_| {
            let code = bits.read(self.width)?;
            if self.zeros && code == 0 {
                return Some(0.0);
            }
            let steps = i64::from(self.lowest) + i64::from(code) - i64::from(self.zeros);
            Some((steps as f64 * STEP).exp()).filter(|x| *x > 0.0 && x.is_finite())
        };
        (0..count).map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(values: &[f64]) -> (Measures, Bits) {
        let mut bits = Bits::default();
        let column = Measures::of(values.iter().copied(), &mut bits);
        (column, Bits::of(bits.bytes))
    }

    #[test]
    fn every_number_comes_back_within_half_a_step_and_zero_exactly() {
        let numbers = [1.0, 0.0, 1e-300, 3.75, 16.0, 1e-9, 2.5e300, 1.0];
        for values in [&numbers[..], &numbers[3..5], &[0.0, 0.0], &[1.0], &[1e-307, 1e308], &[]] {
            let (column, mut bits) = written(values);
            let back = column.read(&mut bits, values.len()).unwrap();
            assert!(bits.is_read());
            for (x, y) in values.iter().zip(&back) {
                assert!(if *x == 0.0 { *y == 0.0 } else { (y / x).ln().abs() <= 0.5 * STEP * 1.001 }, "{x} became {y}");
            }
            assert_eq!(written(&back), (column, Bits::of(bits.bytes)), "the second time nothing changes");
        }
        let (column, mut bits) = written(&[1.0, 1.0]);
        assert_eq!(column.read(&mut bits, 2), Some(vec![1.0, 1.0]), "one stays one");
    }

    #[test]
    fn what_is_no_column_is_refused() {
        let read = |lowest, width, bytes: &[u8], count| {
            let mut bits = Bits::of(bytes.to_vec());
            Measures { zeros: false, lowest, width }.read(&mut bits, count).map(|_| bits.is_read())
        };
        assert_eq!(read(0, 8, &[0], 1), Some(true));
        assert_eq!(read(0, 8, &[0, 0], 1), Some(false), "more bits than numbers");
        assert_eq!(read(0, 8, &[0], 2), None);
        assert_eq!(read(0, 64, &[0; 8], 1), None);
        assert_eq!(read(i32::MAX, 0, &[], 1), None, "beyond every double");
        assert_eq!(read(i32::MIN, 0, &[], 1), None, "below every double");
    }
}
