//! What kernels take on the device, by its own clock and without uploads and readbacks: for benchmarks.

use std::cell::{Cell, OnceCell};

use wgpu::{BufferUsages, Features};

use super::GpuBackend;
use crate::{ComputeError, Pulse};

/// Dispatches between two readings.
const MOST: u32 = 1024;

/// What a device is asked for beside the default: a clock, natively. A page's visitors need none.
pub(super) fn features(adapter: &wgpu::Adapter) -> Features {
    if cfg!(target_arch = "wasm32") { Features::empty() } else { adapter.features() & Features::TIMESTAMP_QUERY }
}

/// Two readings of the clock for every dispatch, once a benchmark has asked for them.
#[derive(Debug, Default)]
pub(super) struct Timer {
    readings: OnceCell<wgpu::QuerySet>,
    dispatches: Cell<u32>,
}

impl Timer {
    /// For the next dispatch, which is a pass of its own.
    pub(super) fn next(&self) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let query_set = self.readings.get()?;
        let n = self.dispatches.get();
        self.dispatches.set(n + 1);
        (n < MOST).then(|| wgpu::ComputePassTimestampWrites {
            query_set,
            beginning_of_pass_write_index: Some(2 * n),
            end_of_pass_write_index: Some(2 * n + 1),
        })
    }
}

impl<P: Pulse> GpuBackend<P> {
    /// Times every dispatch from now on; false where the device has no clock.
    pub fn time_kernels(&self) -> bool {
        let has_clock = self.device.features().contains(Features::TIMESTAMP_QUERY);
        if has_clock {
            self.timer.readings.get_or_init(|| {
                let label = Some("timing");
                self.device.create_query_set(&wgpu::QuerySetDescriptor {
                    label,
                    ty: wgpu::QueryType::Timestamp,
                    count: 2 * MOST,
                })
            });
        }
        has_clock
    }

    /// Seconds of all dispatches since the last call, added up.
    ///
    /// # Errors
    /// Dispatches were not timed, or more than there are readings for; a device that is lost.
    pub async fn kernel_seconds(&self) -> Result<f64, ComputeError> {
        let dispatches = self.timer.dispatches.replace(0);
        let set = self.timer.readings.get().filter(|_| dispatches <= MOST);
        let set = set.ok_or_else(|| ComputeError::Gpu("the dispatches were not timed".into()))?;
        if dispatches == 0 {
            return Ok(0.0);
        }
        let bytes = self
            .scoped(async {
                let words = 4 * dispatches;
                let usage = BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC;
                let ticks = self.buffer("timing", words.into(), usage)?;
                let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
                encoder.resolve_query_set(set, 0..2 * dispatches, &ticks, 0);
                self.queue.submit([encoder.finish()]);
                self.read_words(&ticks, 0, words).await
            })
            .await?;
        let readings: &[u64] = &bytemuck::pod_collect_to_vec(&bytes);
        let ticks: u64 = readings.as_chunks::<2>().0.iter().map(|[begin, end]| end.saturating_sub(*begin)).sum();
        Ok(ticks as f64 * f64::from(self.queue.get_timestamp_period()) / 1e9)
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use std::rc::Rc;

    use pollster::block_on;

    use super::*;
    use crate::{FactorType, Primitives, RawTall, Steady};

    #[test]
    fn only_what_was_timed_has_a_time() {
        let gpu = block_on(GpuBackend::open(Steady, true)).expect("a GPU, if only in software");
        let raw = RawTall { rows: 64, cols: 4, transposed: false, dtype: FactorType::F32, bytes: vec![0; 64 * 4 * 4] };
        let talls = block_on(gpu.upload(&[Rc::new(raw)])).expect("room for it");
        block_on(gpu.scan(&[&talls[0]])).expect("a scan");
        assert!(matches!(block_on(gpu.kernel_seconds()), Err(ComputeError::Gpu(_))));
        if gpu.time_kernels() {
            block_on(gpu.scan(&[&talls[0]])).expect("a scan");
            let seconds = block_on(gpu.kernel_seconds()).expect("a time");
            assert!(seconds.is_finite() && seconds > 0.0, "{seconds}");
            assert_eq!(block_on(gpu.kernel_seconds()), Ok(0.0), "nothing since");
            for _ in 0..=MOST {
                block_on(gpu.scan(&[&talls[0]])).expect("a scan without a reading is a scan too");
            }
            assert!(matches!(block_on(gpu.kernel_seconds()), Err(ComputeError::Gpu(_))));
        }
    }
}
