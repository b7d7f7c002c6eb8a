//! `align`, `multiply` and `residual` of updates against f64.

use std::rc::Rc;

use lorascope_kernels::{Aligned, Change, FactorType, Primitives, RawTall, Side, Sides};
use nalgebra::DMatrix;

use crate::cases::stored;
use crate::numbers::Numbers;

const SHAPES: [(usize, usize); 7] = [(1, 1), (1, 4097), (63, 65), (64, 64), (257, 255), (300, 1030), (4097, 17)];
const RANKS: [usize; 7] = [0, 1, 8, 16, 17, 64, 130];
const DTYPES: [FactorType; 3] = [FactorType::F32, FactorType::F16, FactorType::Bf16];

/// A tile in two states.
struct Tile {
    before: Rc<RawTall>,
    after: Rc<RawTall>,
}

impl Tile {
    /// Weights of about `weight`, updates of about `update`.
    fn new(numbers: &mut Numbers, (m, n): (usize, usize), dtypes: [FactorType; 2], [weight, update]: [f64; 2]) -> Self {
        let before = numbers.matrix(m, n) * weight;
        let after = &before + numbers.matrix(m, n) * update;
        Self::of(&before, &after, dtypes)
    }

    fn of(before: &DMatrix<f64>, after: &DMatrix<f64>, dtypes: [FactorType; 2]) -> Self {
        Self { before: Rc::new(stored(before, dtypes[0], false)), after: Rc::new(stored(after, dtypes[1], false)) }
    }

    /// Exactly what the bytes say.
    fn update(&self) -> DMatrix<f64> {
        self.after.to_f64() - self.before.to_f64()
    }
}

/// The tiles where the backend keeps them: both states of every other tile in one upload, the states of the rest in
/// an upload each.
async fn uploaded<P: Primitives>(backend: &P, tiles: &[Tile]) -> Vec<(P::Tall, P::Tall)> {
    let (mut together, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
    for (n, tile) in tiles.iter().enumerate() {
        if n % 2 == 0 {
            together.extend([Rc::clone(&tile.before), Rc::clone(&tile.after)]);
        } else {
            before.push(Rc::clone(&tile.before));
            after.push(Rc::clone(&tile.after));
        }
    }
    let mut together = backend.upload(&together).await.unwrap().into_iter();
    let mut before = backend.upload(&before).await.unwrap().into_iter();
    let mut after = backend.upload(&after).await.unwrap().into_iter();
    (0..tiles.len())
        .map(|n| match n % 2 {
            0 => (together.next().unwrap(), together.next().unwrap()),
            _ => (before.next().unwrap(), after.next().unwrap()),
        })
        .collect()
}

fn changes<T>(talls: &[(T, T)]) -> Vec<Change<'_, T>> {
    talls.iter().map(|(before, after)| Change { before, after }).collect()
}

/// A thin matrix whose columns have at most about length 1 and lie nearly at right angles, if that many can; row by
/// row in f32, and the same numbers in f64.
fn thin(numbers: &mut Numbers, rows: usize, k: usize) -> (Vec<f32>, DMatrix<f64>) {
    let length = (rows as f64).sqrt() + (k as f64).sqrt();
    let by_row: Vec<f32> = (0..rows * k).map(|_| (numbers.gaussian() / length) as f32).collect();
    let exact = DMatrix::from_row_iterator(rows, k, by_row.iter().map(|&x| f64::from(x)));
    (by_row, exact)
}

/// Each number of the core within 1e-6·‖X‖, the norms within 1e-6 of themselves.
fn judge(case: &str, tile: &Tile, left: &DMatrix<f64>, right: &DMatrix<f64>, aligned: &Aligned) {
    let update = tile.update();
    let norm = update.norm();
    assert_eq!(aligned.not_finite, 0, "{case}");
    assert!(aligned.is_in_range(), "{case}: {aligned:?}");
    let core = left.transpose() * &update * right;
    assert_eq!(aligned.core.shape(), core.shape(), "{case}");
    let error = (&aligned.core - core).amax();
    assert!(error <= 1e-6 * norm, "{case}: {:e}·‖X‖", error / norm);
    for (sq, exact) in [(aligned.update_sq, norm.powi(2)), (aligned.before_sq, tile.before.to_f64().norm_squared())] {
        assert!((sq - exact).abs() <= 1e-6 * exact, "{case}: {sq:e} is not {exact:e}");
    }
}

/// Weights of about 1 with updates of about 1e-3, every shape, rank and pair of dtypes; three tiles of a shape share
/// their bases, the last one has not changed at all.
pub async fn align_agrees(backend: &impl Primitives) {
    let mut numbers = Numbers::new(17);
    for (n, k) in RANKS.into_iter().enumerate() {
        let mut tiles = Vec::new();
        let mut bases = Vec::new();
        for (m, shape) in SHAPES.into_iter().enumerate() {
            for turn in 0..2 {
                let dtypes = [DTYPES[(n + m) % 3], DTYPES[(n + m + turn + m / 3) % 3]];
                tiles.push(Tile::new(&mut numbers, shape, dtypes, [1.0, 1e-3]));
            }
            tiles.push(Tile::new(&mut numbers, shape, [DTYPES[(n + m) % 3]; 2], [1.0, 0.0]));
            bases.push((thin(&mut numbers, shape.0, k), thin(&mut numbers, shape.1, k)));
        }
        let sides: Vec<Sides<'_>> = (0..tiles.len())
            .map(|t| Sides { k: k as u32, left: &bases[t / 3].0.0, right: &bases[t / 3].1.0 })
            .collect();
        let talls = uploaded(backend, &tiles).await;
        let all = backend.align(&changes(&talls), &sides).await.unwrap();
        assert_eq!(all.len(), tiles.len());
        for (t, (tile, aligned)) in tiles.iter().zip(&all).enumerate() {
            let (left, right) = &bases[t / 3];
            let case = format!("k = {k}, {:?} → {:?}", tile.before, tile.after);
            judge(&case, tile, &left.1, &right.1, aligned);
            if t % 3 == 2 {
                assert_eq!(aligned.update_sq, 0.0, "{case}");
                assert_eq!(aligned.core.amax(), 0.0, "{case}");
            }
        }
    }
}

/// So many rows or columns that one workgroup takes several blocks of rows, or sees a part of the columns.
pub async fn align_of_long_tiles(backend: &impl Primitives) {
    let mut numbers = Numbers::new(18);
    let (shapes, k) = ([(70_001, 3), (2, 70_001)], 17);
    let tiles: Vec<Tile> =
        shapes.map(|shape| Tile::new(&mut numbers, shape, [FactorType::Bf16; 2], [1.0, 1e-3])).into();
    let bases = shapes.map(|(rows, cols)| (thin(&mut numbers, rows, k), thin(&mut numbers, cols, k)));
    let sides: Vec<_> = bases.iter().map(|(l, r)| Sides { k: k as u32, left: &l.0, right: &r.0 }).collect();
    let talls = uploaded(backend, &tiles).await;
    let all = backend.align(&changes(&talls), &sides).await.unwrap();
    for ((tile, (left, right)), aligned) in tiles.iter().zip(&bases).zip(&all) {
        judge(&format!("{:?}", tile.before), tile, &left.1, &right.1, aligned);
    }
}

/// Updates down to 1e-18, of weights as small; and weights that were zero.
pub async fn align_of_tiny_updates(backend: &impl Primitives) {
    let mut numbers = Numbers::new(19);
    let dtypes = [[FactorType::F32; 2], [FactorType::Bf16; 2], [FactorType::F32, FactorType::Bf16]];
    let sizes = [[1e-9, 1e-12], [1e-12, 1e-12], [0.0, 1e-12], [1e-18, 1e-18], [0.0, 1e-18], [1e-2, 1e-6]];
    let tiles: Vec<Tile> =
        (0..18).map(|n| Tile::new(&mut numbers, SHAPES[n % 5 + 1], dtypes[n % 3], sizes[n % sizes.len()])).collect();
    let bases: Vec<_> = tiles
        .iter()
        .map(|t| (thin(&mut numbers, t.before.rows as usize, 8), thin(&mut numbers, t.before.cols as usize, 8)))
        .collect();
    let sides: Vec<_> = bases.iter().map(|(l, r)| Sides { k: 8, left: &l.0, right: &r.0 }).collect();
    let talls = uploaded(backend, &tiles).await;
    let all = backend.align(&changes(&talls), &sides).await.unwrap();
    for (((tile, (left, right)), aligned), n) in tiles.iter().zip(&bases).zip(&all).zip(0..) {
        let case = format!("{:?} → {:?}, sizes {:?}", tile.before, tile.after, sizes[n % sizes.len()]);
        judge(&case, tile, &left.1, &right.1, aligned);
    }
}

/// NaNs and infinities of either state are counted to the last one, and only where they are.
pub async fn align_counts(backend: &impl Primitives) {
    let mut numbers = Numbers::new(23);
    let mut tiles = Vec::new();
    let mut counts = Vec::new();
    for (n, shape) in SHAPES.into_iter().enumerate() {
        for dtype in DTYPES {
            let mut before = numbers.matrix(shape.0, shape.1);
            let mut after = numbers.matrix(shape.0, shape.1);
            let last = (shape.0 - 1, shape.1 - 1);
            match n % 4 {
                0 => after[last] = f64::NAN,
                1 => (before[last], after[last]) = (f64::INFINITY, f64::INFINITY),
                2 => {}
                _ => {
                    before[(0, 0)] = f64::NEG_INFINITY;
                    after.column_mut(last.1).fill(f64::NAN);
                }
            }
            let of = |m: &DMatrix<f64>| m.iter().filter(|x| !x.is_finite()).count() as u64;
            counts.push(of(&before) + of(&after));
            tiles.push(Tile::of(&before, &after, [dtype; 2]));
        }
    }
    for k in [0, 5] {
        let bases: Vec<_> = tiles
            .iter()
            .map(|t| (thin(&mut numbers, t.before.rows as usize, k), thin(&mut numbers, t.before.cols as usize, k)))
            .collect();
        let sides: Vec<_> = bases.iter().map(|(l, r)| Sides { k: k as u32, left: &l.0, right: &r.0 }).collect();
        let talls = uploaded(backend, &tiles).await;
        let all = backend.align(&changes(&talls), &sides).await.unwrap();
        for (((tile, (left, right)), aligned), &count) in tiles.iter().zip(&bases).zip(&all).zip(&counts) {
            let case = format!("k = {k}, {:?}", tile.before);
            if count == 0 {
                judge(&case, tile, &left.1, &right.1, aligned);
                continue;
            }
            assert_eq!(aligned.not_finite, count, "{case}");
            assert_eq!((aligned.update_sq, aligned.before_sq), (0.0, 0.0), "{case}");
            assert!(aligned.core.iter().all(|x| *x == 0.0), "{case}");
        }
    }
}

/// Numbers of any size: right, or said to be out of range, which those of a CPU are not. The CPU takes every dtype
/// and order.
pub async fn align_knows_its_range<P: Primitives>(backend: &P) {
    let mut numbers = Numbers::new(29);
    let shape = (70, 600);
    let mut tiles: Vec<Tile> = [[1e30, 1e30], [1.0, 1e30], [1e30, 0.0], [1e-3, 1e8], [1e-24, 1e-24]]
        .map(|sizes| Tile::new(&mut numbers, shape, [FactorType::F32; 2], sizes))
        .into();
    if P::GRAM_IN_F64 {
        tiles.push(Tile::new(&mut numbers, shape, [FactorType::F32; 2], [1e-30, 1e-24]));
        tiles.push(Tile::new(&mut numbers, shape, [FactorType::F32; 2], [1e-30, 1e-30]));
        tiles.push(Tile::new(&mut numbers, shape, [FactorType::F64, FactorType::F32], [1.0, 1e-3]));
        tiles.push(Tile::new(&mut numbers, shape, [FactorType::F64; 2], [1e-100, 1e-120]));
        for dtype in [FactorType::F8E4m3, FactorType::F8E5m2] {
            // All bytes but NaN and infinity.
            let bytes = (0..shape.0 * shape.1).map(|n| (n % 120) as u8 | if n % 7 == 0 { 0x80 } else { 0 }).collect();
            let before = RawTall { rows: 70, cols: 600, transposed: false, dtype, bytes };
            let after = stored(&numbers.matrix(70, 600), FactorType::Bf16, true);
            tiles.push(Tile { before: Rc::new(before), after: Rc::new(after) });
        }
    }
    let (left, right) = (thin(&mut numbers, shape.0, 4), thin(&mut numbers, shape.1, 4));
    let sides = vec![Sides { k: 4, left: &left.0, right: &right.0 }; tiles.len()];
    let talls = uploaded(backend, &tiles).await;
    let all = backend.align(&changes(&talls), &sides).await.unwrap();
    for (n, (tile, aligned)) in tiles.iter().zip(&all).enumerate() {
        if P::GRAM_IN_F64 || aligned.is_in_range() {
            judge(&format!("tile {n}, {:?}", tile.before), tile, &left.1, &right.1, aligned);
        }
    }
    assert!(P::GRAM_IN_F64 || !all[0].is_in_range());
    assert!(all[4].is_in_range());
}

/// Each number within 1e-6 of ‖row of X‖·‖column of W‖, on both sides of X.
pub async fn multiply_agrees(backend: &impl Primitives) {
    let mut numbers = Numbers::new(31);
    for (n, k) in [1, 8, 17, 64, 130].into_iter().enumerate() {
        let tiles: Vec<Tile> = SHAPES
            .into_iter()
            .enumerate()
            .map(|(m, shape)| {
                let size = if m == 2 { [1e-15, 1e-18] } else { [1.0, 1e-3] };
                let dtype = |turn| if m == 2 { FactorType::Bf16 } else { DTYPES[(n + m * turn) % 3] };
                Tile::new(&mut numbers, shape, [dtype(1), dtype(2)], size)
            })
            .collect();
        let talls = uploaded(backend, &tiles).await;
        for side in [Side::Left, Side::Right] {
            let sided: Vec<DMatrix<f64>> =
                tiles.iter().map(|t| if side == Side::Left { t.update().transpose() } else { t.update() }).collect();
            let weights: Vec<_> = sided.iter().map(|x| thin(&mut numbers, x.ncols(), k)).collect();
            let by_row: Vec<&[f32]> = weights.iter().map(|w| w.0.as_slice()).collect();
            let products = backend.multiply(&changes(&talls), side, &by_row, k as u32).await.unwrap();
            assert_eq!(products.len(), tiles.len());
            for (((tile, update), (_, weight)), product) in tiles.iter().zip(&sided).zip(&weights).zip(&products) {
                let exact = update * weight;
                assert_eq!(product.shape(), exact.shape());
                for (i, row) in update.row_iter().enumerate() {
                    for (j, column) in weight.column_iter().enumerate() {
                        let error = (product[(i, j)] - exact[(i, j)]).abs();
                        let bound = 1e-6 * row.norm() * column.norm();
                        let case = format!("{side:?}, k = {k}, {:?} → {:?}", tile.before, tile.after);
                        assert!(error <= bound, "{case}, ({i}, {j}): {error:e} > {bound:e}");
                    }
                }
            }
        }
    }
}

/// ‖X − L·Rᵀ‖ within 1e-6·‖X‖ where the two are near each other, of updates large and small, and of none.
pub async fn residual_agrees(backend: &impl Primitives) {
    let mut numbers = Numbers::new(37);
    for (n, k) in [0, 1, 8, 17, 64].into_iter().enumerate() {
        for size in [1.0, 1e-3, 1e-12, 0.0] {
            let mut tiles = Vec::new();
            let mut factors = Vec::new();
            for (m, (rows, cols)) in SHAPES.into_iter().enumerate() {
                let root = f64::sqrt(size) as f32;
                let scaled = |(by_row, exact): (Vec<f32>, DMatrix<f64>)| {
                    let by_row: Vec<f32> = by_row.iter().map(|x| x * root).collect();
                    let exact = DMatrix::from_row_iterator(exact.nrows(), k, by_row.iter().map(|&x| f64::from(x)));
                    (by_row, exact)
                };
                let (left, right) = (scaled(thin(&mut numbers, rows, k)), scaled(thin(&mut numbers, cols, k)));
                let product = &left.1 * right.1.transpose();
                let noise = if product.amax() > 0.0 { 0.1 * product.norm() / product.len() as f64 } else { size };
                let before = numbers.matrix(rows, cols) * size;
                let after = &before + product + numbers.matrix(rows, cols) * noise;
                let dtypes = [FactorType::F32, if (n + m) % 2 == 0 { FactorType::F32 } else { FactorType::Bf16 }];
                tiles.push(Tile::of(&before, &after, dtypes));
                factors.push((left, right));
            }
            let sides: Vec<_> = factors.iter().map(|(l, r)| Sides { k: k as u32, left: &l.0, right: &r.0 }).collect();
            let talls = uploaded(backend, &tiles).await;
            let all = backend.residual(&changes(&talls), &sides).await.unwrap();
            assert_eq!(all.len(), tiles.len());
            for ((tile, (left, right)), residual) in tiles.iter().zip(&factors).zip(&all) {
                let case = format!("k = {k}, size {size:e}, {:?} → {:?}", tile.before, tile.after);
                let update = tile.update();
                let (norm, rest) = (update.norm(), (&update - &left.1 * right.1.transpose()).norm());
                assert!((residual.update_sq - norm.powi(2)).abs() <= 1e-6 * norm.powi(2), "{case}: {residual:?}");
                let error = (residual.rest_sq.sqrt() - rest).abs();
                assert!(error <= 1e-6 * norm, "{case}: {:e}, but {rest:e}, of {norm:e}", residual.rest_sq.sqrt());
            }
        }
    }
}
