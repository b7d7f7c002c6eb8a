//! The CPU's work on several workers: the same report whoever computes, and nothing lost where a worker is.

use std::future::Future;
use std::pin::Pin;

use lorascope_engine::session::crew::{Answer, Bytes, Crew, Task, serve};

use lorascope_protocol::ExportFile;
use lorascope_protocol::projection::{RankRule, Request};
use lorascope_protocol::report::Along;

use super::*;

/// Workers of this thread.
struct Here {
    /// Modules of each task.
    tasks: RefCell<Vec<usize>>,
    /// Tasks whose answers are waited for, and the most that there were at a time.
    under_way: Rc<Cell<[usize; 2]>>,
    /// Every task of this number, counted from 1, gets no answer.
    lost: usize,
    /// Answers lack their last outcome.
    short: bool,
    /// Bytes of a batch, at most.
    most: Cell<usize>,
}

impl Default for Here {
    fn default() -> Self {
        let (tasks, under_way) = Default::default();
        Self { tasks, under_way, lost: 0, short: false, most: Cell::new(9 << 20) }
    }
}

impl Crew<Rc<[u8]>> for Here {
    fn workers(&self) -> usize {
        3
    }

    fn send(
        &self,
        task: &Task,
        beside: &[u8],
        parts: Vec<Rc<[u8]>>,
    ) -> Pin<Box<dyn Future<Output = Option<Answer<Rc<[u8]>>>>>> {
        self.tasks.borrow_mut().push(task.count());
        let (lost, short) = (self.tasks.borrow().len() == self.lost, self.short);
        let under_way = Rc::clone(&self.under_way);
        let [now, most] = under_way.get();
        under_way.set([now + 1, most.max(now + 1)]);
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        assert!(bytes <= self.most.get(), "a batch of {bytes} bytes");
        // As between threads.
        let text = serde_json::to_string(task).unwrap();
        let mut parts: Vec<Box<dyn Bytes>> =
            parts.into_iter().map(|part| Box::new(part.to_vec()) as Box<dyn Bytes>).collect();
        if !beside.is_empty() {
            parts.push(Box::new(beside.to_vec()));
        }
        Box::pin(async move {
            under_way.update(|[now, most]| [now - 1, most]);
            let task = serde_json::from_str(&text).unwrap();
            let answer = serve::<MemorySource, _>(&task, parts, Steady).await.filter(|_| !lost)?;
            let mut pieces = Vec::new();
            let answer = answer.map(|piece| {
                pieces.push(piece);
                Some(())
            })?;
            let mut answer: Answer<()> = serde_json::from_str(&serde_json::to_string(&answer).unwrap()).unwrap();
            if short {
                answer.outcomes.pop();
            }
            let mut pieces = pieces.into_iter();
            answer.map(|()| pieces.next())
        })
    }
}

/// Modules of one rank with an alpha each, in f16: large enough to be shared.
fn many(modules: usize, not_finite: Option<usize>) -> MemorySource {
    const SIDE: usize = 512;
    const RANK: usize = 8;
    let mut numbers = crate::numbers::Numbers::new(11);
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for n in 0..modules {
        let name = format!("lora_unet_down_blocks_{n}_attentions_0_proj_in");
        let mut factor = |shape: [usize; 2], broken: bool| {
            let bytes = (0..SIDE * RANK).flat_map(|i| {
                let x = if broken && i == 77 { f32::NAN } else { numbers.gaussian() as f32 };
                half::f16::from_f32(x).to_le_bytes()
            });
            (shape.to_vec(), bytes.collect::<Vec<u8>>())
        };
        let (shape, down) = factor([RANK, SIDE], not_finite == Some(n));
        tensors.push((format!("{name}.lora_down.weight"), shape, down));
        let (shape, up) = factor([SIDE, RANK], false);
        tensors.push((format!("{name}.lora_up.weight"), shape, up));
        let alpha = half::f16::from_f32(1.0 + (n % 7) as f32).to_le_bytes().to_vec();
        tensors.push((format!("{name}.alpha"), vec![], alpha));
    }
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (name, safetensors::tensor::TensorView::new(safetensors::Dtype::F16, shape.clone(), bytes).unwrap())
    });
    MemorySource::new("many.safetensors", safetensors::serialize(views, None).unwrap())
}

fn report(
    choice: BackendChoice,
    crew: Option<Rc<Here>>,
    files: Vec<MemorySource>,
) -> lorascope_protocol::report::Report {
    let (mut session, messages) = start(choice, Steady);
    if let Some(crew) = crew {
        session.employ(crew);
    }
    block_on(session.load(files));
    assert_eq!(verdict(&messages).0, Outcome::Done);
    session.report()
}

#[test]
fn a_crew_changes_nothing_but_who_computes() {
    let file = many(700, Some(41));
    let alone = report(BackendChoice::Cpu, None, vec![file.clone()]);
    assert_eq!(alone.adapters[0].modules.len(), 699);
    assert_eq!(alone.adapters[0].not_analyzed.len(), 1);
    let scales: std::collections::BTreeSet<u64> = alone.adapters[0].modules.iter().map(|m| m.scale.to_bits()).collect();
    assert_eq!(scales.len(), 7, "the alphas came along");
    for (lost, short) in [(0, false), (1, false), (2, false), (0, true)] {
        let crew = Rc::new(Here { lost, short, ..Here::default() });
        let shared = report(BackendChoice::Cpu, Some(Rc::clone(&crew)), vec![file.clone()]);
        assert_eq!(shared.adapters, alone.adapters, "lost {lost}, short {short}");
        assert_eq!(shared.engine.workers, 3);
        let tasks = crew.tasks.borrow();
        assert!(tasks.len() > 1, "fed by size: {tasks:?}");
        // Two are read while three are computed: that is the bound on memory.
        assert!(crew.under_way.get()[1] <= 5, "{:?}", crew.under_way);
        assert_eq!(tasks.iter().sum::<usize>(), 700, "every module is in one task");
        // Gaps between a batch's tensors are read along where that is cheaper, so that batches of another size differ.
        let (bytes, read) = (shared.files[0].bytes, shared.engine.counts.bytes_read);
        let most = if short { 2 * bytes + bytes / 5 } else { bytes + bytes / 5 };
        assert!(read > bytes - 100_000 && read < most, "{read} of {bytes}, lost {lost}, short {short}");
    }
}

#[test]
fn small_adapters_formulas_and_a_gpu_do_without() {
    let crew = Rc::new(Here::default());
    let small = report(BackendChoice::Cpu, Some(Rc::clone(&crew)), adapter("peft-lora"));
    agrees_with_the_writing_library(&small.adapters[0], "peft-lora");
    let on_gpu = report(BackendChoice::WebGpu, Some(Rc::clone(&crew)), vec![many(300, None)]);
    assert_eq!((on_gpu.engine.workers, on_gpu.adapters[0].modules.len()), (1, 300));
    assert_eq!(*crew.tasks.borrow(), [0; 0]);
}

/// A cancel in the middle ends in the verdict of any cancel, and the session goes on.
#[test]
fn a_cancel_is_heard_between_answers() {
    for beat in [2, 3] {
        let countdown = CancelAt(Rc::new(Cell::new(beat)));
        let (mut session, messages) = start(BackendChoice::Cpu, countdown.clone());
        let crew = Rc::new(Here::default());
        session.employ(crew.clone());
        block_on(session.load(vec![many(700, None)]));
        assert_eq!(verdict(&messages).0, Outcome::Idle, "at beat {beat}");
        countdown.0.set(u32::MAX);
        block_on(session.load(adapter("peft-lora")));
        assert_eq!(verdict(&messages).0, Outcome::Done, "at beat {beat}");
    }
}

/// Weights of a model: many small ones, and one that takes several batches.
fn shapes() -> Vec<(String, [usize; 2])> {
    let small = (0..24).map(|n| (format!("model.layers.{n}.self_attn.q_proj"), [512, 512]));
    small.chain([("model.layers.24.mlp.up_proj".to_owned(), [4096, 2400])]).collect()
}

fn written(path: &str, tensors: Vec<(String, [usize; 2])>, seed: u64) -> MemorySource {
    let mut numbers = crate::numbers::Numbers::new(seed);
    let tensors: Vec<_> = tensors
        .into_iter()
        .map(|(name, shape)| {
            let bytes = (0..shape[0] * shape[1]).flat_map(|_| half::bf16::from_f32(numbers.weight()).to_le_bytes());
            (name, shape, bytes.collect::<Vec<u8>>())
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (name, safetensors::tensor::TensorView::new(safetensors::Dtype::BF16, shape.to_vec(), bytes).unwrap())
    });
    MemorySource::new(path, safetensors::serialize(views, None).unwrap())
}

/// An adapter of all of it, at rank 64.
fn lora(folder: &str, seed: u64) -> MemorySource {
    const RANK: usize = 64;
    let factors = shapes().into_iter().flat_map(|(name, [out, inn])| {
        let name = |factor: &str| format!("base_model.model.{name}.{factor}.weight");
        [(name("lora_A"), [RANK, inn]), (name("lora_B"), [out, RANK])]
    });
    written(&format!("{folder}/adapter_model.safetensors"), factors.collect(), seed)
}

fn checkpoint(folder: &str, seed: u64) -> MemorySource {
    let weights = shapes().into_iter().map(|(name, shape)| (format!("{name}.weight"), shape));
    written(&format!("{folder}/model.safetensors"), weights.collect(), seed)
}

/// The tasks of every job.
type Tasks = Vec<(&'static str, usize)>;

/// All that a session computes, the bytes of the files that it writes, and what the crew was given.
fn everything(crew: Option<&Rc<Here>>) -> (lorascope_protocol::report::Report, [Vec<u8>; 2], Tasks) {
    let (mut session, messages) = start(BackendChoice::Cpu, Steady);
    if let Some(crew) = crew {
        session.employ(Rc::clone(crew) as Rc<dyn Crew<_>>);
    }
    let mut tasks = Vec::new();
    let mut done = |job| {
        tasks.push((job, crew.map_or(0, |crew| crew.tasks.take().len())));
    };
    block_on(
        session.load(
            ["checkpoint-10", "checkpoint-20", "checkpoint-30"]
                .into_iter()
                .zip(1..)
                .map(|(name, seed)| lora(name, seed))
                .collect(),
        ),
    );
    assert_eq!(verdict(&messages).0, Outcome::Done);
    done("analysis, and alignment along the adapters");
    block_on(session.ask(2, Question::Compare));
    done("comparison");
    let request = Request { rank: RankRule::Number(16), ..Request::default() };
    block_on(session.ask(3, Question::Project { item: item(&messages, "checkpoint-10"), request: Box::new(request) }));
    done("projection");
    block_on(session.load([("state-1", 7), ("state-2", 8)].map(|(name, seed)| checkpoint(name, seed)).into()));
    assert_eq!(verdict(&messages).0, Outcome::Done);
    done("alignment along the checkpoints");
    let [from, to] = ["state-1", "state-2"].map(|label| item(&messages, label));
    let (rank, dtype) = (ExtractRank::Number(4), OutputType::F16);
    block_on(session.ask(4, Question::Extract(ExtractRequest { from, to, rank, dtype, embeddings: false })));
    done("extraction");
    let bytes = |download: lorascope_engine::session::Download<Rc<[u8]>>| download.pieces.concat();
    let projected = bytes(session.export(&Export::Written { job: 3, file: ExportFile::Adapter }).unwrap());
    let extracted = bytes(session.export(&Export::Written { job: 4, file: ExportFile::Adapter }).unwrap());
    (session.report(), [projected, extracted], tasks)
}

#[test]
fn every_job_is_the_same_by_a_crew() {
    let (alone, files, _) = everything(None);
    assert_eq!(alone.alignment.len(), 3 * 3 + 3);
    assert!(alone.projection.is_some() && alone.comparison.is_some() && alone.extraction.is_some());
    for (lost, short) in [(0, false), (2, false), (0, true)] {
        let crew = Rc::new(Here { lost, short, most: Cell::new(40 << 20), ..Here::default() });
        let (shared, written, tasks) = everything(Some(&crew));
        let what = format!("lost {lost}, short {short}");
        assert_eq!(shared.adapters, alone.adapters, "{what}");
        assert_eq!(shared.comparison, alone.comparison, "{what}");
        assert_eq!(shared.projection, alone.projection, "{what}");
        assert_eq!(shared.alignment, alone.alignment, "{what}");
        assert_eq!(shared.extraction, alone.extraction, "{what}");
        assert!(written == files, "other bytes are written, {what}");
        assert!(tasks.iter().all(|(_, count)| *count > 1), "{tasks:?}");
        assert!(crew.under_way.get()[1] <= 5, "{:?}", crew.under_way);
        let (read, once) = (shared.engine.counts.bytes_read, alone.engine.counts.bytes_read);
        let most = if short { 2 * once + once / 5 } else { once + once / 5 };
        assert!(read > once - once / 20 && read < most, "{read} of {once}, {what}");
    }
}

/// In whichever job it comes.
#[test]
fn a_cancel_ends_every_job() {
    let countdown = CancelAt(Rc::new(Cell::new(u32::MAX)));
    let (mut session, messages) = start(BackendChoice::Cpu, countdown.clone());
    session.employ(Rc::new(Here { most: Cell::new(40 << 20), ..Here::default() }));
    block_on(session.load(vec![lora("a", 1), lora("b", 2)]));
    let said = |job| messages.borrow().contains(&ToPage::Refused { job, why: None });
    countdown.0.set(2);
    block_on(session.ask(2, Question::Compare));
    assert!(said(2));
    countdown.0.set(2);
    block_on(session.ask(3, Question::Project { item: item(&messages, "a"), request: Box::default() }));
    assert!(said(3));
    countdown.0.set(u32::MAX);
    block_on(session.load(vec![checkpoint("state-1", 7), checkpoint("state-2", 8)]));
    let [from, to] = ["state-1", "state-2"].map(|label| item(&messages, label));
    countdown.0.set(2);
    let (rank, dtype) = (ExtractRank::Number(4), OutputType::F16);
    block_on(session.ask(4, Question::Extract(ExtractRequest { from, to, rank, dtype, embeddings: false })));
    assert!(said(4));
    countdown.0.set(2);
    block_on(session.ask(5, Question::Align { along: Along::Checkpoints, order: vec![to, from] }));
    let (_, problems) = verdict(&messages);
    assert!(problems.iter().any(|problem| problem.text.starts_with("Cancelled.")), "{problems:?}");
}
