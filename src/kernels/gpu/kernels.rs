use std::cell::OnceCell;

use super::GpuBackend;
use super::device::{BINDINGS, PAIR_BINDINGS, layout};
use crate::{ComputeError, Kernel, Pulse};

/// One kernel: its name, which is its entry point, and its whole WGSL.
#[derive(Clone, Copy, Debug)]
pub struct KernelSource {
    pub name: &'static str,
    pub wgsl: &'static str,
}

macro_rules! kernel {
    ($name:literal $(after $prelude:literal)?) => {
        KernelSource {
            name: $name,
            wgsl: concat!(
                include_str!("../../../shaders/tall.wgsl"),
                $(include_str!(concat!("../../../shaders/", $prelude, ".wgsl")),)?
                include_str!(concat!("../../../shaders/", $name, ".wgsl"))
            ),
        }
    };
}

/// Every kernel, as the device compiles it, in the order of [`Kernel`].
pub const KERNELS: [KernelSource; 8] = [
    kernel!("scan"),
    kernel!("gram"),
    kernel!("apply"),
    kernel!("cross"),
    kernel!("resize"),
    kernel!("align" after "update"),
    kernel!("multiply" after "update"),
    kernel!("residual" after "update"),
];

/// A compiled kernel and the buffers that it binds.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) name: &'static str,
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) bindings: wgpu::BindGroupLayout,
}

/// The kernels that have been used, each compiled at its first use.
#[derive(Debug, Default)]
pub(super) struct Kernels([OnceCell<Pipeline>; KERNELS.len()]);

impl Kernels {
    fn cell(&self, kernel: Kernel) -> &OnceCell<Pipeline> {
        &self.0[kernel as usize]
    }
}

impl<P: Pulse> GpuBackend<P> {
    /// The kernel of this name, compiled if it has not been before.
    ///
    /// # Errors
    /// It does not compile, or the device is lost.
    pub(super) async fn kernel(&self, name: Kernel) -> Result<&Pipeline, ComputeError> {
        let cell = self.kernels.cell(name);
        if let Some(kernel) = cell.get() {
            return Ok(kernel);
        }
        let wgsl = self.mishaps.wgsl(KERNELS[name as usize]);
        let compiled = self.scoped(async { Ok(compile(&self.device, name, &wgsl)) }).await;
        match compiled {
            Ok(kernel) => Ok(cell.get_or_init(|| kernel)),
            Err(ComputeError::Gpu(text)) => Err(ComputeError::Kernel(text)),
            Err(error) => Err(error),
        }
    }

    /// The names of the kernels that have been compiled so far.
    pub fn compiled(&self) -> Vec<&'static str> {
        self.kernels.0.iter().filter_map(|cell| Some(cell.get()?.name)).collect()
    }
}

fn compile(device: &wgpu::Device, kernel: Kernel, wgsl: &str) -> Pipeline {
    let count = match kernel {
        Kernel::Scan | Kernel::Gram | Kernel::Apply | Kernel::Resize => BINDINGS,
        Kernel::Cross | Kernel::Align | Kernel::Multiply | Kernel::Residual => PAIR_BINDINGS,
    };
    let entries: Vec<wgpu::BindGroupLayoutEntry> = (0..count).map(layout).collect();
    let label = Some(kernel.name());
    let bindings = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&bindings)],
        immediate_size: 0,
    });
    let module = device
        .create_shader_module(wgpu::ShaderModuleDescriptor { label, source: wgpu::ShaderSource::Wgsl(wgsl.into()) });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: Some(&layout),
        module: &module,
        entry_point: label,
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });
    Pipeline { name: kernel.name(), pipeline, bindings }
}
