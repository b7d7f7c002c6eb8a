//! Files that people reported in public, made small (`tests/fixtures/reports`): each `expect.json` says which modules
//! must come out, and with which figures.

mod experts;
mod names;
mod refused;

use lorascope_format::adapter::flat::dotted;
use lorascope_format::bytes::MemorySource;
use lorascope_protocol::Question;
use lorascope_protocol::report::{AdapterReport, ModuleReport};
use pollster::block_on;
use serde_json::Value;

use crate::alignment::bench::{below, bench};
use crate::common::{fixture, json};
use crate::dropped::{Dropped, drops_on};
use crate::started::backends;

/// A reported file, and what must come out of it.
struct Reported {
    case: &'static str,
    expect: Value,
}

fn reported(case: &'static str) -> Reported {
    Reported { case, expect: json(&format!("reports/{case}/expect.json"))["must"].clone() }
}

impl Reported {
    /// Drops these files and folders of the case, on every backend, and hands over what came of it.
    fn drop_each(&self, paths: &[&str], look: impl Fn(&Dropped)) {
        for choice in backends() {
            look(&drops_on(choice, vec![self.files(paths)]));
        }
    }

    /// Drops all of these paths, and says that every pair of what came is one update on all of its modules.
    fn are_one(&self, paths: &[&str], count: u32) {
        for choice in backends() {
            let mut bench = bench(choice);
            bench.drop_files(self.files(paths));
            block_on(bench.session.ask(1, Question::Compare));
            let comparison = bench.session.report().comparison.expect("a comparison");
            assert_eq!(comparison.pairs.len(), paths.len() * (paths.len() - 1) / 2);
            for pair in &comparison.pairs {
                assert_eq!(pair.figures.counts, [count, 0, 0, 0], "{:?}", pair.not_compared);
                let cosine = pair.figures.cosine.expect("a cosine");
                assert!((cosine - 1.0).abs() < 1e-6, "{}: {cosine}", self.case);
                for module in &pair.modules {
                    let figures = [module.cosine, module.interference];
                    assert!(figures.iter().all(|x| (x - 1.0).abs() < 1e-6), "{}: {figures:?}", module.name);
                }
            }
        }
    }

    fn files(&self, paths: &[&str]) -> Vec<MemorySource> {
        let at = |path: &&str| format!("reports/{}/{path}", self.case);
        let is_file = |path: &&&str| [".safetensors", ".json", ".gguf"].iter().any(|end| path.ends_with(end));
        let (files, folders): (Vec<&str>, Vec<&str>) = paths.iter().partition(|path| is_file(path));
        let mut all: Vec<_> = files.iter().map(|path| fixture(&at(path))).collect();
        all.extend(folders.iter().flat_map(|path| below(&at(path))));
        all
    }

    fn modules(&self) -> &[Value] {
        self.expect["modules"].as_array().expect("a list of modules")
    }

    /// The adapter has every module that is expected of it, with its figures.
    fn holds(&self, adapter: &AdapterReport) {
        self.holds_scaled(adapter, None);
    }

    /// The same with another scale, where one file stores what others have as a number beside it.
    fn holds_scaled(&self, adapter: &AdapterReport, scale: Option<f64>) {
        let is_listed = |wanted: &Value| {
            let listed = adapter.not_analyzed.iter().find(|entry| wanted["path"] == entry.name.as_str());
            wanted["rank"] == 0 && listed.is_some_and(|entry| entry.reason.contains("its update is zero"))
        };
        for wanted in self.modules().iter().filter(|wanted| !is_listed(wanted)) {
            let module = find(adapter, wanted);
            let what = format!("{}: {}", self.case, module.name);
            let wanted_scale = scale.or_else(|| wanted["scale"].as_f64());
            for (name, is, should) in [
                ("scale", module.scale, wanted_scale),
                ("Frobenius norm", module.frobenius, wanted["frobenius"].as_f64()),
            ] {
                let should = should.unwrap_or(is);
                assert!((is - should).abs() <= 1e-5 * should.abs().max(1e-6), "{what}: {name} {is}, not {should}");
            }
            let shape = wanted["shape"].as_array().map(|shape| [0, 1].map(|n| shape[n].as_u64().expect("a size")));
            let [rows, cols] = shape.unwrap_or(module.shape);
            let turned = !wanted["expert"].is_null() && module.shape == [cols, rows];
            assert!(module.shape == [rows, cols] || turned, "{what}: {:?}", module.shape);
            let is_number = |key: &str, is: u64| wanted[key].as_u64().is_none_or(|should| should == is);
            assert!(is_number("rank", module.rank.into()), "{what}: rank {}", module.rank);
            assert!(is_number("numerical_rank", module.numerical_rank.into()), "{what}: {}", module.numerical_rank);
            assert_eq!(module.layer.map(u64::from), wanted["layer"].as_u64(), "{what}: its layer");
            if let Some(stack) = wanted["stack"].as_str() {
                assert_eq!(module.stack, stack, "{what}: its stack");
            }
            holds_role(module, wanted, &what);
            let sigma = wanted["sigma"].as_array().map_or(&[][..], Vec::as_slice);
            for (n, should) in sigma.iter().enumerate() {
                let should = should.as_f64().expect("a number");
                let is = module.singular_values.get(n).copied().unwrap_or_default();
                assert!((is - should).abs() <= 1e-5 * module.frobenius.max(1e-6), "{what}: σ[{n}] {is}, not {should}");
            }
        }
    }
}

fn holds_role(module: &ModuleReport, wanted: &Value, what: &str) {
    let bare = module.role.strip_prefix("cross_").unwrap_or(&module.role);
    if let Some(kind) = wanted["kind"].as_str() {
        assert_eq!(bare, kind, "{what}: its role");
    }
    match wanted["attends"].as_str() {
        Some("cross") => assert!(module.role.starts_with("cross_"), "{what}: {} is cross-attention", module.role),
        Some("self") => assert!(!module.role.starts_with("cross_"), "{what}: {} is self-attention", module.role),
        _ => {}
    }
}

/// The name in the model of what llama.cpp calls `blk.2.ffn_gate_exps`.
fn in_the_model(path: &str) -> String {
    let Some((layer, name)) = path.strip_prefix("blk.").and_then(|rest| rest.split_once('.')) else {
        return path.to_owned();
    };
    let name = match name {
        "attn_q" => "self_attn.q_proj".to_owned(),
        experts => experts.replace("ffn_", "mlp.experts.").replace("_exps", "_proj"),
    };
    format!("model.layers.{layer}.{name}")
}

/// The one module at a path; of experts that share a path, the one of this number.
fn find<'a>(adapter: &'a AdapterReport, wanted: &Value) -> &'a ModuleReport {
    let path = &in_the_model(wanted["path"].as_str().expect("a path"));
    let numbered = wanted["expert"].as_u64().map(|expert| format!("{path}.{expert}"));
    let is_at = |module: &&ModuleReport, path: &str| {
        let name = dotted(&module.name);
        name.strip_suffix(path).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    let at =
        |path: &str| -> Vec<&ModuleReport> { adapter.modules.iter().filter(|module| is_at(module, path)).collect() };
    let mut found = at(path);
    if let (true, Some(numbered)) = (found.is_empty(), &numbered) {
        found = at(numbered);
    }
    match found[..] {
        [one] => one,
        _ => {
            let names: Vec<_> = adapter.modules.iter().map(|module| dotted(&module.name)).collect();
            panic!("{} at {path} {numbered:?} of {names:#?}, listed: {:#?}", found.len(), adapter.not_analyzed)
        }
    }
}

/// All that is said of a drop: warnings, problems, reasons, notes, in lower case.
fn said(dropped: &Dropped) -> String {
    let mut words: Vec<String> = dropped.problems.iter().map(|problem| problem.text.clone()).collect();
    for adapter in &dropped.report.adapters {
        words.push(adapter.format.clone());
        words.extend(adapter.warnings.iter().cloned());
        words.extend(adapter.not_analyzed.iter().map(|entry| format!("{}: {}", entry.name, entry.reason)));
        words.extend(adapter.modules.iter().filter_map(|module| module.note.clone()));
    }
    words.join("\n").to_lowercase()
}

/// One of the words between bars is said.
fn says(dropped: &Dropped, words: &str) {
    let said = said(dropped);
    assert!(words.split('|').any(|word| said.contains(word)), "nobody says {words:?}:\n{said}");
}

fn never_says(dropped: &Dropped, words: &str) {
    let said = said(dropped);
    let found: Vec<&str> = words.split('|').filter(|word| said.contains(word)).collect();
    assert!(found.is_empty(), "{found:?} should not be said:\n{said}");
}
