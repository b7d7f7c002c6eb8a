use std::rc::Rc;

use wgpu::BufferUsages;

use super::kernels::Pipeline;
use super::memory::Buffer;
use super::{GpuBackend, GpuTall, Task};
use crate::{ComputeError, Pulse, TallView};

/// WebGPU's default limit of workgroups in one dimension.
const MAX_WORKGROUPS: u32 = 65_535;

impl<P: Pulse> GpuBackend<P> {
    /// One dispatch per source buffer, all into one new buffer of `words` words. `views` describe `matrices`,
    /// `tasks` gives the workgroups of a view by its number.
    pub(super) fn run<T: IntoIterator<Item = Task>>(
        &self,
        kernel: &Pipeline,
        matrices: &[&GpuTall],
        views: &[TallView],
        tasks: impl Fn(u32, &TallView) -> T,
        coefficients: &[f32],
        words: u32,
    ) -> Result<Buffer, ComputeError> {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let result = self.buffer("result", u64::from(words), usage)?;
        let views_buffer = self.filled("views", bytemuck::cast_slice(views))?;
        let coefficients = self.filled("coefficients", bytemuck::cast_slice(coefficients))?;
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        // Each once, though matrices of few buffers may come in any order.
        let mut sources: Vec<&Rc<Buffer>> = Vec::new();
        for matrix in matrices {
            if !sources.iter().any(|source| Rc::ptr_eq(source, &matrix.buffer)) {
                sources.push(&matrix.buffer);
            }
        }
        // Each lives until the work is submitted.
        let mut tasks_buffers = Vec::new();
        for source in sources {
            let of_source = (0..).zip(matrices.iter().zip(views)).filter(|(_, (m, _))| Rc::ptr_eq(&m.buffer, source));
            let tasks: Vec<Task> = of_source.flat_map(|(n, (_, view))| tasks(n, view)).collect();
            if tasks.is_empty() {
                continue;
            }
            let tasks_buffer = self.filled("tasks", bytemuck::cast_slice(&tasks))?;
            let buffers = [source, &views_buffer, &tasks_buffer, &coefficients, &result];
            self.dispatch(&mut encoder, kernel, &buffers, tasks.len() as u32);
            tasks_buffers.push(tasks_buffer);
        }
        self.queue.submit([encoder.finish()]);
        self.step(kernel.name);
        Ok(result)
    }

    /// [`Self::run`], and the whole result's bytes.
    pub(super) async fn run_and_read<T: IntoIterator<Item = Task>>(
        &self,
        kernel: &Pipeline,
        matrices: &[&GpuTall],
        views: &[TallView],
        tasks: impl Fn(u32, &TallView) -> T,
        coefficients: &[f32],
        words: u32,
    ) -> Result<Vec<u8>, ComputeError> {
        let result = self.run(kernel, matrices, views, tasks, coefficients, words)?;
        self.read_words(&result, 0, words).await
    }

    /// One dispatch of `count` workgroups. `buffers` are the kernel's bindings, in order.
    pub(super) fn dispatch(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        kernel: &Pipeline,
        buffers: &[&Buffer],
        count: u32,
    ) {
        let entries: Vec<wgpu::BindGroupEntry<'_>> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let bind_group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &kernel.bindings,
            entries: &entries,
        });
        let across = count.clamp(1, MAX_WORKGROUPS);
        let timestamp_writes = self.timer.next();
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
        pass.set_pipeline(&kernel.pipeline);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.dispatch_workgroups(across, count.div_ceil(across), 1);
        self.count(|c| c.dispatches += 1);
    }

    pub(super) fn filled(&self, label: &str, bytes: &[u8]) -> Result<Buffer, ComputeError> {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let buffer = self.buffer(label, bytes.len().div_ceil(4) as u64, usage)?;
        if !bytes.is_empty() {
            self.write(&buffer, 0, bytes);
        }
        Ok(buffer)
    }
}
