//! Orders for the kernels over two matrices, such as an update's two states, gathered into as few dispatches and
//! readbacks as the limits allow.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use wgpu::BufferUsages;

use super::kernels::Pipeline;
use super::memory::Buffer;
use super::{GpuBackend, GpuTall, Task};
use crate::plan::Aim;
use crate::{Change, ComputeError, Kernel, Primitives, Pulse, TallView};

/// What one change, or one pair of matrices, asks of a kernel.
pub(super) struct Order<'a> {
    /// `before` and `after`, as `shaders/update.wgsl` has them, or X and Y of `cross`; places are filled in later.
    pub views: [TallView; 2],
    /// `right` or W, and `left`: row by row.
    pub thin: [&'a [f32]; 2],
    /// Its workgroups. The first number is filled in later, the last counts from its own first word.
    pub tasks: Vec<Task>,
    /// Words of the result.
    pub words: u32,
    /// Multiplications.
    pub products: u64,
}

/// The thin matrices of a group of orders in one buffer. Several orders often have the same ones.
#[derive(Default)]
struct Coefficients<'a> {
    places: HashMap<(*const f32, usize), u32>,
    parts: Vec<&'a [f32]>,
    words: u32,
}

impl<'a> Coefficients<'a> {
    fn place(&mut self, thin: &'a [f32]) -> u32 {
        *self.places.entry((thin.as_ptr(), thin.len())).or_insert_with(|| {
            let place = self.words;
            self.parts.push(thin);
            self.words += thin.len() as u32;
            place
        })
    }
}

impl<P: Pulse> GpuBackend<P> {
    /// Runs a kernel over all changes and reads back what it gives: each order with its words.
    pub(super) async fn carry_out<'a>(
        &self,
        name: Kernel,
        changes: &[Change<'_, GpuTall>],
        mut orders: Vec<Order<'a>>,
    ) -> Result<Vec<(Order<'a>, Vec<f32>)>, ComputeError> {
        if changes.iter().any(|c| [c.before, c.after].iter().any(|tall| tall.view.dtype > 2)) {
            return Err(ComputeError::Gpu("only F32, F16 and BF16 are decoded on the GPU".into()));
        }
        let kernel = self.kernel(name).await?;
        let mut results: Vec<Vec<f32>> = Vec::with_capacity(orders.len());
        for group in self.groups(&orders) {
            self.pause().await?;
            let (changes, orders) = (&changes[group.clone()], &mut orders[group]);
            let words: u32 = orders.iter().map(|order| order.words).sum();
            let bytes = self
                .scoped(async {
                    let result = self.submit(kernel, changes, orders, words)?;
                    self.read_words(&result, 0, words).await
                })
                .await?;
            let mut numbers = bytes.as_chunks::<4>().0.iter().map(|&word| f32::from_le_bytes(word));
            results.extend(orders.iter().map(|order| numbers.by_ref().take(order.words as usize).collect()));
        }
        Ok(orders.into_iter().zip(results).collect())
    }

    /// Neighbours whose results fit one binding, and so do their thin matrices.
    fn groups(&self, orders: &[Order<'_>]) -> Vec<Range<usize>> {
        let most = self.device.limits().max_storage_buffer_binding_size / 4;
        let mut groups = Vec::new();
        let mut begin = 0;
        let mut words = 0;
        let mut coefficients = Coefficients::default();
        for (n, order) in orders.iter().enumerate() {
            let added = u64::from(order.words);
            let thin: u64 = order.thin.iter().map(|thin| thin.len() as u64).sum();
            if n > begin && (words + added > most || u64::from(coefficients.words) + thin > most) {
                groups.push(begin..n);
                (begin, words, coefficients) = (n, 0, Coefficients::default());
            }
            words += added;
            for thin in order.thin {
                coefficients.place(thin);
            }
        }
        if begin < orders.len() {
            groups.push(begin..orders.len());
        }
        groups
    }

    /// One group: a dispatch for as many neighbours as have the same buffers and are not too much work.
    fn submit(
        &self,
        kernel: &Pipeline,
        changes: &[Change<'_, GpuTall>],
        orders: &mut [Order<'_>],
        words: u32,
    ) -> Result<Buffer, ComputeError> {
        let mut coefficients = Coefficients::default();
        let mut place = 0;
        for (n, order) in (0..).zip(orders.iter_mut()) {
            for (view, thin) in order.views.iter_mut().zip(order.thin) {
                view.coefficients = coefficients.place(thin);
            }
            order.views[0].out = place;
            for task in &mut order.tasks {
                task[0] = n;
            }
            place += order.words;
        }
        let result = self.buffer("result", u64::from(words), BufferUsages::STORAGE | BufferUsages::COPY_SRC)?;
        let views: Vec<TallView> = orders.iter().flat_map(|order| order.views).collect();
        let views = self.filled("views", bytemuck::cast_slice(&views))?;
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let thin = self.buffer("coefficients", u64::from(coefficients.words), usage)?;
        let mut offset = 0;
        for part in coefficients.parts.iter().filter(|part| !part.is_empty()) {
            self.write(&thin, offset, bytemuck::cast_slice(part));
            offset += 4 * part.len() as u64;
        }
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        // Each lives until the work is submitted.
        let mut tasks_buffers = Vec::new();
        for range in self.dispatches(changes, orders) {
            let tasks: Vec<Task> = orders[range.clone()]
                .iter()
                .flat_map(|order| order.tasks.iter().map(|&[n, a, b, word]| [n, a, b, order.views[0].out + word]))
                .collect();
            if tasks.is_empty() {
                continue;
            }
            let tasks_buffer = self.filled("tasks", bytemuck::cast_slice(&tasks))?;
            let Change { before, after } = changes[range.start];
            let buffers = [&before.buffer, &views, &tasks_buffer, &thin, &result, &after.buffer];
            self.dispatch(&mut encoder, kernel, &buffers, tasks.len() as u32);
            tasks_buffers.push(tasks_buffer);
        }
        self.queue.submit([encoder.finish()]);
        self.step(kernel.name);
        Ok(result)
    }

    fn dispatches(&self, changes: &[Change<'_, GpuTall>], orders: &[Order<'_>]) -> Vec<Range<usize>> {
        let aim = if self.is_software() { Aim::SOFTWARE } else { Aim::GPU };
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let mut products = 0u64;
        for (n, order) in orders.iter().enumerate() {
            let same = n > 0
                && Rc::ptr_eq(&changes[n].before.buffer, &changes[n - 1].before.buffer)
                && Rc::ptr_eq(&changes[n].after.buffer, &changes[n - 1].after.buffer);
            products = products.saturating_add(order.products);
            match ranges.last_mut() {
                Some(range) if same && products <= aim.products => range.end = n + 1,
                _ => {
                    ranges.push(n..n + 1);
                    products = order.products;
                }
            }
        }
        ranges
    }
}
