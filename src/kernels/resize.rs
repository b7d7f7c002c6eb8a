//! Which rows of a tall matrix the rows of its resized self come from.

use serde::{Deserialize, Serialize};

/// A new count of rows for a tall matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resize {
    /// The first rows; zeros where there are none.
    Crop(u32),
    /// Linear between neighbouring rows, ends half a row in: PyTorch's `interpolate`, `align_corners=False`.
    Linear(u32),
}

impl Resize {
    /// Rows of the result.
    pub fn rows(self) -> u32 {
        match self {
            Self::Crop(rows) | Self::Linear(rows) => rows,
        }
    }

    /// Row `i` of the result is (1 − t)·X\[s\] + t·X\[s + 1\] for an X of `rows` rows (above 0): gives (s, t), with
    /// 0 ≤ t < 1, t = 0 where s is the last row, and s = `rows` for a row of zeros.
    pub fn source(self, i: u32, rows: u32) -> (u32, f64) {
        match self {
            Self::Crop(_) => (i.min(rows), 0.0),
            Self::Linear(to) => {
                // (i + ½)·rows/to − ½ as a fraction over 2·to, exact in 128 bits.
                let (i, rows, to) = (u128::from(i), u128::from(rows), u128::from(to));
                let over = 2 * to;
                let place = ((2 * i + 1) * rows).saturating_sub(to);
                let (s, rest) = (place / over, place % over);
                if s + 1 >= rows { (rows as u32 - 1, 0.0) } else { (s as u32, rest as f64 / over as f64) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_those_of_torch() {
        let all = |resize: Resize, rows| (0..resize.rows()).map(|i| resize.source(i, rows)).collect::<Vec<_>>();
        assert_eq!(all(Resize::Crop(3), 2), [(0, 0.0), (1, 0.0), (2, 0.0)]);
        assert_eq!(all(Resize::Linear(2), 2), [(0, 0.0), (1, 0.0)]);
        assert_eq!(all(Resize::Linear(4), 2), [(0, 0.0), (0, 0.25), (0, 0.75), (1, 0.0)]);
        assert_eq!(all(Resize::Linear(2), 5), [(0, 0.75), (3, 0.25)]);
        assert_eq!(all(Resize::Linear(3), 1), [(0, 0.0); 3]);
        assert_eq!(Resize::Linear(u32::MAX).source(u32::MAX - 1, 7), (6, 0.0));
    }
}
