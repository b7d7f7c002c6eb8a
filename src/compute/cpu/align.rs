use nalgebra::DMatrix;

use crate::compute::{Aligned, RawTall, Sides};

/// Twin of `shaders/align.wgsl`.
pub fn align(before: &RawTall, after: &RawTall, sides: Sides<'_>) -> Aligned {
    let (rows, cols, k) = (before.rows as usize, before.cols as usize, sides.k as usize);
    let mut aligned = Aligned { core: DMatrix::zeros(k, k), update_sq: 0.0, before_sq: 0.0, not_finite: 0 };
    let mut thin = vec![0.0; k];
    for i in 0..rows {
        thin.fill(0.0);
        for j in 0..cols {
            let (old, new) = (before.get(i, j), after.get(i, j));
            aligned.not_finite += u64::from(!old.is_finite()) + u64::from(!new.is_finite());
            let x = new - old;
            aligned.update_sq += x * x;
            aligned.before_sq += old * old;
            for (y, v) in thin.iter_mut().zip(&sides.right[j * k..]) {
                *y += x * f64::from(*v);
            }
        }
        for (a, u) in sides.left[i * k..(i + 1) * k].iter().enumerate() {
            for (b, y) in thin.iter().enumerate() {
                aligned.core[(a, b)] += f64::from(*u) * y;
            }
        }
    }
    aligned
}
