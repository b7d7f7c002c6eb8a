//! A GPU with too little memory: batches are halved until they fit, and what does not fit alone is the CPU's.

use lorascope_format::bytes::MemorySource;
use lorascope_kernels::gpu::Held;
use lorascope_kernels::plan;
use lorascope_protocol::report::{BackendKind, Report};
use lorascope_protocol::{BackendChoice, Outcome};

use crate::alignment::bench::bench;
use crate::gpu::scenes::{ALL, Scene, gpu, same};
use crate::numbers::Numbers;

/// An adapter of one module of rank 16 for each of the sides, in F32.
fn adapter(sides: &[usize]) -> MemorySource {
    const RANK: usize = 16;
    let mut numbers = Numbers::new(5);
    let mut tensors = Vec::new();
    for (layer, &side) in sides.iter().enumerate() {
        for (factor, shape) in [("A", [RANK, side]), ("B", [side, RANK])] {
            let name = format!("base_model.model.model.layers.{layer}.self_attn.q_proj.lora_{factor}.weight");
            let bytes: Vec<u8> = (0..side * RANK).flat_map(|_| (numbers.gaussian() as f32).to_le_bytes()).collect();
            tensors.push((name, shape.to_vec(), bytes));
        }
    }
    let view = |(name, shape, bytes): &(String, Vec<usize>, Vec<u8>)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
        (name.clone(), view.map(|view| (view.dtype(), view.shape().to_vec(), bytes.clone())).expect("a tensor"))
    };
    let views: Vec<_> = tensors.iter().map(view).collect();
    let views = views.iter().map(|(name, (dtype, shape, bytes))| {
        (name, safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes).expect("a tensor"))
    });
    MemorySource::new("adapter_model.safetensors", safetensors::serialize(views, None).expect("a file"))
}

struct Analysed {
    report: Report,
    peak: u64,
    refusals: u64,
}

/// Analyses an adapter with so many bytes of GPU memory.
fn analyse(sides: &[usize], memory: Option<u64>) -> Analysed {
    let mut bench = bench(BackendChoice::WebGpu);
    gpu(&bench.session).mishaps().limit_memory(memory);
    assert_eq!(bench.drop_files(vec![adapter(sides)]), (Outcome::Done, vec![]));
    let (report, gpu) = (bench.session.report(), gpu(&bench.session));
    assert_eq!(gpu.held(), Held::default());
    Analysed { report, peak: gpu.peak_bytes(), refusals: gpu.refusals() }
}

#[test]
fn a_batch_is_halved_until_it_fits() {
    let whole = analyse(&[2048; 16], None);
    // As much as four modules take: 16 are refused and 8, then four times four pass. That eight are too many is known
    // when the second eight come.
    let halved = analyse(&[2048; 16], Some(analyse(&[2048; 4], None).peak));
    assert_eq!((whole.refusals, halved.refusals), (0, 2));
    let (counts, work) = (halved.report.engine.counts, plan::work(1));
    assert_eq!((counts.dispatches, counts.readbacks), (4 * work.dispatches, 4 * work.readbacks));
    assert_eq!(counts.bytes_uploaded, whole.report.engine.counts.bytes_uploaded);
    assert_eq!(halved.report.engine.backend, BackendKind::WebGpu);
    let reason = &halved.report.engine.reason;
    assert!(reason.contains("too little memory") && !reason.contains("CPU"), "{reason}");
    assert!(!whole.report.engine.reason.contains("memory"));
    assert_eq!(halved.report.adapters, whole.report.adapters, "to the last digit");
}

#[test]
fn only_what_does_not_fit_alone_is_left_to_the_cpu() {
    const SMALL: usize = 2048;
    const LARGE: usize = 8 * SMALL;
    let sides = [SMALL, SMALL, SMALL, LARGE, SMALL, SMALL, SMALL, SMALL];
    let whole = analyse(&sides, None);
    let short = analyse(&sides, Some(analyse(&[SMALL; 2], None).peak));
    // Refused are all eight, the first four, the small one beside the large one, the large one, and the last four. Two
    // pass, then the small one, two and two.
    assert_eq!((whole.refusals, short.refusals), (0, 5));
    let (counts, work) = (short.report.engine.counts, plan::work(1));
    assert_eq!((counts.dispatches, counts.readbacks), (4 * work.dispatches, 4 * work.readbacks));
    assert_eq!(short.report.engine.backend, BackendKind::WebGpu);
    let reason = &short.report.engine.reason;
    assert!(reason.contains("too little memory") && reason.contains("one part"), "{reason}");
    same(&short.report, &whole.report, "one on the CPU");
}

/// What was refused is forgotten with everything else.
#[test]
fn a_clear_forgets_the_shortage() {
    let mut bench = bench(BackendChoice::WebGpu);
    let aim = bench.session.aim();
    gpu(&bench.session).mishaps().limit_memory(Some(1 << 20));
    bench.drop_files(vec![adapter(&[2048; 8])]);
    assert!(bench.session.aim().bytes < aim.bytes && bench.session.engine().reason.contains("memory"));
    bench.session.clear();
    assert_eq!(bench.session.aim(), aim);
    assert!(!bench.session.engine().reason.contains("memory"));
}

/// Half of the memory that it takes, and none at all.
#[test]
fn every_kind_of_work_goes_on_with_less_memory() {
    for scene in ALL {
        let undisturbed = scene.on_gpu(|_| {});
        assert_eq!((undisturbed.refusals, undisturbed.held), (0, 0), "{scene:?}");
        for part in [2, u64::MAX] {
            let limit = undisturbed.peak / part;
            let what = format!("{scene:?} in {limit} bytes");
            let played = scene.on_gpu(|mishaps| mishaps.limit_memory(Some(limit)));
            let engine = played.engine();
            assert!(played.refusals > 0 && played.peak <= limit, "{what}: {} refused", played.refusals);
            assert_eq!((engine.backend, played.held), (BackendKind::WebGpu, 0), "{what}");
            assert!(engine.reason.contains("too little memory"), "{what}: {}", engine.reason);
            // The weights that are extracted are one piece of work each.
            let all_fit = part == 2 && scene != Scene::Extraction;
            assert_eq!(engine.reason.contains("CPU"), !all_fit, "{what}: {}", engine.reason);
            same(&played.report, &undisturbed.report, &what);
        }
    }
}
