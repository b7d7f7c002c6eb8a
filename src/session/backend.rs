//! Which engine computes, and why; and what happens when a GPU goes away.

use std::fmt;
use std::rc::Rc;

use super::jobs::Job;
use super::trial::trial;
use crate::compute::cpu::CpuBackend;
use crate::compute::gpu::GpuBackend;
use crate::compute::plan::{Aim, Cost};
use crate::compute::{ComputeError, Primitives, Pulse, Steady};
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
    reason: String,
    shortage: Shortage,
    choice: BackendChoice,
    pulse: P,
    /// What engines that are gone had counted, and the fallbacks.
    past: Counts,
    rebuilt: bool,
}

/// What a GPU had too little memory for, since the last "clear".
#[derive(Clone, Copy, Debug, Default)]
struct Shortage {
    /// The fewest bytes of a job that were refused: the next ones begin smaller.
    least: Option<u64>,
    /// Modules, and tiles of weights, that were refused even alone.
    alone: u64,
}

impl Shortage {
    fn enter(&mut self, bytes: u64) {
        self.least = Some(self.least.map_or(bytes, |least| least.min(bytes)));
    }
}

/// What is added to the reason for the engine.
impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least.is_some() {
            f.write_str("; the GPU had too little memory for some of the work at once and did it in smaller parts")?;
        }
        match self.alone {
            0 => Ok(()),
            1 => f.write_str(", and one part that even alone was too large for it was done on the CPU"),
            n => write!(f, ", and {n} parts that even alone were too large for it were done on the CPU"),
        }
    }
}

impl<P: Pulse + Clone> Chosen<P> {
    /// Opens what the address asks for.
    ///
    /// # Errors
    /// A sentence for a person: WebGPU is asked for and cannot be had.
    pub async fn open(choice: BackendChoice, pulse: P) -> Result<Self, String> {
        let cpu = || Backend::Cpu(CpuBackend::new(pulse.clone()));
        // Nothing is cancelled while an engine starts.
        let gpu = |opened: GpuBackend<Steady>| Backend::Gpu(Box::new(opened.with_pulse(pulse.clone())));
        let (backend, reason) = match choice {
            BackendChoice::Cpu => (cpu(), "the address asks for it (?backend=cpu)".to_owned()),
            BackendChoice::WebGpu => match GpuBackend::open(Steady, true).await {
                Ok(opened) => {
                    let kind = if opened.is_software() { ", a software adapter" } else { "" };
                    (gpu(opened), format!("the address asks for it (?backend=webgpu){kind}"))
                }
                Err(why) => {
                    return Err(format!(
                        "The address asks for WebGPU (?backend=webgpu), but {why}. Open the page without it to use the \
                         CPU engine, or use a browser and a machine with WebGPU."
                    ));
                }
            },
            BackendChoice::Auto => match GpuBackend::open(Steady, false).await {
                Ok(opened) => match trial(&opened, &CpuBackend::new(Steady), || pulse.now()).await {
                    Ok(trial) if trial.prefers_cpu() => (cpu(), trial.reason()),
                    Ok(trial) => {
                        opened.forget_counts();
                        (gpu(opened), trial.reason())
                    }
                    Err(error) => (cpu(), format!("WebGPU found a hardware adapter, but on a trial {error}")),
                },
                Err(why) => (cpu(), why.to_string()),
            },
        };
        let (shortage, past) = (Shortage::default(), Counts::default());
        Ok(Self { backend, reason, shortage, choice, pulse, past, rebuilt: false })
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

    /// Why it is this engine, and what became of it since, in words.
    pub fn reason(&self) -> String {
        format!("{}{}", self.reason, self.shortage)
    }

    /// How much work a batch should hold.
    pub fn aim(&self) -> Aim {
        let aim = match &self.backend {
            Backend::Cpu(_) => return Aim::CPU,
            Backend::Gpu(gpu) if gpu.is_software() => Aim::SOFTWARE,
            Backend::Gpu(_) => Aim::GPU,
        };
        let most = self.shortage.least.map_or(u64::MAX, |least| least / 2);
        Aim { bytes: aim.bytes.min(most), ..aim }
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
        self.shortage = Shortage::default();
        if let Backend::Gpu(gpu) = &self.backend {
            gpu.forget_counts();
        }
    }

    /// Runs the job of a batch. A device that was lost is rebuilt once, then the CPU takes over; so it does at once
    /// for work that the GPU refuses. What there is no memory for is done in halves, down to single modules, and only
    /// such a one goes to the CPU, as does what no binding can hold.
    ///
    /// # Errors
    /// Only [`ComputeError::Cancelled`].
    pub async fn run<J: Job>(&mut self, job: &J, cost: Cost) -> Result<J::Output, ComputeError> {
        match &self.backend {
            Backend::Gpu(_) if !cost.fits() => self.run_on_cpu(job).await,
            _ => self.run_in_parts(job).await,
        }
    }

    async fn run_in_parts<J: Job>(&mut self, job: &J) -> Result<J::Output, ComputeError> {
        let halves = job.halves();
        if halves.is_none() || !self.is_too_much(job.bytes()) {
            match self.run_at_once(job).await {
                Err(ComputeError::OutOfMemory(_)) => self.shortage.enter(job.bytes()),
                result => return result,
            }
        }
        let Some([first, second]) = halves else {
            self.shortage.alone += 1;
            return self.run_on_cpu(job).await;
        };
        let first = Box::pin(self.run_in_parts(&first)).await?;
        let second = Box::pin(self.run_in_parts(&second)).await?;
        Ok(job.join(first, second))
    }

    /// # Errors
    /// [`ComputeError::Cancelled`] and [`ComputeError::OutOfMemory`].
    async fn run_at_once<J: Job>(&mut self, job: &J) -> Result<J::Output, ComputeError> {
        loop {
            let result = match &self.backend {
                Backend::Cpu(cpu) => return job.run(cpu).await,
                Backend::Gpu(gpu) => job.run(gpu.as_ref()).await,
            };
            match result {
                Ok(_) | Err(ComputeError::Cancelled | ComputeError::OutOfMemory(_)) => return result,
                Err(error) => self.recover(error).await,
            }
        }
    }

    /// Whether a device would refuse so many bytes again.
    fn is_too_much(&self, bytes: u64) -> bool {
        matches!(self.backend, Backend::Gpu(_)) && self.shortage.least.is_some_and(|least| bytes >= least)
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
            let mishaps = match &self.backend {
                Backend::Gpu(gpu) => Rc::clone(gpu.mishaps()),
                Backend::Cpu(_) => Rc::default(),
            };
            if let Ok(opened) = GpuBackend::open_with(Steady, software, mishaps).await {
                self.backend = Backend::Gpu(Box::new(opened.with_pulse(self.pulse.clone())));
                self.reason.push_str("; the device was lost once and rebuilt");
                return;
            }
        }
        self.reason = format!("the CPU took over: {error}");
        self.shortage = Shortage::default();
        self.backend = Backend::Cpu(CpuBackend::new(self.pulse.clone()));
    }
}
