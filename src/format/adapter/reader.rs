//! From a header to an adapter: every group of tensors becomes a [`Module`], or is listed with a reason.

use std::collections::{HashMap, HashSet};

use super::algorithms::{At, Rule, Shaped, shaped};
use super::config::PeftConfig;
use super::dialects::{self, Content, recognise};
use super::fault::{AdapterError, FaultLog, ModuleFault};
use super::gather::Group;
use super::grouping::{Sorted, sort};
use super::keys::{self, Role};
use super::metadata::Settings;
use super::naming::module_name;
use super::remarks::{config_warnings, dim_disagreement, permuted, rank_disagreement};
use super::scale::{self, Scale, StoredScale};
use super::{Adapter, Formula, Module, Update, copies, names};
use crate::NotAnalyzed;
use crate::container::{Header, TensorEntry};

/// ComfyUI's `.row_offset`.
const OF_FUSED: &str = "some rows of a fused weight of the base, from the row on that the file’s row_offset says";

/// Modules that experts may make of a file together: a few bytes of it can name thousands.
const MAX_EXPERTS: usize = 200_000;

/// Reads the adapter in a file by whatever dialects its tensor names show.
///
/// # Errors
/// [`AdapterError`], in sentences that do not name the file: where the file is no adapter, is one of a kind that is
/// not computed, or has no module that can be analysed.
pub fn read(header: &Header, config: Option<&PeftConfig>) -> Result<Adapter, AdapterError> {
    match recognise(header) {
        Content::Adapter => {}
        Content::Other(dialect) => return Err(AdapterError::OtherDialect { dialect }),
        Content::Checkpoint => return Err(AdapterError::Checkpoint),
        Content::Empty => return Err(AdapterError::Empty),
    }
    let settings = Settings::new(header, config);
    let mut sorted = sort(header, config.filter(|c| c.mlx.is_none()));
    let groups = std::mem::take(&mut sorted.groups);
    let mut faults = FaultLog::default();
    let mut modules: Vec<Module> = Vec::with_capacity(groups.len());
    let mut kinds = Kinds::default();
    let mut taken = HashSet::new();
    // A run that did not gather its weights leaves most modules empty; a few are so for a reason of their own.
    let empty = |group: &&Group<'_>| group.tensors().any(|(role, tensor)| role.is_pair() && tensor.is_empty());
    let is_gathered = 2 * groups.iter().filter(empty).count() < groups.len();
    for group in &groups {
        let found = of_group(group, &sorted, &settings).and_then(|found| {
            let count = modules.len() + found.len();
            if found.len() > 1 && count > MAX_EXPERTS {
                return Err(ModuleFault::TooLarge { shape: format!("{count} modules, most of them experts") });
            }
            let free = found.iter().all(|module| !taken.contains(&module.name));
            if free { Ok(found) } else { Err(ModuleFault::NameTaken) }
        });
        match found {
            Ok(found) => {
                taken.extend(found.iter().map(|module| module.name.clone()));
                let algorithm = found.first().map_or("", |m| m.update.algorithm());
                kinds.count(dialects::name(group.family, group.path), algorithm);
                sorted.not_analyzed.extend(unused(group, &found));
                modules.extend(found);
            }
            Err(fault) => {
                let fault = if fault == ModuleFault::Empty && is_gathered { ModuleFault::Placeholder } else { fault };
                let listed = keys::strip(group.path);
                sorted.not_analyzed.push(NotAnalyzed { name: listed.clone(), reason: fault.to_string() });
                faults.push(listed, fault);
            }
        }
    }
    sorted.not_analyzed.extend(unused_projections(sorted.shared, &modules));
    let mut warnings = faults.sentences();
    if modules.is_empty() {
        warnings.extend(sorted.grouped_warnings());
        return Err(AdapterError::NothingLeft { reasons: warnings });
    }
    let peft = config.filter(|c| c.mlx.is_none());
    warnings.extend(rank_disagreement(&modules, peft));
    warnings.extend(dim_disagreement(&modules, settings.network_dim));
    in_forward_order(&mut modules);
    warnings.extend(copies::mark(&mut modules));
    warnings.extend(permuted(header, &modules));
    warnings.extend(sorted.grouped_warnings());
    warnings.extend(settings.warnings);
    warnings.extend(config.into_iter().flat_map(|config| config_warnings(config, &modules)));
    let named = |key: &str| header.metadata.get(key).filter(|name| !name.is_empty()).cloned();
    Ok(Adapter {
        format: kinds.format(),
        base_model: config
            .and_then(|c| c.base_model.clone())
            .or_else(|| ["ss_base_model_version", "modelspec.architecture"].iter().find_map(|key| named(key))),
        base_layers: config.map_or(0, |config| config.base_layers.len()),
        scale_assumed: modules.iter().any(|m| m.scale_source.is_assumed()),
        is_peft: groups.iter().all(|group| dialects::is_peft(group.family, group.path))
            && modules.iter().any(|m| m.pair().is_some()),
        modules,
        not_analyzed: sorted.not_analyzed,
        warnings,
        metadata: header.metadata.clone(),
    })
}

/// The tensors of a group that its update does not take, each with the reason.
#[inline(never)]
fn unused(group: &Group<'_>, found: &[Module]) -> Vec<NotAnalyzed> {
    let Some(first) = found.first() else { return Vec::new() };
    let is_kron = matches!(first.update.alone().and_then(Update::formula), Some(Formula::Kron(_)));
    let stored = first.stored_scale.as_ref().map(|stored| &stored.tensor);
    let taken: Vec<&str> =
        first.update.tensors().into_iter().chain(stored).map(|tensor| tensor.name.as_str()).collect();
    let left = group.tensors().filter(|(_, tensor)| !taken.contains(&tensor.name.as_str()));
    let listed = left.filter_map(|(role, tensor)| {
        let reason = match role {
            // LyCORIS stores a number without a meaning beside matrices that are both whole.
            Role::Alpha if first.rank == 0 && is_kron => return None,
            // It says where the update goes, and is no part of it.
            Role::RowOffset => return None,
            Role::Alpha | Role::Scale => format!("it does not give the scale, which is {}", first.scale_source),
            _ => format!("no part of the module's update, which is taken as {}", first.update.algorithm()),
        };
        Some(NotAnalyzed { name: keys::strip(&tensor.name), reason })
    });
    listed.collect()
}

/// VeRA's shared matrices, where no module takes them.
fn unused_projections(shared: [Option<&TensorEntry>; 2], modules: &[Module]) -> Vec<NotAnalyzed> {
    if modules.iter().any(|module| module.update.formula() == Some(&Formula::Vera)) {
        return Vec::new();
    }
    let reason = || "VeRA's projections, and no module of the file is analysed that takes them".to_owned();
    let listed = shared.into_iter().flatten();
    listed.map(|tensor| NotAnalyzed { name: keys::strip(&tensor.name), reason: reason() }).collect()
}

/// The modules of a group.
///
/// Not inlined, as some others that are called for every tensor or module: a browser compiles what is called often
/// once more for speed, and a function that holds everything takes it a fifth of a second.
#[inline(never)]
fn of_group(group: &Group<'_>, sorted: &Sorted<'_>, settings: &Settings<'_>) -> Result<Vec<Module>, ModuleFault> {
    let name = module_name(group.family, group.path);
    let place = names::place(&name);
    let is_wrapper = sorted.wrappers.contains(group.path);
    let at = At { name: &name, role: &place.role, is_wrapper, shared: sorted.shared };
    shaped(group, at, settings)?.into_iter().map(|shaped| of_shaped(shaped, group, &name, &place, settings)).collect()
}

#[inline(never)]
fn of_shaped(
    shaped: Shaped,
    group: &Group<'_>,
    name: &str,
    place: &names::Place,
    settings: &Settings<'_>,
) -> Result<Module, ModuleFault> {
    let too_large = || ModuleFault::TooLarge { shape: format!("{:?}", shaped.shape) };
    let rank = u32::try_from(shaped.rank).map_err(|_| too_large())?;
    let whole = format!("{name}{}", shaped.suffix);
    // What tells the experts' parameter stands in the suffix.
    let place = if shaped.suffix.is_empty() { place.clone() } else { names::place(&whole) };
    let (scale, stored_scale) = scale_of(&shaped, group, name, settings, rank);
    let of_fused = group.has(Role::RowOffset).then(|| OF_FUSED.to_owned());
    Ok(Module {
        base_name: base_name(&whole, settings),
        name: whole,
        expert: shaped.expert,
        layer: place.layer,
        stack: place.stack,
        role: place.role,
        shape: shaped.shape,
        rank,
        update: shaped.update,
        kernel: shaped.kernel,
        inputs_first: shaped.inputs_first,
        scale: scale.value,
        scale_source: scale.source,
        configured_scale: configured_scale(&shaped.rule, &stored_scale, name, settings, rank),
        stored_scale,
        note: shaped.note.into_iter().chain(of_fused).reduce(|note, more| format!("{note}; {more}")),
        copy_of: None,
    })
}

/// A module's path in a base whose layers `layer_replication` put together anew.
fn base_name(name: &str, settings: &Settings<'_>) -> Option<String> {
    let layers = &settings.config?.base_layers;
    let own = usize::try_from(names::layer_number(name)?).ok()?;
    names::renumbered(name, *layers.get(own)?)
}

fn scale_of(
    shaped: &Shaped,
    group: &Group<'_>,
    name: &str,
    settings: &Settings<'_>,
    rank: u32,
) -> (Scale, Option<StoredScale>) {
    // PEFT's patterns are searched with the parameter's name, without the expert's number.
    let name = &format!("{name}{}", shaped.suffix.rsplit_once('.').map_or("", |(parameter, _)| parameter));
    let config = settings.config.filter(|c| c.mlx.is_none());
    let divisor = match shaped.rule {
        Rule::One => return (Scale::one(), None),
        Rule::AdaLora => return (scale::adalora(config), None),
        Rule::ConfiguredRank => {
            let configured = config.and_then(|c| c.rank_of(name)).and_then(|r| u32::try_from(r).ok());
            configured.unwrap_or(rank)
        }
        Rule::Settings => rank,
    };
    let stored = match shaped.rule {
        Rule::Settings => StoredScale::find(|role: Role| group.get(role).cloned(), rank),
        _ => None,
    };
    let scale = match &stored {
        Some(stored) => stored.unread(),
        None => scale::by_settings(settings, group.family, group.path, name, divisor),
    };
    (scale, stored)
}

/// The scale by adapter_config.json of a module whose file stores another number for it.
fn configured_scale(
    rule: &Rule,
    stored: &Option<StoredScale>,
    name: &str,
    settings: &Settings<'_>,
    rank: u32,
) -> Option<f64> {
    let config = settings.config.filter(|config| config.mlx.is_none() && *rule == Rule::Settings)?;
    stored.as_ref().map(|_| scale::peft(config, name, rank, scale::ADAPTER_CONFIG).value)
}

/// The dialects and algorithms of a file, by how many modules they have.
#[derive(Default)]
struct Kinds {
    dialects: HashMap<&'static str, usize>,
    algorithms: Vec<(&'static str, usize)>,
}

impl Kinds {
    fn count(&mut self, dialect: &'static str, algorithm: &'static str) {
        *self.dialects.entry(dialect).or_default() += 1;
        match self.algorithms.iter_mut().find(|(name, _)| *name == algorithm) {
            Some((_, count)) => *count += 1,
            None => self.algorithms.push((algorithm, 1)),
        }
    }

    /// `kohya LoRA + LoCon (Tucker)`: the most frequent dialect, and every algorithm, the most frequent first.
    fn format(mut self) -> String {
        let dialect = self.dialects.into_iter().max_by_key(|&(name, count)| (count, name)).map_or("", |(name, _)| name);
        self.algorithms.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let algorithms: Vec<&str> = self.algorithms.iter().map(|(name, _)| *name).collect();
        format!("{dialect} {}", algorithms.join(" + "))
    }
}

#[inline(never)]
fn in_forward_order(modules: &mut Vec<Module>) {
    let mut places: Vec<_> =
        modules.iter().map(|m| names::Place { layer: m.layer, stack: m.stack.clone(), role: m.role.clone() }).collect();
    names::settle_stacks(&mut places);
    names::settle_attention(places.iter_mut().zip(modules.iter().map(|m| m.name.as_str())));
    let mut placed: Vec<_> = places.into_iter().zip(modules.drain(..)).collect();
    placed.sort_by(|(p, a), (q, b)| names::forward_order((p, &a.name), (q, &b.name)));
    modules.extend(placed.into_iter().map(|(place, module)| Module { stack: place.stack, role: place.role, ..module }));
}
