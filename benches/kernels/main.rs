//! Every kernel on the GPU that there is and on the CPU, and what both devices can do at best:
//! `cargo bench -p lorascope-kernels --bench kernels`, or `cargo xtask bench`, which puts the two side by side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode};
use lorascope_kernels::cpu::CpuBackend;
use lorascope_kernels::gpu::GpuBackend;
use lorascope_kernels::{ComputeError, Primitives, Steady};
use pollster::block_on;
use xtask::bench::records;

use cases::{Case, KERNELS, RANKS};

mod cases;
#[path = "../../tests/common/numbers.rs"]
mod numbers;
mod probes;

/// Bytes of the largest buffer of a run: on hardware nearly a whole binding, which no cache holds.
const HARDWARE: u64 = 120 << 20;
const SOFTWARE: u64 = 6 << 20;
const CPU: u64 = 16 << 20;
/// Runs of one sample on a GPU. Criterion plans by the device's own time, of which uploads and readbacks are no part.
const MOST_RUNS: u64 = 8;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    probes::cpu();
    let cpu = CpuBackend::new(Steady);
    for (kernel, rank) in all() {
        let case = Case::new(&cpu, kernel, rank, CPU, false).expect("the CPU refuses nothing");
        report(&case, "cpu", kernel, rank);
        let mut group = criterion.benchmark_group(kernel);
        group.sampling_mode(SamplingMode::Flat).bench_function(BenchmarkId::new("cpu", rank), |bencher| {
            bencher.iter(|| case.run(&cpu));
        });
    }
    match block_on(GpuBackend::open(Steady, true)) {
        Ok(gpu) => on_gpu(&mut criterion, &gpu),
        Err(why) => {
            records::fact("gpu", &format!("none ({why})"));
            records::fact("gpu_kind", "none");
            for (kernel, rank) in all() {
                records::not_measured(&format!("kernels/{kernel}/gpu/{rank}"), &why.to_string());
            }
        }
    }
    criterion.final_summary();
}

fn all() -> impl Iterator<Item = (&'static str, u32)> {
    KERNELS.into_iter().flat_map(|kernel| RANKS.map(|rank| (kernel, rank)))
}

fn report<B: Primitives>(case: &Case<B>, device: &str, kernel: &str, rank: u32) {
    let key = format!("kernels/{kernel}/{device}/{rank}");
    records::report(&format!("{key}/bytes"), &[case.work.bytes]);
    if let Some(flops) = case.work.flops {
        records::report(&format!("{key}/flops"), &[flops]);
    }
}

fn on_gpu(criterion: &mut Criterion, gpu: &GpuBackend<Steady>) {
    let is_software = gpu.is_software();
    let has_clock = gpu.time_kernels();
    let kind = if is_software { " (a software adapter: the CPU in disguise)" } else { "" };
    records::fact("gpu", &format!("{}{kind}", gpu.adapter_name()));
    records::fact("gpu_kind", if is_software { "software" } else { "hardware" });
    let timing = if has_clock {
        "timed by its own clock, without uploads and readbacks"
    } else {
        "timed with uploads and readbacks"
    };
    records::fact("gpu_timing", timing);
    if let Err(why) = probes::gpu(is_software) {
        records::not_measured("kernels/peak/gpu/copy", &why);
    }
    let budget = if is_software { SOFTWARE } else { HARDWARE };
    for (kernel, rank) in all() {
        let run =
            |case: &Case<GpuBackend<Steady>>| if has_clock { by_its_clock(gpu, case) } else { by_ours(gpu, case) };
        // The first run says whether there will be others.
        let case = Case::new(gpu, kernel, rank, budget, true).and_then(|case| run(&case).map(|_| case));
        let case = match case {
            Ok(case) => case,
            Err(why) => {
                records::not_measured(&format!("kernels/{kernel}/gpu/{rank}"), &why.to_string());
                continue;
            }
        };
        report(&case, "gpu", kernel, rank);
        let mut group = criterion.benchmark_group(kernel);
        group.sampling_mode(SamplingMode::Flat).bench_function(BenchmarkId::new("gpu", rank), |bencher| {
            bencher.iter_custom(|iterations| {
                let runs = iterations.clamp(1, MOST_RUNS);
                let seconds: f64 = (0..runs).map(|_| run(&case).expect("it ran before")).sum();
                Duration::from_secs_f64(seconds / runs as f64 * iterations as f64)
            });
        });
    }
}

/// Seconds of one run's kernels alone.
fn by_its_clock(gpu: &GpuBackend<Steady>, case: &Case<GpuBackend<Steady>>) -> Result<f64, ComputeError> {
    block_on(gpu.kernel_seconds())?;
    case.run(gpu)?;
    block_on(gpu.kernel_seconds())
}

/// Seconds of one run with its readback, which says that it is done.
fn by_ours(gpu: &GpuBackend<Steady>, case: &Case<GpuBackend<Steady>>) -> Result<f64, ComputeError> {
    let start = Instant::now();
    if let Some(made) = case.run(gpu)? {
        block_on(gpu.read(&[&made]))?;
    }
    Ok(start.elapsed().as_secs_f64())
}
