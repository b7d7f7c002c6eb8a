//! The work that a session gives to its backend, one batch at a time, whichever backend that is.

use std::borrow::Cow;
use std::future::Future;
use std::ops::Range;
use std::rc::Rc;

use nalgebra::DMatrix;

use super::trust::{Compared, OF_SIGMA, of_spectra};
use lorascope_kernels::check::{self, Difference, LIMIT, SIGMA_LIMIT};
use lorascope_kernels::linalg::{
    Crossed, Directed, Factored, Made, Order, Pair, Spectrum, Want, cross_all, resized_factors, spectra, svd_factors,
    thin_svd,
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
pub(super) fn bytes_of<'a>(matrices: impl IntoIterator<Item = &'a RawTall>) -> u64 {
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

/// U·Σ·Vᵀ beside its norm: single directions may be any where singular values are near each other.
fn of_vectors(gpu: &Spectrum, cpu: &Spectrum) -> Option<Difference> {
    let product = |spectrum: &Spectrum| match spectrum {
        Spectrum::Found { sigma, vectors: Some((u, v)), .. } => {
            let mut left = u.map(f64::from);
            for (mut column, sigma) in left.column_iter_mut().zip(sigma) {
                column *= *sigma;
            }
            Some(Factored { left, right: v.map(f64::from) })
        }
        _ => None,
    };
    // Both may leave out a direction at the edge of the numerical rank.
    Some(Difference { kernels: OF_SIGMA, off: apart(&product(gpu)?, &product(cpu)?), limit: 2.0 * LIMIT })
}

/// B'·A' beside its norm.
fn of_made(gpu: &Made, cpu: &Made, pair: &Pair, order: Option<&Order>, kernels: &'static [Kernel]) -> Difference {
    let product = |made: &Made| match made {
        Made::Factors { left, right, .. } => Some(Factored { left: left.map(f64::from), right: right.map(f64::from) }),
        _ => None,
    };
    let off = match (gpu, cpu) {
        (Made::NotFinite { count: a }, Made::NotFinite { count: b }) if a == b => 0.0,
        (Made::OutOfRange, Made::OutOfRange) => 0.0,
        // Factors that only got other rows have nothing of each other, and their product may cancel.
        (Made::Factors { left: a, right: b, .. }, Made::Factors { left: p, right: q, .. }) if order.is_none() => {
            check::worst([(a, p), (b, q)].map(|(gpu, cpu)| match [gpu, cpu].map(is_finite) {
                [true, true] => check::largest_part(gpu, cpu),
                [false, false] => 0.0,
                _ => f64::INFINITY,
            }))
        }
        _ => product(gpu).zip(product(cpu)).map_or(f64::INFINITY, |(gpu, cpu)| apart(&gpu, &cpu)),
    };
    let difference = Difference { kernels, off, limit: 2.0 * LIMIT };
    match order.filter(|_| difference.is_wrong()) {
        Some(order) => Difference { limit: limit_at(pair, order.rank as usize, difference.limit), ..difference },
        None => difference,
    }
}

fn is_finite(matrix: &DMatrix<f32>) -> bool {
    matrix.iter().all(|x| x.is_finite())
}

/// ‖P − Q‖ beside ‖Q‖; infinite where one alone has numbers that are not finite.
fn apart(p: &Factored, q: &Factored) -> f64 {
    let is_finite = |x: &Factored| [&x.left, &x.right].into_iter().flat_map(|side| side.iter()).all(|x| x.is_finite());
    match [p, q].map(is_finite) {
        [true, true] => check::part(p.difference_sq(1.0, q, 1.0).sqrt(), q.dot(q).sqrt()),
        [false, false] => 0.0,
        _ => f64::INFINITY,
    }
}

/// How far apart two best approximations of rank k may be whose updates are apart by `limit`. Directions turn by as much
/// as σₖ − σₖ₊₁ is smaller than σ₁ (Wedin, BIT 12, 1972); but where they are all exchanged, the approximations differ by
/// no more than those of σₖ.
fn limit_at(pair: &Pair, rank: usize, limit: f64) -> f64 {
    let Some(thin) = thin_svd(&Factored::new(pair).core_of_qr()) else { return limit };
    let sigma = &thin.sigma;
    match (sigma.first(), sigma.get(rank.wrapping_sub(1)), sigma.get(rank)) {
        (Some(&first), Some(&last), Some(&next)) if next > 0.0 => {
            let norm = sigma[..rank].iter().map(|s| (s / first).powi(2)).sum::<f64>().sqrt() * first;
            let exchanged = 2.0 * (rank.min(sigma.len() - rank) as f64).sqrt() * last / norm;
            (limit * 1.0f64.max(first / (last - next))).min(limit + exchanged)
        }
        _ => limit,
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

    fn made(left: DMatrix<f32>, right: DMatrix<f32>) -> Made {
        Made::Factors { left, right, fallback: false }
    }

    /// Interpolated factors may nearly cancel in their product, where rounding is large; NaN on one side only is a
    /// difference, and on both it is the file's.
    #[test]
    fn factors_with_other_rows_are_compared_one_by_one() {
        let pair = update(2);
        let of = |gpu: &Made, cpu: &Made| of_made(gpu, cpu, &pair, None, &[Kernel::Resize]);
        let left = DMatrix::from_row_slice(3, 2, &[1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
        let right = DMatrix::from_row_slice(2, 2, &[1.0, -0.9999, 0.7, -0.7]);
        let rounded = made(left.map(|x| x * (1.0 + 2e-7)), right.clone());
        assert!(!of(&rounded, &made(left.clone(), right.clone())).is_wrong());
        let off = made(left.map(|x| x * 1.001), right.clone());
        assert!(of(&off, &made(left.clone(), right.clone())).is_wrong());
        let nan = || {
            let mut spoilt = left.clone();
            spoilt[(1, 1)] = f32::NAN;
            made(spoilt, right.clone())
        };
        assert!(of(&nan(), &made(left.clone(), right.clone())).is_wrong());
        assert!(!of(&nan(), &nan()).is_wrong());
    }

    /// Of rank 1 in effect, cut to 2 of 3: the second direction is any, and still a wrong product is wrong.
    #[test]
    fn a_cut_through_noise_excuses_no_wrong_product() {
        let rank_one = |rows: usize| {
            let bytes = (0..rows * 3).flat_map(|n| ((n / 3 + 1) as f32).to_le_bytes()).collect();
            Rc::new(RawTall { rows: rows as u32, cols: 3, transposed: false, dtype: FactorType::F32, bytes })
        };
        let pair = Pair { left: rank_one(5), right: rank_one(4) };
        let order = Order { rank: 2, rows: [5, 4], gain: 1.0 };
        let product = |scale: f32| {
            made(DMatrix::from_fn(5, 2, |i, _| scale * (i + 1) as f32), DMatrix::from_fn(4, 2, |i, _| (i + 1) as f32))
        };
        let of = |gpu: &Made| of_made(gpu, &product(1.0), &pair, Some(&order), OF_SIGMA);
        assert!(!of(&product(1.0)).is_wrong());
        assert!(of(&product(1.001)).is_wrong());
        assert!(of(&Made::OutOfRange).is_wrong() && of(&Made::OutOfRange).limit.is_finite());
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
