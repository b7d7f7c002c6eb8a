use std::ops::Deref;
use std::rc::Rc;

use futures_channel::oneshot;
use wgpu::BufferUsages;

use super::ledger::Entry;
use super::{GpuBackend, GpuTall};
use crate::{ComputeError, Pulse, RawTall, TallView};

/// A buffer that frees its memory when it is dropped. In a browser the garbage collector would, some time, and does
/// not know how much there is.
#[derive(Debug)]
pub(super) struct Buffer {
    buffer: wgpu::Buffer,
    _entry: Entry,
}

impl Deref for Buffer {
    type Target = wgpu::Buffer;

    fn deref(&self) -> &wgpu::Buffer {
        &self.buffer
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // Work that has been submitted still gets to the end.
        self.buffer.destroy();
    }
}

impl<P: Pulse> GpuBackend<P> {
    /// A buffer of `words` 32-bit words, all zero. One binding's limit is the device's.
    pub(super) fn buffer(&self, label: &str, words: u64, usage: BufferUsages) -> Result<Buffer, ComputeError> {
        // WebGPU refuses empty bindings.
        let size = words.max(1) * 4;
        let limit = self.device.limits().max_storage_buffer_binding_size;
        if size > limit {
            return Err(ComputeError::OutOfMemory(format!("a buffer of {size} bytes is over the limit of {limit}")));
        }
        let entry = self.ledger.enter(size, &self.mishaps)?;
        let label = Some(label);
        let descriptor = wgpu::BufferDescriptor { label, size, usage, mapped_at_creation: false };
        Ok(Buffer { buffer: self.device.create_buffer(&descriptor), _entry: entry })
    }

    /// Writes whole words; counts them.
    pub(super) fn write(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
        self.count(|c| c.bytes_uploaded += bytes.len() as u64);
        self.queue.write_buffer(buffer, offset, bytes);
    }

    /// All matrices, one after the other, each from a word's boundary on.
    pub(super) fn upload_raw(&self, matrices: &[Rc<RawTall>]) -> Result<Vec<GpuTall>, ComputeError> {
        let words: u64 = matrices.iter().map(|m| m.bytes.len().div_ceil(4) as u64).sum();
        let buffer = Rc::new(self.buffer("factors", words, BufferUsages::STORAGE | BufferUsages::COPY_DST)?);
        let mut place = 0u64;
        let mut talls = Vec::with_capacity(matrices.len());
        self.step("upload");
        for m in matrices {
            let whole = m.bytes.len() / 4 * 4;
            if whole > 0 {
                self.write(&buffer, place, &m.bytes[..whole]);
            }
            let rest = &m.bytes[whole..];
            if !rest.is_empty() {
                let mut word = [0; 4];
                word[..rest.len()].copy_from_slice(rest);
                self.write(&buffer, place + whole as u64, &word);
            }
            let offset = (place / m.dtype.size() as u64) as u32;
            let view = TallView::stored(offset, m.rows, m.cols, m.transposed, m.dtype);
            talls.push(GpuTall { buffer: Rc::clone(&buffer), view });
            place += m.bytes.len().next_multiple_of(4) as u64;
        }
        Ok(talls)
    }

    /// `words` words of a buffer from byte `begin` on.
    pub(super) async fn read_words(
        &self,
        buffer: &wgpu::Buffer,
        begin: u64,
        words: u32,
    ) -> Result<Vec<u8>, ComputeError> {
        let size = u64::from(words) * 4;
        if size == 0 {
            return Ok(Vec::new());
        }
        let staging = self.buffer("readback", u64::from(words), BufferUsages::MAP_READ | BufferUsages::COPY_DST)?;
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer, begin, &staging, 0, size);
        self.queue.submit([encoder.finish()]);
        self.count(|c| c.readbacks += 1);
        self.step("readback");

        let (sender, mapped) = oneshot::channel();
        staging.map_async(wgpu::MapMode::Read, 0..size, move |result| {
            // The receiver is gone only if the whole analysis is.
            let _ = sender.send(result);
        });
        #[cfg(not(target_arch = "wasm32"))]
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| ComputeError::Gpu(e.to_string()))?;
        match mapped.await {
            Ok(Ok(())) => {}
            // A mapping is refused for want of memory, unless the device has gone or the error scopes say otherwise.
            Ok(Err(e)) => return Err(ComputeError::OutOfMemory(format!("a result could not be read back: {e}"))),
            Err(_) => return Err(ComputeError::Gpu("a result was never read back".into())),
        }
        let bytes = staging
            .get_mapped_range(0..size)
            .map_err(|e| ComputeError::OutOfMemory(format!("a result could not be read back: {e}")))?
            .to_vec();
        staging.unmap();
        Ok(self.mishaps.read(bytes))
    }
}
