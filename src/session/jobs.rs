//! The work that a session gives to its backend, one batch at a time, whichever backend that is.

use std::future::Future;
use std::rc::Rc;

use nalgebra::DMatrix;

use crate::compute::{Aligned, Change, ComputeError, Primitives, RawTall, Residual, Resize, Side, Sides};
use crate::linalg::{Made, Order, Pair, Spectrum, Want, resized_factors, spectra, svd_factors};

/// Work on a batch that any backend can do, and do again after another one failed.
pub trait Job {
    type Output;

    fn run<B: Primitives>(&self, backend: &B) -> impl Future<Output = Result<Self::Output, ComputeError>>;
}

/// The singular values of a batch.
pub struct Spectra<'a>(pub &'a [Pair]);

impl Job for Spectra<'_> {
    type Output = Vec<Spectrum>;

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Vec<Spectrum>, ComputeError> {
        spectra(backend, self.0, Want::Values).await
    }
}

/// The singular vectors of a batch.
pub struct Vectors<'a>(pub &'a [Pair]);

impl Job for Vectors<'_> {
    type Output = Vec<Spectrum>;

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Vec<Spectrum>, ComputeError> {
        spectra(backend, self.0, Want::Vectors).await
    }
}

/// The alignment of a batch of tiles.
pub struct Align<'a> {
    pub tiles: &'a [Rc<RawTall>],
    /// The tiles before and after, by their numbers, and the bases beside them.
    pub changes: &'a [([usize; 2], Sides<'a>)],
}

impl Job for Align<'_> {
    type Output = Vec<Aligned>;

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Vec<Aligned>, ComputeError> {
        let tiles = backend.upload(self.tiles).await?;
        let change = |[before, after]: [usize; 2]| Change { before: &tiles[before], after: &tiles[after] };
        let changes: Vec<Change<'_, B::Tall>> = self.changes.iter().map(|(pair, _)| change(*pair)).collect();
        let sides: Vec<Sides<'_>> = self.changes.iter().map(|(_, sides)| *sides).collect();
        backend.align(&changes, &sides).await
    }
}

/// The products of a batch of tiles with thin matrices of `k` columns.
pub struct Multiply<'a> {
    pub tiles: &'a [Rc<RawTall>],
    /// The tiles before and after, by their numbers.
    pub changes: &'a [[usize; 2]],
    pub side: Side,
    pub weights: &'a [&'a [f32]],
    pub k: u32,
}

impl Job for Multiply<'_> {
    type Output = Vec<DMatrix<f64>>;

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Vec<DMatrix<f64>>, ComputeError> {
        let tiles = backend.upload(self.tiles).await?;
        let change = |[before, after]: [usize; 2]| Change { before: &tiles[before], after: &tiles[after] };
        let changes: Vec<Change<'_, B::Tall>> = self.changes.iter().map(|pair| change(*pair)).collect();
        backend.multiply(&changes, self.side, self.weights, self.k).await
    }
}

/// What factors leave of a batch of tiles.
pub struct Leave<'a> {
    pub tiles: &'a [Rc<RawTall>],
    /// The tiles before and after, by their numbers, and the factors beside them.
    pub changes: &'a [([usize; 2], Sides<'a>)],
}

impl Job for Leave<'_> {
    type Output = Vec<Residual>;

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Vec<Residual>, ComputeError> {
        let tiles = backend.upload(self.tiles).await?;
        let change = |[before, after]: [usize; 2]| Change { before: &tiles[before], after: &tiles[after] };
        let changes: Vec<Change<'_, B::Tall>> = self.changes.iter().map(|(pair, _)| change(*pair)).collect();
        let sides: Vec<Sides<'_>> = self.changes.iter().map(|(_, sides)| *sides).collect();
        backend.residual(&changes, &sides).await
    }
}

/// The projected factors of a batch.
pub struct Project<'a> {
    pub pairs: &'a [Pair],
    pub how: How,
}

/// What each pair of a batch becomes.
pub enum How {
    Svd(Vec<Order>),
    Resized(Vec<[Resize; 2]>),
}

impl Job for Project<'_> {
    type Output = Vec<Made>;

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Vec<Made>, ComputeError> {
        match &self.how {
            How::Svd(orders) => svd_factors(backend, self.pairs, orders).await,
            How::Resized(to) => resized_factors(backend, self.pairs, to).await,
        }
    }
}
