use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use super::kernels::Kernels;
use super::ledger::{Held, Ledger};
use super::mishaps::Mishaps;
use super::timing::{Timer, features};
use crate::Counts;
use crate::{ComputeError, FactorType, Primitives, Pulse, RawTall, Scan};

/// Buffers that every kernel binds: words, views, tasks, coefficients, the result.
pub(super) const BINDINGS: usize = 5;
/// Those over two matrices bind one more: the words of the second, such as an update's state after.
pub(super) const PAIR_BINDINGS: usize = 6;

/// An open GPU, and the kernels that it has compiled.
#[derive(Debug)]
pub struct GpuBackend<P> {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) kernels: Kernels,
    pub(super) counts: Cell<Counts>,
    pub(super) pulse: P,
    pub(super) ledger: Rc<Ledger>,
    pub(super) mishaps: Rc<Mishaps>,
    pub(super) timer: Timer,
    info: wgpu::AdapterInfo,
    lost: Arc<Mutex<Option<String>>>,
}

/// Why there is no GPU backend, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoGpu {
    #[error("WebGPU found no adapter")]
    NoAdapter,
    #[error("WebGPU found only a software adapter, no hardware")]
    SoftwareOnly,
    #[error("the adapter gave no device ({0})")]
    NoDevice(String),
    #[error("the kernels do not compile ({0})")]
    Kernels(String),
    #[error("the device does not compute ({0})")]
    NoWork(String),
}

impl<P: Pulse> GpuBackend<P> {
    /// Opens the most powerful adapter, at WebGPU's default limits: what works here works everywhere.
    ///
    /// # Errors
    /// No adapter; only a software one where `software` is not allowed; no device, or one that does not compute.
    pub async fn open(pulse: P, software: bool) -> Result<Self, NoGpu> {
        Self::open_with(pulse, software, Rc::default()).await
    }

    /// As [`Self::open`]; what tests let go wrong goes on with the new device.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_with(pulse: P, software: bool, mishaps: Rc<Mishaps>) -> Result<Self, NoGpu> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..wgpu::RequestAdapterOptions::default()
        };
        let adapter = instance.request_adapter(&options).await.map_err(|_| NoGpu::NoAdapter)?;
        let info = adapter.get_info();
        if info.device_type == wgpu::DeviceType::Cpu && !software {
            return Err(NoGpu::SoftwareOnly);
        }
        let required_features = features(&adapter);
        let descriptor =
            wgpu::DeviceDescriptor { label: Some("lorascope"), required_features, ..wgpu::DeviceDescriptor::default() };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|e| NoGpu::NoDevice(e.to_string()))?;
        let lost = Arc::new(Mutex::new(None));
        let on_loss = Arc::clone(&lost);
        device.set_device_lost_callback(move |reason, text| {
            *on_loss.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{reason:?}: {text}"));
        });
        let (kernels, counts, ledger, none) = (Kernels::default(), Cell::default(), Rc::default(), Rc::default());
        let timer = Timer::default();
        let gpu = Self { device, queue, kernels, counts, pulse, ledger, mishaps: none, timer, info, lost };
        gpu.prove().await?;
        Ok(Self { mishaps, ..gpu })
    }

    /// The same device for another caller.
    pub fn with_pulse<Q: Pulse>(self, pulse: Q) -> GpuBackend<Q> {
        let Self { device, queue, kernels, counts, pulse: _, ledger, mishaps, timer, info, lost } = self;
        GpuBackend { device, queue, kernels, counts, pulse, ledger, mishaps, timer, info, lost }
    }

    /// Whether the device can do anything: one small matrix through the first kernel that every profile takes.
    async fn prove(&self) -> Result<(), NoGpu> {
        let bytes = [3.0f32, -5.0, f32::NAN].iter().flat_map(|x| x.to_le_bytes()).collect();
        let column = RawTall { rows: 3, cols: 1, transposed: false, dtype: FactorType::F32, bytes };
        let scan = async {
            let talls = self.upload(&[Rc::new(column)]).await?;
            self.scan(&talls.iter().collect::<Vec<_>>()).await
        };
        match scan.await {
            Ok(scans) if scans == [Scan { max_bits: vec![5f32.to_bits()], not_finite: 1 }] => {}
            Ok(_) => return Err(NoGpu::NoWork("the first result was wrong".into())),
            Err(ComputeError::Kernel(text)) => return Err(NoGpu::Kernels(text)),
            Err(error) => return Err(NoGpu::NoWork(error.to_string())),
        }
        self.forget_counts();
        Ok(())
    }

    /// The adapter's own name; empty where the browser keeps it to itself.
    pub fn adapter_name(&self) -> &str {
        &self.info.name
    }

    /// Whether the adapter runs on the CPU.
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// Runs `work` and turns whatever the device says of it into an error.
    pub(super) async fn scoped<T>(
        &self,
        work: impl Future<Output = Result<T, ComputeError>>,
    ) -> Result<T, ComputeError> {
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let result = work.await;
        let errors = [memory.pop().await, validation.pop().await];
        // Natively the news of a lost device only comes with a poll.
        #[cfg(not(target_arch = "wasm32"))]
        if errors.iter().any(Option::is_some) || result.is_err() {
            let _ = self.device.poll(wgpu::PollType::Poll);
        }
        if let Some(text) = self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Err(ComputeError::DeviceLost(text));
        }
        match errors.into_iter().flatten().next() {
            Some(error) => Err(refusal(&error)),
            None => result,
        }
    }

    /// Starts the counts anew.
    pub fn forget_counts(&self) {
        self.counts.set(Counts::default());
        self.ledger.forget();
    }

    /// Does some work that no count is to know of.
    pub async fn uncounted<T>(&self, work: impl Future<Output = T>) -> T {
        let (counts, known) = (self.counts.get(), self.ledger.known());
        let result = work.await;
        self.counts.set(counts);
        self.ledger.recall(known);
        result
    }

    /// The buffers that are alive.
    pub fn held(&self) -> Held {
        self.ledger.held()
    }

    /// The most bytes of buffers that were alive at once since the counts began.
    pub fn peak_bytes(&self) -> u64 {
        self.ledger.peak()
    }

    /// Buffers that tests let be refused since the counts began.
    pub fn refusals(&self) -> u64 {
        self.ledger.refused()
    }

    /// What tests let go wrong.
    pub fn mishaps(&self) -> &Rc<Mishaps> {
        &self.mishaps
    }

    /// In the midst of a step of the work: a test may want the device to go there.
    pub(super) fn step(&self, name: &str) {
        if self.mishaps.strikes(name) {
            self.destroy();
        }
    }

    /// Makes the device unusable, as a driver's reset would.
    pub fn destroy(&self) {
        self.device.destroy();
    }

    pub(super) fn count(&self, add: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        add(&mut counts);
        self.counts.set(counts);
    }
}

fn refusal(error: &wgpu::Error) -> ComputeError {
    match error {
        wgpu::Error::OutOfMemory { source } => ComputeError::OutOfMemory(source.to_string()),
        wgpu::Error::Validation { .. } | wgpu::Error::Internal { .. } => ComputeError::Gpu(error.to_string()),
    }
}

/// Binding `index` of every kernel: only the result is written.
pub(super) fn layout(index: usize) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding: index as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only: index + 1 != BINDINGS },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn a_want_of_memory_is_told_from_other_refusals() {
        let source = || -> wgpu::ErrorSource { "no room".into() };
        let memory = refusal(&wgpu::Error::OutOfMemory { source: source() });
        assert_eq!(memory, ComputeError::OutOfMemory("no room".into()));
        let validation = wgpu::Error::Validation { source: source(), description: "not valid".into() };
        let internal = wgpu::Error::Internal { source: source(), description: "broken".into() };
        for error in [validation, internal] {
            assert!(matches!(refusal(&error), ComputeError::Gpu(_)), "{error}");
        }
    }
}
