//! Work on updates between tiles: it runs on the backend, and what a GPU's arithmetic cannot hold runs on the CPU.

use std::ops::Range;
use std::rc::Rc;

use nalgebra::DMatrix;

use crate::session::compute::backend::{Backend, Chosen};
use crate::session::compute::jobs::{Job, bytes_of, chained};
use crate::session::compute::trust::Compared;
use lorascope_kernels::check::{self, Difference};
use lorascope_kernels::plan::Cost;
use lorascope_kernels::{Aligned, Change, ComputeError, Kernel, Primitives, Pulse, RawTall, Residual, Side, Sides};

/// A squared norm below which a GPU's squares may have vanished in part: they do for numbers below 1e-28, which count
/// for nothing in a tile of 1e8 numbers beyond it.
const SMALL: f64 = 1e-40;

/// Tiles, and the changes between them: the tiles before and after, by their numbers, with what stands beside them.
#[derive(Clone)]
pub struct OnTiles<'a, T> {
    pub tiles: &'a [Rc<RawTall>],
    pub changes: Vec<([usize; 2], T)>,
}

/// A job on tiles, each of whose results can be had alone.
pub trait TileJob: Job<Output = Vec<Self::Part>> + Sized {
    type Part;
    type Beside: Copy;

    fn on(&self) -> &OnTiles<'_, Self::Beside>;

    /// The same of some of the changes.
    fn only(&self, numbers: &[usize]) -> Self;

    /// Words of what stands beside a change.
    fn words(beside: Self::Beside) -> usize;

    fn fate(part: &Self::Part) -> Fate;
}

/// What a GPU's arithmetic made of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Held,
    /// Too large: not finite.
    Lost,
    /// No change, or one that may be too small.
    Small,
}

impl Fate {
    fn of(is_finite: bool, is_small: bool) -> Self {
        match (is_finite, is_small) {
            (false, _) => Self::Lost,
            (true, true) => Self::Small,
            (true, false) => Self::Held,
        }
    }
}

impl<'a, T: Copy> OnTiles<'a, T> {
    /// The numbers of the tiles that there are changes between, in order.
    fn used(&self) -> Vec<usize> {
        let mut used: Vec<usize> = self.changes.iter().flat_map(|(tiles, _)| *tiles).collect();
        used.sort_unstable();
        used.dedup();
        used
    }

    async fn upload<B: Primitives>(&self, backend: &B) -> Result<Vec<B::Tall>, ComputeError> {
        let used: Vec<Rc<RawTall>> = self.used().into_iter().map(|n| Rc::clone(&self.tiles[n])).collect();
        backend.upload(&used).await
    }

    /// `uploaded` are the tiles that are used.
    fn changes<'b, Tall>(&self, uploaded: &'b [Tall]) -> Vec<Change<'b, Tall>> {
        let used = self.used();
        let tile = |n: usize| &uploaded[used.partition_point(|&one| one < n)];
        let change = |&([before, after], _): &([usize; 2], T)| Change { before: tile(before), after: tile(after) };
        self.changes.iter().map(change).collect()
    }

    fn bytes(&self) -> u64 {
        bytes_of(self.used().into_iter().map(|n| self.tiles[n].as_ref()))
    }

    /// What change `n` is between.
    fn states(&self, n: usize) -> [&Rc<RawTall>; 2] {
        self.changes[n].0.map(|tile| &self.tiles[tile])
    }

    /// Numbers of a tile of change `n`.
    fn numbers(&self, n: usize) -> u64 {
        let [before, _] = self.states(n);
        u64::from(before.rows) * u64::from(before.cols)
    }

    /// X.
    fn update(&self, n: usize) -> DMatrix<f64> {
        let [before, after] = self.states(n).map(|tile| tile.to_f64());
        after - before
    }

    fn beside(&self) -> Vec<T> {
        self.changes.iter().map(|(_, beside)| *beside).collect()
    }

    fn only(&self, numbers: &[usize]) -> Self {
        Self { tiles: self.tiles, changes: numbers.iter().map(|&n| self.changes[n]).collect() }
    }

    /// Whether both states of a change are the same bytes.
    fn is_same(&self, number: usize) -> bool {
        let [before, after] = self.states(number);
        before.dtype == after.dtype && before.bytes == after.bytes
    }
}

/// Whether a GPU's range holds a change of these squared norms for certain; beyond it, both may be right.
fn can_tell(update_sq: f64, other_sq: f64) -> bool {
    const LARGE: f64 = 1e16;
    (update_sq == 0.0 || update_sq > SMALL) && update_sq < LARGE && other_sq < LARGE
}

fn told(kernels: &'static [Kernel], off: f64) -> Compared {
    Compared { difference: Difference::of(kernels, off), of_sigma: false }
}

/// The alignment of a batch of tiles with the bases beside them.
pub struct Align<'a>(pub OnTiles<'a, Sides<'a>>);

impl Job for Align<'_> {
    type Output = Vec<Aligned>;

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Vec<Aligned>, ComputeError> {
        let tiles = self.0.upload(backend).await?;
        backend.align(&self.0.changes(&tiles), &self.0.beside()).await
    }

    fn kernels(&self) -> &'static [Kernel] {
        &[Kernel::Align]
    }

    fn bytes(&self) -> u64 {
        self.on().bytes()
    }

    fn count(&self) -> usize {
        self.on().changes.len()
    }

    fn part(&self, range: Range<usize>) -> Self {
        self.only(&range.collect::<Vec<_>>())
    }

    fn join(&self, first: Vec<Aligned>, second: Vec<Aligned>) -> Vec<Aligned> {
        chained(first, second)
    }

    fn matrices(&self, n: usize) -> Vec<Rc<RawTall>> {
        self.on().states(n).map(Rc::clone).into()
    }

    fn multiplications(&self, n: usize) -> u64 {
        self.on().numbers(n) * u64::from(self.0.changes[n].1.k + 2)
    }

    fn compared(&self, n: usize, whole: &Vec<Aligned>, alone: &Vec<Aligned>) -> Option<Compared> {
        let (gpu, cpu) = (whole.get(n)?, alone.first()?);
        can_tell(cpu.update_sq, cpu.before_sq).then(|| told(self.kernels(), check::of_aligned(gpu, cpu)))
    }
}

impl<'a> TileJob for Align<'a> {
    type Part = Aligned;
    type Beside = Sides<'a>;

    fn on(&self) -> &OnTiles<'_, Sides<'a>> {
        &self.0
    }

    fn only(&self, numbers: &[usize]) -> Self {
        Self(self.0.only(numbers))
    }

    fn words(beside: Sides<'a>) -> usize {
        beside.left.len() + beside.right.len()
    }

    fn fate(part: &Aligned) -> Fate {
        if part.not_finite > 0 { Fate::Held } else { Fate::of(part.is_in_range(), part.update_sq < SMALL) }
    }
}

/// The products of a batch of tiles with the thin matrices of `k` columns beside them.
pub struct Multiply<'a> {
    pub on: OnTiles<'a, &'a [f32]>,
    pub side: Side,
    pub k: u32,
}

impl Job for Multiply<'_> {
    type Output = Vec<DMatrix<f64>>;

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Vec<DMatrix<f64>>, ComputeError> {
        let tiles = self.on.upload(backend).await?;
        backend.multiply(&self.on.changes(&tiles), self.side, &self.on.beside(), self.k).await
    }

    fn kernels(&self) -> &'static [Kernel] {
        &[Kernel::Multiply]
    }

    fn bytes(&self) -> u64 {
        self.on().bytes()
    }

    fn count(&self) -> usize {
        self.on().changes.len()
    }

    fn part(&self, range: Range<usize>) -> Self {
        self.only(&range.collect::<Vec<_>>())
    }

    fn join(&self, first: Vec<DMatrix<f64>>, second: Vec<DMatrix<f64>>) -> Vec<DMatrix<f64>> {
        chained(first, second)
    }

    fn matrices(&self, n: usize) -> Vec<Rc<RawTall>> {
        self.on().states(n).map(Rc::clone).into()
    }

    fn multiplications(&self, n: usize) -> u64 {
        self.on().numbers(n) * u64::from(self.k)
    }

    fn compared(&self, n: usize, whole: &Vec<DMatrix<f64>>, alone: &Vec<DMatrix<f64>>) -> Option<Compared> {
        let (gpu, cpu) = (whole.get(n)?, alone.first()?);
        let update = self.on.update(n);
        let weight = self.on.changes[n].1.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        let off = if gpu.shape() == cpu.shape() { (gpu - cpu).norm() } else { f64::NAN };
        let norm = update.norm();
        can_tell(norm.powi(2), 0.0).then(|| told(self.kernels(), check::part(off, norm * weight)))
    }
}

impl<'a> TileJob for Multiply<'a> {
    type Part = DMatrix<f64>;
    type Beside = &'a [f32];

    fn on(&self) -> &OnTiles<'_, &'a [f32]> {
        &self.on
    }

    fn only(&self, numbers: &[usize]) -> Self {
        Self { on: self.on.only(numbers), ..*self }
    }

    fn words(beside: &'a [f32]) -> usize {
        beside.len()
    }

    fn fate(part: &DMatrix<f64>) -> Fate {
        Fate::of(part.iter().all(|x| x.is_finite()), part.iter().all(|&x| x == 0.0))
    }
}

/// What the factors beside them leave of a batch of tiles.
pub struct Leave<'a>(pub OnTiles<'a, Sides<'a>>);

impl Job for Leave<'_> {
    type Output = Vec<Residual>;

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Vec<Residual>, ComputeError> {
        let tiles = self.0.upload(backend).await?;
        backend.residual(&self.0.changes(&tiles), &self.0.beside()).await
    }

    fn kernels(&self) -> &'static [Kernel] {
        &[Kernel::Residual]
    }

    fn bytes(&self) -> u64 {
        self.on().bytes()
    }

    fn count(&self) -> usize {
        self.on().changes.len()
    }

    fn part(&self, range: Range<usize>) -> Self {
        self.only(&range.collect::<Vec<_>>())
    }

    fn join(&self, first: Vec<Residual>, second: Vec<Residual>) -> Vec<Residual> {
        chained(first, second)
    }

    fn matrices(&self, n: usize) -> Vec<Rc<RawTall>> {
        self.on().states(n).map(Rc::clone).into()
    }

    fn multiplications(&self, n: usize) -> u64 {
        self.on().numbers(n) * u64::from(self.0.changes[n].1.k + 1)
    }

    fn compared(&self, n: usize, whole: &Vec<Residual>, alone: &Vec<Residual>) -> Option<Compared> {
        let (gpu, cpu) = (whole.get(n)?, alone.first()?);
        can_tell(cpu.update_sq, cpu.rest_sq).then(|| told(self.kernels(), check::of_residuals(gpu, cpu)))
    }
}

impl<'a> TileJob for Leave<'a> {
    type Part = Residual;
    type Beside = Sides<'a>;

    fn on(&self) -> &OnTiles<'_, Sides<'a>> {
        &self.0
    }

    fn only(&self, numbers: &[usize]) -> Self {
        Self(self.0.only(numbers))
    }

    fn words(beside: Sides<'a>) -> usize {
        beside.left.len() + beside.right.len()
    }

    fn fate(part: &Residual) -> Fate {
        Fate::of(part.rest_sq.is_finite() && part.update_sq.is_finite(), part.update_sq < SMALL)
    }
}

impl<P: Pulse + Clone> Chosen<P> {
    /// Runs a job on tiles: on the backend; on the CPU what their dtypes forbid, and again there what left a GPU's
    /// range. A small change that is none is told by the bytes of both states.
    ///
    /// # Errors
    /// Only [`ComputeError::Cancelled`].
    pub async fn run_on_tiles<J: TileJob>(&mut self, job: &J) -> Result<Vec<J::Part>, ComputeError> {
        let on = job.on();
        if on.used().into_iter().any(|n| !on.tiles[n].dtype.on_gpu()) {
            return self.run_on_cpu(job).await;
        }
        let mut all = self.run(job, cost(job)).await?;
        if matches!(self.backend, Backend::Cpu(_)) {
            return Ok(all);
        }
        let is_wrong = |n: &usize| match J::fate(&all[*n]) {
            Fate::Held => false,
            Fate::Lost => true,
            Fate::Small => !on.is_same(*n),
        };
        let again: Vec<usize> = (0..all.len()).filter(is_wrong).collect();
        if !again.is_empty() {
            let redone = self.run_on_cpu(&job.only(&again)).await?;
            self.count_fallbacks(redone.len() as u64);
            for (n, part) in again.into_iter().zip(redone) {
                all[n] = part;
            }
        }
        Ok(all)
    }
}

/// What a job asks of a GPU. It groups by itself what stands beside the changes; only that of one of them has to fit.
fn cost<J: TileJob>(job: &J) -> Cost {
    let on = job.on();
    let words = on.changes.iter().map(|&(_, beside)| J::words(beside) as u64).max().unwrap_or(0);
    Cost { bytes: on.bytes(), words, ..Cost::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lorascope_kernels::FactorType;

    #[test]
    fn many_changes_fit_a_gpu_where_each_of_them_does() {
        let bytes = vec![0; 4 << 20];
        let tile = RawTall { rows: 1 << 10, cols: 1 << 10, transposed: false, dtype: FactorType::F32, bytes };
        let tiles = [Rc::new(tile.clone()), Rc::new(tile)];
        let thin = vec![0.0; 17 << 20];
        let align = |len: usize, count: usize| {
            let sides = Sides { k: 1, left: &thin[..len], right: &thin[..len] };
            cost(&Align(OnTiles { tiles: &tiles, changes: vec![([0, 1], sides); count] }))
        };
        assert_eq!(align(8 << 20, 30), Cost { bytes: 8 << 20, words: 16 << 20, products: 0 });
        assert!(align(8 << 20, 30).fits());
        assert!(!align(17 << 20, 1).fits());
    }
}
