//! Which engine computes, and why; and what happens when a GPU goes away.

use super::jobs::Job;
use crate::compute::cpu::CpuBackend;
use crate::compute::gpu::GpuBackend;
use crate::compute::plan::{Aim, Cost};
use crate::compute::{ComputeError, Primitives, Pulse};
use crate::protocol::BackendChoice;
use crate::report::Counts;

/// The engine in use.
#[derive(Debug)]
pub enum Backend<P> {
    Cpu(CpuBackend<P>),
    Gpu(Box<GpuBackend<P>>),
}

/// The engine in use, why it is that one, and what it has done.
#[derive(Debug)]
pub struct Chosen<P> {
    pub backend: Backend<P>,
    pub reason: String,
    choice: BackendChoice,
    pulse: P,
    /// What engines that are gone had counted, and the fallbacks.
    past: Counts,
    rebuilt: bool,
}

impl<P: Pulse + Clone> Chosen<P> {
    /// Opens what the address asks for.
    ///
    /// # Errors
    /// A sentence for a person: WebGPU is asked for and cannot be had.
    pub async fn open(choice: BackendChoice, pulse: P) -> Result<Self, String> {
        let cpu = || Backend::Cpu(CpuBackend::new(pulse.clone()));
        let (backend, reason) = match choice {
            BackendChoice::Cpu => (cpu(), "the address asks for it (?backend=cpu)".to_owned()),
            BackendChoice::WebGpu => match GpuBackend::open(pulse.clone(), true).await {
                Ok(gpu) => {
                    let kind = if gpu.is_software() { ", a software adapter" } else { "" };
                    (Backend::Gpu(Box::new(gpu)), format!("the address asks for it (?backend=webgpu){kind}"))
                }
                Err(why) => {
                    return Err(format!(
                        "The address asks for WebGPU (?backend=webgpu), but {why}. Open the page without it to use the \
                         CPU engine, or use a browser and a machine with WebGPU."
                    ));
                }
            },
            BackendChoice::Auto => match GpuBackend::open(pulse.clone(), false).await {
                Ok(gpu) => (Backend::Gpu(Box::new(gpu)), "WebGPU found a hardware adapter".to_owned()),
                Err(why) => (cpu(), why.to_string()),
            },
        };
        Ok(Self { backend, reason, choice, pulse, past: Counts::default(), rebuilt: false })
    }

    pub fn pulse(&self) -> &P {
        &self.pulse
    }

    /// `webgpu` or `cpu`.
    pub fn name(&self) -> &'static str {
        match self.backend {
            Backend::Cpu(_) => "cpu",
            Backend::Gpu(_) => "webgpu",
        }
    }

    /// How much work a batch should hold.
    pub fn aim(&self) -> Aim {
        match &self.backend {
            Backend::Cpu(_) => Aim::CPU,
            Backend::Gpu(gpu) if gpu.is_software() => Aim::SOFTWARE,
            Backend::Gpu(_) => Aim::GPU,
        }
    }

    /// Whether the person cancelled.
    pub async fn is_cancelled(&self) -> bool {
        self.pulse.beat().await
    }

    pub fn counts(&self) -> Counts {
        let now = match &self.backend {
            Backend::Cpu(cpu) => cpu.counts(),
            Backend::Gpu(gpu) => gpu.counts(),
        };
        self.past.plus(now)
    }

    /// Counts what the CPU computed because a GPU's arithmetic could not hold it.
    pub fn count_fallbacks(&mut self, count: u64) {
        self.past.fallbacks += count;
    }

    pub fn forget_counts(&mut self) {
        self.past = Counts::default();
        if let Backend::Gpu(gpu) = &self.backend {
            gpu.forget_counts();
        }
    }

    /// Runs the job of a batch. A device that was lost is rebuilt once, then the CPU takes over; so it does at once
    /// for work that the GPU refuses and for what no binding can hold.
    ///
    /// # Errors
    /// Only [`ComputeError::Cancelled`].
    pub async fn run<J: Job>(&mut self, job: &J, cost: Cost) -> Result<J::Output, ComputeError> {
        loop {
            let result = match &self.backend {
                Backend::Cpu(cpu) => return job.run(cpu).await,
                Backend::Gpu(_) if !cost.fits() => return self.run_on_cpu(job).await,
                Backend::Gpu(gpu) => job.run(gpu.as_ref()).await,
            };
            match result {
                Ok(_) | Err(ComputeError::Cancelled) => return result,
                Err(error) => self.recover(error).await,
            }
        }
    }

    /// Runs a job on the CPU whatever the backend is: for what a GPU's arithmetic cannot hold.
    ///
    /// # Errors
    /// Only [`ComputeError::Cancelled`].
    pub async fn run_on_cpu<J: Job>(&self, job: &J) -> Result<J::Output, ComputeError> {
        job.run(&CpuBackend::new(self.pulse.clone())).await
    }

    async fn recover(&mut self, error: ComputeError) {
        self.past = self.counts();
        if matches!(error, ComputeError::DeviceLost(_)) && !self.rebuilt {
            self.rebuilt = true;
            let software = self.choice == BackendChoice::WebGpu;
            if let Ok(gpu) = GpuBackend::open(self.pulse.clone(), software).await {
                self.backend = Backend::Gpu(Box::new(gpu));
                self.reason.push_str("; the device was lost once and rebuilt");
                return;
            }
        }
        self.reason = format!("the CPU took over: {error}");
        self.backend = Backend::Cpu(CpuBackend::new(self.pulse.clone()));
    }
}
