use crate::compute::{RawTall, Residual, Sides};

/// Twin of `shaders/residual.wgsl`.
pub fn residual(before: &RawTall, after: &RawTall, sides: Sides<'_>) -> Residual {
    let (rows, cols, k) = (before.rows as usize, before.cols as usize, sides.k as usize);
    let mut residual = Residual { rest_sq: 0.0, update_sq: 0.0 };
    for i in 0..rows {
        for j in 0..cols {
            let x = after.get(i, j) - before.get(i, j);
            let (left, right) = (&sides.left[i * k..(i + 1) * k], &sides.right[j * k..(j + 1) * k]);
            let product: f64 = left.iter().zip(right).map(|(l, r)| f64::from(*l) * f64::from(*r)).sum();
            residual.rest_sq += (x - product).powi(2);
            residual.update_sq += x * x;
        }
    }
    residual
}
