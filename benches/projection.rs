//! Projection of 4096×4096 modules, beside the reference's full SVD in the same run: `cargo bench -p lorascope-kernels --bench projection`,
//! or `cargo xtask bench`, which writes the table.
//!
//! The reference runs where Python with NumPy is (`$LORASCOPE_PYTHON`, else `python3`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]

#[path = "../tests/common/numbers.rs"]
mod numbers;

use std::process::Command;
use std::rc::Rc;
use std::time::Instant;

use crate::numbers::Numbers;
use lorascope_kernels::cpu::CpuBackend;
use lorascope_kernels::gpu::GpuBackend;
use lorascope_kernels::linalg::{Made, Order, Pair, svd_factors};
use lorascope_kernels::{FactorType, Primitives, RawTall, Steady};
use pollster::block_on;
use xtask::bench::records;

const SIDE: u32 = 4096;
const NEW_SIDE: u32 = 2048;
const RANKS: [u32; 2] = [16, 64];
/// The rank of the reference's full SVD, which takes as long at any other.
const FULL: u32 = 16;
/// Modules in a batch: a time per module is that of a whole adapter's.
const MODULES: usize = 32;

fn main() {
    records::fact("rounds", &records::rounds().to_string());
    let gpu = block_on(GpuBackend::open(Steady, true));
    match &gpu {
        Ok(gpu) if gpu.is_software() => records::fact("gpu", &format!("{} (a software adapter)", gpu.adapter_name())),
        Ok(gpu) => records::fact("gpu", gpu.adapter_name()),
        Err(why) => records::fact("gpu", &format!("none ({why})")),
    }
    for rank in RANKS {
        let pairs: Vec<Pair> = (0..MODULES).map(|n| pair(rank, n as u64)).collect();
        let (mut cpu_times, mut gpu_times) = (Vec::new(), Vec::new());
        let mut full_times: Result<Vec<f64>, String> = Ok(Vec::new());
        for round in 0..=records::rounds() {
            let cpu_time = per_module(&CpuBackend::new(Steady), &pairs);
            let gpu_time = gpu.as_ref().ok().map(|gpu| per_module(gpu, &pairs));
            // The first round warms up.
            if round == 0 {
                continue;
            }
            cpu_times.push(cpu_time);
            gpu_times.extend(gpu_time);
            if rank == FULL {
                full_times = full_times.and_then(|mut times| {
                    times.push(reference(rank)?);
                    Ok(times)
                });
            }
        }
        records::report(&format!("projection/{rank}/cpu"), &cpu_times);
        match &gpu {
            Ok(_) => records::report(&format!("projection/{rank}/gpu"), &gpu_times),
            Err(why) => records::not_measured(&format!("projection/{rank}/gpu"), &why.to_string()),
        }
        match full_times {
            Ok(times) if rank == FULL => records::report(&format!("projection/{rank}/reference"), &times),
            Ok(_) => {}
            Err(why) => records::not_measured(&format!("projection/{rank}/reference"), &why),
        }
    }
}

/// Seconds of one round, by module.
fn per_module(backend: &impl Primitives, pairs: &[Pair]) -> f64 {
    let order = Order { rank: pairs[0].left.cols, rows: [NEW_SIDE; 2], gain: 2f64.sqrt() };
    let orders = vec![order; pairs.len()];
    let start = Instant::now();
    let made = block_on(svd_factors(backend, pairs, &orders)).expect("a result");
    let seconds = start.elapsed().as_secs_f64() / pairs.len() as f64;
    assert!(made.iter().all(|made| matches!(made, Made::Factors { .. })));
    seconds
}

/// Factors in bf16, as adapters are trained.
fn pair(rank: u32, seed: u64) -> Pair {
    let mut numbers = Numbers::new(seed);
    let mut factor = |transposed| {
        let bytes = (0..SIDE * rank).flat_map(|_| half::bf16::from_f64(numbers.uniform() - 0.5).to_le_bytes());
        let bytes = bytes.collect();
        Rc::new(RawTall { rows: SIDE, cols: rank, transposed, dtype: FactorType::Bf16, bytes })
    };
    Pair { left: factor(false), right: factor(true) }
}

/// Seconds of the full SVD, or why there are none.
fn reference(rank: u32) -> Result<f64, String> {
    let python = std::env::var("LORASCOPE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/full_svd.py");
    let sizes = [SIDE, SIDE, rank, NEW_SIDE, NEW_SIDE].map(|n| n.to_string());
    let output =
        Command::new(&python).arg(script).args(sizes).output().map_err(|e| format!("no Python ({})", e.kind()))?;
    if !output.status.success() {
        return Err("Python without NumPy".to_owned());
    }
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
    if let Some(version) = answer["numpy"].as_str() {
        records::fact("reference", &format!("NumPy {version}"));
    }
    answer["seconds"].as_f64().ok_or_else(|| "the script gave no time".to_owned())
}
