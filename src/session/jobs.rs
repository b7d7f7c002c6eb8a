//! The work that a session gives to its backend, one batch at a time, whichever backend that is.

use std::future::Future;

use crate::compute::{ComputeError, Primitives, Resize};
use crate::linalg::{
    Crossed, Directed, Made, Order, Pair, Spectrum, Want, cross_all, resized_factors, spectra, svd_factors,
};

/// Work on a batch that any backend can do, and do again after another one failed.
pub trait Job {
    type Output;

    fn run<B: Primitives>(&self, backend: &B) -> impl Future<Output = Result<Self::Output, ComputeError>>;
}

/// The singular values of a batch, or its singular vectors too.
pub struct Spectra<'a> {
    pub pairs: &'a [Pair],
    pub want: Want,
}

impl Job for Spectra<'_> {
    type Output = Vec<Spectrum>;

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Vec<Spectrum>, ComputeError> {
        spectra(backend, self.pairs, self.want).await
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

/// Updates beside each other: the numbers of those whose directions are multiplied.
pub struct Cross<'a> {
    pub updates: &'a [Pair],
    pub wanted: &'a [[usize; 2]],
}

impl Job for Cross<'_> {
    type Output = (Vec<Directed>, Vec<Option<Crossed>>);

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Self::Output, ComputeError> {
        cross_all(backend, self.updates, self.wanted).await
    }
}
