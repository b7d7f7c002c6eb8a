//! A whole session without a browser: drops in, messages out, on both backends.

#![cfg(not(target_arch = "wasm32"))]

mod cases;
mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::{fixture, json};
use lorascope::compute::{FactorType, Pulse, Steady};
use lorascope::projection::OutputType;
use lorascope::protocol::{BackendChoice, ExtractRank, ExtractRequest, ItemId, ItemKind, Outcome, Problem, ToPage};
use lorascope::report::AdapterReport;
use lorascope::session::{Backend, Session};
use lorascope::source::MemorySource;
use nalgebra::DMatrix;
use pollster::block_on;

const FIXTURES: [&str; 4] = ["peft-lora", "peft-rslora-attn", "peft-patterns", "peft-embed-saved"];
const BACKENDS: [BackendChoice; 2] = [BackendChoice::Cpu, BackendChoice::WebGpu];

type Messages = Rc<RefCell<Vec<ToPage>>>;

/// Cancels at the given beat.
#[derive(Clone)]
struct CancelAt(Rc<Cell<u32>>);

impl Pulse for CancelAt {
    async fn beat(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        self.0.get() == 0
    }
}

fn start<P: Pulse + Clone>(choice: BackendChoice, pulse: P) -> (Session<MemorySource, P, impl Fn(ToPage)>, Messages) {
    let messages = Messages::default();
    let sink = Rc::clone(&messages);
    let emit = move |message| sink.borrow_mut().push(message);
    match block_on(Session::start(choice, "unnamed".to_owned(), pulse, emit)) {
        Ok(session) => (session, messages),
        Err(why) => panic!("{why}"),
    }
}

fn adapter(folder: &str) -> Vec<MemorySource> {
    ["adapter_model.safetensors", "adapter_config.json"].map(|file| fixture(&format!("{folder}/{file}"))).to_vec()
}

fn weights(folder: &str) -> Vec<MemorySource> {
    adapter(folder)[..1].to_vec()
}

fn verdict(messages: &Messages) -> (Outcome, Vec<Problem>) {
    match messages.borrow().last() {
        Some(ToPage::Finished { outcome, problems, .. }) => (*outcome, problems.clone()),
        other => panic!("the last message is {other:?}"),
    }
}

fn close(a: f64, b: f64, bound: f64, what: &str) {
    assert!((a - b).abs() <= bound, "{what}: {a} is not {b} within {bound:e}");
}

fn agrees_with_the_writing_library(report: &AdapterReport, name: &str) {
    let expected = json(&format!("expected/{name}.json"));
    let expected = expected["modules"].as_object().unwrap();
    let mut names: Vec<&str> = report.modules.iter().map(|m| m.name.as_str()).collect();
    let mut wanted: Vec<&str> = expected.keys().map(String::as_str).collect();
    names.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(names, wanted, "{name}");
    for module in &report.modules {
        let expected = &expected[&module.name];
        let sigma: Vec<f64> =
            expected["singular_values"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
        assert_eq!(module.shape.map(Some), [0, 1].map(|n| expected["shape"][n].as_u64()), "{name} {}", module.name);
        close(module.scale, expected["scaling"].as_f64().unwrap(), 1e-12, &module.name);
        close(module.frobenius, expected["frobenius"].as_f64().unwrap(), 1e-5 * sigma[0], &module.name);
        assert_eq!(module.singular_values.len(), sigma.len(), "{name} {}", module.name);
        for (a, b) in module.singular_values.iter().zip(&sigma) {
            close(*a, *b, 1e-5 * sigma[0], &module.name);
        }
    }
    let golden = &json("golden/domain_profile.json")[name];
    assert_eq!(u64::from(report.total_layers), golden["total_layers"].as_u64().unwrap());
    for (domain, score) in golden["scores"].as_object().unwrap() {
        close(report.domains.scores[domain].as_f64().unwrap(), score.as_f64().unwrap(), 1e-6, domain);
    }
    let tags: Vec<&str> = golden["tags"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
    assert_eq!(report.domains.tags, tags, "{name}");
}

#[test]
fn fixtures_give_what_the_writing_library_applies() {
    for choice in BACKENDS {
        for name in FIXTURES {
            let (mut session, messages) = start(choice, Steady);
            block_on(session.load(adapter(name)));
            assert_eq!(verdict(&messages), (Outcome::Done, vec![]), "{choice:?} {name}");
            let report = session.report();
            agrees_with_the_writing_library(&report.adapters[0], name);
            assert_eq!(report.files.len(), 2);
            let counts = report.engine.counts;
            let all: u64 = report.files.iter().map(|f| f.bytes).sum();
            // The head of a file is read once more than the rest, to tell what it is.
            assert!(
                (4 * report.adapters[0].parameters..=all + 4096).contains(&counts.bytes_read),
                "{name}: {counts:?}"
            );
            assert_eq!(counts.dispatches == 0, choice == BackendChoice::Cpu);
        }
    }
}

/// The messages together carry what the report holds, no one of them more than its share.
#[test]
fn messages_carry_the_report_in_pieces() {
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(adapter("peft-lora")));
    let mut modules = Vec::new();
    let mut announced = 0;
    for message in messages.borrow().iter() {
        match message {
            ToPage::Adapter { modules, report, .. } => {
                assert!(report.modules.is_empty());
                announced = *modules;
            }
            ToPage::Modules { modules: some, .. } => {
                assert!(some.len() <= lorascope::protocol::MODULES_PER_MESSAGE);
                modules.extend(some.clone());
            }
            _ => {}
        }
    }
    assert_eq!(modules.len(), announced);
    assert_eq!(modules, session.report().adapters[0].modules);
}

#[test]
fn a_second_drop_adds_and_everything_can_be_removed() {
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(adapter("peft-lora")));
    block_on(session.load(adapter("peft-rslora-attn")));
    let labels: Vec<String> = session.report().adapters.iter().map(|a| a.label.clone()).collect();
    assert_eq!(labels, ["peft-lora", "peft-rslora-attn"]);
    let items: Vec<u32> = messages
        .borrow()
        .iter()
        .filter_map(|m| if let ToPage::Item(item) = m { Some(item.item) } else { None })
        .collect();
    assert_eq!(items.len(), 2);
    session.remove(items[0]);
    assert_eq!(verdict(&messages).0, Outcome::Done);
    assert_eq!(session.report().files.len(), 2);
    session.remove(items[1]);
    assert_eq!(verdict(&messages).0, Outcome::Idle);
    block_on(session.load(adapter("peft-lora")));
    session.clear();
    assert!(matches!(messages.borrow().last(), Some(ToPage::Cleared { .. })));
    assert!(session.report().adapters.is_empty() && session.engine().counts.bytes_read == 0);
}

/// Without a configuration the scale is an assumption, said so, and can be set by hand or by the file later.
#[test]
fn an_assumed_scale_can_be_replaced() {
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(weights("peft-lora")));
    let report = session.report().adapters.remove(0);
    assert!(report.modules[0].scale_source.starts_with("assumed"), "{}", report.modules[0].scale_source);
    let item = messages.borrow().iter().find_map(|m| match m {
        ToPage::Item(item) if item.kind == ItemKind::Adapter && item.scale_assumed => Some(item.item),
        _ => None,
    });
    block_on(session.set_scale(item.unwrap(), 2.0));
    let by_hand = session.report().adapters.remove(0);
    agrees_with_the_writing_library(&by_hand, "peft-lora");
    block_on(session.set_scale(item.unwrap(), f64::NAN));
    assert_eq!(verdict(&messages).1.len(), 1);
    assert_eq!(session.report().adapters[0], by_hand);

    block_on(session.load(vec![fixture("peft-lora/adapter_config.json")]));
    assert_eq!(verdict(&messages), (Outcome::Done, vec![]));
    let by_file = session.report().adapters.remove(0);
    assert_eq!((session.report().adapters.len(), session.report().files.len()), (1, 2));
    agrees_with_the_writing_library(&by_file, "peft-lora");
    assert!(by_file.modules[0].scale_source.contains("adapter_config"));
}

#[test]
fn a_configuration_may_come_first() {
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(vec![fixture("peft-lora/adapter_config.json")]));
    let (outcome, problems) = verdict(&messages);
    assert!(outcome == Outcome::Error && problems[0].error && problems[0].text.contains("adapter_config.json"));
    block_on(session.load(weights("peft-lora")));
    assert_eq!(verdict(&messages), (Outcome::Done, vec![]));
    agrees_with_the_writing_library(&session.report().adapters[0], "peft-lora");
    assert_eq!(session.report().files.len(), 2);
}

/// What only the values show is still said after a configuration came.
#[test]
fn a_module_left_out_is_still_named_after_its_configuration_came() {
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    block_on(session.load(vec![fixture("hostile/nan-and-ok.safetensors")]));
    block_on(session.load(vec![fixture("hostile/adapter_config.json")]));
    assert_eq!(verdict(&messages), (Outcome::Done, vec![]));
    let adapter = session.report().adapters.remove(0);
    assert_eq!(adapter.modules.len(), 1);
    assert_eq!(adapter.modules[0].scale, 2.0);
    assert!(adapter.warnings.iter().any(|w| w.contains("layers.1.self_attn") && w.contains("NaN")), "{adapter:?}");
    assert!(adapter.not_analyzed.iter().any(|n| n.name.contains("layers.1.self_attn")), "{adapter:?}");
}

/// A cancelled drop does not use up the configuration that waited for it.
#[test]
fn a_cancel_leaves_a_waiting_configuration_waiting() {
    let countdown = CancelAt(Rc::new(Cell::new(u32::MAX)));
    let (mut session, messages) = start(BackendChoice::Cpu, countdown.clone());
    block_on(session.load(vec![fixture("peft-lora/adapter_config.json")]));
    countdown.0.set(5);
    block_on(session.load(weights("peft-lora")));
    assert!(session.report().adapters.is_empty());
    countdown.0.set(u32::MAX);
    block_on(session.load(weights("peft-lora")));
    assert_eq!(verdict(&messages), (Outcome::Done, vec![]));
    agrees_with_the_writing_library(&session.report().adapters[0], "peft-lora");
}

/// Of a cancelled drop the finished adapters stay, and so does the configuration that an adapter was given: the page
/// hears what is left of the alignments.
#[test]
fn a_cancel_tells_what_is_aligned() {
    let countdown = CancelAt(Rc::new(Cell::new(u32::MAX)));
    let (mut session, messages) = start(BackendChoice::Cpu, countdown.clone());
    let folder = |n: u32| format!("peft-lora-trajectory/checkpoint-{n}");
    block_on(session.load([30, 60].into_iter().flat_map(|n| weights(&folder(n))).collect()));
    let told = || {
        messages
            .borrow()
            .iter()
            .filter_map(|m| match m {
                ToPage::Alignments { count, .. } => Some(*count),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!((told().iter().sum::<usize>(), session.report().alignment.len()), (2, 2));
    messages.borrow_mut().clear();
    countdown.0.set(5);
    block_on(
        session.load([vec![fixture(&format!("{}/adapter_config.json", folder(30)))], weights("peft-lora")].concat()),
    );
    assert_eq!(session.report().adapters.len(), 2, "the third was cancelled");
    assert_eq!((told(), session.report().alignment.len()), (vec![0; 4], 0));
}

/// Whenever the cancel comes, the session ends idle and the next drop works.
#[test]
fn a_cancel_ends_idle_and_the_next_drop_works() {
    for choice in BACKENDS {
        for beat in [1, 2, 40, 90, 130] {
            let countdown = CancelAt(Rc::new(Cell::new(beat)));
            let (mut session, messages) = start(choice, countdown.clone());
            block_on(session.load(adapter("peft-lora")));
            assert_eq!(verdict(&messages).0, Outcome::Idle, "{choice:?} at beat {beat}");
            countdown.0.set(u32::MAX);
            block_on(session.load(adapter("peft-lora")));
            assert_eq!(verdict(&messages).0, Outcome::Done);
            agrees_with_the_writing_library(&session.report().adapters[0], "peft-lora");
        }
    }
}

/// A lost device is rebuilt once, then the CPU takes over; the results are right each time.
#[test]
fn a_lost_device_is_rebuilt_once_and_then_the_cpu_takes_over() {
    let (mut session, messages) = start(BackendChoice::WebGpu, Steady);
    let lose = |session: &Session<_, _, _>| match session.backend() {
        Backend::Gpu(gpu) => gpu.destroy(),
        Backend::Cpu(_) => panic!("there is no device to lose"),
    };
    for (loss, backend) in [(1, "webgpu"), (2, "cpu")] {
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
    use lorascope::compute::plan::{self, Cost};
    for name in FIXTURES {
        let (mut session, _) = start(BackendChoice::WebGpu, Steady);
        block_on(session.load(adapter(name)));
        let counts = session.engine().counts;
        let modules = common::peft_fixture(name).modules;
        let cost = |f: &lorascope::adapter::Factor| Cost::of(f.rows, f.cols, FactorType::F32.size() as u64);
        let costs: Vec<Cost> = modules.iter().map(|m| Cost::module(cost(&m.left), cost(&m.right))).collect();
        assert_eq!(plan::batches(&costs, session.aim()).len(), 1, "{name} is one batch");
        let passes = counts.readbacks - 1;
        assert!((2..=4).contains(&passes), "{name}: {counts:?}");
        let work = plan::work(passes);
        assert_eq!((counts.dispatches, counts.readbacks), (work.dispatches, work.readbacks), "{name}");
        let factors: u64 = costs.iter().map(|cost| cost.bytes).sum();
        assert!(counts.bytes_uploaded >= factors && counts.bytes_uploaded < 2 * factors, "{name}: {counts:?}");
        assert_eq!(counts.fallbacks, 0, "{name}");
    }
}

/// Several batches of factors that need one pass: the counts are the plan's to the byte.
#[test]
fn counts_of_several_batches_are_exact() {
    use lorascope::compute::plan::{self, Cost};
    const SIDE: u64 = 2048;
    const RANK: u64 = 16;
    let modules: u64 = 40;
    let mut numbers = cases::Numbers::new(5);
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
    let (view, tasks, scales) = (size_of::<lorascope::compute::TallView>() as u64, 16 * SIDE.div_ceil(256), 4 * RANK);
    assert_eq!(counts.bytes_uploaded, modules * 2 * (4 * SIDE * RANK + 2 * (view + tasks) + scales));
}

/// What is wrong with values, and only shows once they are read.
#[test]
fn hostile_values_are_told_apart() {
    let manifest = json("hostile/manifest.json");
    for choice in BACKENDS {
        for name in ["nan-and-ok", "inf-and-ok", "nan-only", "huge-values", "subnormal", "all-zero", "ok"] {
            let (mut session, messages) = start(choice, Steady);
            let file = format!("{name}.safetensors");
            block_on(session.load(vec![fixture(&format!("hostile/{file}")), fixture("hostile/adapter_config.json")]));
            let (outcome, problems) = verdict(&messages);
            let report = session.report();
            let entry = &manifest[&file];
            let says = |texts: &[String]| {
                let pattern = regex_lite::Regex::new(entry["must_say"].as_str().unwrap()).unwrap();
                assert!(texts.iter().any(|text| pattern.is_match(text)), "{name}: {texts:?}");
            };
            match entry["verdict"].as_str().unwrap() {
                "refuse" => {
                    assert_eq!((outcome, problems.len()), (Outcome::Error, 1), "{name}: {problems:?}");
                    assert!(problems[0].error && problems[0].text.contains(&file));
                    says(&[problems[0].text.clone()]);
                }
                "warn" => {
                    assert_eq!(outcome, Outcome::Done, "{name}");
                    says(&report.adapters[0].warnings);
                    assert_eq!(report.adapters[0].modules.len(), 1);
                }
                _ => {
                    assert_eq!((outcome, problems), (Outcome::Done, vec![]), "{name}");
                    assert_eq!(report.adapters[0].warnings, [""; 0], "{name}");
                }
            }
            // Nothing but finite numbers: serde_json writes the others as null.
            assert!(!serde_json::to_string(&report).unwrap().contains("null"), "{name}");
        }
    }
}

#[test]
fn huge_values_have_the_right_energy_on_both_backends() {
    let norms = BACKENDS.map(|choice| {
        let (mut session, _) = start(choice, Steady);
        block_on(
            session.load(vec![fixture("hostile/huge-values.safetensors"), fixture("hostile/adapter_config.json")]),
        );
        session.report().adapters[0].modules[0].frobenius
    });
    assert!(norms[0].is_finite() && norms[0] > 1e20, "{norms:?}");
    close(norms[1], norms[0], 1e-6 * norms[0], "the Frobenius norm");
}

/// A checkpoint of one weight, `rows` × 20.
fn state(path: &str, weight: &DMatrix<f64>) -> MemorySource {
    const NAME: &str = "model.layers.0.self_attn.q_proj.weight";
    let bytes: Vec<u8> = weight.transpose().iter().flat_map(|&x| (x as f32).to_le_bytes()).collect();
    let shape = vec![weight.nrows(), weight.ncols()];
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, &bytes).unwrap();
    MemorySource::new(path, safetensors::serialize([(NAME, view)], None).unwrap())
}

fn item(messages: &Messages, label: &str) -> ItemId {
    let messages = messages.borrow();
    let found = messages.iter().find_map(|message| match message {
        ToPage::Item(item) if item.label == label => Some(item.item),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no item {label}"))
}

/// What a GPU's arithmetic cannot hold is computed on the CPU.
#[test]
fn very_large_and_very_small_updates_are_extracted() {
    for choice in BACKENDS {
        for size in [1e-31, 1.0, 1e12] {
            let mut numbers = cases::Numbers::new(19);
            let base = numbers.matrix(24, 20) * size;
            let update = numbers.matrix(24, 2) * numbers.matrix(2, 20) * size;
            let (mut session, messages) = start(choice, Steady);
            block_on(
                session.load(vec![state("base.safetensors", &base), state("step.safetensors", &(&base + &update))]),
            );
            let (from, to) = (item(&messages, "base"), item(&messages, "step"));
            let rank = ExtractRank::Number(2);
            block_on(session.extract(&ExtractRequest { from, to, rank, dtype: OutputType::F32, embeddings: false }));
            let report = session.report();
            let extraction =
                report.extraction.unwrap_or_else(|| panic!("{choice:?} {size:e}: {:?}", verdict(&messages)));
            let (norm, error) = (extraction.update_norm, extraction.error);
            close(norm, update.norm(), 1e-5 * update.norm(), &format!("{choice:?} {size:e}: the norm"));
            assert!(error <= 1e-5, "{choice:?} {size:e}: {error:e}");
            let again = choice == BackendChoice::WebGpu && size != 1.0;
            assert_eq!(report.engine.counts.fallbacks > 0, again, "{choice:?} {size:e}");
        }
    }
}

/// A checkpoint that an index joins to another one is gone, and its extraction with it.
#[test]
fn what_is_joined_takes_its_extraction_along() {
    let mut numbers = cases::Numbers::new(23);
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    let part = |path: &str, name: &str| MemorySource::new(path, common::f32_file(&[(name, &[4, 8])]));
    block_on(session.load(vec![
        state("m/a.safetensors", &numbers.matrix(12, 20)),
        part("m/b.safetensors", "b.weight"),
        state("other/c.safetensors", &numbers.matrix(12, 20)),
    ]));
    let (from, to) = (item(&messages, "a"), item(&messages, "c"));
    let rank = ExtractRank::Number(2);
    block_on(session.extract(&ExtractRequest { from, to, rank, dtype: OutputType::F32, embeddings: false }));
    assert!(session.report().extraction.is_some());
    let map =
        serde_json::json!({ "model.layers.0.self_attn.q_proj.weight": "a.safetensors", "b.weight": "b.safetensors" });
    let text = serde_json::json!({ "metadata": {}, "weight_map": map }).to_string();
    block_on(session.load(vec![MemorySource::new("m/model.safetensors.index.json", text.into_bytes())]));
    assert!(messages.borrow().contains(&ToPage::Removed { item: from }));
    assert!(session.report().extraction.is_none());
    assert!(messages.borrow().contains(&ToPage::ExtractionGone));
}
