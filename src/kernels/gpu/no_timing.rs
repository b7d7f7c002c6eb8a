//! `timing.rs` where there are no benchmarks: a page's visitors need no clock.

/// What a device is asked for beside the default: nothing.
pub(super) fn features(_adapter: &wgpu::Adapter) -> wgpu::Features {
    wgpu::Features::empty()
}

/// No clock.
#[derive(Debug, Default)]
pub(super) struct Timer;

impl Timer {
    pub(super) fn next(&self) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        None
    }
}
