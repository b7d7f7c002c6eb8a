use super::device::{BINDINGS, PAIR_BINDINGS, layout};

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

const SCAN: KernelSource = kernel!("scan");
const GRAM: KernelSource = kernel!("gram");
const APPLY: KernelSource = kernel!("apply");
const CROSS: KernelSource = kernel!("cross");
const RESIZE: KernelSource = kernel!("resize");
const ALIGN: KernelSource = kernel!("align" after "update");
const MULTIPLY: KernelSource = kernel!("multiply" after "update");
const RESIDUAL: KernelSource = kernel!("residual" after "update");

/// Every kernel, as the device compiles it.
pub const KERNELS: [KernelSource; 8] = [SCAN, GRAM, APPLY, CROSS, RESIZE, ALIGN, MULTIPLY, RESIDUAL];

/// A compiled kernel and the buffers that it binds.
#[derive(Debug)]
pub(super) struct Kernel {
    pub(super) name: &'static str,
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) bindings: wgpu::BindGroupLayout,
}

/// The compiled kernels.
#[derive(Debug)]
pub(super) struct Kernels {
    pub(super) scan: Kernel,
    pub(super) gram: Kernel,
    pub(super) apply: Kernel,
    pub(super) cross: Kernel,
    pub(super) resize: Kernel,
    pub(super) align: Kernel,
    pub(super) multiply: Kernel,
    pub(super) residual: Kernel,
}

impl Kernels {
    pub(super) fn compile(device: &wgpu::Device) -> Self {
        let of_matrices = |source| compile(device, source, &std::array::from_fn::<_, BINDINGS, _>(layout));
        let of_two = |source| compile(device, source, &std::array::from_fn::<_, PAIR_BINDINGS, _>(layout));
        Self {
            scan: of_matrices(SCAN),
            gram: of_matrices(GRAM),
            apply: of_matrices(APPLY),
            cross: of_two(CROSS),
            resize: of_matrices(RESIZE),
            align: of_two(ALIGN),
            multiply: of_two(MULTIPLY),
            residual: of_two(RESIDUAL),
        }
    }
}

fn compile(device: &wgpu::Device, source: KernelSource, entries: &[wgpu::BindGroupLayoutEntry]) -> Kernel {
    let label = Some(source.name);
    let bindings = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&bindings)],
        immediate_size: 0,
    });
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label,
        source: wgpu::ShaderSource::Wgsl(source.wgsl.into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: Some(&layout),
        module: &module,
        entry_point: Some(source.name),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });
    Kernel { name: source.name, pipeline, bindings }
}
