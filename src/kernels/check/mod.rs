//! Whether a GPU computes what its CPU twins do: every kernel on a small case, and how far its results are off.
//!
//! A GPU is promised to be within 1e-6 of f64 in each kernel's own measure (`tests/kernels` holds it to that); the
//! limits here are twice that, since the twins round their results to f32 too. A GPU that computes wrongly is off by
//! many times more.

use std::fmt;
use std::rc::Rc;

use nalgebra::DMatrix;

use super::{Aligned, Change, ComputeError, Kernel, Primitives, RawTall, Residual, Resize, Scan, Side, Sides};

mod cases;

pub use cases::{factors, tiles};

/// The limit of every kernel, in its own measure.
pub const LIMIT: f64 = 2e-6;
/// The limit of a module's singular values: so many parts of σ₁.
pub const SIGMA_LIMIT: f64 = 1e-6;

/// How far a result of the GPU is from the CPU's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The kernels that it may come from.
    pub kernels: &'static [Kernel],
    /// Relative to what it is a part of, such as σ₁; not a number where the GPU's result is none.
    pub off: f64,
    /// What is allowed.
    pub limit: f64,
}

impl Difference {
    /// Of a kernel, in its own measure.
    pub fn of(kernels: &'static [Kernel], off: f64) -> Self {
        Self { kernels, off, limit: LIMIT }
    }

    pub fn is_wrong(&self) -> bool {
        // A comparison with NaN is false.
        !matches!(self.off.partial_cmp(&self.limit), Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal))
    }

    /// # Errors
    /// [`ComputeError::Wrong`] where it is.
    pub fn judged(self) -> Result<f64, ComputeError> {
        if self.is_wrong() { Err(ComputeError::Wrong(self)) } else { Ok(self.off) }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.kernels.iter().map(|kernel| kernel.name()).collect();
        let kernels = if let [one] = names.as_slice() {
            format!("its kernel {one} was")
        } else {
            format!("its kernels {} together were", names.join(", "))
        };
        if self.off.is_finite() {
            write!(f, "{kernels} off by {:.1e}, where {:.0e} is allowed", self.off, self.limit)
        } else {
            write!(f, "{kernels} off by more than a number can say, where {:.0e} is allowed", self.limit)
        }
    }
}

/// Lets both engines run a kernel on its small cases.
///
/// # Errors
/// [`ComputeError::Wrong`], or what keeps an engine from computing.
pub async fn kernel<G: Primitives, C: Primitives>(kernel: Kernel, gpu: &G, cpu: &C) -> Result<(), ComputeError> {
    match kernel {
        Kernel::Scan | Kernel::Gram | Kernel::Apply => {
            // Twice the same shapes with other numbers: a result that is left over from the first is seen.
            for turn in 0..2 {
                factor(kernel, gpu, cpu, &factors(turn)).await?.judged()?;
            }
        }
        Kernel::Cross | Kernel::Resize => {
            factor(kernel, gpu, cpu, &factors(2)).await?.judged()?;
        }
        Kernel::Align | Kernel::Multiply | Kernel::Residual => {
            for turn in 0..2 {
                update(kernel, gpu, cpu, turn).await?.judged()?;
            }
        }
    }
    Ok(())
}

/// How far a kernel over tall factors is off on these matrices.
///
/// # Errors
/// What keeps an engine from computing.
pub async fn factor<G: Primitives, C: Primitives>(
    kernel: Kernel,
    gpu: &G,
    cpu: &C,
    matrices: &[Rc<RawTall>],
) -> Result<Difference, ComputeError> {
    let (on_gpu, on_cpu) = (gpu.upload(matrices).await?, cpu.upload(matrices).await?);
    let (g, c): (Vec<_>, Vec<_>) = (on_gpu.iter().collect(), on_cpu.iter().collect());
    let worst = match kernel {
        Kernel::Gram => {
            let scales: Vec<Vec<f32>> = cpu.scan(&c).await?.iter().map(scales).collect();
            let (a, b) = (gpu.gram(&g, &scales).await?, cpu.gram(&c, &scales).await?);
            worst(a.iter().zip(&b).map(|(a, b)| of_grams(a, b)))
        }
        Kernel::Apply => {
            let weights: Vec<DMatrix<f64>> = matrices.iter().map(|m| cases::weight(m.cols, m.cols.min(21))).collect();
            let (a, b) = (gpu.apply(&g, &weights).await?, cpu.apply(&c, &weights).await?);
            let (a, b) = (read(gpu, &a).await?, read(cpu, &b).await?);
            let exact = matrices.iter().map(|m| m.to_f64());
            worst(exact.zip(&weights).zip(a.iter().zip(&b)).map(|((x, w), (a, b))| of_products(&x, w, a, b)))
        }
        Kernel::Cross => {
            let pairs = |talls: usize| (0..talls).flat_map(move |i| (0..talls).map(move |j| [i, j]));
            let same: Vec<[usize; 2]> =
                pairs(matrices.len()).filter(|&[i, j]| matrices[i].rows == matrices[j].rows).collect();
            let a = gpu.cross(&same.iter().map(|pair| pair.map(|n| g[n])).collect::<Vec<_>>()).await?;
            let b = cpu.cross(&same.iter().map(|pair| pair.map(|n| c[n])).collect::<Vec<_>>()).await?;
            let norms: Vec<Vec<f64>> = matrices.iter().map(|m| lengths(&m.to_f64())).collect();
            worst(same.iter().zip(a.iter().zip(&b)).map(|(&[i, j], (a, b))| {
                worst(entries(a, b).map(|(row, col, off)| part(off, norms[i][row] * norms[j][col])))
            }))
        }
        Kernel::Resize => {
            let sizes = |m: &Rc<RawTall>| [Resize::Crop(m.rows / 2 + 7), Resize::Linear(m.rows * 2 - 1)];
            let mut all = Vec::new();
            for n in 0..2 {
                let to: Vec<Resize> = matrices.iter().map(|m| sizes(m)[n]).collect();
                let (a, b) = (gpu.resize(&g, &to).await?, cpu.resize(&c, &to).await?);
                let (a, b) = (read(gpu, &a).await?, read(cpu, &b).await?);
                all.extend(a.iter().zip(&b).map(|(a, b)| largest_part(a, b)));
            }
            worst(all)
        }
        _ => {
            let (a, b) = (gpu.scan(&g).await?, cpu.scan(&c).await?);
            worst(a.iter().zip(&b).map(|(a, b)| of_scans(a, b)))
        }
    };
    Ok(Difference::of(alone(kernel), worst))
}

async fn read<P: Primitives>(backend: &P, talls: &[P::Tall]) -> Result<Vec<DMatrix<f32>>, ComputeError> {
    backend.read(&talls.iter().collect::<Vec<_>>()).await
}

async fn update<G: Primitives, C: Primitives>(
    kernel: Kernel,
    gpu: &G,
    cpu: &C,
    turn: u32,
) -> Result<Difference, ComputeError> {
    let [before, after] = tiles(turn);
    let (rows, cols, k) = (before.rows, before.cols, cases::K);
    let states = [before, after].map(Rc::new);
    let norm = (states[1].to_f64() - states[0].to_f64()).norm();
    let (left, right) = (cases::thin(rows), cases::thin(cols));
    let sides = [Sides { k, left: &left, right: &right }];
    let (on_gpu, on_cpu) = (gpu.upload(&states).await?, cpu.upload(&states).await?);
    let g = [Change { before: &on_gpu[0], after: &on_gpu[1] }];
    let c = [Change { before: &on_cpu[0], after: &on_cpu[1] }];
    let worst = match kernel {
        Kernel::Multiply => {
            let mut all = Vec::new();
            for (side, thin) in [(Side::Left, left.as_slice()), (Side::Right, right.as_slice())] {
                let (a, b) = (gpu.multiply(&g, side, &[thin], k).await?, cpu.multiply(&c, side, &[thin], k).await?);
                all.extend(a.iter().zip(&b).map(|(a, b)| part((a - b).norm(), norm)));
            }
            worst(all)
        }
        Kernel::Residual => {
            let (a, b) = (gpu.residual(&g, &sides).await?, cpu.residual(&c, &sides).await?);
            worst(a.iter().zip(&b).map(|(a, b)| of_residuals(a, b)))
        }
        _ => {
            let (a, b) = (gpu.align(&g, &sides).await?, cpu.align(&c, &sides).await?);
            worst(a.iter().zip(&b).map(|(a, b)| of_aligned(a, b)))
        }
    };
    Ok(Difference::of(alone(kernel), worst))
}

/// As a list of one, which a [`Difference`] holds.
const fn alone(kernel: Kernel) -> &'static [Kernel] {
    match kernel {
        Kernel::Scan => &[Kernel::Scan],
        Kernel::Gram => &[Kernel::Gram],
        Kernel::Apply => &[Kernel::Apply],
        Kernel::Cross => &[Kernel::Cross],
        Kernel::Resize => &[Kernel::Resize],
        Kernel::Align => &[Kernel::Align],
        Kernel::Multiply => &[Kernel::Multiply],
        Kernel::Residual => &[Kernel::Residual],
    }
}

/// The largest, where NaN is larger than any.
pub fn worst(all: impl IntoIterator<Item = f64>) -> f64 {
    all.into_iter().fold(0.0, |worst: f64, off| if off > worst || off.is_nan() { off } else { worst })
}

/// `off` as a part of `whole`; of nothing, any difference is infinite.
pub fn part(off: f64, whole: f64) -> f64 {
    if off == 0.0 { 0.0 } else { off / whole }
}

/// Maxima and counts are exact.
fn of_scans(gpu: &Scan, cpu: &Scan) -> f64 {
    if gpu == cpu { 0.0 } else { f64::INFINITY }
}

/// Each entry beside the lengths of its two columns.
pub fn of_grams(gpu: &DMatrix<f64>, cpu: &DMatrix<f64>) -> f64 {
    let length = |n: usize| cpu[(n, n)].sqrt();
    worst(entries(gpu, cpu).map(|(i, j, off)| part(off, length(i) * length(j))))
}

/// Each number of X·W beside ‖row of X‖·‖column of W‖.
fn of_products(x: &DMatrix<f64>, w: &DMatrix<f64>, gpu: &DMatrix<f32>, cpu: &DMatrix<f32>) -> f64 {
    if gpu.shape() != cpu.shape() {
        return f64::NAN;
    }
    let (rows, cols) = (lengths(&x.transpose()), lengths(w));
    let off = |i: usize, j: usize| f64::from(gpu[(i, j)]) - f64::from(cpu[(i, j)]);
    worst(
        (0..cpu.nrows())
            .flat_map(|i| (0..cpu.ncols()).map(move |j| (i, j)))
            .map(|(i, j)| part(off(i, j).abs(), rows[i] * cols[j])),
    )
}

/// The largest difference beside the largest number.
pub fn largest_part(gpu: &DMatrix<f32>, cpu: &DMatrix<f32>) -> f64 {
    let (gpu, cpu) = (gpu.map(f64::from), cpu.map(f64::from));
    part(worst(entries(&gpu, &cpu).map(|(.., off)| off)), cpu.amax())
}

/// The core beside ‖X‖, the squared norms beside themselves.
pub fn of_aligned(gpu: &Aligned, cpu: &Aligned) -> f64 {
    if gpu.not_finite != cpu.not_finite {
        return f64::INFINITY;
    }
    let core = part(worst(entries(&gpu.core, &cpu.core).map(|(.., off)| off)), cpu.update_sq.sqrt());
    // A square that a GPU's f32 flushes is no more than that.
    let before = if cpu.before_sq < f64::from(f32::MIN_POSITIVE) { cpu.before_sq } else { gpu.before_sq };
    let norms = [(gpu.update_sq, cpu.update_sq), (before, cpu.before_sq)];
    worst([core].into_iter().chain(norms.map(|(a, b)| part((a - b).abs(), b))))
}

/// ‖X − L·Rᵀ‖ beside ‖X‖, and ‖X‖² beside itself.
pub fn of_residuals(gpu: &Residual, cpu: &Residual) -> f64 {
    let rest = part((gpu.rest_sq.sqrt() - cpu.rest_sq.sqrt()).abs(), cpu.update_sq.sqrt());
    worst([rest, part((gpu.update_sq - cpu.update_sq).abs(), cpu.update_sq)])
}

/// The largest difference of singular values, in parts of σ₁.
pub fn of_sigma(gpu: &[f64], cpu: &[f64]) -> f64 {
    if gpu.len() != cpu.len() {
        return f64::NAN;
    }
    let largest = cpu.first().copied().unwrap_or(0.0);
    worst(gpu.iter().zip(cpu).map(|(a, b)| part((a - b).abs(), largest)))
}

/// Row, column and difference of every entry; of matrices of another shape, NaN.
fn entries<'a>(gpu: &'a DMatrix<f64>, cpu: &'a DMatrix<f64>) -> impl Iterator<Item = (usize, usize, f64)> {
    let same = gpu.shape() == cpu.shape();
    let off = move |i, j| if same { (gpu[(i, j)] - cpu[(i, j)]).abs() } else { f64::NAN };
    (0..cpu.nrows()).flat_map(move |i| (0..cpu.ncols()).map(move |j| (i, j, off(i, j))))
}

fn lengths(matrix: &DMatrix<f64>) -> Vec<f64> {
    matrix.column_iter().map(|column| column.norm()).collect()
}

/// Powers of two that bring the columns' largest numbers near 1, as in a profile.
fn scales(scan: &Scan) -> Vec<f32> {
    let scale = |col: usize| match scan.max(col) {
        0.0 => 0.0,
        max => (-max.log2().floor()).exp2(),
    };
    (0..scan.max_bits.len()).map(scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_wrong() {
        for (off, is_wrong) in [(0.0, false), (LIMIT, false), (3e-6, true), (f64::NAN, true), (f64::INFINITY, true)] {
            let difference = Difference::of(&[Kernel::Gram], off);
            assert_eq!(difference.is_wrong(), is_wrong, "{off}");
            assert_eq!(difference.judged().is_err(), is_wrong, "{off}");
            let said = difference.to_string();
            assert!(said.starts_with("its kernel gram was off by ") && !said.contains("NaN"), "{said}");
        }
        assert!(worst([1.0, f64::NAN, 2.0]).is_nan());
        assert!(of_sigma(&[1.0], &[1.0, 0.5]).is_nan());
        assert_eq!(of_sigma(&[2.0, 1.0], &[2.0, 1.5]), 0.25);
        assert_eq!(part(0.0, 0.0), 0.0);
        assert!(part(1.0, 0.0).is_infinite());
    }

    #[test]
    fn several_kernels_are_named_together() {
        let difference = Difference { kernels: &[Kernel::Scan, Kernel::Gram], off: 0.25, limit: SIGMA_LIMIT };
        let said = difference.to_string();
        assert_eq!(said, "its kernels scan, gram together were off by 2.5e-1, where 1e-6 is allowed");
    }
}
