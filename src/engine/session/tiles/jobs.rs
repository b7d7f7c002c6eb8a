//! Work on updates between tiles: it runs on the backend, and what a GPU's arithmetic cannot hold runs on the CPU.

use std::future::Future;
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

/// What is asked of the changes between tiles; every result can be had alone.
pub trait TileJob: Copy {
    type Part;
    /// What stands beside a change.
    type Beside<'a>: Copy;
    const KERNELS: &'static [Kernel];

    fn run<B: Primitives>(
        self,
        backend: &B,
        changes: &[Change<'_, B::Tall>],
        beside: &[Self::Beside<'_>],
    ) -> impl Future<Output = Result<Vec<Self::Part>, ComputeError>>;

    /// Words of what stands beside a change.
    fn words(beside: Self::Beside<'_>) -> usize;

    /// Multiplications for each number of a tile, about.
    fn products(self, beside: Self::Beside<'_>) -> u32;

    fn fate(part: &Self::Part) -> Fate;

    /// How far the GPU's result for an update is from the CPU's. `None` where that says nothing.
    fn off(
        gpu: &Self::Part,
        cpu: &Self::Part,
        update: impl Fn() -> DMatrix<f64>,
        beside: Self::Beside<'_>,
    ) -> Option<f64>;
}

/// Tiles, the changes between them, and what is asked of these: the tiles before and after, by their numbers, with what
/// stands beside them.
pub struct OnTiles<'a, J: TileJob> {
    pub tiles: &'a [Rc<RawTall>],
    pub changes: Vec<([usize; 2], J::Beside<'a>)>,
    pub job: J,
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

impl<J: TileJob> OnTiles<'_, J> {
    /// The numbers of the tiles that there are changes between, in order.
    fn used(&self) -> Vec<usize> {
        let mut used: Vec<usize> = self.changes.iter().flat_map(|(tiles, _)| *tiles).collect();
        used.sort_unstable();
        used.dedup();
        used
    }

    /// What change `n` is between.
    fn states(&self, n: usize) -> [&Rc<RawTall>; 2] {
        self.changes[n].0.map(|tile| &self.tiles[tile])
    }

    /// The same of some of the changes.
    fn only(&self, numbers: impl IntoIterator<Item = usize>) -> Self {
        Self { changes: numbers.into_iter().map(|n| self.changes[n]).collect(), ..*self }
    }

    /// Whether both states of a change are the same bytes.
    fn is_same(&self, number: usize) -> bool {
        let [before, after] = self.states(number);
        before.dtype == after.dtype && before.bytes == after.bytes
    }

    /// What it asks of a GPU. It groups by itself what stands beside the changes; only that of one of them has to fit.
    fn cost(&self) -> Cost {
        let words = self.changes.iter().map(|&(_, beside)| J::words(beside) as u64).max().unwrap_or(0);
        Cost { bytes: self.bytes(), words, ..Cost::default() }
    }
}

impl<J: TileJob> Job for OnTiles<'_, J> {
    type Output = Vec<J::Part>;

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Vec<J::Part>, ComputeError> {
        let used = self.used();
        let raw: Vec<Rc<RawTall>> = used.iter().map(|&n| Rc::clone(&self.tiles[n])).collect();
        let uploaded = backend.upload(&raw).await?;
        let tile = |n: usize| &uploaded[used.partition_point(|&one| one < n)];
        let (changes, beside): (Vec<_>, Vec<_>) = self
            .changes
            .iter()
            .map(|&([before, after], beside)| (Change { before: tile(before), after: tile(after) }, beside))
            .unzip();
        self.job.run(backend, &changes, &beside).await
    }

    fn kernels(&self) -> &'static [Kernel] {
        J::KERNELS
    }

    fn bytes(&self) -> u64 {
        bytes_of(self.used().into_iter().map(|n| self.tiles[n].as_ref()))
    }

    fn count(&self) -> usize {
        self.changes.len()
    }

    fn part(&self, range: Range<usize>) -> Self {
        self.only(range)
    }

    fn join(&self, first: Vec<J::Part>, second: Vec<J::Part>) -> Vec<J::Part> {
        chained(first, second)
    }

    fn matrices(&self, n: usize) -> Vec<Rc<RawTall>> {
        self.states(n).map(Rc::clone).into()
    }

    fn multiplications(&self, n: usize) -> u64 {
        let [before, _] = self.states(n);
        u64::from(before.rows) * u64::from(before.cols) * u64::from(self.job.products(self.changes[n].1))
    }

    fn compared(&self, n: usize, whole: &Vec<J::Part>, alone: &Vec<J::Part>) -> Option<Compared> {
        let update = || {
            let [before, after] = self.states(n).map(|tile| tile.to_f64());
            after - before
        };
        let off = J::off(whole.get(n)?, alone.first()?, update, self.changes[n].1)?;
        Some(Compared { difference: Difference::of(J::KERNELS, off), of_sigma: false })
    }
}

/// Whether a GPU's range holds a change of these squared norms for certain; beyond it, both may be right.
fn can_tell(update_sq: f64, other_sq: f64) -> bool {
    const LARGE: f64 = 1e16;
    (update_sq == 0.0 || update_sq > SMALL) && update_sq < LARGE && other_sq < LARGE
}

/// The alignment with the bases beside the tiles.
#[derive(Clone, Copy)]
pub struct Align;

impl TileJob for Align {
    type Part = Aligned;
    type Beside<'a> = Sides<'a>;
    const KERNELS: &'static [Kernel] = &[Kernel::Align];

    async fn run<B: Primitives>(
        self,
        backend: &B,
        changes: &[Change<'_, B::Tall>],
        beside: &[Self::Beside<'_>],
    ) -> Result<Vec<Aligned>, ComputeError> {
        backend.align(changes, beside).await
    }

    fn words(beside: Sides<'_>) -> usize {
        beside.left.len() + beside.right.len()
    }

    fn products(self, beside: Sides<'_>) -> u32 {
        beside.k + 2
    }

    fn fate(part: &Aligned) -> Fate {
        if part.not_finite > 0 { Fate::Held } else { Fate::of(part.is_in_range(), part.update_sq < SMALL) }
    }

    fn off(gpu: &Aligned, cpu: &Aligned, _: impl Fn() -> DMatrix<f64>, _: Sides<'_>) -> Option<f64> {
        can_tell(cpu.update_sq, cpu.before_sq).then(|| check::of_aligned(gpu, cpu))
    }
}

/// The products with the thin matrices of `k` columns beside the tiles.
#[derive(Clone, Copy)]
pub struct Multiply {
    pub side: Side,
    pub k: u32,
}

impl TileJob for Multiply {
    type Part = DMatrix<f64>;
    type Beside<'a> = &'a [f32];
    const KERNELS: &'static [Kernel] = &[Kernel::Multiply];

    async fn run<B: Primitives>(
        self,
        backend: &B,
        changes: &[Change<'_, B::Tall>],
        beside: &[Self::Beside<'_>],
    ) -> Result<Vec<DMatrix<f64>>, ComputeError> {
        backend.multiply(changes, self.side, beside, self.k).await
    }

    fn words(beside: &[f32]) -> usize {
        beside.len()
    }

    fn products(self, _: &[f32]) -> u32 {
        self.k
    }

    fn fate(part: &DMatrix<f64>) -> Fate {
        Fate::of(part.iter().all(|x| x.is_finite()), part.iter().all(|&x| x == 0.0))
    }

    fn off(gpu: &DMatrix<f64>, cpu: &DMatrix<f64>, update: impl Fn() -> DMatrix<f64>, beside: &[f32]) -> Option<f64> {
        let weight = beside.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        let off = if gpu.shape() == cpu.shape() { (gpu - cpu).norm() } else { f64::NAN };
        let norm = update().norm();
        can_tell(norm.powi(2), 0.0).then(|| check::part(off, norm * weight))
    }
}

/// What the factors beside them leave of the tiles.
#[derive(Clone, Copy)]
pub struct Leave;

impl TileJob for Leave {
    type Part = Residual;
    type Beside<'a> = Sides<'a>;
    const KERNELS: &'static [Kernel] = &[Kernel::Residual];

    async fn run<B: Primitives>(
        self,
        backend: &B,
        changes: &[Change<'_, B::Tall>],
        beside: &[Self::Beside<'_>],
    ) -> Result<Vec<Residual>, ComputeError> {
        backend.residual(changes, beside).await
    }

    fn words(beside: Sides<'_>) -> usize {
        beside.left.len() + beside.right.len()
    }

    fn products(self, beside: Sides<'_>) -> u32 {
        beside.k + 1
    }

    fn fate(part: &Residual) -> Fate {
        Fate::of(part.rest_sq.is_finite() && part.update_sq.is_finite(), part.update_sq < SMALL)
    }

    fn off(gpu: &Residual, cpu: &Residual, _: impl Fn() -> DMatrix<f64>, _: Sides<'_>) -> Option<f64> {
        can_tell(cpu.update_sq, cpu.rest_sq).then(|| check::of_residuals(gpu, cpu))
    }
}

impl<P: Pulse + Clone> Chosen<P> {
    /// Runs a job on tiles: on the backend; on the CPU what their dtypes forbid, and again there what left a GPU's
    /// range. A small change that is none is told by the bytes of both states.
    ///
    /// # Errors
    /// Only [`ComputeError::Cancelled`].
    pub async fn run_on_tiles<J: TileJob>(&mut self, on: &OnTiles<'_, J>) -> Result<Vec<J::Part>, ComputeError> {
        if on.used().into_iter().any(|n| !on.tiles[n].dtype.on_gpu()) {
            return self.run_on_cpu(on).await;
        }
        let mut all = self.run(on, on.cost()).await?;
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
            let redone = self.run_on_cpu(&on.only(again.iter().copied())).await?;
            self.count_fallbacks(redone.len() as u64);
            for (n, part) in again.into_iter().zip(redone) {
                all[n] = part;
            }
        }
        Ok(all)
    }
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
            OnTiles { tiles: &tiles, changes: vec![([0, 1], sides); count], job: Align }.cost()
        };
        assert_eq!(align(8 << 20, 30), Cost { bytes: 8 << 20, words: 16 << 20, products: 0 });
        assert!(align(8 << 20, 30).fits());
        assert!(!align(17 << 20, 1).fits());
    }
}
