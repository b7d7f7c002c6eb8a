//! Every kind of work that a session does on its backend, and whether two reports of it say the same.

use std::rc::Rc;

use lorascope_engine::session::{Backend, Session};
use lorascope_format::bytes::MemorySource;
use lorascope_kernels::Steady;
use lorascope_kernels::gpu::{GpuBackend, Mishaps};
use lorascope_protocol::projection::{Method, OutputType, RankRule, Request, Size, SizeOf};
use lorascope_protocol::report::{EngineReport, Report};
use lorascope_protocol::{BackendChoice, ExtractRank, ExtractRequest, Outcome, Question, ToPage};
use pollster::block_on;
use serde_json::Value;

use crate::alignment::bench::{Bench, bench};
use crate::alignment::run::Run;
use crate::common::fixture;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    Analysis,
    Alignment,
    Projection,
    Resizing,
    Comparison,
    Extraction,
}

pub const ALL: [Scene; 6] =
    [Scene::Analysis, Scene::Alignment, Scene::Projection, Scene::Resizing, Scene::Comparison, Scene::Extraction];

/// What came of a scene.
pub struct Played {
    pub report: Report,
    /// The most bytes of buffers at once, and the refusals; of the device at the end.
    pub peak: u64,
    pub refusals: u64,
    /// The buffers that are left.
    pub held: u64,
    pub losses_to_come: usize,
}

impl Played {
    pub fn engine(&self) -> &EngineReport {
        &self.report.engine
    }
}

pub fn gpu<P, E: Fn(ToPage)>(session: &Session<MemorySource, P, E>) -> &GpuBackend<P>
where
    P: lorascope_kernels::Pulse + Clone,
{
    match session.backend() {
        Backend::Gpu(gpu) => gpu,
        Backend::Cpu(_) => panic!("there is no GPU"),
    }
}

fn adapter(folder: &str) -> Vec<MemorySource> {
    ["adapter_model.safetensors", "adapter_config.json"].map(|file| fixture(&format!("{folder}/{file}"))).to_vec()
}

impl Scene {
    /// What it takes is dropped before anything goes wrong, but for the analysis and the alignment, which begin with
    /// the drop.
    pub fn prepare<E: Fn(ToPage)>(self, bench: &mut Bench<E>) {
        let files = match self {
            Self::Analysis => return,
            Self::Alignment | Self::Projection | Self::Resizing => adapter("peft-lora"),
            Self::Comparison => {
                [30, 60].map(|step| adapter(&format!("peft-lora-trajectory/checkpoint-{step}"))).concat()
            }
            Self::Extraction => {
                let run = Run::new();
                vec![run.state("before.safetensors", 0.0), run.state("after.safetensors", 1.0)]
            }
        };
        assert_eq!(bench.drop_files(files).0, Outcome::Done, "{self:?}");
    }

    pub fn play<E: Fn(ToPage)>(self, bench: &mut Bench<E>) {
        match self {
            Self::Analysis => drop(bench.drop_files(adapter("peft-lora"))),
            Self::Alignment => {
                let states = ["base", "step-40"].map(|state| fixture(&format!("llama-mini/{state}/model.safetensors")));
                drop(bench.drop_files(states.to_vec()));
            }
            Self::Projection | Self::Resizing => {
                let method = if self == Self::Projection { Method::Svd } else { Method::Interpolate };
                let name = "model.layers.0.self_attn.q_proj".to_owned();
                let request = Request {
                    method,
                    rank: if self == Self::Projection { RankRule::Number(4) } else { RankRule::Source },
                    sizes: vec![Size { of: SizeOf::Module(name), shape: [160, 96] }],
                    dtype: Some(OutputType::F32),
                    ..Request::default()
                };
                let item = bench.item("peft-lora");
                block_on(bench.session.ask(1, Question::Project { item, request: Box::new(request) }));
            }
            Self::Comparison => block_on(bench.session.ask(1, Question::Compare)),
            Self::Extraction => {
                let [from, to] = ["before", "after"].map(|label| bench.item(label));
                let rank = ExtractRank::Number(4);
                let request = ExtractRequest { from, to, rank, dtype: OutputType::F32, embeddings: false };
                block_on(bench.session.ask(1, Question::Extract(request)));
            }
        }
        assert_eq!(bench.ended(), (Outcome::Done, vec![]), "{self:?}");
    }

    /// Plays it on a GPU with which something goes wrong.
    pub fn on_gpu(self, set: impl FnOnce(&Mishaps)) -> Played {
        self.on(|gpu| set(gpu.mishaps()))
    }

    /// Plays it on the CPU.
    pub fn on_cpu(self) -> Report {
        let mut bench = bench(BackendChoice::Cpu);
        self.prepare(&mut bench);
        self.play(&mut bench);
        bench.session.report()
    }

    /// Plays it on a GPU that is set up in some way first.
    pub fn on(self, set: impl FnOnce(&GpuBackend<Steady>)) -> Played {
        let mut bench = bench(BackendChoice::WebGpu);
        self.prepare(&mut bench);
        gpu(&bench.session).forget_counts();
        let mishaps = Rc::clone(gpu(&bench.session).mishaps());
        set(gpu(&bench.session));
        self.play(&mut bench);
        let report = bench.session.report();
        let gpu = match bench.session.backend() {
            Backend::Gpu(gpu) => Some(gpu),
            Backend::Cpu(_) => None,
        };
        let of_gpu = |of: fn(&GpuBackend<Steady>) -> u64| gpu.map_or(0, |gpu| of(gpu));
        Played {
            report,
            peak: of_gpu(GpuBackend::peak_bytes),
            refusals: of_gpu(GpuBackend::refusals),
            held: of_gpu(|gpu| gpu.held().buffers),
            losses_to_come: mishaps.losses_to_come(),
        }
    }
}

/// Two reports of the same work: the same words, and the same numbers within what is promised of either backend.
/// Singular values are held against the largest of their module, all else against 1 or itself.
pub fn same(got: &Report, wanted: &Report, what: &str) {
    let plain = |report: &Report| {
        let mut value = serde_json::to_value(report).expect("JSON");
        value.as_object_mut().expect("an object").remove("engine");
        value
    };
    same_value(&plain(got), &plain(wanted), 1.0, 1e-6, what);
}

/// The same words, and numbers `within` of `unit` or of themselves.
pub fn same_value(got: &Value, wanted: &Value, unit: f64, within: f64, at: &str) {
    match (got, wanted) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().expect("a number"), b.as_f64().expect("a number"));
            let bound = within * unit.max(a.abs()).max(b.abs());
            assert!((a - b).abs() <= bound, "{at}: {a} is not {b} within {bound:e}");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{at}");
            // Descending: its first number is the largest.
            let unit = if at.ends_with("singular_values") { b.first().and_then(Value::as_f64) } else { None };
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                same_value(a, b, unit.unwrap_or(1.0), within, &format!("{at}[{n}]"));
            }
        }
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{at}");
            for (key, a) in a {
                same_value(a, &b[key], 1.0, within, &format!("{at}.{key}"));
            }
        }
        _ => assert_eq!(got, wanted, "{at}"),
    }
}
