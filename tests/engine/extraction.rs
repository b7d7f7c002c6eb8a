//! Extraction through a whole session, on both backends: what is taken out of two checkpoints is what the adapter
//! put in, the reported errors are true, and what is written reads back.

use crate::common::{config, fixture};
use crate::models::{merged, weights};
use crate::started::{Messages, backends, start};
use crate::written::Source;
use lorascope_engine::session::Session;
use lorascope_format::bytes::MemorySource;
use lorascope_kernels::Steady;
use lorascope_kernels::linalg::thin_svd;
use lorascope_protocol::projection::OutputType;
use lorascope_protocol::report::ExtractionReport;
use lorascope_protocol::{
    BackendChoice, Export, ExportFile, ExtractRank, ExtractRequest, ItemId, ItemKind, Question, Refusal, ToPage,
};
use pollster::block_on;

const BASE: &str = "llama-mini/base/model.safetensors";

struct Bench<E: Fn(ToPage)> {
    session: Session<MemorySource, Steady, E>,
    messages: Messages,
}

fn bench(choice: BackendChoice, files: Vec<MemorySource>) -> Bench<impl Fn(ToPage)> {
    let (mut session, messages) = start(choice, Steady);
    block_on(session.load(files));
    Bench { session, messages }
}

impl<E: Fn(ToPage)> Bench<E> {
    fn checkpoint(&self, label: &str) -> ItemId {
        let messages = self.messages.borrow();
        let found = messages.iter().find_map(|message| match message {
            ToPage::Item(item) if item.kind == ItemKind::Checkpoint && item.label == label => Some(item.item),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no checkpoint {label}"))
    }

    /// The report and the written adapter, or the sentence why there is none.
    fn extract(&mut self, request: ExtractRequest) -> Result<(ExtractionReport, Source), String> {
        self.messages.borrow_mut().clear();
        block_on(self.session.ask(1, Question::Extract(request)));
        for message in self.messages.borrow().iter() {
            if let ToPage::Refused { why, .. } = message {
                return Err(why.as_ref().map(Refusal::to_string).unwrap_or_default());
            }
        }
        let report = self.session.report().extraction.expect("an extraction");
        let [weights, text] = [ExportFile::Adapter, ExportFile::Config].map(|file| self.download(file));
        let text = String::from_utf8(text).expect("JSON");
        assert_eq!(report.file.bytes, weights.len() as u64);
        Ok((report, Source::of(MemorySource::new("adapter_model.safetensors", weights), config(&text))))
    }

    fn download(&self, file: ExportFile) -> Vec<u8> {
        let download = self.session.export(&Export::Written { job: 1, file }).unwrap_or_else(|text| panic!("{text}"));
        download.pieces.iter().flat_map(|piece| piece.iter().copied()).collect()
    }
}

fn request(bench: &Bench<impl Fn(ToPage)>, rank: ExtractRank) -> ExtractRequest {
    let (from, to) = (bench.checkpoint("base"), bench.checkpoint("merged"));
    ExtractRequest { from, to, rank, dtype: OutputType::F32, embeddings: false }
}

#[test]
fn what_was_merged_comes_out_again() {
    let delta = Source::open("peft-lora").products();
    let merged = merged(BASE, &delta);
    let (before, after) = (weights(&fixture(BASE)), weights(&merged));
    for choice in backends() {
        let mut bench = bench(choice, vec![fixture(BASE), merged.clone()]);
        let request = request(&bench, ExtractRank::Number(8));
        let (report, adapter) = bench.extract(request).unwrap_or_else(|text| panic!("{text}"));
        assert_eq!((report.from.as_str(), report.to.as_str(), report.rank_rule.as_str()), ("base", "merged", "rank 8"));
        let extracted = adapter.products();
        assert_eq!(extracted.len(), report.modules.len());
        let (mut worst, mut update_sq, mut rest_sq): (f64, f64, f64) = (0.0, 0.0, 0.0);
        for (name, delta) in &delta {
            let x = &after[name] - &before[name];
            let x8 = &extracted[name];
            let (ours, noise) = ((x8 - delta).norm(), (&x - delta).norm());
            assert!(ours <= 2.0 * noise, "{name}: ‖X₈ − ΔW‖ = {ours:e}, ‖X − ΔW‖ = {noise:e}");
            worst = worst.max(ours / noise);
        }
        for module in &report.modules {
            let x = &after[&module.name] - &before[&module.name];
            let rest = (&x - &extracted[&module.name]).norm();
            let error = rest / x.norm();
            assert!((module.error - error).abs() <= 1e-6, "{}: {} reported, {error} true", module.name, module.error);
            assert!((module.update_norm - x.norm()).abs() <= 1e-6 * x.norm());
            let sigma = thin_svd(&x).expect("finite").sigma;
            for (ours, exact) in module.singular_values.iter().zip(&sigma) {
                assert!((ours - exact).abs() <= 1e-6 * sigma[0], "{}: σ {ours}, dense {exact}", module.name);
            }
            update_sq += x.norm_squared();
            rest_sq += rest * rest;
        }
        assert!((report.error - (rest_sq / update_sq).sqrt()).abs() <= 1e-6);
        println!("{choice:?}: ‖X₈ − ΔW‖ is at most {worst:.2} of ‖X − ΔW‖, error {:.4}", report.error);
    }
}

#[test]
fn an_energy_is_reached_with_the_smallest_rank() {
    let delta = Source::open("peft-lora").products();
    let merged = merged(BASE, &delta);
    let (before, after) = (weights(&fixture(BASE)), weights(&merged));
    for choice in backends() {
        let mut bench = bench(choice, vec![fixture(BASE), merged.clone()]);
        let request = request(&bench, ExtractRank::Energy { share: 0.8, most: 64 });
        let (report, adapter) = bench.extract(request).unwrap_or_else(|text| panic!("{text}"));
        assert_eq!(report.rank_rule, "80 % of the energy, at most rank 64");
        let mut ranks: Vec<u32> = Vec::new();
        for module in &report.modules {
            let x = &after[&module.name] - &before[&module.name];
            let sigma = thin_svd(&x).expect("finite").sigma;
            let kept = |k: usize| sigma[..k].iter().map(|s| s * s).sum::<f64>() / x.norm_squared();
            let rank = module.rank as usize;
            // An energy within f32's error of the wanted one may fall on either side.
            assert!(
                kept(rank) >= 0.8 - 1e-6 && (rank == 1 || kept(rank - 1) < 0.8 + 1e-6),
                "{}: rank {rank}",
                module.name
            );
            assert!((module.error.powi(2) - (1.0 - kept(rank))).abs() <= 1e-3, "{}", module.name);
            ranks.push(module.rank);
        }
        ranks.sort_unstable();
        assert!(ranks.first() < ranks.last(), "modules differ in rank: {ranks:?}");
        for module in &adapter.adapter.modules {
            let reported = report.modules.iter().find(|m| m.name == module.name).expect("the module");
            assert_eq!((module.rank, module.scale), (reported.rank, 1.0));
        }
    }
}

/// Embeddings are stored the other way round by PEFT, and half precision rounds what is measured too.
#[test]
fn embeddings_and_half_precision() {
    let base = fixture(BASE);
    let after = fixture("llama-mini/step-40/model.safetensors");
    let (old, new) = (weights(&base), weights(&after));
    for choice in backends() {
        let mut bench = bench(choice, vec![base.clone(), after.clone()]);
        let (from, to) = (bench.checkpoint("base"), bench.checkpoint("step-40"));
        let request =
            ExtractRequest { from, to, rank: ExtractRank::Number(4), dtype: OutputType::Bf16, embeddings: true };
        let (report, adapter) = bench.extract(request).unwrap_or_else(|text| panic!("{text}"));
        assert!(report.modules.iter().any(|m| m.name == "model.embed_tokens"), "{:?}", report.left_out);
        let extracted = adapter.products();
        for module in &report.modules {
            let x = &new[&module.name] - &old[&module.name];
            let error = (&x - &extracted[&module.name]).norm() / x.norm();
            assert!((module.error - error).abs() <= 1e-6, "{}: {} reported, {error} true", module.name, module.error);
        }
        assert!(report.left_out.iter().all(|left| left.reason.contains("no matrix")), "{:#?}", report.left_out);
    }
}

#[test]
fn what_cannot_be_extracted_is_said() {
    let base = fixture(BASE);
    let mut bench = bench(BackendChoice::Cpu, vec![base, fixture("llama-mini/step-40/model.safetensors")]);
    let (from, to) = (bench.checkpoint("base"), bench.checkpoint("step-40"));
    let good = ExtractRequest { from, to, rank: ExtractRank::Number(4), dtype: OutputType::F32, embeddings: false };
    let said = |bench: &mut Bench<_>, request| bench.extract(request).err().unwrap_or_default();
    for (request, wanted) in [
        (ExtractRequest { to: from, ..good }, "Choose two different checkpoints"),
        (ExtractRequest { to: 99, ..good }, "A checkpoint is no longer here"),
        (ExtractRequest { rank: ExtractRank::Number(0), ..good }, "A rank of 0 cannot be extracted"),
        (ExtractRequest { rank: ExtractRank::Number(5000), ..good }, "from 1 to 512"),
        (ExtractRequest { rank: ExtractRank::Energy { share: 1.5, most: 8 }, ..good }, "above 0 and up to 100"),
        (ExtractRequest { rank: ExtractRank::Energy { share: f64::NAN, most: 8 }, ..good }, "above 0 and up to 100"),
    ] {
        let text = said(&mut bench, request);
        assert!(text.contains(wanted), "{text:?} should say {wanted:?}");
    }
    assert!(bench.session.export(&Export::Written { job: 1, file: ExportFile::Zip }).is_err());
    bench.extract(good).unwrap_or_else(|text| panic!("{text}"));
    // What was made stays while another one fails, and goes with its checkpoint.
    said(&mut bench, ExtractRequest { to: from, ..good });
    assert!(bench.session.report().extraction.is_some());
    block_on(bench.session.remove(from));
    assert!(bench.session.report().extraction.is_none());
    assert!(bench.messages.borrow().contains(&ToPage::Gone { job: 1 }));
}
