//! The kernel `cross`: how pairs of tall matrices are cut into workgroups, and how their slabs are added.

use nalgebra::DMatrix;

use super::orders::Order;
use super::{GpuBackend, GpuTall, Task, slabs};
use crate::plan::cross_words;
use crate::{Change, ComputeError, Kernel, Primitives, Pulse, SLAB, TILE};

impl<P: Pulse> GpuBackend<P> {
    pub(super) async fn cross_pairs(&self, pairs: &[[&GpuTall; 2]]) -> Result<Vec<DMatrix<f64>>, ComputeError> {
        // Orders are of two matrices each, whatever these mean to each other.
        let changes: Vec<Change<'_, GpuTall>> = pairs.iter().map(|&[x, y]| Change { before: x, after: y }).collect();
        let orders = changes.iter().map(order).collect::<Result<Vec<_>, _>>()?;
        let mut products = Vec::with_capacity(pairs.len());
        for (order, partials) in self.carry_out(Kernel::Cross, &changes, orders).await? {
            self.pause().await?;
            products.push(sum_slabs(&order, &partials));
        }
        Ok(products)
    }
}

fn order<'a>(pair: &Change<'_, GpuTall>) -> Result<Order<'a>, ComputeError> {
    let mut views = [pair.before.view, pair.after.view];
    let rows = views[0].rows.min(views[1].rows);
    views[0].rows = rows;
    let [p, q] = views.map(|view| view.cols);
    let words = u32::try_from(cross_words(rows.into(), p.into(), q.into()));
    let words =
        words.map_err(|_| ComputeError::Gpu(format!("the product of {rows} rows by {p} and {q} is too large")))?;
    let tiles = |cols: u32| cols.div_ceil(TILE);
    let mut tasks: Vec<Task> = Vec::new();
    let mut place = 0;
    for row in slabs(rows, SLAB) {
        for left in 0..tiles(p) {
            for right in 0..tiles(q) {
                tasks.push([0, row, left | right << 16, place]);
                place += TILE * TILE;
            }
        }
    }
    let products = u64::from(rows) * u64::from(p) * u64::from(q);
    Ok(Order { views, thin: [&[], &[]], tasks, words, products })
}

/// XᵀY: the tiles of all slabs, added in f64.
fn sum_slabs(order: &Order<'_>, partials: &[f32]) -> DMatrix<f64> {
    let [p, q] = order.views.map(|view| view.cols as usize);
    let tile = TILE as usize;
    let wide = q.div_ceil(tile);
    let mut sums = vec![0.0f64; p.div_ceil(tile) * wide * tile * tile];
    for slab in partials.chunks_exact(sums.len().max(1)) {
        for (sum, partial) in sums.iter_mut().zip(slab) {
            *sum += f64::from(*partial);
        }
    }
    DMatrix::from_fn(p, q, |i, j| sums[((i / tile) * wide + j / tile) * tile * tile + (i % tile) * tile + j % tile])
}
