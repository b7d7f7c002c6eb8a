use nalgebra::DMatrix;

use super::gram::slabs;
use super::panels::{Panels, Sums, WIDE, add_products};
use crate::RawTall;

/// Twin of `shaders/cross.wgsl`, in f64: XᵀY (p × q) of an X (m × p) and a Y (m × q), whose products of two f32 are
/// exact there.
pub fn cross(x: &RawTall, y: &RawTall) -> DMatrix<f64> {
    let (mut left, mut right) = (Panels::of(x), Panels::of(y));
    let (high, wide) = (left.len(), right.len());
    let mut sums: Vec<Sums> = vec![[[0.0; WIDE]; WIDE]; high * wide];
    for (first, rows) in slabs(x.rows.min(y.rows) as usize) {
        left.load(x, first, rows);
        right.load(y, first, rows);
        let blocks = (0..high).flat_map(|i| (0..wide).map(move |j| (i, j)));
        for ((i, j), sums) in blocks.zip(&mut sums) {
            add_products(left.get(i), right.get(j), sums);
        }
    }
    DMatrix::from_fn(x.cols as usize, y.cols as usize, |i, j| sums[i / WIDE * wide + j / WIDE][i % WIDE][j % WIDE])
}
