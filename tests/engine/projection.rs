//! Projection through a whole session, on both backends: what the reference answers, what the file holds, and what
//! cannot be done is said in words.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::common::{file, fixture, fixtures};
use crate::peft;
use crate::projections::{Golden, Run};
use crate::started::{Messages, backends, start};
use lorascope_engine::session::Session;
use lorascope_format::bytes::MemorySource;
use lorascope_kernels::{Pulse, Steady};
use lorascope_protocol::projection::{
    Layers, Method, OutputType, PlanHead, PlanRow, RankRule, Request, Size, SizeOf, Target,
};
use lorascope_protocol::report::{AdapterReport, ProjectionReport};
use lorascope_protocol::{BackendChoice, Export, ExportFile, Head, ItemId, ItemKind, Piece, Question, Refusal, ToPage};
use pollster::block_on;
use serde_json::{Value, json};

/// A session with one adapter, and what it says.
struct Bench<P, E: Fn(ToPage)> {
    session: Session<MemorySource, P, E>,
    messages: Messages,
    item: ItemId,
}

fn bench(choice: BackendChoice, files: Vec<MemorySource>) -> Bench<Steady, impl Fn(ToPage)> {
    bench_with(choice, Steady, files)
}

fn bench_with<P: Pulse + Clone>(
    choice: BackendChoice,
    pulse: P,
    files: Vec<MemorySource>,
) -> Bench<P, impl Fn(ToPage)> {
    let (mut session, messages) = start(choice, pulse);
    block_on(session.load(files));
    let item = items(&messages, ItemKind::Adapter)[0];
    Bench { session, messages, item }
}

fn items(messages: &Messages, kind: ItemKind) -> Vec<ItemId> {
    let messages = messages.borrow();
    let items = messages.iter().filter_map(|message| match message {
        ToPage::Item(item) if item.kind == kind => Some(item.item),
        _ => None,
    });
    items.collect()
}

fn adapter(folder: &str) -> Vec<MemorySource> {
    ["adapter_model.safetensors", "adapter_config.json"].map(|file| fixture(&format!("{folder}/{file}"))).to_vec()
}

impl<P: Pulse + Clone, E: Fn(ToPage)> Bench<P, E> {
    /// The projection and its file, or the sentence why there is none.
    fn project(&mut self, request: &Request) -> Result<(ProjectionReport, Vec<u8>), String> {
        self.messages.borrow_mut().clear();
        block_on(self.session.ask(1, Question::Project { item: self.item, request: Box::new(request.clone()) }));
        for message in self.messages.borrow().iter() {
            if let ToPage::Refused { why, .. } = message {
                return Err(why.as_ref().map(Refusal::to_string).unwrap_or_default());
            }
        }
        let report = self.session.report().projection.expect("a projection");
        Ok((report, self.download(ExportFile::Adapter)))
    }

    /// What a projection would do, or why it cannot be.
    fn plan(&mut self, request: &Request) -> Result<(PlanHead, Vec<PlanRow>), String> {
        self.messages.borrow_mut().clear();
        block_on(self.session.ask(1, Question::Plan { item: self.item, request: Box::new(request.clone()) }));
        let (mut head, mut all) = (None, Vec::new());
        for message in self.messages.borrow().iter() {
            match message {
                ToPage::Result { job: Some(1), head: Head::Plan(plan), .. } => head = Some(plan.clone()),
                ToPage::Piece(Piece::Plan(rows)) => all.extend(rows.clone()),
                ToPage::Refused { job: 1, why: Some(why) } => return Err(why.to_string()),
                other => panic!("a plan says {other:?}"),
            }
        }
        let head = *head.expect("an answer");
        assert_eq!(head.rows, all.len());
        Ok((head, all))
    }

    /// Drops more files and gives the ids of the items of a kind.
    fn drop_more(&mut self, files: Vec<MemorySource>, kind: ItemKind) -> Vec<ItemId> {
        self.messages.borrow_mut().clear();
        block_on(self.session.load(files));
        items(&self.messages, kind)
    }

    fn adapter_report(&self) -> AdapterReport {
        self.session.report().adapters.remove(0)
    }

    fn download(&self, file: ExportFile) -> Vec<u8> {
        let download = self.session.export(&Export::Written { job: 1, file }).unwrap_or_else(|text| panic!("{text}"));
        download.pieces.iter().flat_map(|piece| piece.iter().copied()).collect()
    }
}

fn request(run: &Run) -> Request {
    let sizes = run.sizes.iter().map(|(name, &shape)| Size { of: SizeOf::Module(name.clone()), shape });
    Request {
        method: Method::try_from(run.method.clone()).expect("a method of the reference"),
        rank: run.rank.map_or(RankRule::Source, RankRule::Number),
        sizes: sizes.collect(),
        dtype: Some(OutputType::F32),
        ..Request::default()
    }
}

#[test]
fn every_answer_of_the_reference() {
    let golden = Golden::read(&fixtures());
    for choice in backends() {
        let mut bench = bench(choice, adapter("peft-lora"));
        let mut checked = BTreeSet::new();
        for run in golden.runs() {
            let (report, file) = bench.project(&request(&run)).unwrap_or_else(|text| panic!("{run:?}: {text}"));
            checked.extend(golden.check(&run, &file, &serde_json::to_value(&report).unwrap()));
        }
        assert_eq!(checked, golden.keys(), "{choice:?}");
    }
}

/// An adapter of rank 64 whose spectra fall off, in PEFT's form.
fn rank_64() -> Vec<MemorySource> {
    let mut entries = serde_json::Map::new();
    let mut body = Vec::new();
    for (n, (name, out, inn)) in [("q_proj", 256, 200), ("v_proj", 96, 200)].into_iter().enumerate() {
        let mut numbers = crate::numbers::Numbers::new(n as u64);
        let mut b = numbers.matrix(out, 64);
        for j in 0..64 {
            b.column_mut(j).scale_mut((-0.1 * j as f64).exp());
        }
        let a = numbers.matrix(64, inn);
        for (letter, matrix) in [("A", a), ("B", b)] {
            let begin = body.len();
            body.extend(matrix.transpose().iter().flat_map(|&x| (x as f32).to_le_bytes()));
            let name = format!("base_model.model.layers.0.self_attn.{name}.lora_{letter}.weight");
            let shape = [matrix.nrows(), matrix.ncols()];
            entries.insert(name, json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, body.len()] }));
        }
    }
    let weights = file(&Value::Object(entries).to_string(), &body);
    let config = json!({ "peft_type": "LORA", "r": 64, "lora_alpha": 32, "target_modules": ["q_proj", "v_proj"] });
    vec![
        MemorySource::new("r64/adapter_model.safetensors", weights),
        MemorySource::new("r64/adapter_config.json", config.to_string().into_bytes()),
    ]
}

#[test]
fn resizing_keeps_exactly_the_energy_that_the_spectrum_promised() {
    for choice in backends() {
        let mut bench = bench(choice, rank_64());
        let request = Request { rank: RankRule::Number(8), ..Request::default() };
        let (head, rows) = bench.plan(&request).unwrap();
        let (report, _) = bench.project(&request).unwrap();
        let before = bench.adapter_report();
        for ((module, row), source) in report.modules.iter().zip(&rows).zip(&before.modules) {
            let squares: Vec<f64> = source.singular_values.iter().map(|s| s * s).collect();
            let promised = squares[..8].iter().sum::<f64>() / squares.iter().sum::<f64>();
            let kept = module.quality.energy_kept.unwrap();
            assert_eq!((module.rank, module.source_rank), (8, 64));
            assert!((kept - promised).abs() <= 1e-6, "{choice:?} {}: {kept}, not {promised}", module.name);
            assert!((row.kept - promised).abs() <= 1e-9, "the plan says {}", row.kept);
            assert!(promised < 0.9, "the case must lose something");
            assert_eq!(module.scale, source.scale);
        }
        let whole = report.quality.energy_kept.unwrap();
        assert!((whole - head.kept).abs() <= 1e-6, "{whole}, not {}", head.kept);
        // 56 directions are gone, and those that stay are the old ones.
        let angles = &report.modules[0].quality.left_angles;
        assert!(angles.len() == 8 && angles.iter().all(|&a| a < 1e-4), "{angles:?}");
    }
}

/// What was written, dropped again: the same modules with the scales and the singular values that were reported,
/// here and, where Python has it, in PEFT.
fn reads_back(report: &ProjectionReport, weights: Vec<u8>, config: Vec<u8>, model: Option<Value>) -> AdapterReport {
    let folder =
        std::env::temp_dir().join(format!("lorascope-{}-{:?}", std::process::id(), std::thread::current().id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("adapter_model.safetensors"), &weights).unwrap();
    std::fs::write(folder.join("adapter_config.json"), &config).unwrap();
    let files = vec![
        MemorySource::new("x/adapter_model.safetensors", weights),
        MemorySource::new("x/adapter_config.json", config),
    ];
    let again = bench(BackendChoice::Cpu, files).adapter_report();
    assert_eq!(again.modules.len(), report.modules.len());
    let applied = model.and_then(|model| peft::apply(&folder, &model));
    std::fs::remove_dir_all(&folder).unwrap();
    for written in &report.modules {
        let module =
            again.modules.iter().find(|m| m.name == written.name).unwrap_or_else(|| panic!("{}", written.name));
        assert_eq!((module.shape, module.rank), (written.shape, written.rank), "{}", written.name);
        assert!((module.scale / written.scale - 1.0).abs() <= 1e-14, "{}: {}", written.name, module.scale);
        let bound = 1e-6 * written.singular_values[0];
        for (a, b) in module.singular_values.iter().zip(&written.singular_values) {
            assert!((a - b).abs() <= bound, "{}: {a}, not {b}", written.name);
        }
        let Some(applied) = applied.as_ref().map(|applied| &applied[&written.name]) else { continue };
        assert_eq!(applied["shape"], json!(written.shape), "{}", written.name);
        let frobenius = applied["frobenius"].as_f64().unwrap();
        assert!((frobenius - written.frobenius).abs() <= bound, "{}: PEFT applies {frobenius}", written.name);
        for (a, b) in applied["singular_values"].as_array().unwrap().iter().zip(&written.singular_values) {
            assert!((a.as_f64().unwrap() - b).abs() <= bound, "{}: PEFT applies {a}, not {b}", written.name);
        }
    }
    again
}

#[test]
fn resized_adapters_load_with_their_scales() {
    let energy = Request { rank: RankRule::Energy(0.9), ..Request::default() };
    let number = Request { rank: RankRule::Number(3), dtype: Some(OutputType::Bf16), ..Request::default() };
    let uniform = Request { rank: RankRule::SvFro(0.8), uniform: true, ..Request::default() };
    for name in ["peft-lora", "peft-rslora-attn", "peft-patterns", "peft-embed-saved"] {
        let mut bench = bench(BackendChoice::Cpu, adapter(name));
        for request in [&energy, &number, &uniform] {
            let (report, weights) = bench.project(request).unwrap_or_else(|text| panic!("{name}: {text}"));
            let config = bench.download(ExportFile::Config);
            let again = reads_back(&report, weights, config, Some(peft::fixture_model()));
            assert!(again.warnings.is_empty() || name == "peft-embed-saved", "{name}: {:?}", again.warnings);
            for (a, b) in again.modules.iter().zip(&bench.adapter_report().modules) {
                assert!((a.scale / b.scale - 1.0).abs() <= 1e-14, "{name} {}: {} and {}", a.name, a.scale, b.scale);
            }
            if request.uniform {
                assert_eq!(again.rank.min.min(bench.adapter_report().rank.min), again.rank.min);
            }
        }
    }
}

#[test]
fn a_projected_adapter_loads_into_the_target() {
    for (method, layers) in
        [(Method::Svd, Layers::Spread), (Method::Truncate, Layers::SameIndex), (Method::Interpolate, Layers::Spread)]
    {
        let mut bench = bench(BackendChoice::Cpu, adapter("peft-lora"));
        let config = MemorySource::new("target/config.json", peft::smaller_model().to_string().into_bytes());
        let target = bench.drop_more(vec![config], ItemKind::ModelConfig)[0];
        assert!(
            matches!(bench.messages.borrow().last(), Some(ToPage::Finished { problems, .. }) if problems.is_empty())
        );
        let request = Request { method, target: Target::Item(target), layers, ..Request::default() };
        let (report, weights) = bench.project(&request).unwrap();
        assert_eq!(report.base_model.as_deref(), Some("org/smaller"));
        let config = bench.download(ExportFile::Config);
        let read: Value = serde_json::from_slice(&config).unwrap();
        assert_eq!(read["base_model_name_or_path"], "org/smaller");
        let again = reads_back(&report, weights, config, Some(peft::smaller_model()));
        assert_eq!(again.base_model.as_deref(), Some("org/smaller"));
        // Six layers of seven modules, four of them with a place.
        assert_eq!((again.modules.len(), report.left_out.len()), (28, 14), "{:?}", report.left_out);
        for module in &again.modules {
            let wanted = match module.role.as_str() {
                "q" | "o" => [64, 64],
                "k" | "v" => [32, 64],
                "gate" | "up" => [176, 64],
                _ => [64, 176],
            };
            assert_eq!(module.shape, wanted, "{}", module.name);
        }
        let last = if layers == Layers::Spread { "model.layers.5." } else { "model.layers.3." };
        let into_last = report.modules.iter().find(|m| m.name.starts_with("model.layers.3.")).unwrap();
        assert!(into_last.source.starts_with(last), "{}", into_last.source);
        if method == Method::Svd {
            let gain = (128.0f64 * 128.0 / (64.0 * 64.0)).powf(0.25);
            let q = report.modules.iter().find(|m| m.name.ends_with("q_proj")).unwrap();
            assert!((q.gain - gain).abs() < 1e-12, "{}", q.gain);
        }
    }
}

#[test]
fn another_size_of_one_side_at_a_smaller_rank_has_the_figures_of_the_other_side() {
    let (size, rank) = (Size { of: SizeOf::Role("q".to_owned()), shape: [300, 128] }, RankRule::Number(4));
    let request = Request { rank, sizes: vec![size], ..Request::default() };
    for choice in backends() {
        let (report, _) = bench(choice, adapter("peft-lora")).project(&request).expect("a projection");
        let resized: Vec<_> = report.modules.iter().filter(|m| m.shape != m.source_shape).collect();
        assert!(!resized.is_empty());
        for module in resized {
            assert_eq!((module.shape, module.rank), ([300, 128], 4));
            let quality = &module.quality;
            assert!(quality.left_angles.is_empty() && quality.right_angles.len() == 4, "{quality:?}");
            assert_eq!((quality.relative_error, quality.subspace_alignment), (None, None));
            assert!(quality.norm_ratio.is_some() && quality.rank_preservation.is_some());
        }
    }
}

#[test]
fn a_checkpoint_gives_sizes_by_its_header() {
    let mut bench = bench(BackendChoice::Cpu, adapter("peft-lora"));
    // Two shards; the tensors that are named by the adapter's modules count, whatever prefix they have.
    let shard = |layer: u32, q: [u64; 2]| {
        let name = format!("model.layers.{layer}.self_attn.q_proj.weight");
        let bytes = crate::common::f32_file(&[(&name, &q), ("model.norm.weight", &[64])]);
        MemorySource::new(format!("target/model-0000{}-of-00002.safetensors", layer + 1), bytes)
    };
    let target = bench.drop_more(vec![shard(0, [64, 32]), shard(1, [48, 32])], ItemKind::Checkpoint)[0];
    let request = Request { target: Target::Item(target), ..Request::default() };
    let (head, rows) = bench.plan(&request).unwrap();
    let found: Vec<(&str, [u64; 2])> = rows.iter().map(|row| (row.name.as_str(), row.shape)).collect();
    let q = |layer| format!("model.layers.{layer}.self_attn.q_proj");
    assert_eq!(found, [(q(0).as_str(), [64, 32]), (q(1).as_str(), [48, 32])]);
    assert_eq!(head.left_out.len(), 40);
    let (report, file) = bench.project(&request).unwrap();
    assert_eq!((report.modules.len(), report.file.bytes), (2, file.len() as u64));

    let other = crate::common::f32_file(&[("transformer.h.0.attn.c_attn.weight", &[48, 16])]);
    let other = bench.drop_more(vec![MemorySource::new("gpt2.safetensors", other)], ItemKind::Checkpoint)[0];
    let text = bench.plan(&Request { target: Target::Item(other), ..Request::default() }).unwrap_err();
    assert!(text.contains("gpt2") && text.contains("q_proj") && text.contains("c_attn"), "{text}");
}

#[test]
fn what_cannot_be_done_is_said_with_what_to_give_instead() {
    let mut bench = bench(BackendChoice::Cpu, adapter("peft-lora"));
    let lacking = json!({ "model_type": "llama", "hidden_size": 64 }).to_string().into_bytes();
    let lacking = bench.drop_more(vec![MemorySource::new("t/config.json", lacking)], ItemKind::ModelConfig)[0];
    let huge = json!({ "model_type": "llama", "hidden_size": 1_000_000_000u64, "intermediate_size": 5,
        "num_attention_heads": 2 });
    let huge = MemorySource::new("h/config.json", huge.to_string().into_bytes());
    let huge = bench.drop_more(vec![huge], ItemKind::ModelConfig)[0];
    let size = |shape| vec![Size { of: SizeOf::Role("q".to_owned()), shape }];
    let cases = [
        (Request { sizes: size([0, 64]), ..Request::default() }, ["0", "1", "1,048,576"]),
        (Request { sizes: size([1_000_000_000, 64]), ..Request::default() }, ["1000000000", "1", "1,048,576"]),
        (
            Request { target: Target::Item(lacking), ..Request::default() },
            ["t/config.json", "num_attention_heads", "q"],
        ),
        (Request { target: Target::Item(huge), ..Request::default() }, ["h/config.json", "1000000000", "1,048,576"]),
        (Request { target: Target::Item(999), ..Request::default() }, ["target", "no longer", "Drop"]),
        (Request { target: Target::Listed("a/b".to_owned()), ..Request::default() }, ["a/b", "list", "config.json"]),
        (Request { rank: RankRule::Number(0), ..Request::default() }, ["rank", "0", "1"]),
        (Request { rank: RankRule::Energy(1.5), ..Request::default() }, ["1.5", "0", "1"]),
        (Request { rank: RankRule::Energy(f64::NAN), ..Request::default() }, ["share", "0", "1"]),
        (
            Request { method: Method::Truncate, rank: RankRule::Number(2), ..Request::default() },
            ["truncate", "rank", "svd"],
        ),
    ];
    for (request, words) in cases {
        let planned = bench.plan(&request).unwrap_err();
        let projected = bench.project(&request).map(|(report, _)| report).unwrap_err();
        assert_eq!(planned, projected);
        for word in words {
            assert!(planned.contains(word), "{word}: {planned}");
        }
        assert!(bench.session.report().projection.is_none());
    }
    // All of that did no harm.
    bench.project(&Request::default()).unwrap();
}

/// Cancels at the given beat; never at 0.
#[derive(Clone)]
struct CancelAt(Rc<Cell<u32>>);

impl Pulse for CancelAt {
    async fn beat(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left == 1
    }
}

#[test]
fn a_cancelled_projection_leaves_the_last_one_and_a_changed_adapter_none() {
    let cancel = CancelAt(Rc::default());
    let mut bench = bench_with(BackendChoice::Cpu, cancel.clone(), adapter("peft-lora")[..1].to_vec());
    let (first, file) = bench.project(&Request::default()).unwrap();
    for beat in [1, 20, 100] {
        cancel.0.set(beat);
        let request = Request { rank: RankRule::Number(2), ..Request::default() };
        assert_eq!(bench.project(&request).map(|(report, _)| report), Err(String::new()), "at beat {beat}");
        cancel.0.set(0);
        assert_eq!(bench.session.report().projection.as_ref(), Some(&first));
        assert_eq!(bench.download(ExportFile::Adapter), file);
    }
    bench.messages.borrow_mut().clear();
    block_on(bench.session.set_scale(bench.item, 3.0));
    assert!(bench.messages.borrow().contains(&ToPage::Gone { job: 1 }));
    assert!(
        bench.session.report().projection.is_none()
            && bench.session.export(&Export::Written { job: 1, file: ExportFile::Zip }).is_err()
    );
}

/// Modules to save, biases and the like belong to the model: they come along where the model stays.
#[test]
fn tensors_that_are_no_factors_come_along_where_nothing_but_the_rank_changes() {
    for choice in backends() {
        let mut bench = bench(choice, adapter("peft-embed-saved"));
        let source = crate::common::header_of(&adapter("peft-embed-saved")[0]).unwrap();
        let bytes = std::fs::read(fixtures().join("peft-embed-saved/adapter_model.safetensors")).unwrap();
        let (_, file) = bench.project(&Request { rank: RankRule::Number(2), ..Request::default() }).unwrap();
        let written = safetensors::SafeTensors::deserialize(&file).unwrap();
        let saved: Vec<_> = source.tensors.iter().filter(|t| !t.name.contains("lora_")).collect();
        assert!(!saved.is_empty());
        for tensor in saved {
            let copy = written.tensor(&tensor.name).unwrap_or_else(|e| panic!("{}: {e}", tensor.name));
            assert_eq!(copy.data(), &bytes[tensor.begin as usize..tensor.end as usize], "{}", tensor.name);
        }
    }
}

#[test]
fn the_zip_holds_both_files() {
    let mut bench = bench(BackendChoice::Cpu, adapter("peft-patterns"));
    let (_, file) = bench.project(&Request { rank: RankRule::Number(2), ..Request::default() }).unwrap();
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bench.download(ExportFile::Zip))).unwrap();
    let mut names: Vec<String> = (0..zip.len()).map(|n| zip.by_index(n).unwrap().name().unwrap().to_string()).collect();
    names.sort_unstable();
    assert_eq!(names, ["adapter_config.json", "adapter_model.safetensors"]);
    for (name, wanted) in
        [("adapter_model.safetensors", file), ("adapter_config.json", bench.download(ExportFile::Config))]
    {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut zip.by_name(name).unwrap(), &mut bytes).unwrap();
        assert_eq!(bytes, wanted, "{name}");
    }
}
