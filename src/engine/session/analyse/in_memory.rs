//! An update that is formed whole in memory: its largest singular values, by products with thin matrices on the CPU.
//! A GPU would get the whole matrix again for every one of them.

use std::ops::Range;
use std::rc::Rc;

use nalgebra::DMatrix;

use crate::analysis::Sigma;
use crate::formula::Dense;
use crate::session::analyse::Stopped;
use crate::session::compute::backend::Chosen;
use crate::session::tiles::jobs::{Multiply, OnTiles};
use lorascope_kernels::linalg::{Update, largest_values};
use lorascope_kernels::{FactorType, Pulse, RawTall, Side};

/// Numbers of a tile: 32 MiB in f32, below every binding.
const TILE: usize = 8 << 20;
/// Singular values that are computed of an update of full rank.
const VALUES: usize = 32;
/// Part of ‖ΔW‖² that is rounding: the thin matrices of the products are in f32, their sums in f64.
const ROUNDING: f64 = 1e-9;

/// A matrix as the difference between zero and itself, in tiles of whole rows.
struct InMemory<'a, P> {
    chosen: &'a Chosen<P>,
    shape: [usize; 2],
    norm_sq: f64,
    /// Rows of each tile.
    rows: Vec<Range<usize>>,
    /// Before and after, by turns.
    tiles: Vec<Rc<RawTall>>,
}

/// The largest singular values of a matrix, and the energy of the others.
///
/// # Errors
/// The person cancelled.
pub(crate) async fn largest<P: Pulse + Clone>(chosen: &Chosen<P>, dense: Dense) -> Result<Sigma, Stopped> {
    let norm_sq = dense.norm_sq();
    if norm_sq == 0.0 {
        return Ok(Sigma::whole(vec![0.0; VALUES]));
    }
    // In units of its norm: squares neither vanish nor overflow.
    let unit = norm_sq.sqrt();
    let mut matrix = InMemory::new(chosen, dense, unit);
    let sigma = largest_values(&mut matrix, VALUES).await?;
    let known: f64 = sigma.iter().map(|s| s * s).sum();
    // A rest within the rounding of f32 is none.
    let rest_sq = if 1.0 - known > ROUNDING { (1.0 - known) * norm_sq } else { 0.0 };
    Ok(Sigma { values: sigma.iter().map(|s| s * unit).collect(), rest_sq, scaled: false })
}

impl<'a, P: Pulse + Clone> InMemory<'a, P> {
    fn new(chosen: &'a Chosen<P>, dense: Dense, unit: f64) -> Self {
        let shape = [dense.rows, dense.cols];
        let step = (TILE / dense.cols.max(1)).max(1);
        let rows: Vec<Range<usize>> =
            (0..dense.rows).step_by(step).map(|first| first..(first + step).min(dense.rows)).collect();
        let tile = |range: &Range<usize>| {
            let numbers = &dense.numbers[range.start * dense.cols..range.end * dense.cols];
            let bytes = numbers.iter().flat_map(|&x| ((f64::from(x) / unit) as f32).to_le_bytes()).collect();
            let (rows, cols) = (range.len() as u32, dense.cols as u32);
            let zeros = vec![0; 2 * numbers.len()];
            let tile = |dtype, bytes| Rc::new(RawTall { rows, cols, transposed: false, dtype, bytes });
            [tile(FactorType::Bf16, zeros), tile(FactorType::F32, bytes)]
        };
        let tiles = rows.iter().flat_map(tile).collect();
        Self { chosen, shape, norm_sq: 1.0, rows, tiles }
    }
}

impl<P: Pulse + Clone> Update for InMemory<'_, P> {
    type Error = Stopped;

    fn shape(&self) -> [usize; 2] {
        self.shape
    }

    async fn multiply(&mut self, side: Side, weight: &DMatrix<f64>) -> Result<DMatrix<f64>, Stopped> {
        let k = weight.ncols();
        let by_row: Vec<f32> = weight.transpose().iter().map(|&x| x as f32).collect();
        let [m, n] = self.shape;
        let mut product = DMatrix::zeros(if side == Side::Right { m } else { n }, k);
        for (number, rows) in self.rows.iter().enumerate() {
            let beside = if side == Side::Right { &by_row[..] } else { &by_row[rows.start * k..rows.end * k] };
            let tiles = &self.tiles[2 * number..2 * number + 2];
            let job = Multiply { on: OnTiles { tiles, changes: vec![([0, 1], beside)] }, side, k: k as u32 };
            for part in self.chosen.run_on_cpu(&job).await? {
                let first = if side == Side::Right { rows.start } else { 0 };
                let mut rows = product.rows_mut(first, part.nrows());
                rows += part;
            }
        }
        Ok(product)
    }

    async fn norm_sq(&mut self) -> Result<f64, Stopped> {
        Ok(self.norm_sq)
    }
}
