//! What kernels take on the device, by its own clock and without uploads and readbacks: for benchmarks;
//! `no_timing.rs` stands in where there are none.

use std::cell::{Cell, OnceCell};

use wgpu::{BufferUsages, Features};

use super::GpuBackend;
use crate::{ComputeError, Pulse};

/// Dispatches that are timed between two readings, at most.
pub const MOST_TIMED: u32 = 1024;

/// What a device is asked for beside the default: a clock, natively.
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
        (n < MOST_TIMED).then(|| wgpu::ComputePassTimestampWrites {
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
                    count: 2 * MOST_TIMED,
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
        let set = self.timer.readings.get().filter(|_| dispatches <= MOST_TIMED);
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
