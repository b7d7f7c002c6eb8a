//! One weight's update between two checkpoints, as what a randomized SVD asks of it: products with thin matrices. It
//! stays in memory where it is small, and is read again for every pass where it is not.

use std::rc::Rc;

use nalgebra::DMatrix;

use crate::session::analyse::Stopped;
use crate::session::compute::backend::Chosen;
use crate::session::compute::schedule::{Bytes, Parts, Read, read};
use crate::session::tiles::jobs::{Align, Leave, Multiply, OnTiles};
use crate::session::tiles::{self, BUDGET, Tile, Wanted, Weight};
use lorascope_format::bytes::ByteSource;
use lorascope_kernels::linalg::Update;
use lorascope_kernels::{Pulse, RawTall, Side, Sides};

/// The tiles of a batch, each before and after.
type Pieces = Vec<Rc<RawTall>>;

pub(crate) struct Streamed<'a, S, P> {
    chosen: &'a mut Chosen<P>,
    /// Where both states are.
    reads: &'a [Read<'a, S>],
    /// The only one.
    weight: Vec<Weight>,
    batches: Vec<Vec<Tile>>,
    /// Of every batch, where they are not read again.
    kept: Option<Vec<Pieces>>,
    norm_sq: f64,
}

/// Both states of a change have fewer bytes than its task says.
fn lacking() -> Stopped {
    Stopped::Failed("A part of a weight was not read whole.".to_owned())
}

impl<'a, S: ByteSource, P: Pulse + Clone> Streamed<'a, S, P> {
    /// Takes a matrix of norm 1 tile by tile.
    pub fn in_memory(chosen: &'a mut Chosen<P>, weight: Weight, tile: impl Fn(&Tile) -> [Rc<RawTall>; 2]) -> Self {
        let budget = weight.most.saturating_mul(weight.size());
        let weight = vec![weight];
        let batches = tiles::batches(&weight, budget);
        let kept = batches.iter().map(|batch| batch.iter().flat_map(&tile).collect()).collect();
        Self { chosen, reads: &[], weight, batches, kept: Some(kept), norm_sq: 1.0 }
    }

    /// Goes through the weight once: its norm, and whether it is finite. `None` where it is not. It is in `parts`, one
    /// for each state, or read again for every pass where there are none.
    pub async fn open(
        chosen: &'a mut Chosen<P>,
        reads: &'a [Read<'a, S>],
        weight: Weight,
        mut parts: Parts,
    ) -> Result<Option<Self>, Stopped> {
        let weight = vec![weight];
        let batches = tiles::batches(&weight, BUDGET);
        let mut this = Self { chosen, reads, weight, batches, kept: None, norm_sq: 0.0 };
        if !parts.is_empty() {
            let bytes = |place: &tiles::Place| this.weight[0].rows * this.weight[0].cols * place.dtype.size() as u64;
            let whole = |(state, place): (usize, &tiles::Place)| Wanted {
                state,
                file: place.file,
                range: place.begin..place.begin + bytes(place),
            };
            let wanted: Vec<_> = this.weight[0].places.iter().flatten().enumerate().map(whole).collect();
            let pieces = |batch: &Vec<Tile>| cut(&this.weight, batch, &wanted, &mut parts);
            this.kept = Some(this.batches.iter().map(pieces).collect::<Result<_, _>>()?);
        }
        drop(parts);
        let none = Sides { k: 0, left: &[], right: &[] };
        let mut not_finite = 0;
        for n in 0..this.batches.len() {
            let (talls, pairs) = this.pieces(n).await?;
            let changes: Vec<_> = pairs.into_iter().map(|pair| (pair, none)).collect();
            for aligned in this.chosen.run_on_tiles(&OnTiles { tiles: &talls, changes, job: Align }).await? {
                this.norm_sq += aligned.update_sq;
                not_finite += aligned.not_finite;
            }
        }
        Ok((not_finite == 0 && this.norm_sq.is_finite()).then_some(this))
    }

    /// ‖X − L·Rᵀ‖²_F, with L (m × k) and R (n × k) row by row.
    pub async fn residual(&mut self, k: usize, left: &[f32], right: &[f32]) -> Result<f64, Stopped> {
        let mut rest = 0.0;
        for n in 0..self.batches.len() {
            let (talls, pairs) = self.pieces(n).await?;
            let sides = |tile: &Tile| Sides {
                k: k as u32,
                left: &left[tile.rows.start as usize * k..tile.rows.end as usize * k],
                right: &right[tile.cols.start as usize * k..tile.cols.end as usize * k],
            };
            let changes: Vec<_> =
                pairs.into_iter().zip(&self.batches[n]).map(|(pair, tile)| (pair, sides(tile))).collect();
            let all = self.chosen.run_on_tiles(&OnTiles { tiles: &talls, changes, job: Leave }).await?;
            rest += all.iter().map(|residual| residual.rest_sq).sum::<f64>();
        }
        Ok(rest)
    }

    /// The tiles of batch `n`, and the numbers of each change's.
    async fn pieces(&self, n: usize) -> Result<(Pieces, Vec<[usize; 2]>), Stopped> {
        let pieces = match &self.kept {
            Some(kept) => kept[n].clone(),
            None => {
                let wanted = tiles::wanted(2, &self.weight, &self.batches[n]);
                let reads: Vec<_> = wanted.iter().map(|w| (self.reads[w.state].0, w.range.clone())).collect();
                cut(&self.weight, &self.batches[n], &wanted, &mut read(&reads).await?)?
            }
        };
        let pairs = (0..pieces.len() / 2).map(|n| [2 * n, 2 * n + 1]).collect();
        Ok((pieces, pairs))
    }
}

fn cut(weight: &[Weight], batch: &[Tile], wanted: &[Wanted], parts: &mut [Box<dyn Bytes>]) -> Result<Pieces, Stopped> {
    let laid = tiles::laid(weight, batch, wanted).into_iter().flatten();
    laid.map(|tile| tiles::cut_out(&tile?, parts)).collect::<Option<_>>().ok_or_else(lacking)
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
            let (talls, pairs) = self.pieces(batch).await?;
            let beside = |tile: &Tile| {
                let range = if side == Side::Right { &tile.cols } else { &tile.rows };
                &by_row[range.start as usize * k..range.end as usize * k]
            };
            let changes = pairs.into_iter().zip(self.batches[batch].iter().map(beside)).collect();
            let job = OnTiles { tiles: &talls, changes, job: Multiply { side, k: k as u32 } };
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
