//! The GPU engine: WGSL kernels through wgpu, natively and in the browser, at WebGPU's default limits.

use std::collections::HashMap;
use std::rc::Rc;

use nalgebra::DMatrix;

use super::{
    Aligned, Change, ComputeError, FactorType, Kernel, Primitives, Pulse, RawTall, Residual, Resize, SLAB, Scan, Side,
    Sides, TILE, TallView,
};
use crate::Counts;

mod cross;
mod device;
mod dispatch;
mod kernels;
mod ledger;
mod memory;
#[cfg_attr(not(feature = "test-support"), path = "no_mishaps.rs")]
mod mishaps;
mod orders;
#[cfg_attr(not(feature = "test-support"), path = "no_timing.rs")]
mod timing;
mod updates;

pub use device::{GpuBackend, NoGpu};
pub use kernels::{KERNELS, KernelSource};
pub use ledger::Held;
pub use mishaps::Mishaps;
#[cfg(feature = "test-support")]
pub use timing::MOST_TIMED;

/// A tall matrix in a GPU buffer.
#[derive(Clone, Debug)]
pub struct GpuTall {
    buffer: Rc<memory::Buffer>,
    view: TallView,
}

/// Rows of the result that one workgroup of `apply` or `resize` computes.
const RESULT_ROWS: u32 = 64;

/// `resize` numbers rows by floats.
const MAX_EXACT: u32 = 1 << 24;

/// A workgroup's orders; see `tasks` in `shaders/tall.wgsl`.
type Task = [u32; 4];

impl<P: Pulse> Primitives for GpuBackend<P> {
    type Tall = GpuTall;

    const GRAM_IN_F64: bool = false;

    async fn upload(&self, matrices: &[Rc<RawTall>]) -> Result<Vec<GpuTall>, ComputeError> {
        self.scoped(async { self.upload_raw(matrices) }).await
    }

    async fn scan(&self, matrices: &[&GpuTall]) -> Result<Vec<Scan>, ComputeError> {
        let mut views = Vec::with_capacity(matrices.len());
        let mut words = 0;
        for matrix in matrices {
            views.push(TallView { out: words, ..matrix.view });
            words += 2 * matrix.view.cols;
        }
        let tasks = |view: u32, v: &TallView| {
            let cols = v.cols;
            slabs(v.rows, SLAB).flat_map(move |row| slabs(cols, TILE).map(move |col| [view, row, col, 0]))
        };
        let kernel = self.kernel(Kernel::Scan).await?;
        let bytes = self.scoped(self.run_and_read(kernel, matrices, &views, tasks, &[], words)).await?;
        let words: &[u32] = &bytemuck::pod_collect_to_vec(&bytes);
        Ok(views
            .iter()
            .map(|v| {
                let columns = words[v.out as usize..][..2 * v.cols as usize].as_chunks::<2>().0;
                Scan {
                    max_bits: columns.iter().map(|c| c[0]).collect(),
                    not_finite: columns.iter().map(|c| u64::from(c[1])).sum(),
                }
            })
            .collect())
    }

    async fn gram(&self, matrices: &[&GpuTall], scales: &[Vec<f32>]) -> Result<Vec<DMatrix<f64>>, ComputeError> {
        let mut views = Vec::with_capacity(matrices.len());
        let mut coefficients = Vec::new();
        let mut words = 0;
        for (matrix, scales) in matrices.iter().zip(scales) {
            views.push(TallView { coefficients: coefficients.len() as u32, out: words, ..matrix.view });
            coefficients.extend_from_slice(scales);
            words += gram_words(matrix.view.rows, matrix.view.cols);
        }
        let tasks = |view: u32, v: &TallView| {
            let mut place = v.out;
            let mut tasks: Vec<Task> = Vec::new();
            for row in slabs(v.rows, SLAB) {
                for (left, right) in tile_pairs(v.cols) {
                    tasks.push([view, row, left | right << 16, place]);
                    place += TILE * TILE;
                }
            }
            tasks
        };
        let kernel = self.kernel(Kernel::Gram).await?;
        let bytes = self.scoped(self.run_and_read(kernel, matrices, &views, tasks, &coefficients, words)).await?;
        let partials: &[f32] = &bytemuck::pod_collect_to_vec(&bytes);
        let mut grams = Vec::with_capacity(views.len());
        for view in &views {
            self.pause().await?;
            grams.push(sum_slabs(view, partials));
        }
        Ok(grams)
    }

    async fn apply(&self, matrices: &[&GpuTall], weights: &[DMatrix<f64>]) -> Result<Vec<GpuTall>, ComputeError> {
        let mut views = Vec::with_capacity(matrices.len());
        let mut coefficients: Vec<f32> = Vec::new();
        let mut words = 0;
        for (matrix, weight) in matrices.iter().zip(weights) {
            let out_cols = weight.ncols() as u32;
            let (place, out_rows) = (coefficients.len() as u32, matrix.view.rows);
            views.push(TallView { coefficients: place, out: words, out_rows, out_cols, ..matrix.view });
            coefficients.extend(weight.transpose().iter().map(|&w| w as f32));
            words += out_rows * out_cols;
        }
        self.run_to_talls(Kernel::Apply, matrices, &views, &coefficients, words).await
    }

    async fn cross(&self, pairs: &[[&GpuTall; 2]]) -> Result<Vec<DMatrix<f64>>, ComputeError> {
        self.cross_pairs(pairs).await
    }

    async fn resize(&self, matrices: &[&GpuTall], to: &[Resize]) -> Result<Vec<GpuTall>, ComputeError> {
        let mut views = Vec::with_capacity(matrices.len());
        let mut coefficients: Vec<f32> = Vec::new();
        // Modules of one model share few sizes.
        let mut places: HashMap<(u32, Resize), u32> = HashMap::new();
        let mut words = 0;
        for (matrix, &to) in matrices.iter().zip(to) {
            let (rows, out_rows, out_cols) = (matrix.view.rows, to.rows(), matrix.view.cols);
            if rows > MAX_EXACT {
                return Err(ComputeError::Gpu(format!("{rows} rows are more than a float can count")));
            }
            let place = *places.entry((rows, to)).or_insert_with(|| {
                let place = coefficients.len() as u32;
                let sources = (0..out_rows).map(|i| to.source(i, rows));
                coefficients.extend(sources.flat_map(|(s, t)| [s as f32, t as f32]));
                place
            });
            views.push(TallView { coefficients: place, out: words, out_rows, out_cols, ..matrix.view });
            words += out_rows * out_cols;
        }
        self.run_to_talls(Kernel::Resize, matrices, &views, &coefficients, words).await
    }

    async fn align(&self, changes: &[Change<'_, GpuTall>], sides: &[Sides<'_>]) -> Result<Vec<Aligned>, ComputeError> {
        self.align_changes(changes, sides).await
    }

    async fn multiply(
        &self,
        changes: &[Change<'_, GpuTall>],
        side: Side,
        weights: &[&[f32]],
        k: u32,
    ) -> Result<Vec<DMatrix<f64>>, ComputeError> {
        self.multiply_changes(changes, side, weights, k).await
    }

    async fn residual(
        &self,
        changes: &[Change<'_, GpuTall>],
        sides: &[Sides<'_>],
    ) -> Result<Vec<Residual>, ComputeError> {
        self.residual_changes(changes, sides).await
    }

    async fn read(&self, matrices: &[&GpuTall]) -> Result<Vec<DMatrix<f32>>, ComputeError> {
        let mut result = Vec::with_capacity(matrices.len());
        // Neighbours in one buffer come back together.
        for run in matrices.chunk_by(|a, b| Rc::ptr_eq(&a.buffer, &b.buffer) && a.end() == b.view.offset) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let (begin, words) = (u64::from(first.view.offset) * 4, last.end() - first.view.offset);
            let bytes = self.scoped(self.read_words(&first.buffer, begin, words)).await?;
            let mut numbers = bytes.as_chunks::<4>().0.iter().map(|&word| f32::from_le_bytes(word));
            for m in run {
                let (rows, cols) = (m.view.rows as usize, m.view.cols as usize);
                result.push(DMatrix::from_row_iterator(rows, cols, numbers.by_ref().take(rows * cols)));
            }
        }
        Ok(result)
    }

    async fn pause(&self) -> Result<(), ComputeError> {
        if self.pulse.beat().await { Err(ComputeError::Cancelled) } else { Ok(()) }
    }

    fn pulse(&self) -> &impl Pulse {
        &self.pulse
    }

    fn counts(&self) -> Counts {
        self.counts.get()
    }
}

impl GpuTall {
    /// The element after the last of a matrix that a kernel wrote: those are dense, row by row.
    fn end(&self) -> u32 {
        self.view.offset + self.view.rows * self.view.cols
    }
}

impl<P: Pulse> GpuBackend<P> {
    /// Runs a kernel that gives each view `out_rows × out_cols` numbers, row by row, all in one new buffer.
    async fn run_to_talls(
        &self,
        name: Kernel,
        matrices: &[&GpuTall],
        views: &[TallView],
        coefficients: &[f32],
        words: u32,
    ) -> Result<Vec<GpuTall>, ComputeError> {
        let kernel = self.kernel(name).await?;
        let tasks = |view: u32, v: &TallView| {
            let out_cols = v.out_cols;
            slabs(v.out_rows, RESULT_ROWS)
                .flat_map(move |row| slabs(out_cols, TILE).map(move |col| [view, row, col, 0]))
        };
        let run = async { self.run(kernel, matrices, views, tasks, coefficients, words) };
        let buffer = Rc::new(self.scoped(run).await?);
        let tall = |v: &TallView| TallView::stored(v.out, v.out_rows, v.out_cols, false, FactorType::F32);
        Ok(views.iter().map(|v| GpuTall { buffer: Rc::clone(&buffer), view: tall(v) }).collect())
    }
}

/// Where the slabs of `step` begin in `0..len`.
fn slabs(len: u32, step: u32) -> impl Iterator<Item = u32> {
    (0..len).step_by(step as usize)
}

/// The tiles of a symmetric result's upper triangle, in the order in which `gram` stores them.
fn tile_pairs(cols: u32) -> impl Iterator<Item = (u32, u32)> {
    let tiles = cols.div_ceil(TILE);
    (0..tiles).flat_map(move |left| (left..tiles).map(move |right| (left, right)))
}

/// Words that `gram` writes for a matrix: one tile per pair and slab.
pub(super) fn gram_words(rows: u32, cols: u32) -> u32 {
    let tiles = cols.div_ceil(TILE);
    rows.div_ceil(SLAB) * (tiles * (tiles + 1) / 2) * TILE * TILE
}

/// The Gram matrix of one view: its slabs' partial tiles, added in f64.
fn sum_slabs(view: &TallView, partials: &[f32]) -> DMatrix<f64> {
    let (cols, tile) = (view.cols as usize, TILE as usize);
    let pairs: Vec<(u32, u32)> = tile_pairs(view.cols).collect();
    let mut sums = vec![0.0f64; pairs.len() * tile * tile];
    let words = gram_words(view.rows, view.cols) as usize;
    for slab in partials[view.out as usize..][..words].chunks_exact(sums.len().max(1)) {
        for (sum, partial) in sums.iter_mut().zip(slab) {
            *sum += f64::from(*partial);
        }
    }
    let mut gram = DMatrix::zeros(cols, cols);
    for ((left, right), tile_sums) in pairs.iter().zip(sums.chunks_exact(tile * tile)) {
        for (n, sum) in tile_sums.iter().enumerate() {
            let (i, j) = (*left as usize * tile + n / tile, *right as usize * tile + n % tile);
            if i <= j && j < cols {
                gram[(i, j)] = *sum;
                gram[(j, i)] = *sum;
            }
        }
    }
    gram
}
