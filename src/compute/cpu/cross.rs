use nalgebra::DMatrix;

use crate::compute::{RawTall, SLAB};

/// Rows whose outer products are added in one sweep over the result, to spare memory traffic.
const ROWS: usize = 4;

/// Twin of `shaders/cross.wgsl`, in f64: XᵀY (p × q) of an X (m × p) and a Y (m × q), whose products of two f32 are
/// exact there.
pub fn cross(x: &RawTall, y: &RawTall) -> DMatrix<f64> {
    let (rows, p, q) = (x.rows.min(y.rows) as usize, x.cols as usize, y.cols as usize);
    let high = (SLAB as usize).next_multiple_of(ROWS);
    let (mut left, mut right) = (vec![0.0; high * p], vec![0.0; high * q]);
    // Row by row.
    let mut sums = vec![0.0; p * q];
    for first in (0..rows).step_by(SLAB as usize) {
        let count = (rows - first).min(SLAB as usize);
        x.rows_f64(first, count, &mut left[..count * p]);
        y.rows_f64(first, count, &mut right[..count * q]);
        let padded = count.next_multiple_of(ROWS);
        left[count * p..padded * p].fill(0.0);
        right[count * q..padded * q].fill(0.0);
        let rows = left[..padded * p].chunks_exact((ROWS * p).max(1));
        for (left, right) in rows.zip(right[..padded * q].chunks_exact((ROWS * q).max(1))) {
            add_outer_products(&mut sums, left, right);
        }
    }
    DMatrix::from_row_slice(p, q, &sums)
}

/// Adds the outer products of [`ROWS`] rows of X with those of Y.
fn add_outer_products(sums: &mut [f64], left: &[f64], right: &[f64]) {
    let (p, q) = (left.len() / ROWS, right.len() / ROWS);
    let (a, rest) = right.split_at(q);
    let (b, rest) = rest.split_at(q);
    let (c, d) = rest.split_at(q);
    for (i, sums) in sums.chunks_exact_mut(q.max(1)).enumerate() {
        let [wa, wb, wc, wd] = [left[i], left[p + i], left[2 * p + i], left[3 * p + i]];
        for ((((sum, a), b), c), d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *sum += (wa * a + wb * b) + (wc * c + wd * d);
        }
    }
}
