//! Which engine computes, and why; and what happens when a GPU goes away.

use std::fmt;
use std::rc::Rc;

use crate::session::compute::jobs::Job;
use crate::session::compute::trial::trial;
use crate::session::compute::trust::Trust;
use lorascope_kernels::cpu::CpuBackend;
use lorascope_kernels::gpu::{GpuBackend, Mishaps};
use lorascope_kernels::plan::{Aim, Cost};
use lorascope_kernels::{ComputeError, Primitives, Pulse, Steady};
use lorascope_protocol::BackendChoice;
use lorascope_protocol::report::{CheckReport, Counts};

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
    trust: Trust,
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
    /// Opens what the address asks for. `mishaps` is what tests let go wrong with a GPU.
    ///
    /// # Errors
    /// A sentence for a person: WebGPU is asked for and cannot be had.
    pub async fn open(choice: BackendChoice, pulse: P, mishaps: Rc<Mishaps>) -> Result<Self, String> {
        let mut trust = Trust::default();
        // Nothing is cancelled while an engine starts.
        let opened = match choice {
            BackendChoice::Cpu => Err("the address asks for it (?backend=cpu)".to_owned()),
            BackendChoice::WebGpu => match GpuBackend::open_with(Steady, true, mishaps).await {
                Ok(gpu) => {
                    let kind = if gpu.is_software() { ", a software adapter" } else { "" };
                    let reason = format!("the address asks for it (?backend=webgpu){kind}");
                    held_against_the_cpu(&mut trust, gpu, async |_| Ok(Ok(reason))).await
                }
                Err(why) => {
                    return Err(format!(
                        "The address asks for WebGPU (?backend=webgpu), but {why}. Open the page without it to use the \
                         CPU engine, or use a browser and a machine with WebGPU."
                    ));
                }
            },
            BackendChoice::Auto => match GpuBackend::open_with(Steady, false, mishaps).await {
                Ok(gpu) => held_against_the_cpu(&mut trust, gpu, async |gpu| weighed(gpu, &pulse).await).await,
                Err(why) => Err(why.to_string()),
            },
        };
        let (backend, reason) = match opened {
            Ok((gpu, reason)) => (Backend::Gpu(Box::new(gpu.with_pulse(pulse.clone()))), reason),
            Err(reason) => (Backend::Cpu(CpuBackend::new(pulse.clone())), reason),
        };
        Ok(Self { backend, reason, choice, trust, ..Self::of_cpu(pulse) })
    }

    /// The CPU, without a look at anything else.
    pub fn of_cpu(pulse: P) -> Self {
        let backend = Backend::Cpu(CpuBackend::new(pulse.clone()));
        let (reason, choice) = (String::new(), BackendChoice::Cpu);
        let (shortage, trust, past) = (Shortage::default(), Trust::default(), Counts::default());
        Self { backend, reason, shortage, choice, trust, pulse, past, rebuilt: false }
    }

    pub fn pulse(&self) -> &P {
        &self.pulse
    }

    /// Why it is this engine, and what became of it since, in words.
    pub fn reason(&self) -> String {
        format!("{}{}{}", self.reason, self.shortage, self.pulse.remarks())
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
        self.past.plus(counts(now))
    }

    /// Counts what the CPU computed because a GPU's arithmetic could not hold it.
    pub fn count_fallbacks(&mut self, count: u64) {
        self.past.fallbacks += count;
    }

    /// How a GPU was held against the CPU; `unnamed` is its name where wgpu does not know it.
    pub fn check(&self, unnamed: &str) -> Option<CheckReport> {
        let mut report = self.trust.report()?;
        if let Some(wrong) = report.wrong.as_mut().filter(|wrong| wrong.gpu.is_empty()) {
            unnamed.clone_into(&mut wrong.gpu);
        }
        Some(report)
    }

    /// Whether there are results of a GPU that has turned out to be wrong since this was last asked.
    pub fn take_unsettled(&mut self) -> bool {
        self.trust.take_unsettled()
    }

    pub fn is_unsettled(&self) -> bool {
        self.trust.is_unsettled()
    }

    /// What the CPU computed instead of a GPU is to be computed again.
    pub fn forget_fallbacks(&mut self) {
        self.past.fallbacks = 0;
    }

    pub fn forget_counts(&mut self) {
        self.trust.forget_counts();
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
                Backend::Gpu(gpu) => {
                    under_watch(&mut self.trust, gpu.as_ref(), CpuBackend::new(self.pulse.clone()), job).await
                }
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
        if let (ComputeError::Wrong(difference), Backend::Gpu(gpu)) = (&error, &self.backend) {
            self.trust.distrust(*difference, gpu.adapter_name());
        }
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
                self.trust.reopened();
                return;
            }
        }
        self.reason = format!("the CPU took over: {error}");
        self.shortage = Shortage::default();
        self.backend = Backend::Cpu(CpuBackend::new(self.pulse.clone()));
    }
}

/// A GPU that computes as the CPU does, and why it is taken; or why the CPU is.
async fn held_against_the_cpu(
    trust: &mut Trust,
    gpu: GpuBackend<Steady>,
    weighed: impl AsyncFnOnce(&GpuBackend<Steady>) -> Result<Result<String, String>, ComputeError>,
) -> Result<(GpuBackend<Steady>, String), String> {
    let outcome = match trust.begin(&gpu, &CpuBackend::new(Steady)).await {
        Err(error @ ComputeError::Wrong(_)) => Err(error),
        // What keeps it from computing will be met again by the work, which knows what to do.
        Ok(()) | Err(_) => weighed(&gpu).await,
    };
    gpu.forget_counts();
    match outcome {
        Ok(Ok(reason)) => Ok((gpu, reason)),
        Ok(Err(reason)) => Err(reason),
        Err(error) => {
            if let ComputeError::Wrong(difference) = error {
                trust.distrust_at_start(difference, gpu.adapter_name());
            }
            Err(format!("on a trial {error}"))
        }
    }
}

/// Why the GPU is taken, or the CPU is, by the time that they need.
async fn weighed(gpu: &GpuBackend<Steady>, pulse: &impl Pulse) -> Result<Result<String, String>, ComputeError> {
    let trial = trial(gpu, &CpuBackend::new(Steady), || pulse.now()).await?;
    Ok(if trial.prefers_cpu() { Err(trial.reason()) } else { Ok(trial.reason()) })
}

/// Runs a job on a GPU whose kernels have been held against their twins, and computes a sample of it on the CPU too.
async fn under_watch<P: Pulse + Clone, J: Job>(
    trust: &mut Trust,
    gpu: &GpuBackend<P>,
    cpu: CpuBackend<P>,
    job: &J,
) -> Result<J::Output, ComputeError> {
    match gpu.uncounted(trust.first_use(gpu, &cpu, job.kernels())).await {
        // With too little memory even for that, the work itself is done in smaller parts.
        Ok(()) | Err(ComputeError::OutOfMemory(_)) => {}
        Err(error) => return Err(error),
    }
    let output = job.run(gpu).await?;
    gpu.uncounted(trust.sample(job, &output, gpu, &cpu)).await?;
    Ok(output)
}

/// What the GPU counted, as the report says it.
fn counts(device: lorascope_kernels::Counts) -> Counts {
    let lorascope_kernels::Counts { dispatches, bytes_uploaded, readbacks } = device;
    Counts { dispatches, bytes_uploaded, readbacks, ..Counts::default() }
}
