//! Whether a GPU is believed: its kernels are held against their CPU twins on small cases before they are used, and a
//! sample of its work, one module of a batch, is computed on the CPU too.

use std::hash::{DefaultHasher, Hasher};
use std::rc::Rc;

use crate::session::compute::jobs::Job;
use lorascope_kernels::check::{self, Difference, SIGMA_LIMIT};
use lorascope_kernels::linalg::{Pair, Spectrum, Want, spectra};
use lorascope_kernels::{ComputeError, Kernel, Primitives, RawTall};
use lorascope_protocol::report::{CheckReport, FoundIn, WrongReport};

/// Multiplications of a module that is taken in any case: a millisecond or two of a CPU.
const SMALL: u64 = 1 << 23;
/// Of so many multiplications one may be done twice.
const SHARE: u64 = 100;
/// What every profile takes.
const FIRST: [Kernel; 3] = [Kernel::Scan, Kernel::Gram, Kernel::Apply];
/// Of the algebra on them all; a difference of singular values may come from any.
pub(crate) const OF_SIGMA: &[Kernel] = &FIRST;

/// What is known of a GPU.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    /// Whose small cases agreed.
    agreed: Vec<Kernel>,
    /// Modules, or pieces of weights, that were computed on both.
    samples: u64,
    /// The largest difference of singular values so far, in parts of σ₁.
    largest: f64,
    budget: Budget,
    wrong: Option<WrongReport>,
    /// What it had given before it was found to be wrong is still held.
    unsettled: bool,
}

/// What a module of a batch gave on both engines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    pub difference: Difference,
    /// It is one of singular values.
    pub of_sigma: bool,
}

/// How much is computed twice.
#[derive(Debug, Default)]
struct Budget {
    done: u64,
    twice: u64,
}

impl Budget {
    /// Whether `one` of the multiplications of a batch may be done twice.
    fn admits(&mut self, batch: u64, one: u64) -> bool {
        self.done = self.done.saturating_add(batch);
        let is_within = one <= SMALL || self.twice.saturating_add(one).saturating_mul(SHARE) <= self.done;
        if is_within {
            self.twice = self.twice.saturating_add(one);
        }
        is_within
    }
}

impl Trust {
    /// Holds a GPU that has just been opened against the CPU, on the kernels that every profile takes and on what
    /// becomes of them.
    ///
    /// # Errors
    /// [`ComputeError::Wrong`], or what keeps the GPU from computing.
    pub async fn begin<G: Primitives, C: Primitives>(&mut self, gpu: &G, cpu: &C) -> Result<(), ComputeError> {
        for kernel in FIRST {
            check::kernel(kernel, gpu, cpu).await?;
            self.agreed.push(kernel);
        }
        let sides = check::factors(0).into_iter().zip(check::factors(1));
        let pairs: Vec<Pair> = sides.map(|(left, right)| Pair { left, right }).collect();
        let (a, b) = (spectra(gpu, &pairs, Want::Values).await?, spectra(cpu, &pairs, Want::Values).await?);
        for (a, b) in a.iter().zip(&b) {
            let off = of_spectra(a, b).judged()?;
            self.largest = self.largest.max(off);
        }
        Ok(())
    }

    /// Holds kernels that have not been used yet against their twins.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn first_use<G: Primitives, C: Primitives>(
        &mut self,
        gpu: &G,
        cpu: &C,
        kernels: &[Kernel],
    ) -> Result<(), ComputeError> {
        for &kernel in kernels {
            if !self.agreed.contains(&kernel) {
                check::kernel(kernel, gpu, cpu).await?;
                self.agreed.push(kernel);
            }
        }
        Ok(())
    }

    /// Computes one module of a batch on the CPU too, if it is not too much, and compares.
    ///
    /// # Errors
    /// [`ComputeError::Wrong`], or the CPU was cancelled.
    pub async fn sample<J: Job, G: Primitives, C: Primitives>(
        &mut self,
        job: &J,
        output: &J::Output,
        gpu: &G,
        cpu: &C,
    ) -> Result<(), ComputeError> {
        let count = job.count();
        let Some(chosen) = (0..count).min_by_key(|&n| hash(&job.matrices(n))) else { return Ok(()) };
        let work = (0..count).fold(0, |sum: u64, n| sum.saturating_add(job.multiplications(n)));
        if !self.budget.admits(work, job.multiplications(chosen)) {
            return Ok(());
        }
        let again = job.part(chosen..chosen + 1).run(cpu).await?;
        let Some(Compared { difference, of_sigma }) = job.compared(chosen, output, &again) else { return Ok(()) };
        self.samples += 1;
        if difference.is_wrong() {
            return Err(ComputeError::Wrong(blamed(difference, job.matrices(chosen), gpu, cpu).await));
        }
        if of_sigma {
            self.largest = self.largest.max(difference.off);
        }
        Ok(())
    }

    /// The GPU of this name is not believed, which has not been used yet.
    pub fn distrust_at_start(&mut self, difference: Difference, gpu: &str) {
        self.tell(difference, FoundIn::Start, gpu);
    }

    /// The GPU of this name is believed no longer.
    pub fn distrust(&mut self, difference: Difference, gpu: &str) {
        let has_agreed = difference.kernels.iter().all(|kernel| self.agreed.contains(kernel));
        self.tell(difference, if has_agreed { FoundIn::Work } else { FoundIn::FirstUse }, gpu);
        self.unsettled = true;
    }

    fn tell(&mut self, difference: Difference, found_in: FoundIn, gpu: &str) {
        self.wrong = Some(WrongReport {
            kernels: difference.kernels.iter().map(|kernel| kernel.name().to_owned()).collect(),
            difference: Some(difference.off).filter(|off| off.is_finite()),
            limit: difference.limit,
            found_in,
            gpu: gpu.to_owned(),
        });
    }

    /// Another device was opened, maybe by another driver: nothing is known of its kernels.
    pub fn reopened(&mut self) {
        self.agreed.clear();
    }

    pub fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    /// Whether there are results of a GPU that has turned out to be wrong since this was last asked.
    pub fn take_unsettled(&mut self) -> bool {
        std::mem::take(&mut self.unsettled)
    }

    /// What the report says; `None` where no GPU was looked at.
    pub fn report(&self) -> Option<CheckReport> {
        let kernels: Vec<String> = self.agreed.iter().map(|kernel| kernel.name().to_owned()).collect();
        (!kernels.is_empty() || self.wrong.is_some()).then(|| CheckReport {
            kernels,
            samples: self.samples,
            largest: self.largest,
            wrong: self.wrong.clone(),
        })
    }

    /// Starts the count of samples anew.
    pub fn forget_counts(&mut self) {
        (self.samples, self.budget) = (0, Budget::default());
    }
}

/// The same with the one kernel that gives other results on these matrices, if one can be told.
async fn blamed<G: Primitives, C: Primitives>(
    difference: Difference,
    matrices: Vec<Rc<RawTall>>,
    gpu: &G,
    cpu: &C,
) -> Difference {
    if difference.kernels.len() < 2 {
        return difference;
    }
    let tall: Vec<_> = matrices.into_iter().filter(|m| m.dtype.on_gpu() && m.rows > 0 && m.cols > 0).collect();
    for &kernel in difference.kernels {
        // A GPU that cannot do even this is no more than not believed.
        if let Ok(own) = check::factor(kernel, gpu, cpu, &tall).await
            && own.is_wrong()
        {
            return own;
        }
    }
    difference
}

/// A number of a module that depends on nothing but its content: two adapters of one model are looked at in different
/// places.
fn hash(matrices: &[Rc<RawTall>]) -> u64 {
    const LOOKED_AT: usize = 256;
    let mut hasher = DefaultHasher::new();
    for matrix in matrices {
        hasher.write_u32(matrix.rows);
        hasher.write_u32(matrix.cols);
        hasher.write(&matrix.bytes[..matrix.bytes.len().min(LOOKED_AT)]);
    }
    hasher.finish()
}

/// How far apart two spectra of the same factors are.
pub(crate) fn of_spectra(gpu: &Spectrum, cpu: &Spectrum) -> Difference {
    let off = match (gpu, cpu) {
        (Spectrum::Found { sigma: a, .. }, Spectrum::Found { sigma: b, .. }) => check::of_sigma(a, b),
        (Spectrum::NotFinite { count: a }, Spectrum::NotFinite { count: b }) if a == b => 0.0,
        (Spectrum::OutOfRange, Spectrum::OutOfRange) => 0.0,
        _ => f64::INFINITY,
    };
    Difference { kernels: OF_SIGMA, off, limit: SIGMA_LIMIT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_a_hundredth_is_done_twice() {
        let mut budget = Budget::default();
        let one = SMALL * 4;
        // Batches of ten: after ten of them one module has been done twice.
        let admitted: Vec<bool> = (0..40).map(|_| budget.admits(10 * one, one)).collect();
        assert_eq!(admitted.iter().filter(|is| **is).count(), 4);
        assert!(!admitted[..9].contains(&true));
        assert!(budget.twice * SHARE <= budget.done);
    }

    #[test]
    fn small_modules_are_looked_at_in_every_batch() {
        let mut budget = Budget::default();
        assert!((0..5).all(|_| budget.admits(2 * SMALL, SMALL)));
        assert!(!budget.admits(u64::MAX / 200, u64::MAX / 200));
    }
}
