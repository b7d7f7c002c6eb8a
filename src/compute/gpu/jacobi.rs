//! The kernel `jacobi`: one workgroup a matrix, one dispatch a sweep, and between them all that is known on the device.

use std::rc::Rc;

use nalgebra::DMatrix;
use wgpu::BufferUsages;

use super::kernels::Pipeline;
use super::{GpuBackend, GpuTall, Task};
use crate::compute::plan::{Aim, Cost, batches};
use crate::compute::{ComputeError, FactorType, Kernel, MAX_JACOBI, Primitives, Pulse, RawTall, TallView};

/// Of 256 columns Gaussian ones take 10, and those of a condition number of 1e6, near f32's noise, over 16. What has
/// settled before does nothing in those that are left.
const MAX_SWEEPS: usize = 24;
/// Numbers in a vector of the state.
const VECTOR: u32 = 4;

impl<P: Pulse> GpuBackend<P> {
    /// Lets the small SVDs of ranks from `rank` on, up to [`MAX_JACOBI`], begin with the kernel `jacobi`. By default
    /// none do: in wasm, at rank 256, to take f32's digits on to f64's costs 26 ms a matrix, and without a GPU the whole
    /// SVD is 19 ms.
    pub fn begin_svds_from(&self, rank: u32) {
        self.jacobi_from.set(Some(rank));
    }

    pub(super) async fn jacobi_all(&self, matrices: &[DMatrix<f64>]) -> Result<Vec<DMatrix<f64>>, ComputeError> {
        if matrices.iter().any(|m| !m.is_square() || m.ncols() > MAX_JACOBI as usize) {
            return Err(ComputeError::Gpu(format!("`jacobi` takes square matrices of at most {MAX_JACOBI} columns")));
        }
        let kernel = self.kernel(Kernel::Jacobi).await?;
        let words = self.device.limits().max_storage_buffer_binding_size / 4;
        let aim = Aim { bytes: u64::MAX, words, products: u64::MAX };
        let costs: Vec<Cost> = matrices.iter().map(cost).collect();
        let mut found = Vec::with_capacity(matrices.len());
        for group in batches(&costs, aim) {
            self.pause().await?;
            found.extend(self.scoped(self.sweep(kernel, &matrices[group])).await?);
        }
        Ok(found)
    }

    /// All sweeps over matrices whose state fits one binding.
    async fn sweep(&self, kernel: &Pipeline, matrices: &[DMatrix<f64>]) -> Result<Vec<DMatrix<f64>>, ComputeError> {
        let raw: Vec<Rc<RawTall>> = matrices.iter().map(|m| Rc::new(normalised(m))).collect();
        let talls = self.upload_raw(&raw)?;
        let Some(GpuTall { buffer: source, .. }) = talls.first() else { return Ok(Vec::new()) };
        let views: Vec<TallView> = talls.iter().map(|tall| tall.view).collect();
        // Every V comes before every C: they alone are read back.
        let all: u32 = views.iter().map(vectors).sum();
        let mut place = 0;
        let mut tasks: Vec<Task> = Vec::with_capacity(views.len());
        for (n, view) in (0..).zip(&views) {
            tasks.push([n, all + place, place, 2 * all + n]);
            place += vectors(view);
        }
        let count = tasks.len() as u32;
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let state = self.buffer("state", u64::from(VECTOR) * u64::from(2 * all + count), usage)?;
        let views_buffer = self.filled("views", bytemuck::cast_slice(&views))?;
        let tasks = self.filled("tasks", bytemuck::cast_slice(&tasks))?;
        // It has no coefficients.
        let buffers = [source, &views_buffer, &tasks, &views_buffer, &state];
        for _ in 0..MAX_SWEEPS {
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            self.dispatch(&mut encoder, kernel, &buffers, count);
            // By itself: a watchdog may look at all that is submitted together.
            self.queue.submit([encoder.finish()]);
            self.step(kernel.name);
        }
        let bytes = self.read_words(&state, 0, VECTOR * all).await?;
        let mut numbers = bytes.as_chunks::<4>().0.iter().map(|&word| f64::from(f32::from_le_bytes(word)));
        let v = |view: &TallView| {
            let (n, padded) = (view.cols as usize, view.cols.next_multiple_of(VECTOR) as usize);
            DMatrix::from_iterator(padded, n, numbers.by_ref().take(padded * n)).resize_vertically(n, 0.0)
        };
        Ok(views.iter().map(v).collect())
    }
}

/// Vectors of C, or of V.
fn vectors(view: &TallView) -> u32 {
    view.cols * view.cols.div_ceil(VECTOR)
}

/// What the state of a matrix takes.
fn cost(matrix: &DMatrix<f64>) -> Cost {
    let n = matrix.ncols() as u64;
    let vector = u64::from(VECTOR);
    Cost { words: vector * (2 * n * n.div_ceil(vector) + 1), ..Cost::default() }
}

/// M/‖M‖_F in f32, column by column; zero as it is.
fn normalised(matrix: &DMatrix<f64>) -> RawTall {
    // First so that no square overflows or vanishes.
    let largest = matrix.amax();
    let mut scaled = if largest > 0.0 { matrix / largest } else { matrix.clone() };
    scaled.try_normalize_mut(0.0);
    let bytes = scaled.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect();
    let (rows, cols) = (matrix.nrows() as u32, matrix.ncols() as u32);
    RawTall { rows, cols, transposed: true, dtype: FactorType::F32, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 256 states of 512 KiB and a little are more than one binding.
    #[test]
    fn states_over_a_binding_are_cut_into_groups() {
        let cost = cost(&DMatrix::zeros(256, 256));
        assert_eq!(cost.words, 2 * 256 * 256 + 4);
        let aim = Aim { bytes: u64::MAX, words: (128 << 20) / 4, products: u64::MAX };
        assert_eq!(batches(&[cost; 300], aim), [0..255, 255..300]);
    }
}
