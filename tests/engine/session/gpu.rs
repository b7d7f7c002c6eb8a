//! A lost device, and what the work costs.

use super::*;
use lorascope_protocol::report::BackendKind;

/// A lost device is rebuilt once, then the CPU takes over; the results are right each time.
#[test]
fn a_lost_device_is_rebuilt_once_and_then_the_cpu_takes_over() {
    let (mut session, messages) = start(BackendChoice::WebGpu, Steady);
    let lose = |session: &Session<_, _, _>| match session.backend() {
        Backend::Gpu(gpu) => gpu.destroy(),
        Backend::Cpu(_) => panic!("there is no device to lose"),
    };
    for (loss, backend) in [(1, BackendKind::WebGpu), (2, BackendKind::Cpu)] {
        lose(&session);
        block_on(session.load(adapter("peft-lora")));
        assert_eq!(verdict(&messages), (Outcome::Done, vec![]), "loss {loss}");
        let report = session.report();
        assert_eq!(report.engine.backend, backend, "loss {loss}: {}", report.engine.reason);
        agrees_with_the_writing_library(&report.adapters[0], "peft-lora");
        session.clear();
    }
    assert!(session.engine().reason.contains("lost"), "{}", session.engine().reason);
}

/// The report's counts are those that the plan of the batches gives, for the passes that the factors need.
#[test]
fn counts_are_what_the_batch_plan_says() {
    use lorascope_kernels::plan::{self, Cost};
    for name in FIXTURES {
        let (mut session, _) = start(BackendChoice::WebGpu, Steady);
        block_on(session.load(adapter(name)));
        let counts = session.engine().counts;
        let modules = crate::common::peft_fixture(name).modules;
        let cost = |f: &lorascope_format::adapter::Factor| Cost::of(f.rows, f.cols, FactorType::F32.size() as u64);
        let of = |m: &lorascope_format::adapter::Module| {
            m.pair().map(|[left, right]| Cost::module(cost(left), cost(right))).unwrap()
        };
        let costs: Vec<Cost> = modules.iter().map(of).collect();
        assert_eq!(plan::batches(&costs, session.aim()).len(), 1, "{name} is one batch");
        let passes = counts.readbacks - 1;
        assert!((2..=4).contains(&passes), "{name}: {counts:?}");
        let work = plan::work(passes);
        assert_eq!((counts.dispatches, counts.readbacks), (work.dispatches, work.readbacks), "{name}");
        let factors: u64 = costs.iter().map(|cost| cost.bytes).sum();
        assert!(counts.bytes_uploaded >= factors && counts.bytes_uploaded < 2 * factors, "{name}: {counts:?}");
        assert_eq!(counts.fallbacks, 0, "{name}");
        let whole = costs.iter().copied().fold(Cost::default(), Cost::plus);
        let Backend::Gpu(gpu) = session.backend() else { panic!("there is no GPU") };
        assert!(gpu.peak_bytes() > factors && gpu.peak_bytes() <= whole.on_gpu(), "{name}: {}", gpu.peak_bytes());
    }
}

/// Several batches of factors that need one pass: the counts are the plan's to the byte.
#[test]
fn counts_of_several_batches_are_exact() {
    use lorascope_kernels::plan::{self, Cost};
    const SIDE: u64 = 2048;
    const RANK: u64 = 16;
    let modules: u64 = 40;
    let mut numbers = crate::numbers::Numbers::new(5);
    let bytes: Vec<u8> = (0..SIDE * RANK).flat_map(|_| (numbers.gaussian() as f32).to_le_bytes()).collect();
    let tensor = |shape: [u64; 2]| {
        let shape = shape.map(|side| side as usize).to_vec();
        safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, &bytes).unwrap()
    };
    let tensors = (0..modules).flat_map(|layer| {
        let name = format!("base_model.model.model.layers.{layer}.self_attn.q_proj");
        [
            (format!("{name}.lora_A.weight"), tensor([RANK, SIDE])),
            (format!("{name}.lora_B.weight"), tensor([SIDE, RANK])),
        ]
    });
    let file = safetensors::serialize(tensors, None).unwrap();
    let (mut session, messages) = start(BackendChoice::WebGpu, Steady);
    block_on(session.load(vec![MemorySource::new("adapter_model.safetensors", file)]));
    assert_eq!(verdict(&messages), (Outcome::Done, vec![]));

    let cost = Cost::module(Cost::of(SIDE, RANK, 4), Cost::of(SIDE, RANK, 4));
    let batches = plan::batches(&vec![cost; modules as usize], session.aim()).len() as u64;
    let software = matches!(session.backend(), Backend::Gpu(gpu) if gpu.is_software());
    assert!(batches > 1 || !software, "the adapter is larger than a software adapter's batch");
    let work = plan::work(1);
    let counts = session.engine().counts;
    assert_eq!(counts.dispatches, batches * work.dispatches);
    assert_eq!(counts.readbacks, batches * work.readbacks);
    // Per factor: its bytes; twice a view and a task of 16 bytes per slab; and a scale per column.
    let (view, tasks, scales) = (size_of::<lorascope_kernels::TallView>() as u64, 16 * SIDE.div_ceil(256), 4 * RANK);
    assert_eq!(counts.bytes_uploaded, modules * 2 * (4 * SIDE * RANK + 2 * (view + tasks) + scales));
    // What is alive at once is of one batch.
    let largest = plan::batches(&vec![cost; modules as usize], session.aim()).iter().map(ExactSizeIterator::len).max();
    let one = (0..largest.unwrap()).fold(Cost::default(), |sum, _| sum.plus(cost));
    let Backend::Gpu(gpu) = session.backend() else { panic!("there is no GPU") };
    assert!(gpu.peak_bytes() <= one.on_gpu(), "{} bytes of buffers", gpu.peak_bytes());
    assert_eq!(gpu.held(), lorascope_kernels::gpu::Held::default());
}

/// What is not used is not compiled.
#[test]
fn kernels_are_compiled_at_their_first_use() {
    let (mut session, messages) = start(BackendChoice::WebGpu, Steady);
    let compiled = |session: &Session<_, _, _>| match session.backend() {
        Backend::Gpu(gpu) => gpu.compiled(),
        Backend::Cpu(_) => panic!("there is no GPU"),
    };
    // Those that every profile takes, to see that they compute what the CPU does; what that cost is no part of the counts.
    assert_eq!(compiled(&session), ["scan", "gram", "apply"]);
    assert_eq!(session.engine().counts, lorascope_protocol::report::Counts::default());
    block_on(session.load(adapter("peft-lora")));
    assert_eq!(compiled(&session), ["scan", "gram", "apply"]);
    block_on(session.load(adapter("peft-rslora-attn")));
    assert_eq!(compiled(&session), ["scan", "gram", "apply"]);
    block_on(session.ask(1, Question::Compare));
    assert_eq!(compiled(&session), ["scan", "gram", "apply", "cross"]);
    assert_eq!(verdict(&messages), (Outcome::Done, vec![]));
}
