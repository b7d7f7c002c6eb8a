//! One weight's update between two checkpoints, as what a randomized SVD asks of it: products with thin matrices. It
//! stays in memory where it is small, and is read again for every pass where it is not.

use std::rc::Rc;

use nalgebra::DMatrix;

use crate::session::analyse::Stopped;
use crate::session::compute::backend::Chosen;
use crate::session::tiles::jobs::{Align, Leave, Multiply, OnTiles};
use crate::session::tiles::{self, BUDGET, Pieces, Tile, Weight};
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_kernels::linalg::Update;
use lorascope_kernels::{Pulse, RawTall, Side, Sides};

/// Bytes of both states up to which they are kept between passes.
const KEPT: u64 = 160 << 20;

pub(crate) struct Streamed<'a, S, P> {
    chosen: &'a mut Chosen<P>,
    /// Of both states.
    files: &'a [Vec<Metered<S>>],
    /// The only one.
    weight: Vec<Weight>,
    batches: Vec<Vec<Tile>>,
    kept: Option<Vec<Pieces>>,
    norm_sq: f64,
}

impl<'a, S: ByteSource, P: Pulse + Clone> Streamed<'a, S, P> {
    /// Reads the weight once: its norm, and whether it is finite. `None` where it is not.
    pub async fn open(
        chosen: &'a mut Chosen<P>,
        files: &'a [Vec<Metered<S>>],
        weight: Weight,
    ) -> Result<Option<Self>, Stopped> {
        let weight = vec![weight];
        let batches = tiles::batches(&weight, BUDGET);
        let bytes: u64 = batches.iter().flatten().map(|tile| tile.bytes(&weight)).sum();
        let mut this = Self { chosen, files, weight, batches, kept: (bytes <= KEPT).then(Vec::new), norm_sq: 0.0 };
        let none = Sides { k: 0, left: &[], right: &[] };
        let mut not_finite = 0;
        for n in 0..this.batches.len() {
            let pieces = tiles::read(this.files, &this.weight, &this.batches[n]).await?;
            let (talls, pairs) = both(&pieces);
            let changes: Vec<_> = pairs.into_iter().map(|pair| (pair, none)).collect();
            for aligned in this.chosen.run_on_tiles(&Align(OnTiles { tiles: &talls, changes })).await? {
                this.norm_sq += aligned.update_sq;
                not_finite += aligned.not_finite;
            }
            if let Some(kept) = &mut this.kept {
                kept.push(pieces);
            }
        }
        Ok((not_finite == 0 && this.norm_sq.is_finite()).then_some(this))
    }

    /// ‖X − L·Rᵀ‖²_F, with L (m × k) and R (n × k) row by row.
    pub async fn residual(&mut self, k: usize, left: &[f32], right: &[f32]) -> Result<f64, Stopped> {
        let mut rest = 0.0;
        for n in 0..self.batches.len() {
            let pieces = self.pieces(n).await?;
            let (talls, pairs) = both(&pieces);
            let sides = |tile: &Tile| Sides {
                k: k as u32,
                left: &left[tile.rows.start as usize * k..tile.rows.end as usize * k],
                right: &right[tile.cols.start as usize * k..tile.cols.end as usize * k],
            };
            let changes: Vec<_> =
                pairs.into_iter().zip(&self.batches[n]).map(|(pair, tile)| (pair, sides(tile))).collect();
            let all = self.chosen.run_on_tiles(&Leave(OnTiles { tiles: &talls, changes })).await?;
            rest += all.iter().map(|residual| residual.rest_sq).sum::<f64>();
        }
        Ok(rest)
    }

    async fn pieces(&self, n: usize) -> Result<Pieces, Stopped> {
        match self.kept.as_ref().and_then(|kept| kept.get(n)) {
            Some(pieces) => Ok(pieces.clone()),
            None => Ok(tiles::read(self.files, &self.weight, &self.batches[n]).await?),
        }
    }
}

impl<S: ByteSource, P: Pulse + Clone> Update for Streamed<'_, S, P> {
    type Error = Stopped;

    fn shape(&self) -> [usize; 2] {
        [self.weight[0].rows as usize, self.weight[0].cols as usize]
    }

    async fn multiply(&mut self, side: Side, weight: &DMatrix<f64>) -> Result<DMatrix<f64>, Stopped> {
        let k = weight.ncols();
        let by_row: Vec<f32> = weight.transpose().iter().map(|&x| x as f32).collect();
        let [m, n] = self.shape();
        let mut product = DMatrix::zeros(if side == Side::Right { m } else { n }, k);
        for batch in 0..self.batches.len() {
            let pieces = self.pieces(batch).await?;
            let (talls, pairs) = both(&pieces);
            let beside = |tile: &Tile| {
                let range = if side == Side::Right { &tile.cols } else { &tile.rows };
                &by_row[range.start as usize * k..range.end as usize * k]
            };
            let changes = pairs.into_iter().zip(self.batches[batch].iter().map(beside)).collect();
            let job = Multiply { on: OnTiles { tiles: &talls, changes }, side, k: k as u32 };
            let parts = self.chosen.run_on_tiles(&job).await?;
            for (tile, part) in self.batches[batch].iter().zip(parts) {
                let first = if side == Side::Right { tile.rows.start } else { tile.cols.start } as usize;
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

/// The tiles of both states in one list, and the numbers of each pair there.
fn both(pieces: &Pieces) -> (Vec<Rc<RawTall>>, Vec<[usize; 2]>) {
    let talls: Vec<Rc<RawTall>> = pieces.iter().flatten().flatten().cloned().collect();
    let pairs = (0..talls.len() / 2).map(|n| [2 * n, 2 * n + 1]).collect();
    (talls, pairs)
}
