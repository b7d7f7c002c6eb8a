//! The GPU engine: WGSL kernels through wgpu, natively and in the browser, at WebGPU's default limits.

use std::rc::Rc;

use nalgebra::DMatrix;

use super::{ComputeError, Primitives, Pulse, RawTall, SLAB, Scan, TILE, TallView};
use crate::report::Counts;

mod device;
mod dispatch;
mod kernels;
mod memory;

pub use device::{GpuBackend, NoGpu};
pub use kernels::{KERNELS, KernelSource};

/// A tall matrix in a GPU buffer.
#[derive(Clone, Debug)]
pub struct GpuTall {
    buffer: Rc<memory::Buffer>,
    view: TallView,
}

/// Rows of the result that one workgroup of `apply` computes.
const APPLY_ROWS: u32 = 64;

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
        let bytes = self.scoped(self.run_and_read(&self.kernels.scan, matrices, &views, tasks, &[], words)).await?;
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
        let bytes =
            self.scoped(self.run_and_read(&self.kernels.gram, matrices, &views, tasks, &coefficients, words)).await?;
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
            let view = TallView { coefficients: coefficients.len() as u32, out: words, out_cols, ..matrix.view };
            views.push(view);
            coefficients.extend(weight.transpose().iter().map(|&w| w as f32));
            words += view.rows * out_cols;
        }
        let tasks = |view: u32, v: &TallView| {
            let out_cols = v.out_cols;
            slabs(v.rows, APPLY_ROWS).flat_map(move |row| slabs(out_cols, TILE).map(move |col| [view, row, col, 0]))
        };
        let run = async { self.run(&self.kernels.apply, matrices, &views, tasks, &coefficients, words) };
        let buffer = Rc::new(self.scoped(run).await?);
        let view = |v: &TallView| TallView {
            offset: v.out,
            cols: v.out_cols,
            ..TallView::stored(0, v.rows, v.out_cols, false, super::FactorType::F32)
        };
        Ok(views.iter().map(|v| GpuTall { buffer: Rc::clone(&buffer), view: view(v) }).collect())
    }

    async fn read(&self, matrices: &[&GpuTall]) -> Result<Vec<DMatrix<f32>>, ComputeError> {
        let mut result = Vec::with_capacity(matrices.len());
        for m in matrices {
            let (begin, words) = (u64::from(m.view.offset) * 4, m.view.rows * m.view.cols);
            let bytes = self.scoped(self.read_words(&m.buffer, begin, words)).await?;
            let numbers: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
            result.push(DMatrix::from_row_slice(m.view.rows as usize, m.view.cols as usize, &numbers));
        }
        Ok(result)
    }

    async fn pause(&self) -> Result<(), ComputeError> {
        if self.pulse.beat().await { Err(ComputeError::Cancelled) } else { Ok(()) }
    }

    fn counts(&self) -> Counts {
        self.counts.get()
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
