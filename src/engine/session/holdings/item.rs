//! What the engine keeps of what was dropped.

use std::collections::HashSet;

use crate::analysis::Sigma;
use crate::analysis::profile::TotalLayers;
use crate::intake::{AdapterFile, ConfigFile, ModelFile};
use crate::session::results::Sources;
use lorascope_format::adapter::scale::{self, Resolved, Scale, ScaleSource};
use lorascope_format::adapter::{Adapter, FaultLog, Module, ModuleFault, Update};
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_format::checkpoint::Checkpoint;
use lorascope_format::container::quoted;
use lorascope_protocol::report::{AdapterReport, FileReport, NotAnalyzed};
use lorascope_protocol::scheme::Scheme;
use lorascope_protocol::{Item, ItemId, ItemKind};

/// How often an item has changed. Results keep it of everything that they come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// Its tensors, files or configuration.
    pub content: u32,
    /// The scale that was set by hand.
    pub scale: u32,
}

/// One item.
#[derive(Debug)]
pub(crate) struct Held<S> {
    pub id: ItemId,
    pub label: String,
    pub files: Vec<FileReport>,
    /// Where it was loaded from, if not from a drop.
    pub address: Option<String>,
    pub what: What<S>,
    pub revision: Revision,
    /// The page knows it as it is.
    pub is_told: bool,
}

#[derive(Debug)]
pub(crate) enum What<S> {
    Adapter(Box<Analysed<S>>),
    /// A report from a link or from a saved file, shown as it is: no tensor is there.
    Recalled(Box<AdapterReport>),
    /// Kept for what needs a model's weights or their shapes; the profile does not.
    Checkpoint(Box<Checkpoint<Metered<S>>>),
    /// A model's sizes, to project to.
    Model(Box<ModelFile>),
    Config(Box<ConfigFile>),
    /// A scheme for domain profiles, which the page applies.
    Scheme(Box<Scheme>),
    /// Part of a training folder.
    Companion,
}

/// An adapter with its result. The spectra are without the scale, so that a scale set later costs nothing.
#[derive(Debug)]
pub(crate) struct Analysed<S> {
    pub file: AdapterFile<Metered<S>>,
    /// As its header and configuration say, and with what the values added.
    pub adapter: Adapter,
    pub found: Found,
    /// How many layers its model has, where that is known.
    pub model: Option<TotalLayers>,
    pub report: AdapterReport,
}

/// What the values of an adapter's tensors gave, by the numbers of its modules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Singular values of the update without its scale, as far as the file alone gives it; `None` where there is a
    /// reason instead. Alignment and projection are of these.
    pub spectra: Vec<Option<Sigma>>,
    /// The whole update, where the base model's weight has a part in it.
    pub exact: WithBase,
    /// Scales that the file stores.
    pub stored: Vec<Option<Resolved>>,
    pub faults: FaultLog,
}

/// What a base model's weights made of an adapter's updates, by the numbers of its modules.
#[derive(Clone, Debug, Default)]
pub(crate) struct WithBase {
    pub modules: Vec<Option<Exact>>,
    /// The adapter and its base; empty where that is still to be found out.
    pub sources: Sources,
    /// The checkpoint's label.
    pub label: String,
    /// It was cancelled, or could not be read.
    pub is_cut_short: bool,
}

impl WithBase {
    /// Whether anything is exact.
    pub fn is_any(&self) -> bool {
        self.modules.iter().any(Option::is_some)
    }

    pub fn of(&self, module: usize) -> Option<&Exact> {
        self.modules.get(module)?.as_ref()
    }
}

/// What a base model's weight made of an update.
#[derive(Clone, Debug)]
pub(crate) struct Exact {
    /// Scale included.
    pub sigma: Sigma,
    /// Of the weight.
    pub shape: [u64; 2],
}

impl Found {
    pub fn of(modules: usize) -> Self {
        let (spectra, stored) = (vec![None; modules], vec![None; modules]);
        Self { spectra, exact: WithBase::default(), stored, faults: FaultLog::default() }
    }

    /// Notes the singular values of a module, or why it has none.
    pub fn tell_of(&mut self, n: usize, module: &Module, spectrum: Result<Sigma, ModuleFault>) {
        match spectrum {
            Ok(sigma) => {
                let count = module.shape[0].min(module.shape[1]);
                let thin = module.update.width().map_or(count, |width| width.min(count));
                let is_whole = sigma.rest_sq == 0.0;
                self.spectra[n] = Some(if is_whole { sigma.resized(thin as usize) } else { sigma });
            }
            Err(fault) => self.faults.push(module.name.clone(), fault),
        }
    }

    /// What is reported of every module.
    pub fn sigma(&self) -> Vec<Option<Sigma>> {
        let exact = |n| Some(self.exact.of(n)?.sigma.clone());
        self.spectra.iter().enumerate().map(|(n, alone)| exact(n).or_else(|| alone.clone())).collect()
    }

    /// Adds to the adapter what only its values show.
    pub fn tell(&self, adapter: &mut Adapter) {
        let mut zeros = 0;
        for (n, module) in adapter.modules.iter_mut().enumerate() {
            if let Some(Some(Resolved { scale: Scale { value, source }, .. })) = self.stored.get(n) {
                zeros += usize::from(matches!(source, ScaleSource::ZeroAlpha(_)));
                (module.scale, module.scale_source) = (*value, *source);
            }
            if let Some(Exact { shape, .. }) = self.exact.of(n) {
                module.shape = *shape;
                module.note = Some(format!(
                    "exact, with the base model's weight of {}; alignment and comparison take its factors s·B·A, where it has some",
                    self.exact.label
                ));
            }
        }
        if zeros > 0 {
            adapter.warnings.push(format!(
                "{zeros} modules store an alpha of 0. Their trainers mean the rank by it (scale 1), which is shown; \
                 ComfyUI, A1111 and diffusers would apply 0, no effect at all."
            ));
        }
        adapter.warnings.extend(self.directions_only(adapter));
        adapter.warnings.extend(self.other_alpha(adapter));
        adapter.warnings.extend(self.other_scale(adapter));
        adapter.scale_assumed = adapter.modules.iter().any(|m| m.scale_source.is_assumed());
        let modules = adapter.modules.iter().enumerate();
        let exact: HashSet<&str> =
            modules.filter(|(n, _)| self.exact.of(*n).is_some()).map(|(_, module)| module.name.as_str()).collect();
        let faults = self.faults.without(|module| exact.contains(module));
        adapter.warnings.extend(faults.sentences());
        adapter.not_analyzed.extend(faults.into_reasons().map(|(name, reason)| NotAnalyzed { name, reason }));
    }
}

impl Found {
    /// DoRA without its base.
    fn directions_only(&self, adapter: &Adapter) -> Option<String> {
        let modules = adapter.modules.iter().zip(&self.spectra).enumerate();
        let shown =
            modules.filter(|(n, (m, alone))| m.update.needs_base() && alone.is_some() && self.exact.of(*n).is_none());
        let count = shown.count();
        (count > 0).then(|| {
            format!(
                "{count} of {} modules are DoRA. Their magnitude is applied to the base model's weights, so without them \
                 the figures describe the factors s·B·A: drop the base checkpoint too for the exact update.",
                adapter.modules.len()
            )
        })
    }

    /// Stored scales beside a configuration that says another one.
    fn other_scale(&self, adapter: &Adapter) -> Option<String> {
        let differs = |(module, stored): (&Module, &Option<Resolved>)| {
            let (said, stored) = (module.configured_scale?, stored.as_ref()?.scale.value);
            ((said - stored).abs() > 0.01 * said.abs()).then_some((module.name.clone(), said, stored))
        };
        let differing: Vec<_> = adapter.modules.iter().zip(&self.stored).filter_map(differs).collect();
        let (name, said, stored) = differing.first()?;
        Some(format!(
            "adapter_config.json gives another scale than the numbers in the file for {} modules, first for {}: {said} \
             there, {stored} by the file's own alpha. The file's is used.",
            differing.len(),
            quoted(name)
        ))
    }

    /// kohya's `ss_network_alpha`, where no module stores that alpha: a resized or merged file.
    fn other_alpha(&self, adapter: &Adapter) -> Option<String> {
        let said: f64 = adapter.metadata.get("ss_network_alpha")?.parse().ok()?;
        let mut stored = self.stored.iter().flatten().filter_map(|resolved| resolved.alpha);
        let first = stored.next()?;
        // Alphas are rounded to the type that the file is saved in.
        let is_same = |alpha: f64| (alpha - said).abs() <= 0.01 * said.abs();
        (!is_same(first) && !stored.any(is_same)).then(|| {
            format!(
                "The file's metadata says ss_network_alpha {said}, and its alpha tensors others, the first {first}, as \
                 after resizing or merging. The tensors' alphas are used."
            )
        })
    }
}

impl<S: ByteSource> Analysed<S> {
    /// Reads the header again with a configuration that came later. What was computed goes by the modules' names,
    /// which the configuration may leave out or reorder. Without a result for any module, or where the configuration
    /// makes another formula of a module's tensors, nothing changes.
    pub fn give_config(&mut self, config: &ConfigFile, label: &str) -> Given {
        let Ok(mut adapter) = lorascope_format::adapter::read(&self.file.header, Some(&config.config)) else {
            return Given::No;
        };
        let known = |name: &str| self.adapter.modules.iter().position(|m| m.name == name);
        let places: Vec<Option<usize>> = adapter.modules.iter().map(|m| known(&m.name)).collect();
        let same = |(module, place): (&Module, &Option<usize>)| {
            place.is_some_and(|at| is_same_update(&module.update, &self.adapter.modules[at].update))
        };
        if !adapter.modules.iter().zip(&places).all(same) {
            return Given::AnalyseAgain(Box::new(adapter));
        }
        let mut found = Found::of(adapter.modules.len());
        found.faults = self.found.faults.clone();
        for (n, at) in places.iter().enumerate() {
            let &Some(at) = at else { continue };
            found.spectra[n].clone_from(&self.found.spectra[at]);
            found.stored[n].clone_from(&self.found.stored[at]);
        }
        if found.spectra.iter().all(Option::is_none) {
            return Given::No;
        }
        found.tell(&mut adapter);
        for (new, at) in adapter.modules.iter_mut().zip(places) {
            at.into_iter().for_each(|at| scale::keep_by_hand(new, &self.adapter.modules[at]));
        }
        (self.found, self.adapter, self.file.config) = (found, adapter, Some(config.clone()));
        self.report_again(label);
        Given::Yes
    }

    /// Tells anew what is known, after something was computed that the file alone does not give.
    pub fn renew(&mut self, label: &str) {
        let config = self.file.config.as_ref().map(|config| &config.config);
        let Ok(mut adapter) = lorascope_format::adapter::read(&self.file.header, config) else { return };
        self.found.tell(&mut adapter);
        for (new, old) in adapter.modules.iter_mut().zip(&self.adapter.modules) {
            scale::keep_by_hand(new, old);
        }
        adapter.scale_assumed |= self.adapter.scale_assumed;
        self.adapter = adapter;
        self.report_again(label);
    }

    /// Makes the report anew, after the adapter's scales changed.
    pub fn report_again(&mut self, label: &str) {
        self.report =
            crate::analysis::report(label.to_owned(), &self.adapter, &self.found.sigma(), self.model.as_ref());
    }
}

/// What became of a configuration that came later.
pub(crate) enum Given {
    Yes,
    No,
    /// It tells how the tensors are to be read: their values have to be computed again.
    AnalyseAgain(Box<Adapter>),
}

/// Whether two readings of a module's tensors give the same singular values: they may exchange the sides.
fn is_same_update(a: &Update, b: &Update) -> bool {
    match (a, b) {
        (Update::Pair { left: l, right: r }, Update::Pair { left, right }) => {
            (l, r) == (left, right) || (l, r) == (right, left)
        }
        (a, b) => a == b,
    }
}

impl<S: ByteSource> Held<S> {
    pub fn analysed(&self) -> Option<&Analysed<S>> {
        match &self.what {
            What::Adapter(analysed) => Some(analysed),
            _ => None,
        }
    }

    /// What is shown of it, computed or recalled.
    pub fn report(&self) -> Option<&AdapterReport> {
        match &self.what {
            What::Adapter(analysed) => Some(&analysed.report),
            What::Recalled(report) => Some(report),
            _ => None,
        }
    }

    /// An adapter of which nothing can be shown.
    pub fn is_empty(&self) -> bool {
        self.analysed().is_some_and(|analysed| analysed.report.modules.is_empty())
    }

    /// A cancel or an unreadable file has kept a base model's weights from it.
    pub fn is_cut_short(&self) -> bool {
        self.analysed().is_some_and(|analysed| analysed.found.exact.is_cut_short)
    }

    /// The path of its first file; empty where it has none.
    pub fn path(&self) -> &str {
        match &self.what {
            What::Adapter(analysed) => analysed.file.source.path(),
            _ => self.files.first().map_or("", |file| file.name.as_str()),
        }
    }

    pub fn checkpoint(&self) -> Option<&Checkpoint<Metered<S>>> {
        match &self.what {
            What::Checkpoint(checkpoint) => Some(checkpoint),
            _ => None,
        }
    }

    /// Files came later, of which one of a name that is known replaces it: the item is another than it was.
    pub fn change(&mut self, files: impl IntoIterator<Item = FileReport>) {
        for file in files {
            self.files.retain(|known| known.name != file.name);
            self.files.push(file);
        }
        self.revision.content += 1;
        self.is_told = false;
    }

    pub fn is_companion(&self) -> bool {
        matches!(self.what, What::Companion)
    }

    /// What the page lists.
    pub fn item(&self) -> Item {
        let bytes: u64 = self.files.iter().map(|f| f.bytes).sum();
        let size = in_words(bytes);
        let (kind, detail, scale_assumed) = match &self.what {
            What::Adapter(a) => (ItemKind::Adapter, format!("{}, {size}", a.report.format), a.adapter.scale_assumed),
            What::Recalled(report) => {
                let is_link = self.files.is_empty();
                let from =
                    if is_link { "from a shared link".to_owned() } else { format!("from a saved report, {size}") };
                (ItemKind::Report, format!("{}, {from}", report.format), false)
            }
            What::Checkpoint(checkpoint) => {
                let files = checkpoint.files_in_words().map_or_else(String::new, |files| format!(" {files},"));
                (ItemKind::Checkpoint, format!("model checkpoint,{files} {size}, kept"), false)
            }
            What::Model(_) => (ItemKind::ModelConfig, "a model's sizes, kept as a target".to_owned(), false),
            What::Config(_) => (ItemKind::AdapterConfig, "adapter_config without its weights".to_owned(), false),
            What::Scheme(scheme) => {
                (ItemKind::Scheme, format!("“{}”, {size}, scores every adapter", scheme.name), false)
            }
            What::Companion => (ItemKind::Companion, "not part of the analysis".to_owned(), false),
        };
        Item { item: self.id, kind, label: self.label.clone(), detail, scale_assumed, address: self.address.clone() }
    }
}

/// "84.1 MB".
fn in_words(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
