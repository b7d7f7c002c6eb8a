//! The small cases that both engines compute: what a GPU is most likely to get wrong. f16 subnormals, columns that
//! cancel, sizes that are no multiple of any tile, both orders, several slabs.

use std::rc::Rc;

use nalgebra::DMatrix;

use crate::{FactorType, RawTall};

/// Columns beside an update.
pub(super) const K: u32 = 17;

/// Numbers of a fixed sequence (a multiplicative hash), in (-1, 1).
fn number(index: u32, seed: u32) -> f32 {
    let mut hash = index.wrapping_add(seed.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0x9e37_79b9);
    hash ^= hash >> 15;
    hash = hash.wrapping_mul(0x2c1b_3c6d);
    hash ^= hash >> 13;
    // 24 bits, which an f32 holds exactly.
    (f64::from(hash >> 8) / f64::from(1u32 << 23) - 1.0) as f32
}

/// Tall factors; `turn` gives other numbers in the same shapes.
pub fn factors(turn: u32) -> Vec<Rc<RawTall>> {
    let f32s = |numbers: Vec<f32>| numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    let subnormals = (0..257 * 17u32).map(|n| {
        let sign = if number(n, turn + 40) < 0.0 { 0x8000 } else { 0 };
        sign | (1 + (number(n, turn).abs() * 1022.0) as u16)
    });
    // Every other column is nearly minus the one before it.
    let cancelling = (0..40u32).flat_map(|col| {
        (0..300u32).map(move |row| {
            let own = |col: u32| number(row + 300 * col, turn + 10);
            if col % 2 == 1 { -own(col - 1) + own(col) / 1024.0 } else { own(col) }
        })
    });
    let bf16s = (0..65 * 3u32).map(|n| (number(n, turn + 20).to_bits() >> 16) as u16);
    let plain = (0..1029 * 33u32).map(|n| number(n, turn + 30));
    let halves = |bits: &mut dyn Iterator<Item = u16>| bits.flat_map(u16::to_le_bytes).collect();
    let tall = |rows, cols, transposed, dtype, bytes| Rc::new(RawTall { rows, cols, transposed, dtype, bytes });
    vec![
        tall(257, 17, false, FactorType::F16, halves(&mut subnormals.into_iter())),
        tall(300, 40, true, FactorType::F32, f32s(cancelling.collect())),
        tall(65, 3, false, FactorType::Bf16, halves(&mut bf16s.into_iter())),
        tall(1029, 33, false, FactorType::F32, f32s(plain.collect())),
    ]
}

/// A weight's tile before and after a small change.
pub fn tiles(turn: u32) -> [RawTall; 2] {
    const SHAPE: [u32; 2] = [131, 70];
    let weight = |n: u32| number(n, turn + 50);
    let update = |n: u32| number(n, turn + 60) / 512.0;
    let tile = |numbers: &dyn Fn(u32) -> f32| {
        let bytes = (0..SHAPE[0] * SHAPE[1]).flat_map(|n| numbers(n).to_le_bytes()).collect();
        RawTall { rows: SHAPE[0], cols: SHAPE[1], transposed: false, dtype: FactorType::F32, bytes }
    };
    [tile(&weight), tile(&|n| weight(n) + update(n))]
}

/// A thin matrix of [`K`] columns beside a side of an update, its columns of about length 1; row by row.
pub(super) fn thin(rows: u32) -> Vec<f32> {
    let length = (rows as f32 / 3.0).sqrt();
    (0..rows * K).map(|n| number(n, 70 + rows) / length).collect()
}

/// A weight of `apply`.
pub(super) fn weight(rows: u32, cols: u32) -> DMatrix<f64> {
    DMatrix::from_fn(rows as usize, cols as usize, |i, j| f64::from(number(i as u32 * cols + j as u32, 80)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_are_as_hard_as_they_are_meant_to_be() {
        let [a, b] = [0, 1].map(factors);
        let shapes: Vec<_> = a.iter().map(|m| (m.rows, m.cols)).collect();
        assert_eq!(shapes, b.iter().map(|m| (m.rows, m.cols)).collect::<Vec<_>>());
        assert!(a.iter().zip(&b).all(|(a, b)| a.bytes != b.bytes && a.is_whole()));
        let subnormals = a[0].to_f64();
        assert!(subnormals.iter().all(|x| *x != 0.0 && x.abs() < f64::from(half::f16::MIN_POSITIVE)));
        let columns = a[1].to_f64();
        for col in (1..columns.ncols()).step_by(2) {
            let sum = columns.column(col) + columns.column(col - 1);
            assert!(sum.norm() < 2e-3 * columns.column(col).norm() && sum.norm() > 0.0, "{col}");
        }
        let [before, after] = tiles(0);
        assert!((after.to_f64() - before.to_f64()).norm() < 5e-3 * before.to_f64().norm());
    }
}
