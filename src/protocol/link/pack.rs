//! From a report to what a link holds of it.

use super::facts::{Ids, Numbered, zigzag};
use super::measures::{Bits, Measures};
use super::names::{Named, Names};
use super::v1::{self, Domains, Facts};
use super::v2::Packed;
use crate::report::{AdapterReport, ModuleReport};

/// Characters of a text that is carried; what is longer is cut, with an ellipsis.
pub const MOST_TEXT: usize = 160;

/// The profile without its spectra.
pub fn pack(report: &AdapterReport, modules: &[ModuleReport]) -> Packed {
    let origin = report.origin.as_ref();
    let count = |list: usize, counted: Option<u32>| {
        u32::try_from(list).unwrap_or(u32::MAX).saturating_add(counted.unwrap_or_default())
    };
    let mut texts = Texts::default();
    let named = modules.iter().map(|m| Named {
        name: m.name.clone(),
        layer: m.layer,
        stack: texts.id(&m.stack),
        role: texts.id(&m.role),
        kind: texts.id(&m.kind),
    });
    let names = Names::of(&named.collect::<Vec<_>>());
    let facts = facts(modules, &mut texts);
    let mut bits = Bits::default();
    let mut column = |of: fn(&ModuleReport) -> f64| Measures::of(modules.iter().map(of), &mut bits);
    let (frobenius, stable_rank) = (column(|m| m.frobenius), column(|m| m.stable_rank));
    let effective_rank = column(|m| m.effective_rank);
    // Modules are counted as u32 before.
    let copied = modules.iter().zip(0..).filter_map(|(m, n)| Some((n, texts.id(m.copy_of.as_ref()?))));
    let copies: Vec<(u32, u32)> = copied.collect();
    let scheme = report.domains.own.as_ref().and_then(|own| serde_json::to_string(own).ok());
    let profile = v1::Packed {
        label: cut(&report.label),
        format: cut(&report.format),
        base_model: report.base_model.as_deref().map(cut),
        total_layers: report.total_layers,
        total_layers_source: cut(&report.total_layers_source),
        rank: [report.rank.min, report.rank.max],
        parameters: report.parameters,
        energy: report.energy,
        not_analyzed: count(report.not_analyzed.len(), origin.map(|o| o.not_analyzed)),
        warnings: count(report.warnings.len(), origin.map(|o| o.warnings)),
        domains: domains(report),
        count: u32::try_from(modules.len()).unwrap_or(u32::MAX),
        texts: texts.0.values,
        names,
        facts,
        frobenius,
        stable_rank,
        effective_rank,
        bits,
        spectra: None,
    };
    Packed { profile, copies, scheme }
}

fn domains(report: &AdapterReport) -> Domains {
    let domains = &report.domains;
    let score = |(key, value): (&String, &serde_json::Value)| {
        let score = value.as_f64().filter(|score| score.is_finite())?;
        Some((cut(key), score as f32, domains.tags.contains(key)))
    };
    Domains {
        scheme: cut(&domains.scheme),
        scores: domains.scores.iter().filter_map(score).collect(),
        tag_threshold: domains.tag_threshold,
        evidence: domains.evidence,
    }
}

fn facts(modules: &[ModuleReport], texts: &mut Texts) -> Facts {
    let mut shapes: Numbered<[u64; 2], [u64; 2]> = Numbered::default();
    let mut scales: Numbered<u64, f64> = Numbered::default();
    let shape = Ids::of(modules.iter().map(|m| shapes.id(m.shape, || m.shape)));
    let scale = Ids::of(modules.iter().map(|m| scales.id(m.scale.to_bits(), || m.scale)));
    let mut column = |of: fn(&ModuleReport) -> &str| Ids::of(modules.iter().map(|m| texts.id(of(m))));
    let (scale_source, depth) = (column(|m| &m.scale_source), column(|m| &m.depth));
    let (dtype, algorithm) = (column(|m| &m.dtype), column(|m| &m.algorithm));
    let note = Ids::of(modules.iter().map(|m| m.note.as_ref().map_or(0, |note| texts.id(note) + 1)));
    let values = modules.iter().map(|m| zigzag(m.known_values() as i64 - i64::from(directions(m.shape, m.rank))));
    let unused = modules.iter().map(|m| zigzag(m.known_values() as i64 - i64::from(m.numerical_rank)));
    Facts {
        shapes: shapes.values,
        shape,
        scales: scales.values,
        scale,
        scale_source,
        depth,
        dtype,
        algorithm,
        note,
        rank: Ids::of(modules.iter().map(|m| m.rank)),
        values: Ids::of(values),
        unused: Ids::of(unused),
        truncated: Ids::of(modules.iter().map(|m| u32::from(m.truncated))),
    }
}

/// min(out, in, rank), or min(out, in) for what has no rank; at most 2³¹.
pub fn directions(shape: [u64; 2], rank: u32) -> u32 {
    let side = shape[0].min(shape[1]).min(1 << 31) as u32;
    if rank == 0 { side } else { side.min(rank) }
}

#[derive(Default)]
struct Texts(Numbered<String, String>);

impl Texts {
    fn id(&mut self, text: &str) -> u32 {
        let text = cut(text);
        self.0.id(text.clone(), || text)
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_TEXT) {
        None => text.to_owned(),
        Some(_) => text.chars().take(MOST_TEXT - 1).chain(['…']).collect(),
    }
}
