//! The kernels over updates X = after − before: how a change is cut into workgroups, and what becomes of the parts.

use nalgebra::DMatrix;

use super::orders::Order;
use super::{GpuBackend, GpuTall, RESULT_ROWS, Task, slabs};
use crate::{Aligned, Change, ComputeError, Kernel, Primitives, Pulse, Residual, Side, Sides, TILE};

/// 2^32, as in `shaders/update.wgsl`.
const UNIT: f64 = 4_294_967_296.0;
/// Workgroups that a change is cut into, where it is large enough: some hundreds keep any GPU busy, and more would
/// only give more partial results.
const WORKGROUPS: u32 = 512;
/// Columns of one task: sums in f32 run over no more, and fewer do not pay.
const WIDEST: u32 = 4096;
const NARROWEST: u32 = 256;
/// `align` numbers tiles of `right` by eight bits.
const MAX_K: u32 = TILE << 8;
/// Words of a 16×16 tile.
const SQUARE: u32 = TILE * TILE;

impl<P: Pulse> GpuBackend<P> {
    pub(super) async fn align_changes(
        &self,
        changes: &[Change<'_, GpuTall>],
        sides: &[Sides<'_>],
    ) -> Result<Vec<Aligned>, ComputeError> {
        if sides.iter().any(|s| s.k >= MAX_K) {
            return Err(ComputeError::Gpu(format!("bases of {MAX_K} and more columns are too many")));
        }
        let orders = changes.iter().zip(sides).map(|(change, sides)| align_order(change, sides)).collect();
        let mut all = Vec::with_capacity(changes.len());
        let results = self.carry_out(Kernel::Align, changes, orders).await?;
        for ((order, partials), sides) in results.iter().zip(sides) {
            self.pause().await?;
            all.push(aligned(sides.k, &order.tasks, partials));
        }
        Ok(all)
    }

    pub(super) async fn multiply_changes(
        &self,
        changes: &[Change<'_, GpuTall>],
        side: Side,
        weights: &[&[f32]],
        k: u32,
    ) -> Result<Vec<DMatrix<f64>>, ComputeError> {
        let orders =
            changes.iter().zip(weights).map(|(change, &weight)| multiply_order(change, side, weight, k)).collect();
        let mut all = Vec::with_capacity(changes.len());
        let results = self.carry_out(Kernel::Multiply, changes, orders).await?;
        for (order, numbers) in &results {
            self.pause().await?;
            let numbers = numbers.iter().map(|&y| f64::from(y) / UNIT);
            all.push(DMatrix::from_row_iterator(order.views[0].rows as usize, k as usize, numbers));
        }
        Ok(all)
    }

    pub(super) async fn residual_changes(
        &self,
        changes: &[Change<'_, GpuTall>],
        sides: &[Sides<'_>],
    ) -> Result<Vec<Residual>, ComputeError> {
        let orders = changes.iter().zip(sides).map(|(change, sides)| residual_order(change, sides)).collect();
        let results = self.carry_out(Kernel::Residual, changes, orders).await?;
        let sum = |partials: &[f32], half: usize| {
            let sixteens = partials.chunks_exact(TILE as usize).skip(half).step_by(2);
            sixteens.flatten().map(|&x| f64::from(x)).sum::<f64>() / UNIT / UNIT
        };
        Ok(results.iter().map(|(_, p)| Residual { rest_sq: sum(p, 0), update_sq: sum(p, 1) }).collect())
    }
}

/// Rows and columns that one task takes: multiples of [`RESULT_ROWS`] and of [`TILE`]. `times` is how many tasks
/// share each part.
fn part(rows: u32, cols: u32, times: u32) -> (u32, u32) {
    let width = cols.clamp(1, WIDEST);
    let (high, wide) = (rows.div_ceil(RESULT_ROWS).max(1), cols.div_ceil(width).max(1));
    let tasks = u64::from(high) * u64::from(wide) * u64::from(times);
    let wanted = u64::from(WORKGROUPS);
    if tasks >= wanted {
        return ((tasks / wanted) as u32 * RESULT_ROWS, width.next_multiple_of(TILE));
    }
    let most = cols.div_ceil(NARROWEST).max(wide);
    let wide = WORKGROUPS.div_ceil(high * times).clamp(wide, most);
    (RESULT_ROWS, cols.div_ceil(wide).max(1).next_multiple_of(TILE))
}

fn align_order<'a>(change: &Change<'_, GpuTall>, sides: &Sides<'a>) -> Order<'a> {
    let mut views = [change.before.view, change.after.view];
    let (rows, cols, k) = (views[0].rows, views[0].cols, sides.k);
    let tiles = k.div_ceil(TILE);
    let (high, wide) = part(rows, cols, tiles.max(1));
    views[0].out_cols = k;
    [views[0].out_rows, views[1].out_rows] = [high, wide];
    let mut tasks: Vec<Task> = Vec::new();
    let mut words = 0;
    for row in slabs(rows, high) {
        for col in slabs(cols, wide) {
            for tile in 0..tiles.max(1) {
                tasks.push([0, (row / RESULT_ROWS) | (tile << 24), col, words]);
                words += tiles * SQUARE + if tile == 0 { 3 * TILE } else { 0 };
            }
        }
    }
    let numbers = u64::from(rows) * u64::from(cols);
    let products = numbers * u64::from(TILE * tiles.max(1)) + u64::from(rows) * u64::from(k).pow(2);
    Order { views, thin: [sides.right, sides.left], tasks, words, products }
}

/// The sums of an `align`'s tasks.
fn aligned(k: u32, tasks: &[Task], partials: &[f32]) -> Aligned {
    let tiles = k.div_ceil(TILE);
    let (padded, tile) = ((tiles * TILE) as usize, TILE as usize);
    // Row by row, with rows and columns up to a multiple of 16.
    let mut core = vec![0.0f64; padded * padded];
    let mut norms = [0.0f64; 3];
    for &[_, place, _, word] in tasks {
        let right = (place >> 24) as usize;
        let (squares, rest) = partials[word as usize..].split_at((tiles * SQUARE) as usize);
        for (i, row) in squares.chunks_exact(tile).enumerate() {
            for (sum, x) in core[i * padded + right * tile..][..tile].iter_mut().zip(row) {
                *sum += f64::from(*x);
            }
        }
        if right == 0 {
            for (norm, sixteen) in norms.iter_mut().zip(rest.chunks_exact(tile)) {
                *norm += sixteen.iter().map(|&x| f64::from(x)).sum::<f64>();
            }
        }
    }
    let [update_sq, before_sq, not_finite] = norms;
    if not_finite > 0.0 {
        return Aligned::spoilt(k, not_finite as u64);
    }
    let core = DMatrix::from_fn(k as usize, k as usize, |i, j| core[i * padded + j] / UNIT);
    Aligned { core, update_sq: update_sq / UNIT / UNIT, before_sq: before_sq / UNIT / UNIT, not_finite: 0 }
}

fn multiply_order<'a>(change: &Change<'_, GpuTall>, side: Side, weight: &'a [f32], k: u32) -> Order<'a> {
    let mut views = [change.before.view, change.after.view];
    if side == Side::Left {
        views = views.map(crate::TallView::turned);
    }
    let (rows, cols) = (views[0].rows, views[0].cols);
    views[0].out_cols = k;
    let tasks = slabs(rows, RESULT_ROWS).flat_map(|row| slabs(k, TILE).map(move |col| [0, row, col, 0])).collect();
    let products = u64::from(rows) * u64::from(cols) * u64::from(k.next_multiple_of(TILE));
    Order { views, thin: [weight, &[]], tasks, words: rows * k, products }
}

fn residual_order<'a>(change: &Change<'_, GpuTall>, sides: &Sides<'a>) -> Order<'a> {
    let mut views = [change.before.view, change.after.view];
    let (rows, cols, k) = (views[0].rows, views[0].cols, sides.k);
    let (high, wide) = part(rows, cols, 1);
    views[0].out_cols = k;
    [views[0].out_rows, views[1].out_rows] = [high, wide];
    let mut words = 0;
    let mut tasks: Vec<Task> = Vec::new();
    for row in slabs(rows, high) {
        for col in slabs(cols, wide) {
            tasks.push([0, row, col, words]);
            words += 2 * TILE;
        }
    }
    let products = u64::from(rows) * u64::from(cols) * u64::from((k + 1).next_multiple_of(TILE));
    Order { views, thin: [sides.right, sides.left], tasks, words, products }
}
