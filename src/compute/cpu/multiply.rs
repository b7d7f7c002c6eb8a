use nalgebra::DMatrix;

use crate::compute::{RawTall, Side};

/// Twin of `shaders/multiply.wgsl`.
pub fn multiply(before: &RawTall, after: &RawTall, side: Side, weight: &[f32], k: u32) -> DMatrix<f64> {
    let (rows, cols, k) = (before.rows as usize, before.cols as usize, k as usize);
    let mut result = DMatrix::zeros(if side == Side::Right { rows } else { cols }, k);
    for i in 0..rows {
        for j in 0..cols {
            let x = after.get(i, j) - before.get(i, j);
            let (to, from) = if side == Side::Right { (i, j) } else { (j, i) };
            for c in 0..k {
                result[(to, c)] += x * f64::from(weight[from * k + c]);
            }
        }
    }
    result
}
