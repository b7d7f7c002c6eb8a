//! The clock that benchmarks read.

use std::rc::Rc;

use lorascope_kernels::gpu::MOST_TIMED;
use lorascope_kernels::{ComputeError, FactorType, Primitives, RawTall};
use pollster::block_on;

use crate::gpu;

#[test]
fn only_what_was_timed_has_a_time() {
    let gpu = block_on(gpu());
    let raw = RawTall { rows: 64, cols: 4, transposed: false, dtype: FactorType::F32, bytes: vec![0; 64 * 4 * 4] };
    let talls = block_on(gpu.upload(&[Rc::new(raw)])).expect("room for it");
    block_on(gpu.scan(&[&talls[0]])).expect("a scan");
    assert!(matches!(block_on(gpu.kernel_seconds()), Err(ComputeError::Gpu(_))));
    if gpu.time_kernels() {
        block_on(gpu.scan(&[&talls[0]])).expect("a scan");
        let seconds = block_on(gpu.kernel_seconds()).expect("a time");
        assert!(seconds.is_finite() && seconds > 0.0, "{seconds}");
        assert_eq!(block_on(gpu.kernel_seconds()), Ok(0.0), "nothing since");
        for _ in 0..=MOST_TIMED {
            block_on(gpu.scan(&[&talls[0]])).expect("a scan without a reading is a scan too");
        }
        assert!(matches!(block_on(gpu.kernel_seconds()), Err(ComputeError::Gpu(_))));
    }
}
