use nalgebra::DMatrix;

use super::panels::{Panels, Sums, WIDE, add_products};
use crate::{RawTall, SLAB};

/// Twin of `shaders/gram.wgsl`, in f64: the products of two f32 are exact there, so that scales that are powers of
/// two may as well be multiplied afterwards.
pub fn gram(matrix: &RawTall, scales: &[f32]) -> DMatrix<f64> {
    let mut gram = plain_gram(matrix);
    for (j, &scale) in scales.iter().enumerate() {
        let scale = f64::from(scale);
        gram.row_mut(j).scale_mut(scale);
        gram.column_mut(j).scale_mut(scale);
    }
    gram
}

/// XᵀX in f64.
pub fn plain_gram(matrix: &RawTall) -> DMatrix<f64> {
    let mut panels = Panels::of(matrix);
    let count = panels.len();
    // The upper triangle, row by row.
    let mut sums: Vec<Sums> = vec![[[0.0; WIDE]; WIDE]; count * (count + 1) / 2];
    for (first, rows) in slabs(matrix.rows as usize) {
        panels.load(matrix, first, rows);
        let blocks = (0..count).flat_map(|i| (i..count).map(move |j| (i, j)));
        for ((i, j), sums) in blocks.zip(&mut sums) {
            add_products(panels.get(i), panels.get(j), sums);
        }
    }
    let cols = matrix.cols as usize;
    DMatrix::from_fn(cols, cols, |i, j| {
        let (i, j) = (i.min(j), i.max(j));
        let (row, col) = (i / WIDE, j / WIDE);
        sums[row * count - row * (row + 1) / 2 + col][i % WIDE][j % WIDE]
    })
}

/// The Gram matrix of \[X, Y\], two matrices of the same rows side by side, in f64.
pub fn joint_gram(x: &RawTall, y: &RawTall) -> DMatrix<f64> {
    let (p, q) = (x.cols as usize, y.cols as usize);
    let mut joint = DMatrix::zeros(p + q, p + q);
    let across = super::cross::cross(x, y);
    joint.view_mut((0, 0), (p, p)).copy_from(&plain_gram(x));
    joint.view_mut((p, p), (q, q)).copy_from(&plain_gram(y));
    joint.view_mut((0, p), (p, q)).copy_from(&across);
    joint.view_mut((p, 0), (q, p)).copy_from(&across.transpose());
    joint
}

/// Where each slab of `rows` begins, and its rows.
pub(super) fn slabs(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(SLAB as usize).map(move |first| (first, (rows - first).min(SLAB as usize)))
}
