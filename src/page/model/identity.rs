//! The identity card: what an adapter is, in a few facts.

use std::collections::{BTreeMap, BTreeSet};

use super::about::beside_scale;
use super::number::{ABSENT, count, general, grouped, plural, short};
use super::sheet::span;
use lorascope_protocol::ScaleSource;
use lorascope_protocol::report::{AdapterReport, LayerSource, ModuleReport};

/// One fact of the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub name: &'static str,
    pub value: String,
    /// Smaller, after the value: where it comes from.
    pub note: String,
}

impl Fact {
    pub fn new(name: &'static str, value: impl Into<String>, note: impl Into<String>) -> Fact {
        Fact { name, value: value.into(), note: note.into() }
    }
}

/// The facts in reading order.
pub fn facts(report: &AdapterReport, modules: &[ModuleReport]) -> Vec<Fact> {
    let fact = |name, value: String, note: String| Fact { name, value, note };
    let (scale, scale_note) = scale(modules);
    let mut facts = vec![fact("Format", report.format.clone(), algorithms(modules))];
    facts.push(match &report.base_model {
        Some(base) => fact("Base model", base.clone(), String::new()),
        None => fact("Base model", "not named".to_owned(), "in the adapter’s files".to_owned()),
    });
    facts.push(fact("Modules", plural(modules.len(), "module", "modules"), outside(modules)));
    let (layers, layers_note) = layers(report, modules);
    facts.push(fact("Layers", layers, layers_note));
    let (rank, rank_note) = rank(modules);
    facts.push(fact("Rank", rank, rank_note));
    facts.push(fact("Scale s", scale, scale_note));
    let dtypes: BTreeSet<&str> = modules.iter().map(|m| m.dtype.as_str()).collect();
    facts.push(fact("Parameters", count(report.parameters), dtypes.into_iter().collect::<Vec<_>>().join(", ")));
    facts.push(fact("‖ΔW‖", general(report.energy.max(0.0).sqrt()), "all modules together".to_owned()));
    facts
}

/// "6", "3 of 32", "37 in 4 stacks", and how many there are by what; "–" where all modules lie outside.
fn layers(report: &AdapterReport, modules: &[ModuleReport]) -> (String, String) {
    let places: BTreeSet<_> = modules.iter().filter_map(|m| Some((m.stack.as_str(), m.layer?))).collect();
    let stacks = places.iter().map(|(stack, _)| stack).collect::<BTreeSet<_>>().len();
    let (touched, total) = (grouped(places.len() as u64), report.total_layers);
    let value = match places.len() {
        0 => return (ABSENT.to_owned(), "no module lies in a layer".to_owned()),
        // Of several stacks each has a number of its own.
        _ if stacks > 1 => return (format!("{touched} in {}", plural(stacks, "stack", "stacks")), String::new()),
        n if n >= total as usize => touched,
        _ => format!("{touched} of {}", grouped(u64::from(total))),
    };
    // What goes without saying is short.
    let source = report.total_layers_source.as_str();
    (value, if LayerSource::are_of_names(source) { "by the modules’ names" } else { source }.to_owned())
}

/// How many modules lie outside the layers, where some lie inside.
fn outside(modules: &[ModuleReport]) -> String {
    match modules.iter().filter(|m| m.layer.is_none()).count() {
        0 => String::new(),
        n if n == modules.len() => "outside the layers".to_owned(),
        n => format!("{} outside the layers", grouped(n as u64)),
    }
}

/// "192 LoRA, 12 LoKr", where there are several.
fn algorithms(modules: &[ModuleReport]) -> String {
    let found = tally(modules.iter().map(|m| m.algorithm.as_str()));
    if found.len() < 2 {
        return String::new();
    }
    let counts = found.iter().map(|(algorithm, count)| format!("{} {algorithm}", grouped(*count as u64)));
    counts.collect::<Vec<_>>().join(", ")
}

/// The span of the ranks, and how many modules have none.
fn rank(modules: &[ModuleReport]) -> (String, String) {
    let ranks = modules.iter().map(|m| m.rank).filter(|rank| *rank > 0);
    let without = modules.iter().filter(|m| m.rank == 0).count();
    let note = match without {
        0 => String::new(),
        n if n == modules.len() => "not stored as thin factors".to_owned(),
        n => format!("none in {}", plural(n, "module", "modules")),
    };
    (span(ranks), note)
}

/// Distinct words with how often each comes, the commonest first.
fn tally<'a>(words: impl Iterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

/// "alpha tensor in 192 modules, by definition in 12", and how many more beyond the first three.
fn shares(found: &[(&str, usize)]) -> String {
    const MOST: usize = 3;
    let mut parts = Vec::new();
    for (place, (word, count)) in found.iter().take(MOST).enumerate() {
        let count = if place == 0 { plural(*count, "module", "modules") } else { grouped(*count as u64) };
        parts.push(format!("{word} in {count}"));
    }
    let beyond: usize = found.iter().skip(MOST).map(|(_, count)| count).sum();
    if beyond > 0 {
        parts.push(format!("others in {}", grouped(beyond as u64)));
    }
    parts.join(", ")
}

/// Where a scale comes from, without the numbers of the one module.
fn origin(source: &str) -> &str {
    match ScaleSource::from(source) {
        ScaleSource::AlphaTensor(_) => "alpha tensor",
        _ => beside_scale(source),
    }
}

/// The distinct scales, the commonest first, and where they come from.
fn scale(modules: &[ModuleReport]) -> (String, String) {
    let mut distinct: BTreeMap<u64, (f64, usize)> = BTreeMap::new();
    for m in modules {
        distinct.entry(m.scale.to_bits()).or_insert((m.scale, 0)).1 += 1;
    }
    let mut scales: Vec<(f64, usize)> = distinct.into_values().collect();
    scales.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.total_cmp(&b.0)));
    let shown: Vec<String> = scales.iter().take(4).map(|(s, _)| short(*s)).collect();
    let mut value = shown.join(", ");
    if scales.len() > 4 {
        value.push_str(&format!(" and {} more", scales.len() - 4));
    }
    let sources = tally(modules.iter().map(|m| m.scale_source.as_str()));
    let origins = tally(modules.iter().map(|m| origin(&m.scale_source)));
    let note = match (sources.as_slice(), origins.as_slice()) {
        ([(one, _)], _) => beside_scale(one).to_owned(),
        (_, [(one, _)]) => (*one).to_owned(),
        (_, origins) => shares(origins),
    };
    (value, note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{adapter, module, placed};

    fn value(facts: &[Fact], name: &str) -> (String, String) {
        let fact = facts.iter().find(|f| f.name == name).unwrap();
        (fact.value.clone(), fact.note.clone())
    }

    #[test]
    fn a_plain_adapter() {
        let mut report = adapter("a");
        report.base_model = Some("meta-llama/Llama-3.1-8B".to_owned());
        let modules: Vec<ModuleReport> =
            (0..6).map(|l| module(&format!("layers.{l}.q_proj"), Some(l), "q", 4)).collect();
        let facts = facts(&report, &modules);
        assert_eq!(value(&facts, "Modules"), ("6 modules".into(), String::new()));
        assert_eq!(value(&facts, "Layers"), ("6".into(), report.total_layers_source.clone()));
        report.total_layers_source = "the largest layer number of a stack, plus 1".to_owned();
        assert_eq!(value(&super::facts(&report, &modules), "Layers").1, "by the modules’ names");
        assert_eq!(value(&facts, "Rank").0, "4");
        assert_eq!(value(&facts, "Scale s"), ("2".into(), "alpha 16 / r 8, adapter_config".into()));
        assert_eq!(value(&facts, "‖ΔW‖").0, "2.000");
        assert_eq!(value(&facts, "Parameters").1, "F32");
    }

    #[test]
    fn layers_of_several_stacks_count_apart() {
        let modules = placed(&[
            "lora_te_text_model_encoder_layers_0_mlp_fc1",
            "lora_unet_conv_in",
            "lora_unet_down_blocks_0_resnets_0_conv1",
            "lora_unet_up_blocks_0_resnets_0_conv1",
            "lora_unet_up_blocks_0_resnets_1_conv1",
        ]);
        let facts = facts(&adapter("a"), &modules);
        assert_eq!(
            (value(&facts, "Modules").1, value(&facts, "Layers").0),
            ("1 outside the layers".into(), "4 in 3 stacks".into())
        );
    }

    #[test]
    fn patterns_sparse_layers_and_assumptions() {
        let mut report = adapter("a");
        report.total_layers = 32;
        let mut modules = vec![
            module("layers.3.q_proj", Some(3), "q", 2),
            module("layers.9.q_proj", Some(9), "q", 16),
            module("embed_tokens", None, "embed", 4),
        ];
        modules[1].scale = 0.5;
        modules[1].scale_source = "alpha_pattern".to_owned();
        let shown = facts(&report, &modules);
        assert_eq!(value(&shown, "Modules").1, "1 outside the layers");
        assert_eq!(value(&shown, "Layers"), ("2 of 32".to_owned(), report.total_layers_source.clone()));
        assert_eq!(value(&shown, "Rank").0, "2 to 16");
        assert_eq!(value(&shown, "Scale s").0, "2, 0.5");
        assert_eq!(value(&shown, "Scale s").1, "alpha 16 / r 8, adapter_config in 2 modules, alpha_pattern in 1");
        let beside = facts(&report, &modules[2..]);
        assert_eq!(
            (value(&beside, "Modules").1, value(&beside, "Layers").0),
            ("outside the layers".into(), "–".into())
        );
    }

    #[test]
    fn mixtures_are_counted() {
        let mut modules: Vec<ModuleReport> =
            (0..6).map(|l| module(&format!("layers.{l}.q_proj"), Some(l), "q", 4)).collect();
        for (m, alpha) in modules.iter_mut().zip([1, 2, 1, 2]) {
            m.scale_source = format!("alpha tensor: {alpha} / rank 4");
        }
        for m in &mut modules[4..] {
            (m.rank, m.algorithm, m.scale_source) = (0, "full difference".to_owned(), "1: by definition".to_owned());
        }
        let shown = facts(&adapter("a"), &modules);
        assert_eq!(value(&shown, "Format").1, "4 LoRA, 2 full difference");
        assert_eq!(value(&shown, "Rank"), ("4".into(), "none in 2 modules".into()));
        assert_eq!(value(&shown, "Scale s").1, "alpha tensor in 4 modules, by definition in 2");
        let shown = facts(&adapter("a"), &modules[..4]);
        assert_eq!((value(&shown, "Format").1, value(&shown, "Scale s").1), (String::new(), "alpha tensor".into()));
        let shown = facts(&adapter("a"), &modules[4..]);
        assert_eq!(value(&shown, "Rank"), (ABSENT.into(), "not stored as thin factors".into()));
        assert_eq!(value(&facts(&adapter("a"), &[]), "Scale s"), (String::new(), String::new()));
    }

    #[test]
    fn of_many_origins_the_commonest_are_named() {
        let found = [("a", 9), ("b", 5), ("c", 2), ("d", 1), ("e", 1)];
        assert_eq!(shares(&found), "a in 9 modules, b in 5, c in 2, others in 2");
    }
}
