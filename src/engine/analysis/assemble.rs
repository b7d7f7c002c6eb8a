//! From an adapter and its spectra to its part of the report.

use super::profile::{self, Profile, TotalLayers};
use super::{Sigma, copies, measures};
use lorascope_format::adapter::{Adapter, Module, family};
use lorascope_format::container::quoted;
use lorascope_protocol::report::{AdapterReport, LayerSource, ModuleReport, NotAnalyzed, RankRange, share_energy};
use lorascope_protocol::scheme::{Scheme, Traits, by_block};

/// The report of one adapter.
///
/// `spectra[i]` are the singular values of the update of `adapter.modules[i]`, descending;
/// `None` where the module could not be computed, for a reason that the adapter's own lists already hold.
/// `model` is how many layers the adapter's model has, where that is known.
/// A language model's domains are scored by the reference's scheme, any other model's by the neutral one.
/// Cheap: after a change of scales it is simply called again.
pub fn report(
    label: String,
    adapter: &Adapter,
    spectra: &[Option<Sigma>],
    model: Option<&TotalLayers>,
) -> AdapterReport {
    let counted = profile::total_layers(adapter.modules.iter().map(|m| m.name.as_str()), model);
    let language = family::is_language_model(adapter.modules.iter().map(|m| m.name.as_str()));
    let mut not_analyzed = adapter.not_analyzed.clone();
    let mut warnings = adapter.warnings.clone();
    let mut measured: Vec<Option<(Sigma, f64)>> = Vec::with_capacity(adapter.modules.len());
    for (module, spectrum) in adapter.modules.iter().zip(spectra) {
        let sigma = spectrum.as_ref().map(|spectrum| spectrum.times(module.scale).shortened());
        let energy = |sigma: &Sigma| measures::energy(&sigma.values) + sigma.rest_sq;
        let found = sigma.map(|sigma| (energy(&sigma), sigma)).filter(|(energy, _)| energy.is_finite());
        if spectrum.is_some() && found.is_none() {
            warnings.push(format!("{} is not analysed: its values are beyond double precision.", quoted(&module.name)));
            let reason = "its values are beyond double precision".to_owned();
            not_analyzed.push(NotAnalyzed { name: module.name.clone(), reason });
        }
        measured.push(found.map(|(energy, sigma)| (sigma, energy)));
    }
    let energies: Vec<Option<f64>> = measured.iter().map(|found| found.as_ref().map(|(_, energy)| *energy)).collect();
    let (copies, said) = copies::settle(&adapter.modules, &energies);
    warnings.extend(said);
    let mut modules = Vec::with_capacity(adapter.modules.len());
    let mut weighed = Vec::with_capacity(adapter.modules.len());
    let mut parameters = 0u64;
    for ((module, found), copy_of) in adapter.modules.iter().zip(measured).zip(copies) {
        let Some((sigma, energy)) = found else { continue };
        let profile = profile::profile(&module.name, counted.count);
        parameters = parameters.saturating_add(module.parameters());
        if copy_of.is_none() {
            weighed.push((Traits { stack: &module.stack, role: &module.role, ..Traits::from(profile) }, energy));
        }
        modules.push(module_report(module, profile, sigma, copy_of));
    }
    if let Some(first) = adapter.modules.iter().find(|m| m.scale_source.is_assumed()) {
        warnings.push(format!(
            "The scale is {}. Drop the adapter_config.json beside the weights, or set the scale by hand.",
            first.scale_source
        ));
    }
    share_energy(&mut modules);
    let scheme = if language { Scheme::legal_exam() } else { neutral(adapter) };
    let total = if language { counted } else { longest_stack(adapter).unwrap_or(counted) };
    let ranks = modules.iter().map(|m| m.rank);
    AdapterReport {
        label,
        format: adapter.format.clone(),
        base_model: adapter.base_model.clone(),
        total_layers: total.count,
        total_layers_source: total.source.to_string(),
        rank: RankRange { min: ranks.clone().min().unwrap_or_default(), max: ranks.max().unwrap_or_default() },
        parameters,
        energy: weighed.iter().map(|(_, energy)| energy).sum::<f64>().min(f64::MAX),
        domains: scheme.score(&weighed),
        modules,
        not_analyzed,
        warnings,
        metadata: adapter.metadata.clone(),
        origin: None,
    }
}

/// The scheme without a claim about what the model's parts do.
fn neutral(adapter: &Adapter) -> Scheme {
    by_block(adapter.modules.iter().map(|m| (m.layer, m.stack.as_str(), m.role.as_str())))
}

/// The layers of the stack that has most; `None` where no module lies in a layer.
fn longest_stack(adapter: &Adapter) -> Option<TotalLayers> {
    let last = adapter.modules.iter().filter_map(|m| m.layer).max()?;
    Some(TotalLayers { count: last.saturating_add(1), source: LayerSource::Stack })
}

#[inline(never)]
fn module_report(module: &Module, profile: Profile, sigma: Sigma, copy_of: Option<String>) -> ModuleReport {
    let of_copy =
        copy_of.as_ref().map(|of| format!("not counted in the whole: the file has this weight once more, as {of}"));
    let notes: Vec<String> = module.note.iter().cloned().chain(of_copy).collect();
    let measures = measures::measures(&sigma.values, sigma.rest_sq);
    ModuleReport {
        name: module.name.clone(),
        layer: module.layer,
        stack: module.stack.clone(),
        kind: profile.kind.to_owned(),
        depth: profile.depth.to_owned(),
        role: module.role.clone(),
        shape: module.shape,
        rank: module.rank,
        scale: module.scale,
        scale_source: module.scale_source.to_string(),
        dtype: module.dtype(),
        algorithm: module.update.algorithm().to_owned(),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
        copy_of,
        frobenius: measures::frobenius(&sigma.values).hypot(sigma.rest_sq.sqrt()),
        unlisted: None,
        truncated: sigma.rest_sq > 0.0,
        singular_values: sigma.values,
        energy_share: 0.0,
        stable_rank: measures.stable_rank,
        effective_rank: measures.effective_rank,
        numerical_rank: measures.numerical_rank,
        spectral_entropy: measures.spectral_entropy,
    }
}
