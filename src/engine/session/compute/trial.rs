//! Which engine is faster on this machine: both do the same small piece of work, before anything else is done, and have
//! to give the same.

use std::fmt;
use std::rc::Rc;

use nalgebra::DMatrix;

use lorascope_kernels::check::{self, Difference};
use lorascope_kernels::{ComputeError, FactorType, Kernel, Primitives, RawTall};

/// Factors of an 8B model at rank 64, in bf16: 8 MB and 270 million multiplications, so that what is weighed is the
/// work and not the few milliseconds that a browser takes to hand over any result.
const ROWS: u32 = 4096;
const COLS: u32 = 64;
const MATRICES: u32 = 16;
/// Of so many runs the best counts: a GPU compiles in the first one.
const RUNS: usize = 2;
/// Browsers round their clocks to as much as a millisecond.
const TICK: f64 = 1.0;

/// Milliseconds that the trial took: the upload of the matrices, their Gram matrices, and the readback of these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trial {
    pub gpu: f64,
    pub cpu: f64,
}

impl Trial {
    /// Whether the CPU was the faster one, by more than a clock's tick.
    pub fn prefers_cpu(self) -> bool {
        self.gpu > self.cpu + TICK
    }

    /// Why it is the engine that it is; nothing is said of times that the clock did not show.
    pub fn reason(self) -> String {
        let found = "WebGPU found a hardware adapter";
        let Self { gpu, cpu } = self;
        if self.prefers_cpu() {
            let how = "?backend=webgpu in the address takes it all the same";
            format!("{found}, but on a trial it took {} and the CPU {} ({how})", Ms(gpu), Ms(cpu))
        } else if gpu > 0.0 && cpu > 0.0 {
            format!("{found}: on a trial it took {} and the CPU {}", Ms(gpu), Ms(cpu))
        } else {
            found.to_owned()
        }
    }
}

/// Milliseconds, to the digits that a browser's clock has.
struct Ms(f64);

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::from(self.0 < 10.0);
        write!(f, "{:.digits$} ms", self.0)
    }
}

/// Lets both do the same, and compares what they give. `now` is a clock in milliseconds.
///
/// # Errors
/// The GPU could not, or gave something else.
pub(crate) async fn trial<G: Primitives, C: Primitives>(
    gpu: &G,
    cpu: &C,
    now: impl Fn() -> f64,
) -> Result<Trial, ComputeError> {
    let matrices: Vec<Rc<RawTall>> = (0..MATRICES).map(|n| Rc::new(matrix(n))).collect();
    let (of_gpu, of_cpu) = (best(gpu, &matrices, &now).await?, best(cpu, &matrices, &now).await?);
    let grams = of_gpu.grams.iter().zip(&of_cpu.grams);
    Difference::of(&[Kernel::Gram], check::worst(grams.map(|(a, b)| check::of_grams(a, b)))).judged()?;
    for kernel in [Kernel::Scan, Kernel::Apply] {
        check::factor(kernel, gpu, cpu, &matrices[..1]).await?.judged()?;
    }
    Ok(Trial { gpu: of_gpu.time, cpu: of_cpu.time })
}

struct Best {
    time: f64,
    grams: Vec<DMatrix<f64>>,
}

async fn best<B: Primitives>(
    backend: &B,
    matrices: &[Rc<RawTall>],
    now: &impl Fn() -> f64,
) -> Result<Best, ComputeError> {
    let scales = vec![vec![1.0; COLS as usize]; matrices.len()];
    let mut best = Best { time: f64::INFINITY, grams: Vec::new() };
    for _ in 0..RUNS {
        let begin = now();
        let talls = backend.upload(matrices).await?;
        best.grams = backend.gram(&talls.iter().collect::<Vec<_>>(), &scales).await?;
        best.time = best.time.min(now() - begin);
    }
    Ok(best)
}

/// Numbers between 1 and 2 without a pattern.
fn matrix(n: u32) -> RawTall {
    let number = |index: u32| 0x3f80 | (index.wrapping_add(n).wrapping_mul(0x9e37_79b9) >> 25) as u16;
    let bytes = (0..ROWS * COLS).flat_map(|index| number(index).to_le_bytes()).collect();
    RawTall { rows: ROWS, cols: COLS, transposed: false, dtype: FactorType::Bf16, bytes }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use std::cell::Cell;

    use super::*;
    use lorascope_kernels::Steady;
    use lorascope_kernels::cpu::CpuBackend;

    #[test]
    fn the_faster_engine_is_taken_and_the_figures_are_said() {
        let slow = Trial { gpu: 14.0, cpu: 3.04 };
        assert!(slow.prefers_cpu());
        assert!(slow.reason().contains("but on a trial it took 14 ms and the CPU 3.0 ms"), "{}", slow.reason());
        let fast = Trial { gpu: 1.26, cpu: 9.0 };
        assert!(!fast.prefers_cpu());
        assert!(fast.reason().ends_with("on a trial it took 1.3 ms and the CPU 9.0 ms"), "{}", fast.reason());
    }

    #[test]
    fn a_tick_of_the_clock_decides_nothing() {
        assert!(!Trial { gpu: 4.0, cpu: 3.0 }.prefers_cpu());
        let blind = Trial { gpu: 0.0, cpu: 0.0 };
        assert!(!blind.prefers_cpu());
        assert_eq!(blind.reason(), "WebGPU found a hardware adapter");
    }

    #[test]
    fn the_best_run_of_each_counts() {
        let cpu = CpuBackend::new(Steady);
        let times = [0.0, 80.0, 80.0, 82.0, 90.0, 95.0, 100.0, 107.0];
        let next = Cell::new(0);
        let now = || times[next.replace(next.get() + 1)];
        let trial = pollster::block_on(trial(&cpu, &cpu, now)).unwrap();
        assert_eq!((trial, next.get()), (Trial { gpu: 2.0, cpu: 5.0 }, times.len()));
    }

    #[test]
    fn the_matrices_are_plain_numbers() {
        let matrix = matrix(1).to_f64();
        assert_eq!((matrix.nrows(), matrix.ncols()), (4096, 64));
        assert!(matrix.iter().all(|x| (1.0..2.0).contains(x)) && matrix.max() - matrix.min() > 0.9);
    }
}
