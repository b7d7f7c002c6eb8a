//! Every kernel and its CPU twin against f64, by one table of cases: natively with `cargo test --workspace --test kernels`,
//! in a browser through wasm-bindgen-test. A machine without a GPU adapter (a software one will do) fails.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]

#[path = "../cases/mod.rs"]
mod cases;
#[path = "../common/numbers.rs"]
mod numbers;

#[cfg(not(target_arch = "wasm32"))]
mod calls;
mod crossed;
mod factors;
#[cfg(not(target_arch = "wasm32"))]
mod shaders;
mod spectra;
#[cfg(not(target_arch = "wasm32"))]
mod timing;
#[cfg(not(target_arch = "wasm32"))]
mod update;
mod updates;

use lorascope_kernels::Steady;
use lorascope_kernels::cpu::CpuBackend;
use lorascope_kernels::gpu::GpuBackend;

mod cases_of {
    pub use super::{crossed::*, factors::*, spectra::*, updates::*};
}

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// A test of one case on one backend, native or in the browser.
macro_rules! test_on {
    ($backend:ident, $case:ident) => {
        #[cfg(not(target_arch = "wasm32"))]
        #[test]
        fn $backend() {
            pollster::block_on(async { super::cases_of::$case(&super::$backend().await).await });
        }

        #[cfg(target_arch = "wasm32")]
        #[wasm_bindgen_test::wasm_bindgen_test]
        async fn $backend() {
            super::cases_of::$case(&super::$backend().await).await;
        }
    };
}

macro_rules! on_both_backends {
    ($($case:ident)*) => { $(
        mod $case {
            test_on!(cpu, $case);
            test_on!(gpu, $case);
        }
    )* };
}

on_both_backends!(scan_finds gram_agrees apply_agrees cross_agrees cross_of_many resize_agrees resize_of_many align_agrees align_of_long_tiles align_of_tiny_updates align_counts align_knows_its_range multiply_agrees residual_agrees new_factors ranks_to_16 rank_31 rank_64 rank_128 rank_256 one_batch_of_many cosines_agree);

async fn cpu() -> CpuBackend<Steady> {
    CpuBackend::new(Steady)
}

async fn gpu() -> GpuBackend<Steady> {
    match GpuBackend::open(Steady, true).await {
        Ok(gpu) => gpu,
        Err(why) => panic!("the GPU tests need a GPU adapter, a software one will do (Mesa's lavapipe): {why}"),
    }
}
