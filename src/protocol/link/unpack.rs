//! From what a link holds to the report, nothing of it taken on trust.

use std::collections::BTreeMap;

use super::MOST_MODULES;
use super::facts::{Ids, unzigzag};
use super::pack::{MOST_TEXT, directions};
use super::spectra;
use super::v1::{Domains, Packed};
use super::v2;
use crate::report::scheme::Scheme;
use crate::report::{AdapterReport, DomainReport, ModuleReport, Origin, RankRange, share_energy};

/// Bytes of names that come of a few characters' repetition, at most.
const MOST_NAMES: usize = 8 << 20;
/// Bytes of the other texts of all modules.
const MOST_TEXTS: usize = 32 << 20;
/// The largest whole number that JavaScript holds exactly; no real size comes near.
const MOST_WHOLE: u64 = 1 << 53;
/// Domains of a scheme.
const MOST_DOMAINS: usize = 64;

/// `None` where a column does not fit, or where a number is not finite or means nothing.
pub fn unpack(packed: v2::Packed, link: u8) -> Option<AdapterReport> {
    let v2::Packed { profile: packed, copies, scheme } = packed;
    let count = packed.count as usize;
    let is_number = |x: f64| x.is_finite() && x >= 0.0;
    let sane = count <= MOST_MODULES
        && is_number(packed.energy)
        && packed.parameters <= MOST_WHOLE
        && packed.rank[0] <= packed.rank[1]
        && packed.texts.iter().all(|text| is_short(text))
        && [&packed.label, &packed.format, &packed.total_layers_source].into_iter().all(|text| is_short(text))
        && packed.base_model.as_ref().is_none_or(|text| is_short(text));
    if !sane {
        return None;
    }
    let has_spectra = packed.spectra.is_some();
    let mut modules = modules(&packed, count)?;
    let mut left = MOST_TEXTS;
    for (n, text) in copies {
        let text = packed.texts.get(text as usize)?;
        left = left.checked_sub(text.len())?;
        modules.get_mut(n as usize)?.copy_of = Some(text.clone());
    }
    share_energy(&mut modules);
    let own = match scheme {
        Some(text) => Some(serde_json::from_str(&text).ok()?),
        None => None,
    };
    Some(AdapterReport {
        label: packed.label,
        format: packed.format,
        base_model: packed.base_model,
        total_layers: packed.total_layers,
        total_layers_source: packed.total_layers_source,
        rank: RankRange { min: packed.rank[0], max: packed.rank[1] },
        parameters: packed.parameters,
        energy: packed.energy,
        modules,
        not_analyzed: Vec::new(),
        warnings: Vec::new(),
        metadata: BTreeMap::new(),
        domains: domains(packed.domains, own)?,
        origin: Some(Origin {
            link,
            spectra: has_spectra,
            not_analyzed: packed.not_analyzed,
            warnings: packed.warnings,
        }),
    })
}

/// No longer than a text is when it is packed.
fn is_short(text: &str) -> bool {
    text.chars().nth(MOST_TEXT).is_none()
}

fn domains(packed: Domains, own: Option<Scheme>) -> Option<DomainReport> {
    let fine = is_short(&packed.scheme)
        && packed.scores.len() <= MOST_DOMAINS
        && packed.scores.iter().all(|(key, score, _)| is_short(key) && score.is_finite())
        && packed.tag_threshold.is_none_or(f64::is_finite);
    if !fine {
        return None;
    }
    let tags = packed.scores.iter().filter(|(_, _, is_tag)| *is_tag).map(|(key, ..)| key.clone()).collect();
    let scores = packed.scores.into_iter().map(|(key, score, _)| (key, f64::from(score).into())).collect();
    let Domains { scheme, tag_threshold, evidence, .. } = packed;
    let report = DomainReport { scheme, scores, tags, tag_threshold, evidence, own };
    report.check().is_ok().then_some(report)
}

fn modules(packed: &Packed, count: usize) -> Option<Vec<ModuleReport>> {
    let facts = &packed.facts;
    let ids = |ids: &Ids| ids.read(count);
    let (shape, scale, scale_source) = (ids(&facts.shape)?, ids(&facts.scale)?, ids(&facts.scale_source)?);
    let (depth, dtype, algorithm, note) =
        (ids(&facts.depth)?, ids(&facts.dtype)?, ids(&facts.algorithm)?, ids(&facts.note)?);
    let (rank, values, unused) = (ids(&facts.rank)?, ids(&facts.values)?, ids(&facts.unused)?);
    let truncated = ids(&facts.truncated)?;
    let mut bits = packed.bits.clone();
    let frobenius = packed.frobenius.read(&mut bits, count)?;
    let stable_rank = packed.stable_rank.read(&mut bits, count)?;
    let effective_rank = packed.effective_rank.read(&mut bits, count)?;
    if !bits.is_read() {
        return None;
    }
    let mut left = MOST_TEXTS;
    let mut text = |id: u32| {
        let text = packed.texts.get(id as usize)?;
        left = left.checked_sub(text.len())?;
        Some(text.clone())
    };
    let mut modules = Vec::with_capacity(count);
    for (n, named) in packed.names.read(count, MOST_NAMES)?.into_iter().enumerate() {
        let shape = *facts.shapes.get(shape[n] as usize)?;
        let scale = *facts.scales.get(scale[n] as usize)?;
        let known = i64::from(directions(shape, rank[n])) + unzigzag(values[n]);
        let (known, numerical_rank) = (u32::try_from(known).ok()?, u32::try_from(known - unzigzag(unused[n])).ok()?);
        let fine = shape.iter().all(|side| *side <= MOST_WHOLE) && scale.is_finite() && truncated[n] < 2;
        // Rounding must not make more directions than there are.
        let most = if truncated[n] == 1 { f64::INFINITY } else { f64::from(known.max(1)) };
        let (norm, stable, effective) = (frobenius[n], stable_rank[n].min(most), effective_rank[n].min(most));
        // Without a norm there is nothing to measure, and with one at least one direction.
        let rank_fits = |x: f64| if norm > 0.0 { x >= 1.0 } else { x == 0.0 };
        if !fine || !rank_fits(stable) || !rank_fits(effective) {
            return None;
        }
        modules.push(ModuleReport {
            name: named.name,
            layer: named.layer,
            stack: text(named.stack)?,
            kind: text(named.kind)?,
            depth: text(depth[n])?,
            role: text(named.role)?,
            shape,
            rank: rank[n],
            scale,
            scale_source: text(scale_source[n])?,
            dtype: text(dtype[n])?,
            algorithm: text(algorithm[n])?,
            note: match note[n].checked_sub(1) {
                Some(id) => Some(text(id)?),
                None => None,
            },
            copy_of: None,
            frobenius: norm,
            singular_values: Vec::new(),
            unlisted: Some(known),
            truncated: truncated[n] == 1,
            energy_share: 0.0,
            stable_rank: stable,
            effective_rank: effective,
            numerical_rank,
            spectral_entropy: if effective > 0.0 { effective.ln() } else { 0.0 },
        });
    }
    if let Some(bytes) = &packed.spectra {
        let counts: Vec<_> = modules.iter().map(|m| (m.sigma_1(), m.unlisted.unwrap_or_default() as usize)).collect();
        for (module, spectrum) in modules.iter_mut().zip(spectra::read(bytes, &counts)?) {
            module.singular_values = spectrum;
            module.unlisted = None;
        }
    }
    Some(modules)
}
