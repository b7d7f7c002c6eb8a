//! What a device can do at best: how fast it copies, and how fast it multiplies and adds.

use std::hint::black_box;
use std::time::Instant;

use pollster::block_on;
use xtask::bench::records;

/// Bytes of one buffer: WebGPU's default limit of a binding, and more than any cache holds.
const BUFFER: usize = 128 << 20;
const STEPS: u64 = 1024;
/// Numbers in a vector, and vectors, of one thread of `multiply_add.wgsl`.
const CHAINS: u64 = 16;
const WORKGROUP: u64 = 256;

/// One thread, compiled as the engine's own loops are.
pub fn cpu() {
    let (source, mut target) = (vec![1u8; BUFFER], vec![0u8; BUFFER]);
    let copies = samples(|| {
        target.copy_from_slice(black_box(&source));
        black_box(&target);
    });
    report("cpu/copy", 2.0 * BUFFER as f64, &copies);

    const ROUNDS: usize = 4 << 20;
    // Twelve SIMD registers of 16 bytes.
    let f32s = samples(|| {
        let (factor, term, mut sums) = (black_box(0.999f32), black_box(0.5f32), [1.0f32; 48]);
        (0..ROUNDS).for_each(|_| sums.iter_mut().for_each(|sum| *sum = *sum * factor + term));
        black_box(sums);
    });
    report("cpu/f32", (2 * 48 * ROUNDS) as f64, &f32s);
    let f64s = samples(|| {
        let (factor, term, mut sums) = (black_box(0.999f64), black_box(0.5f64), [1.0f64; 24]);
        (0..ROUNDS).for_each(|_| sums.iter_mut().for_each(|sum| *sum = *sum * factor + term));
        black_box(sums);
    });
    report("cpu/f64", (2 * 24 * ROUNDS) as f64, &f64s);
}

/// Seconds of each round; one before them warms up.
fn samples(mut work: impl FnMut()) -> Vec<f64> {
    let timed = (0..=records::rounds()).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    });
    timed.collect::<Vec<_>>().split_off(1)
}

/// Reports how much of `amount` a second has.
fn report(what: &str, amount: f64, seconds: &[f64]) {
    let rates: Vec<f64> = seconds.iter().map(|seconds| amount / seconds).collect();
    records::report(&format!("kernels/peak/{what}"), &rates);
}

/// The adapter that the GPU engine takes, on a device of its own.
pub fn gpu(is_software: bool) -> Result<(), String> {
    let Device { device, queue } = Device::open()?;
    let share = if is_software { 4 } else { 1 };
    let bytes = (BUFFER / share) as u64;
    let usage = wgpu::BufferUsages::STORAGE;
    let descriptor = wgpu::BufferDescriptor { label: None, size: bytes, usage, mapped_at_creation: false };
    let buffers = [device.create_buffer(&descriptor), device.create_buffer(&descriptor)];
    // One thread for 16 bytes, 2^15 workgroups in a row.
    let groups = (bytes / 16).div_ceil(WORKGROUP) as u32;
    let across = groups.min(1 << 15);
    let copies =
        rounds(&device, &queue, ("copy", include_str!("copy.wgsl")), &buffers, [across, groups.div_ceil(across)])?;
    report("gpu/copy", 2.0 * bytes as f64, &copies);
    let groups: u32 = if is_software { 16 } else { 4096 };
    let source = ("multiply_add", include_str!("multiply_add.wgsl"));
    let sums = rounds(&device, &queue, source, &buffers, [groups, 1])?;
    report("gpu/f32", (2 * CHAINS * STEPS * WORKGROUP * u64::from(groups)) as f64, &sums);
    Ok(())
}

struct Device {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

impl Device {
    fn open() -> Result<Self, String> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..wgpu::RequestAdapterOptions::default()
        };
        let adapter = block_on(instance.request_adapter(&options)).map_err(|e| e.to_string())?;
        let required_features = adapter.features() & wgpu::Features::TIMESTAMP_QUERY;
        let descriptor = wgpu::DeviceDescriptor { required_features, ..wgpu::DeviceDescriptor::default() };
        let (device, queue) = block_on(adapter.request_device(&descriptor)).map_err(|e| e.to_string())?;
        Ok(Self { device, queue })
    }
}

/// Seconds of each round of a shader, by the device's clock where it has one; one round before them warms up.
fn rounds(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    (name, wgsl): (&str, &str),
    buffers: &[wgpu::Buffer; 2],
    [x, y]: [u32; 2],
) -> Result<Vec<f64>, String> {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl(wgsl.into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(name),
        layout: None,
        module: &module,
        entry_point: Some(name),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });
    let entries = [0, 1].map(|n| wgpu::BindGroupEntry { binding: n as u32, resource: buffers[n].as_entire_binding() });
    let layout = pipeline.get_bind_group_layout(0);
    let bind_group =
        device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
    let clock = device.features().contains(wgpu::Features::TIMESTAMP_QUERY).then(|| Clock::new(device));
    let mut all = Vec::new();
    for _ in 0..=records::rounds() {
        let start = Instant::now();
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let timestamp_writes = clock.as_ref().map(Clock::writes);
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, &bind_group, &[]);
            pass.dispatch_workgroups(x, y, 1);
        }
        if let Some(clock) = &clock {
            clock.resolve(&mut encoder);
        }
        queue.submit([encoder.finish()]);
        device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| e.to_string())?;
        let wall = start.elapsed().as_secs_f64();
        all.push(clock.as_ref().map_or(Ok(wall), |clock| clock.seconds(device, queue))?);
    }
    Ok(all.split_off(1))
}

/// The device's clock before and after a pass.
struct Clock {
    set: wgpu::QuerySet,
    ticks: wgpu::Buffer,
    staging: wgpu::Buffer,
}

impl Clock {
    fn new(device: &wgpu::Device) -> Self {
        let buffer = |usage| {
            device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 16, usage, mapped_at_creation: false })
        };
        Self {
            set: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: None,
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            }),
            ticks: buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC),
            staging: buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST),
        }
    }

    fn writes(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.set,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        }
    }

    fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.set, 0..2, &self.ticks, 0);
        encoder.copy_buffer_to_buffer(&self.ticks, 0, &self.staging, 0, 16);
    }

    fn seconds(&self, device: &wgpu::Device, queue: &wgpu::Queue) -> Result<f64, String> {
        self.staging.map_async(wgpu::MapMode::Read, .., |_| ());
        device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| e.to_string())?;
        let bytes = self.staging.get_mapped_range(..).map_err(|e| e.to_string())?.to_vec();
        self.staging.unmap();
        let ticks: &[u64] = &bytemuck::pod_collect_to_vec(&bytes);
        let [begin, end] = ticks[..] else { return Err("no two readings of the clock".to_owned()) };
        Ok(end.saturating_sub(begin) as f64 * f64::from(queue.get_timestamp_period()) / 1e9)
    }
}
