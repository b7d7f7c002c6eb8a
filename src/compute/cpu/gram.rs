use nalgebra::DMatrix;

use crate::compute::{RawTall, SLAB};

/// Rows whose outer products are added in one sweep over the result, to spare memory traffic.
const ROWS: usize = 4;

/// Twin of `shaders/gram.wgsl`, in f64: the products of two f32 are exact there.
pub fn gram(matrix: &RawTall, scales: &[f32]) -> DMatrix<f64> {
    let (rows, cols) = (matrix.rows as usize, matrix.cols as usize);
    let scales: Vec<f64> = scales.iter().copied().map(f64::from).collect();
    // Row i holds elements (i, i..cols): the upper triangle.
    let mut upper = vec![0.0; cols * cols];
    let mut slab = vec![0.0; (SLAB as usize).next_multiple_of(ROWS) * cols];
    for first in (0..rows).step_by(SLAB as usize) {
        let count = (rows - first).min(SLAB as usize);
        matrix.rows_f64(first, count, &mut slab[..count * cols]);
        for row in slab[..count * cols].chunks_exact_mut(cols.max(1)) {
            for (x, s) in row.iter_mut().zip(&scales) {
                *x *= s;
            }
        }
        let padded = count.next_multiple_of(ROWS);
        slab[count * cols..padded * cols].fill(0.0);
        for rows in slab[..padded * cols].chunks_exact((ROWS * cols).max(1)) {
            add_outer_products(&mut upper, rows, cols);
        }
    }
    DMatrix::from_fn(cols, cols, |i, j| upper[i.min(j) * cols + i.max(j)])
}

fn add_outer_products(upper: &mut [f64], rows: &[f64], cols: usize) {
    let (a, rest) = rows.split_at(cols);
    let (b, rest) = rest.split_at(cols);
    let (c, d) = rest.split_at(cols);
    for i in 0..cols {
        let [ai, bi, ci, di] = [a[i], b[i], c[i], d[i]];
        let sums = &mut upper[i * cols + i..(i + 1) * cols];
        for ((((sum, a), b), c), d) in sums.iter_mut().zip(&a[i..]).zip(&b[i..]).zip(&c[i..]).zip(&d[i..]) {
            *sum += (ai * a + bi * b) + (ci * c + di * d);
        }
    }
}
