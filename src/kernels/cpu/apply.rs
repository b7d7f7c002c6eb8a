use nalgebra::DMatrix;

use crate::{RawTall, SLAB};

/// Twin of `shaders/apply.wgsl`: X·W (rows × k), summed in f64, rounded to f32 once.
pub fn apply(matrix: &RawTall, weight: &DMatrix<f64>) -> RawTall {
    let (rows, cols, k) = (matrix.rows as usize, matrix.cols as usize, weight.ncols());
    // W row by row, so that the inner loop runs over neighbours.
    let weight: Vec<f64> = weight.transpose().iter().copied().collect();
    let mut slab = vec![0.0; SLAB as usize * cols];
    let mut sums = vec![0.0; k];
    let mut result: Vec<f32> = Vec::with_capacity(rows * k);
    for first in (0..rows).step_by(SLAB as usize) {
        let count = (rows - first).min(SLAB as usize);
        let slab = &mut slab[..count * cols];
        matrix.rows_f64(first, count, slab);
        for row in slab.chunks_exact(cols.max(1)) {
            sums.fill(0.0);
            for (x, weights) in row.iter().zip(weight.chunks_exact(k.max(1))) {
                for (sum, w) in sums.iter_mut().zip(weights) {
                    *sum += x * w;
                }
            }
            result.extend(sums.iter().map(|&sum| sum as f32));
        }
    }
    super::dense(matrix.rows, k as u32, &result)
}
