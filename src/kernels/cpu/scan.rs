use crate::{RawTall, SLAB, Scan};

/// Twin of `shaders/scan.wgsl`.
pub fn scan(matrix: &RawTall) -> Scan {
    let (rows, cols) = (matrix.rows as usize, matrix.cols as usize);
    let mut max_bits = vec![0; cols];
    let mut not_finite = 0;
    let mut slab = vec![0.0; SLAB as usize * cols];
    for first in (0..rows).step_by(SLAB as usize) {
        let count = (rows - first).min(SLAB as usize);
        let slab = &mut slab[..count * cols];
        matrix.rows_f64(first, count, slab);
        for row in slab.chunks_exact(cols.max(1)) {
            for (max, x) in max_bits.iter_mut().zip(row) {
                let bits = (x.abs() as f32).to_bits();
                if bits >= f32::INFINITY.to_bits() { not_finite += 1 } else { *max = bits.max(*max) }
            }
        }
    }
    Scan { max_bits, not_finite }
}
