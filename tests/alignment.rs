//! Alignment through a whole session, on both backends: what the reference answers, what dense f64 says of captures
//! and trajectories, what is read again, and what is said in words.

#![cfg(not(target_arch = "wasm32"))]

mod cases;
mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use cases::Numbers;
use common::alignments::{ADAPTERS, CHECKPOINTS, Golden};
use common::written::Source;
use common::{file, fixture, fixtures};
use lorascope::adapter::Module;
use lorascope::compute::Steady;
use lorascope::protocol::{BackendChoice, ItemId, Outcome, ToPage};
use lorascope::report::{AlignmentReport, Along, Figures};
use lorascope::session::Session;
use lorascope::source::MemorySource;
use nalgebra::DMatrix;
use pollster::block_on;
use serde_json::{Value, json};

const BACKENDS: [BackendChoice; 2] = [BackendChoice::Cpu, BackendChoice::WebGpu];

type Messages = Rc<RefCell<Vec<ToPage>>>;

struct Bench<E: Fn(ToPage)> {
    session: Session<MemorySource, Steady, E>,
    messages: Messages,
}

fn bench(choice: BackendChoice) -> Bench<impl Fn(ToPage)> {
    let messages = Messages::default();
    let sink = Rc::clone(&messages);
    let emit = move |message| sink.borrow_mut().push(message);
    let session =
        block_on(Session::start(choice, "unnamed".to_owned(), Steady, emit)).unwrap_or_else(|why| panic!("{why}"));
    Bench { session, messages }
}

impl<E: Fn(ToPage)> Bench<E> {
    /// Drops files; gives how it ended and what was said.
    fn drop_files(&mut self, files: Vec<MemorySource>) -> (Outcome, Vec<String>) {
        self.messages.borrow_mut().clear();
        block_on(self.session.load(files));
        self.ended()
    }

    fn ended(&self) -> (Outcome, Vec<String>) {
        match self.messages.borrow().last() {
            Some(ToPage::Finished { outcome, problems, .. }) => {
                (*outcome, problems.iter().map(|problem| problem.text.clone()).collect())
            }
            other => panic!("the last message is {other:?}"),
        }
    }

    fn alignment(&self) -> Vec<AlignmentReport> {
        self.session.report().alignment
    }

    fn one(&self, from: &str, to: &str) -> AlignmentReport {
        let found = self.alignment().into_iter().find(|row| row.from == from && row.to == to);
        found.unwrap_or_else(|| panic!("no {from} → {to} in {:#?}", self.pairs()))
    }

    fn pairs(&self) -> Vec<String> {
        self.alignment().iter().map(|row| format!("{}: {} → {}", row.adapter, row.from, row.to)).collect()
    }

    fn item(&self, label: &str) -> ItemId {
        let messages = self.messages.borrow();
        let found = messages.iter().find_map(|message| match message {
            ToPage::Item(item) if item.label == label => Some(item.item),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no item {label}"))
    }
}

/// The files below a fixture folder, as its drop gives them.
fn below(folder: &str) -> Vec<MemorySource> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(fixtures().join(&path)).unwrap_or_else(|e| panic!("{path}: {e}")) {
            let entry = entry.expect("an entry");
            let name = format!("{path}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                open.push(name);
            } else {
                files.push(fixture(&name));
            }
        }
    }
    files
}

#[test]
fn every_answer_of_the_reference() {
    let golden = Golden::read(&fixtures());
    for choice in BACKENDS {
        let mut bench = bench(choice);
        let mut files: Vec<MemorySource> = ADAPTERS.iter().flat_map(|folder| below(folder)).collect();
        files.extend(below(CHECKPOINTS));
        let (outcome, problems) = bench.drop_files(files);
        assert_eq!((outcome, problems), (Outcome::Done, vec![]));
        let report = serde_json::to_value(bench.session.report()).expect("JSON");
        let worst = golden.check(&report["alignment"]);
        println!("{choice:?}: largest difference from the reference {worst:.1e}");
    }
}

// ---------------------------------------------------------------------------------------------- models of our own

/// A small model: `layers` × (q: out × inn) in a dtype, with what training adds.
struct Tensor {
    name: String,
    dtype: &'static str,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

fn tensor(name: &str, dtype: &'static str, matrix: &DMatrix<f64>) -> Tensor {
    let encode = |x: f64| match dtype {
        "F32" => (x as f32).to_le_bytes().to_vec(),
        "F64" => x.to_le_bytes().to_vec(),
        "F16" => half::f16::from_f64(x).to_le_bytes().to_vec(),
        "BF16" => half::bf16::from_f64(x).to_le_bytes().to_vec(),
        // Only integers of at most four bits are written so: they are exact.
        "F8_E5M2" => vec![half::f16::from_f64(x).to_le_bytes()[1]],
        other => panic!("{other}"),
    };
    let bytes = matrix.transpose().iter().flat_map(|&x| encode(x)).collect();
    Tensor { name: name.to_owned(), dtype, shape: vec![matrix.nrows(), matrix.ncols()], bytes }
}

fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut body: Vec<u8> = Vec::new();
    for Tensor { name, dtype, shape, bytes } in tensors {
        let begin = body.len();
        body.extend_from_slice(bytes);
        header.insert(name.clone(), json!({ "dtype": dtype, "shape": shape, "data_offsets": [begin, body.len()] }));
    }
    file(&Value::Object(header).to_string(), &body)
}

/// What the file gives back of a matrix.
fn rounded(matrix: &DMatrix<f64>, dtype: &str) -> DMatrix<f64> {
    matrix.map(|x| match dtype {
        "F32" => f64::from(x as f32),
        "F16" => half::f16::from_f64(x).to_f64(),
        "BF16" => half::bf16::from_f64(x).to_f64(),
        _ => x,
    })
}

const Q: &str = "model.layers.0.self_attn.q_proj";

/// An adapter of one module, its factors in F32.
fn adapter_file(path: &str, module: &str, b: &DMatrix<f64>, a: &DMatrix<f64>) -> MemorySource {
    let name = |factor: &str| format!("base_model.model.{module}.{factor}.weight");
    MemorySource::new(path, safetensors(&[tensor(&name("lora_A"), "F32", a), tensor(&name("lora_B"), "F32", b)]))
}

fn config_file(path: &str, r: usize, alpha: f64) -> MemorySource {
    let config = json!({ "peft_type": "LORA", "r": r, "lora_alpha": alpha, "target_modules": ["q_proj"] });
    MemorySource::new(path, config.to_string().into_bytes())
}

/// Cosine, capture and the rest by dense f64, for factors of full column rank.
fn dense(b: &DMatrix<f64>, a: &DMatrix<f64>, scale: f64, x: &DMatrix<f64>, weight: Option<&DMatrix<f64>>) -> Figures {
    let delta = b * a * scale;
    let (u, v) = (b.clone().qr().q(), a.transpose().qr().q());
    let captured = (u.transpose() * x * v).norm_squared();
    Figures {
        cosine: Some(delta.dot(x) / (delta.norm() * x.norm())),
        capture: Some(captured / x.norm_squared()),
        chance: Some((b.ncols() * b.ncols()) as f64 / (x.nrows() * x.ncols()) as f64),
        update_norm: Some(x.norm()),
        relative_norm: weight.map(|w| delta.norm() / w.norm()),
    }
}

fn assert_near(figures: &Figures, wanted: &Figures, what: &str) {
    let near = |a: Option<f64>, b: Option<f64>, bound: f64, name: &str| match (a, b) {
        (Some(a), Some(b)) => assert!((a - b).abs() <= bound * b.abs().max(1.0), "{what}: {name} {a}, dense f64 {b}"),
        (a, b) => assert_eq!(a, b, "{what}: {name}"),
    };
    near(figures.cosine, wanted.cosine, 1e-6, "cosine");
    near(figures.capture, wanted.capture, 1e-6, "capture");
    near(figures.chance, wanted.chance, 1e-12, "chance");
    near(figures.update_norm, wanted.update_norm, 1e-6, "‖X‖");
    near(figures.relative_norm, wanted.relative_norm, 1e-6, "‖ΔW‖/‖W‖");
}

/// Weights of about 1 and updates of a thousandth, which every dtype rounds in its own way; tall, wide and odd ones.
#[test]
fn figures_are_those_of_dense_f64() {
    for choice in BACKENDS {
        for (n, (rows, cols, r)) in
            [(300, 70, 4), (65, 1030, 16), (17, 19, 3), (1, 40, 1), (520, 260, 64)].into_iter().enumerate()
        {
            for (before, after) in [("BF16", "BF16"), ("F32", "F32"), ("F16", "BF16"), ("F64", "F32")] {
                let mut numbers = Numbers::new(n as u64 + 1);
                let (b, a) = (numbers.matrix(rows, r), numbers.matrix(r, cols));
                let (b, a) = (rounded(&b, "F32"), rounded(&a, "F32"));
                let w = numbers.matrix(rows, cols);
                // Partly what the adapter does, so that the cosine is far from zero.
                let step = &b * &a * 1e-3 + numbers.matrix(rows, cols) * 2e-3;
                let (old, new) = (rounded(&w, before), rounded(&(&w + &step), after));
                let mut bench = bench(choice);
                let name = format!("{Q}.weight");
                let (outcome, problems) = bench.drop_files(vec![
                    adapter_file("lora/adapter_model.safetensors", Q, &b, &a),
                    config_file("lora/adapter_config.json", r, 2.0),
                    MemorySource::new("base.safetensors", safetensors(&[tensor(&name, before, &w)])),
                    MemorySource::new("step-7.safetensors", safetensors(&[tensor(&name, after, &(&w + &step))])),
                ]);
                assert_eq!((outcome, problems), (Outcome::Done, vec![]));
                let row = bench.one("base", "step-7");
                assert_eq!((row.matched, row.unmatched.len(), row.along), (1, 0, Along::Checkpoints));
                let wanted = dense(&b, &a, 2.0 / r as f64, &(new - &old), Some(&old));
                let what = format!("{choice:?} {rows}×{cols} rank {r}, {before} to {after}");
                assert_near(&row.modules[0].figures, &wanted, &what);
                assert_near(&row.whole, &wanted, &what);
            }
        }
    }
}

/// Plain 8-bit weights are decoded, exactly.
#[test]
fn eight_bit_weights_are_decoded() {
    for choice in BACKENDS {
        let mut numbers = Numbers::new(3);
        let (b, a) = (rounded(&numbers.matrix(24, 2), "F32"), rounded(&numbers.matrix(2, 20), "F32"));
        let integers = |numbers: &mut Numbers| DMatrix::from_fn(24, 20, |_, _| numbers.integer(3));
        let (old, new) = (integers(&mut numbers), integers(&mut numbers));
        let name = format!("{Q}.weight");
        let mut bench = bench(choice);
        bench.drop_files(vec![
            adapter_file("lora.safetensors", Q, &b, &a),
            MemorySource::new("a.safetensors", safetensors(&[tensor(&name, "F8_E5M2", &old)])),
            MemorySource::new("b.safetensors", safetensors(&[tensor(&name, "F8_E5M2", &new)])),
        ]);
        let wanted = dense(&b, &a, 1.0, &(new - &old), Some(&old));
        assert_near(&bench.one("a", "b").whole, &wanted, &format!("{choice:?}"));
    }
}

/// Every ΔW of a fixture, scale included, dense in f64.
fn products(folder: &str) -> BTreeMap<String, DMatrix<f64>> {
    let source = Source::open(folder);
    let product = |m: &Module| {
        let [left, right] = [&m.left, &m.right].map(|factor| source.factor(factor).map(f64::from));
        left * right.transpose() * m.scale
    };
    source.adapter.modules.iter().map(|m| (m.name.clone(), product(m))).collect()
}

/// The four adapters of one training: updates between them, never dense here, against the same computed densely.
#[test]
fn a_trajectory_of_adapters() {
    let labels = ["checkpoint-30", "checkpoint-60", "checkpoint-90", "checkpoint-120"];
    let mut dense_updates = Vec::new();
    for label in labels {
        dense_updates.push(products(&format!("peft-lora-trajectory/{label}")));
    }
    for choice in BACKENDS {
        let mut bench = bench(choice);
        let (outcome, problems) = bench.drop_files(below("peft-lora-trajectory"));
        assert_eq!((outcome, problems), (Outcome::Done, vec![]));
        let rows = bench.alignment();
        assert_eq!(rows.len(), 4 * 4, "{:#?}", bench.pairs());
        let mut worst: f64 = 0.0;
        for row in rows {
            assert_eq!((row.along, row.matched, row.unmatched.len()), (Along::Adapters, 42, 0));
            let at = |label: &str| labels.iter().position(|l| *l == label).expect("a state");
            let (own, from, to) =
                (&dense_updates[at(&row.adapter)], &dense_updates[at(&row.from)], &dense_updates[at(&row.to)]);
            assert!(at(&row.to) == at(&row.from) + 1 || (at(&row.from), at(&row.to)) == (0, 3));
            let (mut dot, mut own_sq, mut update_sq) = (0.0, 0.0, 0.0);
            for module in &row.modules {
                let x = &to[&module.name] - &from[&module.name];
                let delta = &own[&module.name];
                let cosine = delta.dot(&x) / (delta.norm() * x.norm());
                worst = worst.max((module.figures.cosine.expect("a cosine") - cosine).abs());
                let norm = module.figures.update_norm.expect("a norm");
                assert!((norm - x.norm()).abs() <= 1e-6 * x.norm(), "{} ‖X‖ {norm}, dense {}", module.name, x.norm());
                assert_eq!(module.figures.relative_norm, None);
                dot += delta.dot(&x);
                own_sq += delta.norm_squared();
                update_sq += x.norm_squared();
            }
            let cosine = dot / (own_sq * update_sq).sqrt();
            worst = worst.max((row.whole.cosine.expect("a cosine") - cosine).abs());
        }
        println!("{choice:?}: largest difference from dense f64 {worst:.1e}");
        assert!(worst <= 1e-6, "{choice:?}: {worst:e}");
    }
}

// --------------------------------------------------------------------------------------- what is said, and what stays

/// An adapter of q and k of one layer, and states of its model: `W + n·E` for the nth.
struct Run {
    adapter: Vec<MemorySource>,
    w: DMatrix<f64>,
    step: DMatrix<f64>,
}

const K: &str = "model.layers.0.self_attn.k_proj";

impl Run {
    fn new() -> Self {
        let mut numbers = Numbers::new(11);
        let mut tensors = Vec::new();
        for module in [Q, K] {
            for (factor, rows, cols) in [("lora_A", 2, 12), ("lora_B", 10, 2)] {
                let name = format!("base_model.model.{module}.{factor}.weight");
                tensors.push(tensor(&name, "F32", &numbers.matrix(rows, cols)));
            }
        }
        let adapter = vec![
            MemorySource::new("lora/adapter_model.safetensors", safetensors(&tensors)),
            config_file("lora/adapter_config.json", 2, 2.0),
        ];
        Self { adapter, w: numbers.matrix(10, 12), step: numbers.matrix(10, 12) }
    }

    fn weight(&self, module: &str, n: f64) -> Tensor {
        tensor(&format!("{module}.weight"), "F32", &(&self.w + &self.step * n))
    }

    fn state(&self, path: &str, n: f64) -> MemorySource {
        MemorySource::new(path, safetensors(&[self.weight(Q, n), self.weight(K, 2.0 * n)]))
    }

    fn start(&self, choice: BackendChoice) -> Bench<impl Fn(ToPage)> {
        let mut bench = bench(choice);
        bench.drop_files(self.adapter.clone());
        bench
    }
}

fn said(problems: &[String], words: &str) {
    assert!(problems.iter().any(|text| text.contains(words)), "{problems:#?} should say {words:?}");
}

#[test]
fn one_checkpoint_alone_shows_no_update() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    let (outcome, problems) = bench.drop_files(vec![run.state("step-1/model.safetensors", 1.0)]);
    assert_eq!((outcome, problems.len()), (Outcome::Done, 1));
    said(&problems, "step-1: one checkpoint shows no update. Drop a second one of the same model");
    // The second one makes an update, whichever drop it comes in.
    let (outcome, problems) = bench.drop_files(vec![run.state("base/model.safetensors", 0.0)]);
    assert_eq!((outcome, problems), (Outcome::Done, vec![]));
    assert_eq!(bench.pairs(), ["lora: base → step-1"]);
}

#[test]
fn the_same_checkpoint_twice() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    bench.drop_files(vec![run.state("base/model.safetensors", 0.0)]);
    // The very file, and the same numbers under another name.
    let (outcome, problems) = bench.drop_files(vec![run.state("base/model.safetensors", 0.0)]);
    assert_eq!((outcome, problems.len(), bench.pairs().len()), (Outcome::Done, 1, 0));
    said(&problems, "this file is already here");
    let (outcome, problems) = bench.drop_files(vec![run.state("copy/model.safetensors", 0.0)]);
    assert_eq!(outcome, Outcome::Done);
    said(&problems, "base → copy: both hold the same values in every weight that was compared");
    let row = bench.one("base", "copy");
    assert_eq!((row.whole.cosine, row.whole.capture, row.whole.update_norm), (Some(0.0), None, Some(0.0)));
}

#[test]
fn shards_that_are_missing() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    let shard = |folder: &str, n: u32, module: &str, at: f64| {
        let path = format!("{folder}/model-0000{n}-of-00002.safetensors");
        MemorySource::new(path, safetensors(&[run.weight(module, at)]))
    };
    let index = |folder: &str| {
        let map = json!({ format!("{Q}.weight"): "model-00001-of-00002.safetensors",
            format!("{K}.weight"): "model-00002-of-00002.safetensors" });
        let text = json!({ "metadata": {}, "weight_map": map }).to_string();
        MemorySource::new(format!("{folder}/model.safetensors.index.json"), text.into_bytes())
    };
    let (outcome, problems) =
        bench.drop_files(vec![run.state("base/model.safetensors", 0.0), shard("step-5", 1, Q, 1.0), index("step-5")]);
    assert_eq!(outcome, Outcome::Done);
    said(&problems, "model-00002-of-00002.safetensors");
    // What is there is computed, what is not is listed.
    let row = bench.one("base", "step-5");
    assert_eq!((row.matched, row.modules[0].name.as_str()), (1, Q));
    let [missing] = &row.unmatched[..] else { panic!("{:?}", row.unmatched) };
    assert_eq!(missing.name, K);
    assert!(missing.reason.contains("model-00002-of-00002.safetensors"), "{}", missing.reason);
    // With the second shard the checkpoint is whole, and aligned again.
    let (outcome, problems) = bench.drop_files(vec![shard("step-5", 2, K, 2.0)]);
    assert_eq!((outcome, problems), (Outcome::Done, vec![]));
    assert_eq!((bench.one("base", "step-5").matched, bench.alignment().len()), (2, 1));
    // An index alone.
    let (outcome, problems) = bench.drop_files(vec![index("other")]);
    assert_eq!(outcome, Outcome::Error);
    said(&problems, "other/model.safetensors.index.json");
    said(&problems, "model-00001-of-00002.safetensors");
}

#[test]
fn checkpoints_of_another_model() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    let other = |path: &str| {
        MemorySource::new(
            path,
            safetensors(&[tensor(&format!("{Q}.weight"), "F32", &DMatrix::from_element(6, 6, 1.0))]),
        )
    };
    let (outcome, problems) = bench.drop_files(vec![
        run.state("base.safetensors", 0.0),
        other("other-a.safetensors"),
        other("other-b.safetensors"),
    ]);
    assert_eq!(outcome, Outcome::Done);
    said(&problems, "lora: there is nothing to compare it with in base → other-a, other-a → other-b, base → other-b");
    let row = bench.one("base", "other-a");
    assert_eq!((row.matched, row.whole), (0, Figures::default()));
    assert!(
        row.unmatched.iter().any(|m| m.name == Q && m.reason.contains("[6, 6]") && m.reason.contains("10 × 12")),
        "{:?}",
        row.unmatched
    );
    assert!(row.unmatched.iter().any(|m| m.name == K));
}

#[test]
fn quantised_checkpoints_are_refused_by_name() {
    let run = Run::new();
    let mut bench = run.start(BackendChoice::Cpu);
    let ints = |name: &str, rows: usize, cols: usize| Tensor {
        name: name.to_owned(),
        dtype: "I32",
        shape: vec![rows, cols],
        bytes: vec![0; 4 * rows * cols],
    };
    let mut gptq = vec![ints(&format!("{Q}.qweight"), 2, 10), ints(&format!("{Q}.qzeros"), 1, 2)];
    gptq.push(ints(&format!("{Q}.g_idx"), 12, 1));
    gptq.push(tensor(&format!("{Q}.scales"), "F16", &DMatrix::from_element(1, 10, 1.0)));
    let (outcome, problems) = bench.drop_files(vec![
        run.state("base.safetensors", 0.0),
        MemorySource::new("packed.safetensors", safetensors(&gptq)),
    ]);
    assert_eq!(outcome, Outcome::Done);
    said(&problems, "quantised by GPTQ");
    said(&problems, "before quantisation");
    assert!(bench.one("base", "packed").unmatched.iter().any(|m| m.reason.contains("GPTQ")));
}

/// The order is that of the steps; by hand it is another one, for which only what is new is read.
#[test]
fn another_order_reads_only_what_is_new() {
    for choice in BACKENDS {
        let run = Run::new();
        let mut bench = run.start(choice);
        let states = [("step-100", 3.0), ("base", 0.0), ("step-20", 1.0), ("final", 4.0)];
        bench.drop_files(states.map(|(name, n)| run.state(&format!("{name}.safetensors"), n)).to_vec());
        assert_eq!(
            bench.pairs(),
            ["lora: base → step-20", "lora: step-20 → step-100", "lora: step-100 → final", "lora: base → final"]
        );
        let ids: Vec<ItemId> = ["base", "step-100", "final"].map(|label| bench.item(label)).to_vec();
        let before = bench.session.engine().counts.bytes_read;
        block_on(bench.session.align(Along::Checkpoints, ids.clone()));
        // Only base → step-100 is new: two weights of two states, and the factors.
        let weight = 10 * 12 * 4;
        let factors = 2 * (2 * 12 + 10 * 2) * 4;
        assert_eq!(bench.session.engine().counts.bytes_read - before, 2 * 2 * weight + factors);
        assert_eq!(bench.pairs(), ["lora: base → step-100", "lora: step-100 → final", "lora: base → final"]);
        let there = bench.one("base", "step-100").whole.cosine.expect("a cosine");
        let back = [ids[1], ids[0]].to_vec();
        block_on(bench.session.align(Along::Checkpoints, back));
        let back = bench.one("step-100", "base").whole.cosine.expect("a cosine");
        assert!((there + back).abs() < 1e-9 && there.abs() > 1e-3, "{there} there, {back} back");
        // A checkpoint that goes takes its updates along.
        bench.session.remove(ids[0]);
        assert_eq!(bench.pairs(), [""; 0]);
    }
}

#[test]
fn a_scale_set_by_hand_turns_the_cosine() {
    let run = Run::new();
    let mut bench = bench(BackendChoice::Cpu);
    // Without its configuration the scale is only assumed.
    bench.drop_files(vec![
        run.adapter[0].clone(),
        run.state("base.safetensors", 0.0),
        run.state("step-1.safetensors", 1.0),
    ]);
    let before = bench.one("base", "step-1");
    let item = bench.item("lora");
    let read = bench.session.engine().counts.bytes_read;
    block_on(bench.session.set_scale(item, -3.0));
    assert_eq!(bench.session.engine().counts.bytes_read, read, "nothing is read again");
    let after = bench.one("base", "step-1");
    assert_eq!(after.whole.cosine, before.whole.cosine.map(|cosine| -cosine));
    let ratio = after.whole.relative_norm.expect("a norm") / before.whole.relative_norm.expect("a norm");
    assert!((ratio - 3.0).abs() < 1e-12, "{ratio}");
    assert_eq!(after.modules[0].reference_cosine, before.modules[0].reference_cosine);
}

#[test]
fn weights_that_are_not_finite_are_listed() {
    for choice in BACKENDS {
        let run = Run::new();
        let mut bench = run.start(choice);
        let mut broken = &run.w + &run.step;
        broken[(3, 5)] = f64::NAN;
        broken[(4, 4)] = f64::INFINITY;
        let tensors = [tensor(&format!("{Q}.weight"), "F32", &broken), run.weight(K, 1.0)];
        bench.drop_files(vec![
            run.state("base.safetensors", 0.0),
            MemorySource::new("step-1.safetensors", safetensors(&tensors)),
        ]);
        let row = bench.one("base", "step-1");
        assert_eq!((row.matched, row.modules[0].name.as_str()), (1, K));
        assert!(row.unmatched[0].reason.contains("2 numbers that are not finite"), "{:?}", row.unmatched);
        assert!(row.whole.cosine.is_some_and(f64::is_finite));
    }
}
