//! The work that a session gives to its backend, one batch at a time, whichever backend that is.

use std::borrow::Cow;
use std::future::Future;
use std::ops::Range;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::session::compute::difference::{of_made, of_vectors};
use crate::session::compute::trust::{Compared, OF_SIGMA, of_spectra};
use lorascope_kernels::check::{self, Difference, SIGMA_LIMIT};
use lorascope_kernels::linalg::{
    Crossed, Directed, Made, Order, Pair, Spectrum, Want, cross_all, resized_factors, spectra, svd_factors,
};
use lorascope_kernels::{ComputeError, Kernel, Primitives, RawTall, Resize};

/// Work on a batch that any backend can do, and do again after another one failed.
pub trait Job: Sized {
    type Output;

    fn run<B: Primitives>(&self, backend: &B) -> impl Future<Output = Result<Self::Output, ComputeError>>;

    /// The kernels that it takes.
    fn kernels(&self) -> &'static [Kernel];

    /// Bytes of what a device has to hold before it can begin.
    fn bytes(&self) -> u64;

    /// Modules, or what else can be computed alone.
    fn count(&self) -> usize;

    /// The same work on some of them.
    fn part(&self, range: Range<usize>) -> Self;

    /// The same work in two parts; `None` where it is that of one module.
    fn halves(&self) -> Option<[Self; 2]> {
        let count = self.count();
        (count > 1).then(|| [0..count / 2, count / 2..count].map(|half| self.part(half)))
    }

    /// What the whole would have given, out of what its halves gave.
    fn join(&self, first: Self::Output, second: Self::Output) -> Self::Output;

    /// What module `n` is made of.
    fn matrices(&self, n: usize) -> Vec<Rc<RawTall>>;

    /// Multiplications that module `n` takes, about.
    fn multiplications(&self, n: usize) -> u64;

    /// How far what a GPU made of module `n`, among the others of `whole`, is from what the CPU made of it alone.
    /// `None` where that says nothing.
    fn compared(&self, n: usize, whole: &Self::Output, alone: &Self::Output) -> Option<Compared>;
}

/// Bytes of matrices on a device.
pub(crate) fn bytes_of<'a>(matrices: impl IntoIterator<Item = &'a RawTall>) -> u64 {
    matrices.into_iter().map(|tall| tall.bytes.len().next_multiple_of(4) as u64).sum()
}

fn bytes_of_pairs(pairs: &[Pair]) -> u64 {
    bytes_of(pairs.iter().flat_map(|pair| [pair.left.as_ref(), pair.right.as_ref()]))
}

/// Multiplications of the Gram matrices of both factors.
fn multiplications_of(pair: &Pair) -> u64 {
    let of = |tall: &RawTall| u64::from(tall.rows) * u64::from(tall.cols) * u64::from(tall.cols);
    of(&pair.left) + of(&pair.right)
}

fn matrices_of(pair: &Pair) -> Vec<Rc<RawTall>> {
    vec![Rc::clone(&pair.left), Rc::clone(&pair.right)]
}

pub(crate) fn chained<T>(mut first: Vec<T>, second: Vec<T>) -> Vec<T> {
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

    fn kernels(&self) -> &'static [Kernel] {
        OF_SIGMA
    }

    fn bytes(&self) -> u64 {
        bytes_of_pairs(self.pairs)
    }

    fn count(&self) -> usize {
        self.pairs.len()
    }

    fn part(&self, range: Range<usize>) -> Self {
        Self { pairs: &self.pairs[range], want: self.want }
    }

    fn join(&self, first: Vec<Spectrum>, second: Vec<Spectrum>) -> Vec<Spectrum> {
        chained(first, second)
    }

    fn matrices(&self, n: usize) -> Vec<Rc<RawTall>> {
        matrices_of(&self.pairs[n])
    }

    fn multiplications(&self, n: usize) -> u64 {
        multiplications_of(&self.pairs[n])
    }

    fn compared(&self, n: usize, whole: &Vec<Spectrum>, alone: &Vec<Spectrum>) -> Option<Compared> {
        let (gpu, cpu) = (whole.get(n)?, alone.first()?);
        let difference = of_spectra(gpu, cpu);
        let vectors = (!difference.is_wrong()).then(|| of_vectors(gpu, cpu)).flatten();
        Some(match vectors.filter(Difference::is_wrong) {
            Some(difference) => Compared { difference, of_sigma: false },
            None => Compared { difference, of_sigma: true },
        })
    }
}

/// The projected factors of a batch.
pub struct Project<'a> {
    pub pairs: &'a [Pair],
    pub how: How,
}

/// What each pair of a batch becomes.
#[derive(Clone, Debug, Serialize, Deserialize)]
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

    fn kernels(&self) -> &'static [Kernel] {
        match self.how {
            How::Svd(_) => &[Kernel::Scan, Kernel::Gram, Kernel::Apply, Kernel::Resize],
            How::Resized(_) => &[Kernel::Resize],
        }
    }

    fn bytes(&self) -> u64 {
        bytes_of_pairs(self.pairs)
    }

    fn count(&self) -> usize {
        self.pairs.len()
    }

    fn part(&self, range: Range<usize>) -> Self {
        let how = match &self.how {
            How::Svd(orders) => How::Svd(orders[range.clone()].to_vec()),
            How::Resized(to) => How::Resized(to[range.clone()].to_vec()),
        };
        Self { pairs: &self.pairs[range], how }
    }

    fn join(&self, first: Vec<Made>, second: Vec<Made>) -> Vec<Made> {
        chained(first, second)
    }

    fn matrices(&self, n: usize) -> Vec<Rc<RawTall>> {
        matrices_of(&self.pairs[n])
    }

    fn multiplications(&self, n: usize) -> u64 {
        multiplications_of(&self.pairs[n])
    }

    fn compared(&self, n: usize, whole: &Vec<Made>, alone: &Vec<Made>) -> Option<Compared> {
        let (gpu, cpu) = (whole.get(n)?, alone.first()?);
        let order = match &self.how {
            How::Svd(orders) => orders.get(n),
            How::Resized(_) => None,
        };
        let difference = of_made(gpu, cpu, &self.pairs[n], order, self.kernels());
        Some(Compared { difference, of_sigma: false })
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

    /// The numbers of the updates that a part of what is wanted is of; what nothing is wanted of is in the first part.
    fn members(&self, range: &Range<usize>) -> Vec<usize> {
        let is_of = |wanted: &[[usize; 2]], n: usize| wanted.iter().flatten().any(|&member| member == n);
        let is_member = |n: &usize| {
            is_of(&self.wanted[range.clone()], *n) || (range.start == 0 && !is_of(&self.wanted[range.end..], *n))
        };
        (0..self.updates.len()).filter(is_member).collect()
    }
}

impl Job for Cross<'_> {
    type Output = (Vec<Directed>, Vec<Option<Crossed>>);

    async fn run<B: Primitives>(&self, backend: &B) -> Result<Self::Output, ComputeError> {
        cross_all(backend, &self.updates, &self.wanted).await
    }

    fn kernels(&self) -> &'static [Kernel] {
        &[Kernel::Scan, Kernel::Gram, Kernel::Apply, Kernel::Cross]
    }

    fn bytes(&self) -> u64 {
        bytes_of_pairs(&self.updates)
    }

    fn count(&self) -> usize {
        self.wanted.len()
    }

    fn part(&self, range: Range<usize>) -> Self {
        let members = self.members(&range);
        let place = |n: usize| members.partition_point(|&member| member < n);
        let wanted: Vec<[usize; 2]> = self.wanted[range].iter().map(|pair| pair.map(place)).collect();
        let updates: Vec<Pair> = members.iter().map(|&n| self.updates[n].clone()).collect();
        Self { updates: updates.into(), wanted: wanted.into() }
    }

    fn join(&self, first: Self::Output, second: Self::Output) -> Self::Output {
        let mut directed: Vec<Option<Directed>> = vec![None; self.updates.len()];
        let count = self.count();
        let members = [0..count / 2, count / 2..count].map(|half| self.members(&half));
        for (members, found) in members.into_iter().zip([first.0, second.0]) {
            for (n, found) in members.into_iter().zip(found) {
                directed[n] = Some(found);
            }
        }
        (directed.into_iter().flatten().collect(), chained(first.1, second.1))
    }

    fn matrices(&self, n: usize) -> Vec<Rc<RawTall>> {
        self.wanted[n].iter().flat_map(|&n| matrices_of(&self.updates[n])).collect()
    }

    fn multiplications(&self, n: usize) -> u64 {
        self.wanted[n].iter().map(|&n| 2 * multiplications_of(&self.updates[n])).sum()
    }

    /// Directions below the noise of f32 are any: what is compared is what a comparison shows.
    fn compared(&self, n: usize, whole: &Self::Output, alone: &Self::Output) -> Option<Compared> {
        let (gpu, cpu) = (whole.1.get(n)?, alone.1.last()?);
        let cosine = match (gpu, cpu) {
            (Some(gpu), Some(cpu)) => (gpu.cosine - cpu.cosine).abs(),
            (None, None) => 0.0,
            _ => f64::INFINITY,
        };
        let ends = self.wanted[n];
        let members = self.members(&(n..n + 1));
        let sigma = check::worst(ends.iter().map(|&end| {
            match (whole.0.get(end), alone.0.get(members.partition_point(|&member| member < end))) {
                (Some(Directed::Found { sigma: a, .. }), Some(Directed::Found { sigma: b, .. })) => {
                    // How many there are is decided below f32's noise.
                    let both = a.len().min(b.len());
                    check::of_sigma(&a[..both], &b[..both])
                }
                (Some(Directed::NotFinite { count: a }), Some(Directed::NotFinite { count: b })) if a == b => 0.0,
                (Some(Directed::OutOfRange), Some(Directed::OutOfRange)) => 0.0,
                _ => f64::INFINITY,
            }
        }));
        let difference = if check::worst([sigma]) <= SIGMA_LIMIT {
            Difference::of(self.kernels(), cosine)
        } else {
            Difference { kernels: self.kernels(), off: sigma, limit: SIGMA_LIMIT }
        };
        Some(Compared { difference, of_sigma: false })
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use lorascope_kernels::FactorType;

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
