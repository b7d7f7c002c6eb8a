//! The CPU's work on several workers: the same report whoever computes, and nothing lost where a worker is.

use std::future::Future;
use std::pin::Pin;

use lorascope_engine::session::crew::{Answer, Crew, Place, Task, serve};

use super::*;

/// Workers of this thread.
#[derive(Default)]
struct Here {
    /// Modules of each task.
    tasks: RefCell<Vec<usize>>,
    /// Tasks whose answers are waited for, and the most that there were at a time.
    under_way: Rc<Cell<[usize; 2]>>,
    /// Every task of this number, counted from 1, gets no answer.
    lost: usize,
    /// Answers lack their last spectrum.
    short: bool,
}

impl Crew<Rc<[u8]>> for Here {
    fn workers(&self) -> usize {
        3
    }

    fn send(&self, task: Task, parts: Vec<Rc<[u8]>>) -> Pin<Box<dyn Future<Output = Option<Answer>>>> {
        self.tasks.borrow_mut().push(task.pairs.len());
        let (lost, short) = (self.tasks.borrow().len() == self.lost, self.short);
        let under_way = Rc::clone(&self.under_way);
        let [now, most] = under_way.get();
        under_way.set([now + 1, most.max(now + 1)]);
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        assert!(bytes <= 9 << 20, "a batch of {bytes} bytes");
        Box::pin(async move {
            under_way.update(|[now, most]| [now - 1, most]);
            let bytes_of = |Place { part, begin, len }: Place| {
                Some(parts.get(part)?.get(begin..begin.checked_add(len)?)?.to_vec())
            };
            let (mut spectra, asked) = serve(&task, bytes_of, Steady).await.filter(|_| !lost)?;
            if short {
                spectra.pop();
            }
            Some(Answer { spectra, asked, spent: Default::default() })
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
