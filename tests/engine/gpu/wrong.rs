//! A GPU that computes wrongly, in one way at a time: it is found at the start, at the first use of a kernel, or in a
//! sample of the work, and what is reported is the CPU's to the last digit.

use std::cell::Cell;
use std::rc::Rc;

use lorascope_format::bytes::MemorySource;
use lorascope_kernels::gpu::Mishaps;
use lorascope_kernels::linalg::Pair;
use lorascope_kernels::{FactorType, Pulse, RawTall, Steady};
use lorascope_protocol::projection::{Method, RankRule, Request};
use lorascope_protocol::report::{BackendKind, CheckReport, FoundIn, Report, WrongReport};
use lorascope_protocol::{BackendChoice, Outcome, Question, ToPage};
use nalgebra::DMatrix;
use pollster::block_on;

use crate::alignment::bench::{Bench, bench, bench_of};
use crate::alignment::run::{Tensor, safetensors, tensor};
use crate::cases::{FAMILIES, pair};
use crate::gpu::scenes::{ALL, Scene};
use crate::numbers::Numbers;

/// Rows of the modules' factors, which no case at the start has, and the rank: more than one tile.
const SIDE: usize = 1024;
const RANK: usize = 24;

/// An adapter of so many modules in F16. Every number is below the smallest normal one, where flushing counts.
fn adapter(name: &str, seed: u64, modules: usize) -> MemorySource {
    let mut numbers = Numbers::new(seed);
    let mut small = |rows, cols| -> DMatrix<f64> { numbers.matrix(rows, cols) * 1e-5 };
    let tensors: Vec<_> = (0..modules)
        .flat_map(|layer| {
            let name = |factor| format!("base_model.model.model.layers.{layer}.self_attn.q_proj.lora_{factor}.weight");
            [tensor(&name("A"), "F16", &small(RANK, SIDE)), tensor(&name("B"), "F16", &small(SIDE, RANK))]
        })
        .collect();
    MemorySource::new(format!("{name}/adapter_model.safetensors"), safetensors(&tensors))
}

/// The report but for the engine.
fn figures(report: &Report) -> serde_json::Value {
    let mut value = serde_json::to_value(report).expect("JSON");
    value.as_object_mut().expect("an object").remove("engine");
    value
}

/// What is dropped, and what is asked for after it.
fn play<E: Fn(ToPage)>(bench: &mut Bench<E>) -> Report {
    for (name, seed) in [("first", 1), ("second", 2)] {
        assert_eq!(bench.drop_files(vec![adapter(name, seed, 6)]).0, Outcome::Done);
    }
    bench.session.report()
}

struct Fault {
    what: &'static str,
    set: fn(&Mishaps),
}

const GRAM_RESULT: &str = "partials[task.w + thread] = total;";

/// Each is there in every piece of work.
const ALWAYS: [Fault; 6] = [
    Fault {
        what: "one tile is transposed",
        set: |mishaps| {
            let turned = "partials[task.w + (thread % TILE) * TILE + thread / TILE] = total;";
            mishaps.rewrite_kernel("gram", GRAM_RESULT, turned);
        },
    },
    Fault {
        what: "a tile of the weight is transposed",
        set: |mishaps| mishaps.rewrite_kernel("apply", "weight[i][j] = w;", "weight[j][i] = w;"),
    },
    Fault { what: "a buffer is stale", set: |mishaps| mishaps.read_stale_after(0) },
    Fault {
        what: "subnormals are flushed",
        set: |mishaps| mishaps.rewrite_kernel("gram", "if (mantissa == 0u) {", "if (mantissa <= 0x3ffu) {"),
    },
    Fault {
        what: "of the partial sums only the last arrives",
        set: |mishaps| mishaps.rewrite_kernel("gram", "total += sum;", "total = sum;"),
    },
    Fault {
        what: "a number is NaN",
        set: |mishaps| {
            let spoilt =
                "partials[task.w + thread] = select(total, bitcast<f32>(0x7fc00000u | thread), thread == 17u);";
            mishaps.rewrite_kernel("gram", GRAM_RESULT, spoilt);
        },
    },
];

/// The same, where the work has sizes that nothing at the start has, or later.
const LATER: [Fault; 6] = [
    Fault {
        what: "one tile is transposed",
        set: |mishaps| {
            let turned = "let turned = (thread % TILE) * TILE + thread / TILE;
                partials[task.w + select(thread, turned, view.rows == 1024u)] = total;";
            mishaps.rewrite_kernel("gram", GRAM_RESULT, turned);
        },
    },
    Fault {
        what: "one slab is left out",
        set: |mishaps| {
            let left_out = "partials[task.w + thread] = select(total, 0.0, view.rows == 1024u && task.y == 512u);";
            mishaps.rewrite_kernel("gram", GRAM_RESULT, left_out);
        },
    },
    // After the start, and the two readbacks of the first adapter.
    Fault { what: "a buffer is stale", set: |mishaps| mishaps.read_stale_after(2) },
    Fault {
        what: "subnormals are flushed",
        set: |mishaps| {
            let flushed = "return widen_f16(select(half_word, half_word & 0x8000u,
                view.rows == 1024u && (half_word & 0x7c00u) == 0u));";
            mishaps.rewrite_kernel("gram", "return widen_f16(half_word);", flushed);
        },
    },
    Fault {
        what: "of the partial sums only the last arrives",
        set: |mishaps| {
            let lost = "total = select(total, 0.0, view.rows == 1024u) + sum;";
            mishaps.rewrite_kernel("gram", "total += sum;", lost);
        },
    },
    Fault {
        what: "a number is NaN",
        set: |mishaps| {
            let spoilt = "partials[task.w + thread] =
                select(total, bitcast<f32>(0x7fc00000u | thread), thread == 17u && view.rows == 1024u);";
            mishaps.rewrite_kernel("gram", GRAM_RESULT, spoilt);
        },
    },
];

fn wrong(report: &Report) -> &WrongReport {
    let wrong = report.engine.check.as_ref().and_then(|check| check.wrong.as_ref());
    wrong.unwrap_or_else(|| panic!("it was not found: {:?}", report.engine))
}

#[test]
fn a_wrong_gpu_is_found_before_it_is_used() {
    let right = play(&mut bench(BackendChoice::Cpu));
    for Fault { what, set } in ALWAYS {
        let mishaps = Rc::new(Mishaps::default());
        set(&mishaps);
        let mut bench = bench_of(BackendChoice::WebGpu, Steady, mishaps);
        let report = play(&mut bench);
        let WrongReport { kernels, difference, limit, found_in, gpu } = wrong(&report);
        assert_eq!((report.engine.backend, *found_in), (BackendKind::Cpu, FoundIn::Start), "{what}");
        assert_eq!(kernels.len(), 1, "{what}: {kernels:?}");
        assert!(difference.is_none_or(|off| off > *limit), "{what}: {difference:?}");
        assert!(!gpu.is_empty());
        let reason = &report.engine.reason;
        assert!(reason.contains("computes wrongly") && reason.contains(&kernels[0]), "{what}: {reason}");
        assert_eq!(figures(&report), figures(&right), "{what}");
    }
}

#[test]
fn a_gpu_that_is_wrong_in_some_of_the_work_is_found_in_a_sample() {
    let right = play(&mut bench(BackendChoice::Cpu));
    for Fault { what, set } in LATER {
        let mishaps = Rc::new(Mishaps::default());
        // What is stale later on is set when the GPU is there.
        if what != "a buffer is stale" {
            set(&mishaps);
        }
        let mut bench = bench_of(BackendChoice::WebGpu, Steady, Rc::clone(&mishaps));
        assert_eq!(bench.session.engine().backend, BackendKind::WebGpu, "{what}: {}", bench.session.engine().reason);
        if what == "a buffer is stale" {
            set(&mishaps);
        }
        let report = play(&mut bench);
        let wrong = wrong(&report);
        assert_eq!((report.engine.backend, wrong.found_in), (BackendKind::Cpu, FoundIn::Work), "{what}");
        assert!(report.engine.reason.contains("computes wrongly"), "{what}: {}", report.engine.reason);
        assert_eq!(figures(&report), figures(&right), "{what}");
    }
}

/// What was right and finished before is computed again too: nobody knows since when the GPU has been wrong.
#[test]
fn all_that_a_wrong_gpu_gave_is_computed_again() {
    fn play<E: Fn(ToPage)>(bench: &mut Bench<E>, lie: &dyn Fn()) -> Report {
        Scene::Projection.prepare(bench);
        Scene::Projection.play(bench);
        assert_eq!(bench.drop_files(vec![adapter("second", 2, 3), adapter("third", 3, 3)]).0, Outcome::Done);
        block_on(bench.session.ask(2, Question::Compare));
        lie();
        let [a, b] = ["second", "third"].map(|label| bench.item(label));
        // The second has what the first gave.
        for layer in 0..2 {
            let name = format!("model.layers.{layer}.self_attn.q_proj");
            block_on(bench.session.ask(3, Question::Overlap { a, b, name }));
        }
        bench.session.report()
    }
    let right = play(&mut bench(BackendChoice::Cpu), &|| {});
    let mishaps = Rc::new(Mishaps::default());
    let mut bench = bench_of(BackendChoice::WebGpu, Steady, Rc::clone(&mishaps));
    let report = play(&mut bench, &|| mishaps.read_stale_after(0));
    assert_eq!(wrong(&report).found_in, FoundIn::Work, "{}", report.engine.reason);
    assert!(right.projection.is_some() && right.comparison.is_some());
    assert_eq!(figures(&report), figures(&right));
    // The page hears of the other engine, and that nothing is under way any more; what is no longer believed is taken
    // from it before it is computed again.
    let told = bench.take();
    let Some(ToPage::Finished { engine, .. }) = told.last() else { panic!("{:?}", told.last()) };
    assert_eq!(engine.backend, BackendKind::Cpu);
    let place = |is: &dyn Fn(&ToPage) -> bool| told.iter().rposition(is);
    for job in [1, 2] {
        let gone = place(&|m| *m == ToPage::Gone { job });
        let again = place(&|m| matches!(m, ToPage::Result { job: Some(of), .. } if *of == job));
        assert!(gone.is_some() && gone < again, "{gone:?}, {again:?}");
    }
}

/// Cancels at one beat; what is taken up after it goes on.
#[derive(Clone)]
struct CancelOnce(Rc<Cell<u32>>);

impl Pulse for CancelOnce {
    async fn beat(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        self.0.get() == 0
    }

    fn take_up(&self) {
        self.0.set(u32::MAX);
    }
}

/// Wherever in a drop the cancel comes: adapters that were there before stay, with the CPU's figures.
#[test]
fn a_cancel_takes_nothing_that_has_to_be_computed_again() {
    let first = || vec![adapter("first", 1, 6)];
    let mut right = bench(BackendChoice::Cpu);
    right.drop_files(first());
    let right = figures(&right.session.report());
    let mut found = 0;
    for beat in 1.. {
        let (countdown, mishaps) = (Rc::new(Cell::new(u32::MAX)), Rc::new(Mishaps::default()));
        let mut bench = bench_of(BackendChoice::WebGpu, CancelOnce(Rc::clone(&countdown)), Rc::clone(&mishaps));
        // After the two readbacks of the first adapter, which the second has again.
        mishaps.read_stale_after(2);
        assert_eq!(bench.drop_files(first()).0, Outcome::Done);
        countdown.set(beat);
        let (outcome, said) = bench.drop_files(vec![adapter("second", 2, 6)]);
        assert_eq!(outcome, Outcome::Done, "beat {beat}: {said:?}");
        let report = bench.session.report();
        let is_wrong = report.engine.check.as_ref().is_some_and(|check| check.wrong.is_some());
        if is_wrong {
            found += 1;
            assert_eq!(figures(&report)["adapters"][0], right["adapters"][0], "beat {beat}: {said:?}");
        }
        if report.adapters.len() == 2 {
            break;
        }
    }
    assert!(found > 1, "no cancel came after the GPU was found out");
}

/// Factors that are not finite are no agreement, wherever they come from.
#[test]
fn new_factors_that_are_no_numbers_are_found() {
    let part = "row * view.out_cols + col] = x;";
    // Of numbers of columns that no small case has.
    for (scene, spoilt) in [
        (
            Scene::Projection,
            "row * view.out_cols + col] = select(x, bitcast<f32>(0x7fc00000u | row), view.out_cols == 4u);",
        ),
        (
            Scene::Resizing,
            "row * view.out_cols + col] = select(x, bitcast<f32>(0x7fc00000u | row), view.out_cols == 8u);",
        ),
    ] {
        let played = scene.on_gpu(|mishaps| mishaps.rewrite_kernel("resize", part, spoilt));
        assert_eq!(wrong(&played.report).found_in, FoundIn::Work, "{scene:?}: {}", played.engine().reason);
        assert_eq!(figures(&played.report), figures(&scene.on_cpu()), "{scene:?}");
    }
}

/// The device that takes the place of a lost one may have another driver.
#[test]
fn a_device_that_was_opened_again_is_held_against_the_cpu_again() {
    let Fault { set, .. } = ALWAYS[0];
    let played = Scene::Analysis.on_gpu(|mishaps| {
        mishaps.lose_at("gram", 1);
        set(mishaps);
    });
    let engine = played.engine();
    assert!(engine.reason.contains("computes wrongly"), "{}", engine.reason);
    assert_eq!((wrong(&played.report).found_in, engine.backend), (FoundIn::FirstUse, BackendKind::Cpu));
    assert_eq!(figures(&played.report), figures(&Scene::Analysis.on_cpu()));
}

/// The other kernels are looked at when they are needed, and then the CPU does all.
#[test]
fn a_kernel_is_held_against_its_twin_at_its_first_use() {
    let faults = [
        (
            Scene::Comparison,
            "cross",
            "partials[task.w + thread] = total;",
            "partials[task.w + thread] = 1.001 * total;",
        ),
        (
            Scene::Resizing,
            "resize",
            "row * view.out_cols + col] = x;",
            "row * view.out_cols + col] = x + 0.001 * abs(x);",
        ),
        (Scene::Alignment, "align", "+= sum;", "+= 1.001 * sum;"),
        (Scene::Extraction, "multiply", "task.z + j] = sums[n];", "task.z + j] = 1.001 * sums[n];"),
        (Scene::Extraction, "residual", "partials[task.w + thread] = sum;", "partials[task.w + thread] = 1.001 * sum;"),
    ];
    for (scene, kernel, part, by) in faults {
        let right = scene.on_cpu();
        let played = scene.on_gpu(|mishaps| mishaps.rewrite_kernel(kernel, part, by));
        let wrong = wrong(&played.report);
        assert_eq!(wrong.kernels, [kernel], "{scene:?}");
        assert_eq!(
            (played.engine().backend, wrong.found_in),
            (BackendKind::Cpu, FoundIn::FirstUse),
            "{scene:?} {kernel}"
        );
        assert_eq!(figures(&played.report), figures(&right), "{scene:?} {kernel}");
    }
}

/// As they are, GPUs agree, whatever is done with them; and the report says how much was looked at.
#[test]
fn a_gpu_that_agrees_is_believed() {
    for scene in ALL {
        let played = scene.on_gpu(|_| {});
        let Some(CheckReport { kernels, samples, largest, wrong }) = &played.engine().check else {
            panic!("{scene:?}: nothing was looked at");
        };
        assert_eq!(*wrong, None, "{scene:?}");
        assert_eq!(kernels[..3], ["scan", "gram", "apply"], "{scene:?}");
        assert!(*samples > 0 && *largest <= 1e-6, "{scene:?}: {samples}, {largest:e}");
    }
    let cpu = Scene::Analysis.on_cpu();
    assert_eq!(cpu.engine.check, None);
}

/// So is one on every family of factors for which the accuracy is promised: profiles, projections to half of the rank and
/// comparisons, of each of which a sample is looked at.
#[test]
fn a_gpu_is_believed_on_every_family_of_factors() {
    let mut bench = bench(BackendChoice::WebGpu);
    for family in FAMILIES {
        for rank in [1, 4, 16, 40] {
            let label = format!("{family:?} {rank}");
            let adapters = ["a", "b"].map(|name| {
                let Pair { left, right } = pair(family, rank, if name == "a" { (300, 257) } else { (257, 300) });
                let tensor = |factor: &str, raw: &RawTall, shape: [u32; 2]| Tensor {
                    name: format!("base_model.model.model.layers.{}.self_attn.q_proj.lora_{factor}.weight", name.len()),
                    dtype: match raw.dtype {
                        FactorType::F16 => "F16",
                        FactorType::Bf16 => "BF16",
                        _ => "F32",
                    },
                    shape: shape.map(|side| side as usize).to_vec(),
                    bytes: raw.bytes.clone(),
                };
                let tensors =
                    [tensor("A", &right, [right.cols, right.rows]), tensor("B", &left, [left.rows, left.cols])];
                MemorySource::new(format!("{label} {name}/adapter_model.safetensors"), safetensors(&tensors))
            });
            assert_eq!(bench.drop_files(adapters.into()).0, Outcome::Done, "{label}");
            let samples = bench.session.engine().check.map_or(0, |check| check.samples);
            let item = bench.item(&format!("{label} a"));
            let rank = RankRule::Number((rank as u32).div_ceil(2));
            let request = Request { method: Method::Svd, rank, ..Request::default() };
            block_on(bench.session.ask(1, Question::Project { item, request: Box::new(request.clone()) }));
            block_on(bench.session.ask(1, Question::Compare));
            let engine = bench.session.engine();
            let Some(CheckReport { wrong, samples: after, .. }) = &engine.check else { panic!("{label}") };
            assert_eq!((wrong, engine.backend), (&None, BackendKind::WebGpu), "{label}: {}", engine.reason);
            // The last was of three kinds of work.
            assert!(samples > 0 && *after > samples, "{label}: {samples}, then {after}");
            bench.session.clear();
        }
    }
}

/// A sample is a hundredth of the work where modules are large.
#[test]
fn samples_of_large_modules_are_few() {
    const LARGE: usize = 96;
    let mut numbers = Numbers::new(9);
    let factor = |numbers: &mut Numbers, rows, cols| numbers.matrix(rows, cols);
    let tensors: Vec<_> = (0..120)
        .flat_map(|layer| {
            let name = |factor| format!("base_model.model.model.layers.{layer}.self_attn.q_proj.lora_{factor}.weight");
            let (a, b) = (factor(&mut numbers, LARGE, SIDE), factor(&mut numbers, SIDE, LARGE));
            [tensor(&name("A"), "BF16", &a), tensor(&name("B"), "BF16", &b)]
        })
        .collect();
    let mut bench = bench(BackendChoice::WebGpu);
    let file = MemorySource::new("large/adapter_model.safetensors", safetensors(&tensors));
    assert_eq!(bench.drop_files(vec![file]), (Outcome::Done, vec![]));
    let engine = bench.session.engine();
    // 19 million multiplications a module, over twice what is always done.
    assert_eq!(engine.check.map(|check| check.samples), Some(1), "{:?}", engine.backend);
}
