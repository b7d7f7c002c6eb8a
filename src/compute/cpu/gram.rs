use nalgebra::DMatrix;

use crate::compute::{RawTall, SLAB};

/// Rows whose outer products are added in one sweep over the result, to spare memory traffic.
const ROWS: usize = 4;

/// Twin of `shaders/gram.wgsl`, in f64: the products of two f32 are exact there.
pub fn gram(matrix: &RawTall, scales: &[f32]) -> DMatrix<f64> {
    let scales: Vec<f64> = scales.iter().copied().map(f64::from).collect();
    sweep(matrix.rows as usize, matrix.cols as usize, |first, count, slab| {
        matrix.rows_f64(first, count, slab);
        for row in slab.chunks_exact_mut(scales.len().max(1)) {
            for (x, s) in row.iter_mut().zip(&scales) {
                *x *= s;
            }
        }
    })
}

/// The Gram matrix of \[X, Y\], two matrices of the same rows side by side, in f64.
pub fn joint_gram(x: &RawTall, y: &RawTall) -> DMatrix<f64> {
    let (p, q) = (x.cols as usize, y.cols as usize);
    let mut parts = (vec![0.0; SLAB as usize * p], vec![0.0; SLAB as usize * q]);
    sweep(x.rows as usize, p + q, |first, count, slab| {
        x.rows_f64(first, count, &mut parts.0[..count * p]);
        y.rows_f64(first, count, &mut parts.1[..count * q]);
        for (i, row) in slab.chunks_exact_mut((p + q).max(1)).enumerate() {
            row[..p].copy_from_slice(&parts.0[i * p..(i + 1) * p]);
            row[p..].copy_from_slice(&parts.1[i * q..(i + 1) * q]);
        }
    })
}

/// XᵀX of an X of `rows × cols`, of which `fill(first, count, slab)` gives `count` rows from `first` on.
fn sweep(rows: usize, cols: usize, mut fill: impl FnMut(usize, usize, &mut [f64])) -> DMatrix<f64> {
    // Row i holds elements (i, i..cols): the upper triangle.
    let mut upper = vec![0.0; cols * cols];
    let mut slab = vec![0.0; (SLAB as usize).next_multiple_of(ROWS) * cols];
    for first in (0..rows).step_by(SLAB as usize) {
        let count = (rows - first).min(SLAB as usize);
        fill(first, count, &mut slab[..count * cols]);
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
