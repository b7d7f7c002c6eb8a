//! The work that a session gives to its backend, one batch at a time, whichever backend that is.

use std::borrow::Cow;
use std::future::Future;

use crate::compute::{ComputeError, Primitives, RawTall, Resize};
use crate::linalg::{
    Crossed, Directed, Made, Order, Pair, Spectrum, Want, cross_all, resized_factors, spectra, svd_factors,
};

/// Work on a batch that any backend can do, and do again after another one failed.
pub trait Job: Sized {
    type Output;

    fn run<B: Primitives>(&self, backend: &B) -> impl Future<Output = Result<Self::Output, ComputeError>>;

    /// Bytes of what a device has to hold before it can begin.
    fn bytes(&self) -> u64;

    /// The same work in two parts; `None` where it is that of one module.
    fn halves(&self) -> Option<[Self; 2]>;

    /// What the whole would have given, out of what its halves gave.
    fn join(&self, first: Self::Output, second: Self::Output) -> Self::Output;
}

/// Bytes of matrices on a device.
pub(super) fn bytes_of<'a>(matrices: impl IntoIterator<Item = &'a RawTall>) -> u64 {
    matrices.into_iter().map(|tall| tall.bytes.len().next_multiple_of(4) as u64).sum()
}

fn bytes_of_pairs(pairs: &[Pair]) -> u64 {
    bytes_of(pairs.iter().flat_map(|pair| [pair.left.as_ref(), pair.right.as_ref()]))
}

/// Both halves of some modules, or of what belongs to them.
fn halves<T>(all: &[T]) -> Option<[&[T]; 2]> {
    (all.len() > 1).then(|| all.split_at(all.len() / 2).into())
}

pub(super) fn chained<T>(mut first: Vec<T>, second: Vec<T>) -> Vec<T> {
    first.extend(second);
    first
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

    fn bytes(&self) -> u64 {
        bytes_of_pairs(self.pairs)
    }

    fn halves(&self) -> Option<[Self; 2]> {
        Some(halves(self.pairs)?.map(|pairs| Self { pairs, want: self.want }))
    }

    fn join(&self, first: Vec<Spectrum>, second: Vec<Spectrum>) -> Vec<Spectrum> {
        chained(first, second)
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

    fn bytes(&self) -> u64 {
        bytes_of_pairs(self.pairs)
    }

    fn halves(&self) -> Option<[Self; 2]> {
        let [a, b] = halves(self.pairs)?;
        let [first, second] = match &self.how {
            How::Svd(orders) => halves(orders)?.map(|orders| How::Svd(orders.to_vec())),
            How::Resized(to) => halves(to)?.map(|to| How::Resized(to.to_vec())),
        };
        Some([Self { pairs: a, how: first }, Self { pairs: b, how: second }])
    }

    fn join(&self, first: Vec<Made>, second: Vec<Made>) -> Vec<Made> {
        chained(first, second)
    }
}

/// Updates beside each other: the numbers of those whose directions are multiplied.
pub struct Cross<'a> {
    pub updates: Cow<'a, [Pair]>,
    pub wanted: Cow<'a, [[usize; 2]]>,
}

impl<'a> Cross<'a> {
    pub fn new(updates: &'a [Pair], wanted: &'a [[usize; 2]]) -> Self {
        Self { updates: updates.into(), wanted: wanted.into() }
    }

    /// The numbers of the updates that the halves of what is wanted are of; one may be in both, and what nothing is
    /// wanted of is in the first.
    fn members(&self) -> Option<[Vec<usize>; 2]> {
        let is_of = halves(&self.wanted)?.map(|wanted| {
            let mut is_of = vec![false; self.updates.len()];
            wanted.iter().flatten().for_each(|&n| is_of[n] = true);
            is_of
        });
        let [first, second] = &is_of;
        let numbers = 0..self.updates.len();
        Some([numbers.clone().filter(|&n| first[n] || !second[n]).collect(), numbers.filter(|&n| second[n]).collect()])
    }
}

impl Job for Cross<'_> {
    type Output = (Vec<Directed>, Vec<Option<Crossed>>);

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Self::Output, ComputeError> {
        cross_all(backend, &self.updates, &self.wanted).await
    }

    fn bytes(&self) -> u64 {
        bytes_of_pairs(&self.updates)
    }

    fn halves(&self) -> Option<[Self; 2]> {
        let [a, b] = halves(&self.wanted)?;
        let [first, second] = self.members()?;
        let half = |members: Vec<usize>, wanted: &[[usize; 2]]| {
            let place = |n: usize| members.partition_point(|&member| member < n);
            let wanted: Vec<[usize; 2]> = wanted.iter().map(|pair| pair.map(place)).collect();
            let updates: Vec<Pair> = members.iter().map(|&n| self.updates[n].clone()).collect();
            Self { updates: updates.into(), wanted: wanted.into() }
        };
        Some([half(first, a), half(second, b)])
    }

    fn join(&self, first: Self::Output, second: Self::Output) -> Self::Output {
        let mut directed: Vec<Option<Directed>> = vec![None; self.updates.len()];
        let members = self.members().into_iter().flatten();
        for (members, found) in members.zip([first.0, second.0]) {
            for (n, found) in members.into_iter().zip(found) {
                directed[n] = Some(found);
            }
        }
        (directed.into_iter().flatten().collect(), chained(first.1, second.1))
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::compute::FactorType;

    fn update(len: usize) -> Pair {
        let tall = |rows: usize| {
            let bytes = vec![0; rows * 4];
            Rc::new(RawTall { rows: rows as u32, cols: 1, transposed: false, dtype: FactorType::F32, bytes })
        };
        Pair { left: tall(len), right: tall(1) }
    }

    fn lens(job: &Cross<'_>) -> Vec<u32> {
        job.updates.iter().map(|pair| pair.left.rows).collect()
    }

    fn found(job: &Cross<'_>) -> Vec<Directed> {
        let of = |len: u32| Directed::Found { sigma: vec![f64::from(len)], rank: 1, fallback: false };
        lens(job).into_iter().map(of).collect()
    }

    /// Each half has what it needs, and together they have all, in order.
    #[test]
    fn halves_of_crossed_updates_are_joined_in_order() {
        let updates: Vec<Pair> = (1..=5).map(update).collect();
        let wanted = [[4, 0], [0, 1], [1, 3]];
        let job = Cross::new(&updates, &wanted);
        let [first, second] = job.halves().unwrap();
        // Nothing is wanted of the third.
        assert_eq!((lens(&first), &first.wanted[..]), (vec![1, 3, 5], &[[2, 0]][..]));
        assert_eq!((lens(&second), &second.wanted[..]), (vec![1, 2, 4], &[[0, 1], [1, 2]][..]));
        assert_eq!((job.bytes(), first.bytes(), second.bytes()), (4 * 20, 4 * 12, 4 * 10));
        assert!(first.halves().is_none() && second.halves().is_some());
        let (directed, crossed) = job.join((found(&first), vec![None; 1]), (found(&second), vec![None; 2]));
        let sigma = |one: &Directed| match one {
            Directed::Found { sigma, .. } => sigma[0],
            other => panic!("{other:?}"),
        };
        assert_eq!(directed.iter().map(sigma).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(crossed.len(), 3);
    }

    #[test]
    fn halves_of_a_projection_keep_each_pair_with_its_order() {
        let pairs: Vec<Pair> = (1..=3).map(update).collect();
        let how = How::Resized((1..=3).map(|n| [Resize::Crop(n), Resize::Crop(n + 10)]).collect());
        let job = Project { pairs: &pairs, how };
        let [first, second] = job.halves().unwrap();
        assert!(first.halves().is_none());
        let of = |job: &Project<'_>| match &job.how {
            How::Resized(to) => (job.pairs.iter().map(|pair| pair.left.rows).collect::<Vec<_>>(), to.clone()),
            How::Svd(_) => panic!("another method"),
        };
        let crops = |n: u32| [Resize::Crop(n), Resize::Crop(n + 10)];
        assert_eq!(of(&first), (vec![1], vec![crops(1)]));
        assert_eq!(of(&second), (vec![2, 3], vec![crops(2), crops(3)]));
    }
}
