use super::device::{BINDINGS, layout};

/// One kernel: its name, which is its entry point, and its whole WGSL.
#[derive(Clone, Copy, Debug)]
pub struct KernelSource {
    pub name: &'static str,
    pub wgsl: &'static str,
}

macro_rules! kernel {
    ($name:literal) => {
        KernelSource {
            name: $name,
            wgsl: concat!(
                include_str!("../../../shaders/tall.wgsl"),
                include_str!(concat!("../../../shaders/", $name, ".wgsl"))
            ),
        }
    };
}

const SCAN: KernelSource = kernel!("scan");
const GRAM: KernelSource = kernel!("gram");
const APPLY: KernelSource = kernel!("apply");
const RESIZE: KernelSource = kernel!("resize");

/// Every kernel, as the device compiles it.
pub const KERNELS: [KernelSource; 4] = [SCAN, GRAM, APPLY, RESIZE];

/// The compiled pipelines; all bind the same five buffers.
#[derive(Debug)]
pub(super) struct Kernels {
    pub(super) bindings: wgpu::BindGroupLayout,
    pub(super) scan: wgpu::ComputePipeline,
    pub(super) gram: wgpu::ComputePipeline,
    pub(super) apply: wgpu::ComputePipeline,
    pub(super) resize: wgpu::ComputePipeline,
}

impl Kernels {
    pub(super) fn compile(device: &wgpu::Device) -> Self {
        let bindings = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("kernel"),
            entries: &std::array::from_fn::<_, BINDINGS, _>(layout),
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("kernel"),
            bind_group_layouts: &[Some(&bindings)],
            immediate_size: 0,
        });
        let compile = |source: KernelSource| {
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(source.name),
                source: wgpu::ShaderSource::Wgsl(source.wgsl.into()),
            });
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(source.name),
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: Some(source.name),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            })
        };
        let (scan, gram, apply, resize) = (compile(SCAN), compile(GRAM), compile(APPLY), compile(RESIZE));
        Self { bindings, scan, gram, apply, resize }
    }
}
