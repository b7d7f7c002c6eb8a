//! Two adapters beside each other, out of the products of their directions; the formulas are those of
//! [`lorascope_protocol::report::PairFigures`] and [`ComparedModule`].

use serde::{Deserialize, Serialize};

use lorascope_kernels::linalg::Crossed;
use lorascope_protocol::report::{ComparedModule, OverlapGrid, PairFigures};

use super::measures::frobenius;

/// Directions of each side that an overlap grid shows, at most.
const SHOWN: usize = 128;

/// One adapter's update of a module: ΔW = s·U·Σ·Vᵀ.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// Of L·Rᵀ, descending.
    pub sigma: &'a [f64],
    /// The numerical rank k.
    pub rank: usize,
    /// s, whose sign counts.
    pub scale: f64,
}

impl Own<'_> {
    /// ‖ΔW‖_F.
    pub fn norm(&self) -> f64 {
        frobenius(self.sigma) * self.scale.abs()
    }

    fn is_flipped(&self) -> bool {
        self.scale < 0.0
    }
}

/// A module that both adapters have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Both {
    pub cosine: f64,
    /// ‖ΔWₐ‖_F and ‖ΔW_b‖_F.
    pub norms: [f64; 2],
    /// ‖UₐᵀU_b‖²_F and ‖VₐᵀV_b‖²_F over the numerical ranks.
    pub shared: [f64; 2],
    /// kₐ and k_b.
    pub ranks: [usize; 2],
    /// `[out, in]`.
    pub shape: [u64; 2],
}

impl Both {
    /// `crossed` is `None` where one of the updates is zero; the result is where a norm is beyond double precision.
    pub fn new(own: [Own<'_>; 2], crossed: Option<&Crossed>, shape: [u64; 2]) -> Option<Self> {
        let norms = own.map(|own| own.norm());
        if !norms.iter().all(|norm| norm.is_finite()) {
            return None;
        }
        let ranks = own.map(|own| own.rank);
        let cosine = match crossed {
            Some(crossed) if norms.iter().all(|&norm| norm > 0.0) => {
                if own[0].is_flipped() == own[1].is_flipped() {
                    crossed.cosine
                } else {
                    -crossed.cosine
                }
            }
            _ => 0.0,
        };
        let shared = crossed.map_or([0.0; 2], |Crossed { left, right, .. }| {
            [left, right].map(|side| side.view((0, 0), (ranks[0], ranks[1])).norm_squared())
        });
        Some(Self { cosine, norms, shared, ranks, shape })
    }

    pub fn reported(&self, name: String, other_name: Option<String>) -> ComparedModule {
        let [most, least] = [self.most(), self.least()];
        let has_directions = least > 0.0;
        let overlap = self.shared.map(|shared| (shared / least).min(1.0));
        let chance = self.shape.map(|side| most / side as f64);
        ComparedModule {
            name,
            other_name,
            cosine: self.cosine,
            overlap: has_directions.then_some(overlap),
            chance: has_directions.then_some(chance),
            interference: interference(self.cosine, self.norms),
            norms: self.norms,
        }
    }

    fn least(&self) -> f64 {
        self.ranks[0].min(self.ranks[1]) as f64
    }

    fn most(&self) -> f64 {
        self.ranks[0].max(self.ranks[1]) as f64
    }
}

/// (‖A + B‖² − ‖A‖² − ‖B‖²) / (‖A‖² + ‖B‖²) = 2·⟨A, B⟩ / (‖A‖² + ‖B‖²); 0 where both are zero.
fn interference(cosine: f64, [a, b]: [f64; 2]) -> f64 {
    let unit = a.max(b);
    if unit == 0.0 {
        return 0.0;
    }
    let (a, b) = (a / unit, b / unit);
    2.0 * cosine * a * b / (a * a + b * b)
}

/// ‖A + B‖ of a cosine and two norms.
fn norm_of_sum(cosine: f64, [a, b]: [f64; 2]) -> f64 {
    let unit = a.max(b);
    if unit == 0.0 {
        return 0.0;
    }
    let (a, b) = (a / unit, b / unit);
    bounded(unit * (a * a + b * b + 2.0 * cosine * a * b).max(0.0).sqrt())
}

/// The pair as a whole. `only` are the norms of modules that one of the two alone has; `counts` those of
/// [`PairFigures::counts`], which count copies too.
pub fn whole(shared: &[Both], only: [&[f64]; 2], counts: [usize; 4]) -> PairFigures {
    let of = |n: usize| shared.iter().map(move |both| both.norms[n]);
    let shared_norms = [length(of(0)), length(of(1))];
    let norms = [0, 1].map(|n| length(of(n).chain(only[n].iter().copied())));
    let cosine = |norms: [f64; 2]| {
        let [a, b] = norms;
        if a == 0.0 || b == 0.0 {
            return 0.0;
        }
        let dot: f64 = shared.iter().map(|both| both.cosine * (both.norms[0] / a) * (both.norms[1] / b)).sum();
        dot.clamp(-1.0, 1.0)
    };
    let (all, of_shared) = (cosine(norms), cosine(shared_norms));
    let least: f64 = shared.iter().map(Both::least).sum();
    let by_least = |sum: &dyn Fn(&Both, usize) -> f64| {
        (least > 0.0)
            .then(|| [0, 1].map(|side| (shared.iter().map(|both| sum(both, side)).sum::<f64>() / least).min(1.0)))
    };
    let expected = |both: &Both, side: usize| both.least() * both.most() / both.shape[side] as f64;
    let is_shared = !shared.is_empty();
    PairFigures {
        cosine: is_shared.then_some(all),
        shared_cosine: is_shared.then_some(of_shared),
        overlap: by_least(&|both, side| both.shared[side]),
        chance: by_least(&expected),
        interference: is_shared.then(|| interference(of_shared, shared_norms)),
        norms: [norms[0], norms[1], norm_of_sum(all, norms)],
        counts: counts.map(|count| count as u32),
    }
}

/// ‖x‖ of numbers whose squares may overflow or vanish.
fn length(numbers: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = numbers.clone().fold(0.0, f64::max);
    if largest == 0.0 {
        return 0.0;
    }
    bounded(largest * numbers.map(|x| (x / largest).powi(2)).sum::<f64>().sqrt())
}

/// A sum of finite norms may be just beyond double precision.
fn bounded(norm: f64) -> f64 {
    norm.min(f64::MAX)
}

/// φ(i, j) of a module; see [`OverlapGrid`].
pub fn grid(crossed: &Crossed, ranks: [usize; 2], shape: [u64; 2]) -> OverlapGrid {
    let [p, q] = ranks.map(|rank| rank.min(SHOWN));
    let side = |product: &nalgebra::DMatrix<f64>| {
        let mut grid = Vec::with_capacity(p * q);
        // ‖·‖² of the first rows of each of the columns so far.
        let mut columns = vec![0.0; q];
        for i in 0..p {
            let mut sum = 0.0;
            for (j, column) in columns.iter_mut().enumerate() {
                *column += product[(i, j)].powi(2);
                sum += *column;
                grid.push((sum / (i.min(j) + 1) as f64).min(1.0));
            }
        }
        grid
    };
    OverlapGrid {
        size: [p as u32, q as u32],
        rank: ranks.map(|rank| rank as u32),
        sides: [side(&crossed.left), side(&crossed.right)],
        dims: shape,
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::*;

    fn both(cosine: f64, norms: [f64; 2]) -> Both {
        Both { cosine, norms, shared: [1.0, 0.5], ranks: [1, 2], shape: [10, 20] }
    }

    #[test]
    fn signs_of_scales_count_and_zero_is_no_division() {
        let one = Crossed { cosine: 1.0, left: DMatrix::identity(2, 2), right: DMatrix::identity(2, 2) };
        let sigma = [3.0, 4.0];
        let own = |scale| Own { sigma: &sigma, rank: 2, scale };
        let opposite = Both::new([own(2.0), own(-2.0)], Some(&one), [5, 4]).unwrap();
        assert_eq!((opposite.cosine, opposite.norms, opposite.shared), (-1.0, [10.0, 10.0], [2.0, 2.0]));
        let report = opposite.reported("q".to_owned(), None);
        assert_eq!((report.interference, report.overlap, report.chance), (-1.0, Some([1.0; 2]), Some([0.4, 0.5])));
        let zero = Both::new([own(0.0), own(1.0)], Some(&one), [5, 4]).unwrap();
        assert_eq!((zero.cosine, zero.reported(String::new(), None).interference), (0.0, 0.0));
        let none = Own { sigma: &[0.0], rank: 0, scale: 1.0 };
        let nothing = Both::new([none, none], None, [5, 4]).unwrap();
        let report = nothing.reported(String::new(), None);
        assert_eq!((report.cosine, report.overlap, report.interference), (0.0, None, 0.0));
        assert_eq!(Both::new([own(f64::MAX), own(1.0)], Some(&one), [5, 4]), None);
    }

    #[test]
    fn a_whole_is_that_of_the_long_vectors() {
        // a = (3, 0 | 4), b = (1, 1 | -) in three modules: cosines 1 and 0, the third in a alone.
        let shared = [both(1.0, [3.0, 1.0]), both(0.0, [0.0, 1.0])];
        let figures = whole(&shared, [&[4.0], &[]], [2, 1, 0, 2]);
        assert!((figures.cosine.unwrap() - 3.0 / (5.0 * 2f64.sqrt())).abs() < 1e-15);
        assert!((figures.shared_cosine.unwrap() - 0.5f64.sqrt()).abs() < 1e-15);
        assert!((figures.interference.unwrap() - 6.0 / 11.0).abs() < 1e-15);
        assert!((figures.norms[2] - 33f64.sqrt()).abs() < 1e-14);
        assert_eq!((figures.overlap, figures.chance), (Some([1.0, 0.5]), Some([0.2, 0.1])));
        assert_eq!(figures.counts, [2, 1, 0, 2]);
        let none = whole(&[], [&[1.0], &[2.0]], [0, 1, 1, 0]);
        assert_eq!((none.cosine, none.overlap, none.interference), (None, None, None));
        assert_eq!(none.norms, [1.0, 2.0, 5f64.sqrt()]);
        // Squares that no f64 holds.
        let huge = whole(&[both(-1.0, [1e300, 1e300])], [&[], &[]], [1, 0, 0, 0]);
        assert_eq!((huge.cosine, huge.interference, huge.norms[2]), (Some(-1.0), Some(-1.0), 0.0));
    }

    #[test]
    fn a_grid_adds_up_squares() {
        let crossed = Crossed {
            cosine: 0.5,
            left: DMatrix::from_row_slice(2, 2, &[0.5, 0.5, 0.1, 0.7]),
            right: DMatrix::identity(2, 2),
        };
        let grid = grid(&crossed, [2, 2], [9, 8]);
        assert_eq!((grid.size, grid.rank, grid.dims), ([2, 2], [2, 2], [9, 8]));
        for (found, exact) in grid.sides[0].iter().zip([0.25, 0.5, 0.26, 0.5]) {
            assert!((found - exact).abs() < 1e-15, "{:?}", grid.sides[0]);
        }
        assert_eq!(grid.sides[1], [1.0, 1.0, 1.0, 1.0]);
    }
}
