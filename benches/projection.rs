//! Projection of 4096×4096 modules, beside the reference's full SVD in the same run: `cargo bench --bench projection`.
//!
//! The reference runs where Python with NumPy is (`$LORASCOPE_PYTHON`, else `python3`).

use std::process::Command;
use std::rc::Rc;
use std::time::Instant;

use lorascope::compute::cpu::CpuBackend;
use lorascope::compute::gpu::GpuBackend;
use lorascope::compute::{FactorType, Primitives, RawTall, Steady};
use lorascope::linalg::{Made, Order, Pair, svd_factors};
use pollster::block_on;

const SIDE: u32 = 4096;
const NEW_SIDE: u32 = 2048;
const RANKS: [u32; 3] = [8, 16, 64];
/// Modules in a batch: a time per module is that of a whole adapter's.
const MODULES: usize = 32;
const ROUNDS: usize = 5;

fn main() {
    let gpu = block_on(GpuBackend::open(Steady, true)).ok();
    let gpu_name = gpu.as_ref().map(|gpu| {
        let kind = if gpu.is_software() { " (a software adapter)" } else { "" };
        format!("GPU engine, {}{kind}", gpu.adapter_name())
    });
    println!("{SIDE}×{SIDE} to {NEW_SIDE}×{NEW_SIDE}, seconds per module, median of {ROUNDS} rounds of {MODULES}\n");
    println!("| rank | engine | seconds per module | the reference's full SVD, seconds | times as fast |");
    println!("|---|---|---|---|---|");
    for rank in RANKS {
        let pairs: Vec<Pair> = (0..MODULES).map(|n| pair(rank, n as u64)).collect();
        let mut ours = vec![("CPU engine, one thread".to_owned(), median(&CpuBackend::new(Steady), &pairs))];
        if let (Some(gpu), Some(name)) = (&gpu, &gpu_name) {
            ours.push((name.clone(), median(gpu, &pairs)));
        }
        let reference = reference(rank);
        for (name, seconds) in ours {
            let (whole, ratio) = match &reference {
                Ok(whole) => (format!("{whole:.1}"), format!("{:.0}", whole / seconds)),
                Err(why) => (format!("not measured: {why}"), "–".to_owned()),
            };
            println!("| {rank} | {name} | {seconds:.5} | {whole} | {ratio} |");
        }
    }
}

/// Seconds per module.
fn median(backend: &impl Primitives, pairs: &[Pair]) -> f64 {
    let order = Order { rank: pairs[0].left.cols, rows: [NEW_SIDE; 2], gain: 2f64.sqrt() };
    let orders = vec![order; pairs.len()];
    let mut times: Vec<f64> = (0..=ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let made = block_on(svd_factors(backend, pairs, &orders)).expect("a result");
            assert!(made.iter().all(|made| matches!(made, Made::Factors { .. })));
            start.elapsed().as_secs_f64() / pairs.len() as f64
        })
        // The first round warms up.
        .skip(1)
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Factors in bf16, as adapters are trained.
fn pair(rank: u32, seed: u64) -> Pair {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut factor = |transposed| {
        let bytes = (0..SIDE * rank).flat_map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            half::bf16::from_f64((state >> 11) as f64 / (1u64 << 53) as f64 - 0.5).to_le_bytes()
        });
        let bytes = bytes.collect();
        Rc::new(RawTall { rows: SIDE, cols: rank, transposed, dtype: FactorType::Bf16, bytes })
    };
    Pair { left: factor(false), right: factor(true) }
}

/// Seconds of the full SVD, or why there are none.
fn reference(rank: u32) -> Result<f64, String> {
    let python = std::env::var("LORASCOPE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/full_svd.py");
    let sizes = [SIDE, SIDE, rank, NEW_SIDE, NEW_SIDE].map(|n| n.to_string());
    let output = Command::new(&python).arg(script).args(sizes).output().map_err(|e| format!("{python}: {e}"))?;
    if !output.status.success() {
        return Err(format!("{python} has no NumPy"));
    }
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
    answer["seconds"].as_f64().ok_or_else(|| "the script gave no time".to_owned())
}
