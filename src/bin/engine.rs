//! A stand-in for the engine worker, with invented numbers: only to look at the page before the real one is here.

#[cfg(not(target_arch = "wasm32"))]
fn main() {}

#[cfg(target_arch = "wasm32")]
fn main() {
    stub::start();
}

#[cfg(target_arch = "wasm32")]
mod stub {
    use js_sys::{Array, Promise};
    use lorascope::protocol::{wire::*, *};
    use lorascope::report::*;
    use std::cell::RefCell;
    use wasm_bindgen::{JsCast, prelude::*};
    use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

    thread_local! { static ITEMS: RefCell<Vec<(u32, AdapterReport)>> = const { RefCell::new(Vec::new()) }; static NEXT: RefCell<u32> = const { RefCell::new(1) }; static CANCEL: RefCell<bool> = const { RefCell::new(false) }; }

    fn scope() -> DedicatedWorkerGlobalScope {
        js_sys::global().unchecked_into()
    }
    fn post(m: ToPage) {
        let _ = scope().post_message(&encode(&m, &Array::new()).unwrap());
    }
    async fn sleep(ms: i32) {
        let p = Promise::new(&mut |ok, _| {
            let f: js_sys::Function = js_sys::Reflect::get(&scope(), &"setTimeout".into()).unwrap().unchecked_into();
            let _ = f.call2(&JsValue::NULL, &ok, &ms.into());
        });
        let _ = wasm_bindgen_futures::JsFuture::from(p).await;
    }
    fn engine() -> EngineReport {
        EngineReport {
            backend: "webgpu".into(),
            adapter_name: Some("Apple M2".into()),
            reason: "this browser offers a hardware adapter".into(),
            workers: 1,
            counts: Counts { dispatches: 96, bytes_read: 454_520, bytes_uploaded: 450_000, readbacks: 4, fallbacks: 2 },
        }
    }
    pub fn start() {
        let f = Closure::<dyn FnMut(MessageEvent)>::new(|e: MessageEvent| {
            let (m, parts): (ToEngine, Array) = decode(&e.data()).unwrap();
            wasm_bindgen_futures::spawn_local(handle(m, parts));
        });
        scope().set_onmessage(Some(f.as_ref().unchecked_ref()));
        f.forget();
    }
    fn outcome() -> Outcome {
        if ITEMS.with_borrow(|i| i.is_empty()) { Outcome::Idle } else { Outcome::Done }
    }
    async fn handle(m: ToEngine, _parts: Array) {
        match m {
            ToEngine::Start { backend } => {
                if backend == BackendChoice::WebGpu {
                    post(ToPage::NoBackend { text: "The address asks for WebGPU, but this browser offers no adapter. Use ?backend=cpu, or a browser with WebGPU switched on.".into() });
                } else {
                    post(ToPage::Started { engine: engine() });
                }
            }
            ToEngine::Load { paths } => load(paths).await,
            ToEngine::Remove { item } => {
                ITEMS.with_borrow_mut(|i| i.retain(|x| x.0 != item));
                post(ToPage::Removed { item });
                post(ToPage::Finished { outcome: outcome(), engine: engine(), problems: vec![] });
            }
            ToEngine::Clear => {
                ITEMS.with_borrow_mut(|i| i.clear());
                post(ToPage::Finished { outcome: Outcome::Idle, engine: engine(), problems: vec![] });
            }
            ToEngine::Cancel => CANCEL.set(true),
            ToEngine::SetScale { item, scale } => {
                let r = ITEMS.with_borrow(|i| i.iter().find(|x| x.0 == item).map(|x| x.1.clone()));
                if let Some(mut r) = r {
                    for m in &mut r.modules {
                        m.scale = scale;
                        m.scale_source = "set by hand".into();
                    }
                    send(item, r);
                }
                post(ToPage::Finished { outcome: outcome(), engine: engine(), problems: vec![] });
            }
            ToEngine::ExportJson => {
                let report = Report {
                    lorascope: SCHEMA,
                    engine: engine(),
                    files: vec![],
                    adapters: ITEMS.with_borrow(|i| i.iter().map(|x| x.1.clone()).collect()),
                };
                let text = serde_json::to_string(&report).unwrap();
                let blob = web_sys::Blob::new_with_str_sequence(&Array::of1(&text.into())).unwrap();
                let m = ToPage::ExportedJson { file_name: "lorascope.json".into() };
                let _ = scope().post_message(&encode(&m, &Array::of1(&blob)).unwrap());
            }
        }
    }
    fn send(item: u32, mut r: AdapterReport) {
        let modules = std::mem::take(&mut r.modules);
        post(ToPage::Adapter { item, modules: modules.len(), report: Box::new(r) });
        for c in modules.chunks(MODULES_PER_MESSAGE) {
            post(ToPage::Modules { item, modules: c.to_vec() });
        }
    }
    async fn load(paths: Vec<String>) {
        CANCEL.set(false);
        post(ToPage::Loading);
        let text = paths.join(" ");
        if text.contains("panic") {
            post(ToPage::Panicked { text: "panicked at src/linalg/thin.rs:12: index out of bounds".into() });
            return;
        }
        if text.contains("hostile") || text.ends_with(".bin") {
            let problems = vec![Problem {
                error: true,
                text: format!(
                    "{}: this is a Python pickle, not safetensors. Save it with safe_serialization=True and drop the .safetensors file.",
                    paths[0]
                ),
            }];
            post(ToPage::Finished { outcome: Outcome::Error, engine: engine(), problems });
            return;
        }
        sleep(150).await;
        let big = text.contains("big");
        let huge = text.contains("huge");
        let total = 84_100_000u64;
        for i in 0..=20u64 {
            if CANCEL.with_borrow(|c| *c) {
                post(ToPage::Finished {
                    outcome: outcome(),
                    engine: engine(),
                    problems: vec![Problem { error: false, text: "Cancelled; nothing of this drop is kept.".into() }],
                });
                return;
            }
            post(ToPage::Progress(Progress {
                text: format!("Analysing {}, {} of 224 modules", paths[0], i * 11),
                done: total * i / 20,
                total,
            }));
            sleep(if big { 250 } else { 20 }).await;
        }
        let id = NEXT.with_borrow_mut(|n| {
            *n += 1;
            *n
        });
        let label = paths[0].split('/').next().unwrap_or("x").to_owned();
        let assumed = text.contains("assumed");
        let label = if big { "statute-tutor-r16".to_owned() } else { label };
        post(ToPage::Item(Item {
            item: id,
            kind: ItemKind::Adapter,
            label: label.clone(),
            detail: if big { "84.1 MB".into() } else { "455 kB".into() },
            scale_assumed: assumed,
        }));
        if big {
            let n = NEXT.with_borrow_mut(|n| {
                *n += 9;
                *n
            });
            post(ToPage::Item(Item {
                item: n,
                kind: ItemKind::Checkpoint,
                label: "checkpoint-120/model.safetensors".into(),
                detail: "kept, waiting for an adapter".into(),
                scale_assumed: false,
            }));
            post(ToPage::Item(Item {
                item: n + 1,
                kind: ItemKind::Companion,
                label: "optimizer.pt".into(),
                detail: "optimizer state".into(),
                scale_assumed: false,
            }));
            post(ToPage::Item(Item {
                item: n + 2,
                kind: ItemKind::Companion,
                label: "tokenizer.json".into(),
                detail: "tokenizer".into(),
                scale_assumed: false,
            }));
            NEXT.set(n + 3);
        }
        let r = report(
            label,
            if big {
                32
            } else if huge {
                20000
            } else {
                6
            },
            if big { 16 } else { 8 },
            big,
            huge,
            assumed,
        );
        ITEMS.with_borrow_mut(|i| i.push((id, r.clone())));
        send(id, r);
        let mut problems = vec![];
        if big {
            for i in 0..8 {
                problems.push(Problem {
                    error: false,
                    text: format!("model.layers.{i}.self_attn.rotary_emb.inv_freq: not a LoRA factor; left out."),
                });
            }
        }
        post(ToPage::Finished { outcome: outcome(), engine: engine(), problems });
    }
    fn report(label: String, layers: u32, rank: u32, big: bool, huge: bool, assumed: bool) -> AdapterReport {
        let paths = [
            ("self_attn.q_proj", "q", 0.5),
            ("self_attn.k_proj", "k", 0.35),
            ("self_attn.v_proj", "v", 0.8),
            ("self_attn.o_proj", "o", 0.6),
            ("mlp.gate_proj", "gate", 0.45),
            ("mlp.up_proj", "up", 0.5),
            ("mlp.down_proj", "down", 0.62),
        ];
        let mut modules = vec![];
        let d = if big { 4096 } else { 128 };
        for l in 0..layers {
            for (m, (p, role, c)) in paths.iter().enumerate().take(if huge { 1 } else { 7 }) {
                let (l_, m_) = (f64::from(l), m as f64);
                let pos = l_ / f64::from(layers) * 32.0;
                let a = (c * (0.35 + 0.9 * (-((pos - 20.0 - m_) / 9.0).powi(2)).exp())
                    + 0.12 * (pos * 12.9898 + m_ * 78.233).sin())
                .max(0.02);
                let sv: Vec<f64> =
                    (0..rank).map(|i| 1.31 * a * (-f64::from(i) / (2.5 + 2.0 * a + 0.3 * m_)).exp()).collect();
                let e: f64 = sv.iter().map(|s| s * s).sum();
                let h: f64 = -sv.iter().map(|s| s * s / e).map(|p| p * p.ln()).sum::<f64>();
                modules.push(ModuleReport {
                    name: format!("model.layers.{l}.{p}"),
                    layer: Some(l),
                    stack: String::new(),
                    kind: if m < 4 { "attn" } else { "mlp" }.into(),
                    depth: "mid".into(),
                    role: (*role).into(),
                    shape: if m > 3 { [d * 7 / 2, d] } else { [d, d] },
                    rank,
                    scale: 2.0,
                    scale_source: if assumed {
                        "assumed 1: no adapter_config.json".into()
                    } else {
                        "alpha 16 / r 8, adapter_config".into()
                    },
                    dtype: if big { "BF16" } else { "F32" }.into(),
                    frobenius: e.sqrt(),
                    singular_values: sv.clone(),
                    energy_share: e,
                    stable_rank: e / (sv[0] * sv[0]),
                    effective_rank: h.exp(),
                    numerical_rank: rank,
                    spectral_entropy: h,
                });
            }
        }
        let energy: f64 = modules.iter().map(|m| m.energy_share).sum();
        for m in &mut modules {
            m.energy_share /= energy;
        }
        let mut scores = serde_json::Map::new();
        for (k, v) in [
            ("statute_recall", 0.2648768442275661),
            ("logic_reasoning", 0.3779462152277521),
            ("style_gutachtenstil", 0.35717694054468174),
        ] {
            scores.insert(k.into(), v.into());
        }
        AdapterReport {
            label,
            format: "PEFT LoRA".into(),
            base_model: big.then(|| "meta-llama/Llama-3.1-8B".into()),
            total_layers: layers,
            total_layers_source: "largest layer number + 1".into(),
            rank: RankRange { min: rank, max: rank },
            parameters: if big { 41_943_040 } else { 113_000 },
            energy,
            modules,
            not_analyzed: if big {
                vec![
                    NotAnalyzed {
                        name: "lm_head.weight".into(),
                        reason: "a full copy (modules_to_save), not a low-rank update".into(),
                    },
                    NotAnalyzed {
                        name: "model.embed_tokens.weight".into(),
                        reason: "a full copy (modules_to_save), not a low-rank update".into(),
                    },
                ]
            } else {
                vec![]
            },
            warnings: if assumed {
                vec![
                    "There is no adapter_config.json beside adapter_model.safetensors: the scale is assumed to be 1."
                        .into(),
                ]
            } else {
                vec![]
            },
            metadata: [("format".to_owned(), "pt".to_owned())].into(),
            domains: DomainReport {
                scheme: "legal-exam".into(),
                scores,
                tags: vec!["logic_reasoning".into(), "style_gutachtenstil".into()],
                evidence: true,
            },
        }
    }
}
