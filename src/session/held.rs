//! What the engine keeps of what was dropped.

use crate::adapter::Adapter;
use crate::checkpoint::Checkpoint;
use crate::intake::{AdapterFile, ConfigFile, ModelFile};
use crate::protocol::{Item, ItemId, ItemKind};
use crate::report::{AdapterReport, FileReport, NotAnalyzed};
use crate::source::{ByteSource, Metered};

/// One item.
#[derive(Debug)]
pub(super) struct Held<S> {
    pub id: ItemId,
    pub label: String,
    pub files: Vec<FileReport>,
    pub what: What<S>,
}

#[derive(Debug)]
pub(super) enum What<S> {
    Adapter(Box<Analysed<S>>),
    /// Kept for what needs a model's weights or their shapes; the profile does not.
    Checkpoint(Box<Checkpoint<Metered<S>>>),
    /// A model's sizes, to project to.
    Model(Box<ModelFile>),
    Config(Box<ConfigFile>),
    /// Part of a training folder.
    Companion,
}

/// An adapter with its result. The spectra are without the scale, so that a scale set later costs nothing.
#[derive(Debug)]
pub(super) struct Analysed<S> {
    pub file: AdapterFile<Metered<S>>,
    /// As its header and configuration say, and with what the values added.
    pub adapter: Adapter,
    pub found: Found,
    pub report: AdapterReport,
}

/// What the values of an adapter's tensors gave.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Singular values of left·rightᵀ, without the scale, per module; `None` where there is a reason instead.
    pub spectra: Vec<Option<Vec<f64>>>,
    pub warnings: Vec<String>,
    pub not_analyzed: Vec<NotAnalyzed>,
}

impl Found {
    /// Adds to the adapter what only its values show.
    pub fn tell(&self, adapter: &mut Adapter) {
        adapter.warnings.extend(self.warnings.iter().cloned());
        adapter.not_analyzed.extend(self.not_analyzed.iter().cloned());
    }
}

impl<S: ByteSource> Analysed<S> {
    /// Reads the header again with a configuration that came later. What was computed goes by the modules' names,
    /// which the configuration may leave out or reorder. Without a result for any module nothing changes.
    pub fn give_config(&mut self, config: &ConfigFile, label: &str) -> bool {
        let Ok(mut adapter) = crate::adapter::read(&self.file.header, Some(&config.config)) else { return false };
        let spectrum = |name: &str| {
            let n = self.adapter.modules.iter().position(|m| m.name == name)?;
            self.found.spectra[n].clone()
        };
        let spectra: Vec<_> = adapter.modules.iter().map(|m| spectrum(&m.name)).collect();
        if spectra.iter().all(Option::is_none) {
            return false;
        }
        self.found.spectra = spectra;
        self.found.tell(&mut adapter);
        self.adapter = adapter;
        self.file.config = Some(config.clone());
        self.report_again(label);
        true
    }

    /// Makes the report anew, after the adapter's scales changed.
    pub fn report_again(&mut self, label: &str) {
        self.report = crate::analysis::report(label.to_owned(), &self.adapter, &self.found.spectra);
    }
}

impl<S: ByteSource> Held<S> {
    pub fn analysed(&self) -> Option<&Analysed<S>> {
        match &self.what {
            What::Adapter(analysed) => Some(analysed),
            _ => None,
        }
    }

    pub fn checkpoint(&self) -> Option<&Checkpoint<Metered<S>>> {
        match &self.what {
            What::Checkpoint(checkpoint) => Some(checkpoint),
            _ => None,
        }
    }

    /// Files that came later; one of a name that is known replaces it.
    pub fn add_files(&mut self, files: impl IntoIterator<Item = FileReport>) {
        for file in files {
            self.files.retain(|known| known.name != file.name);
            self.files.push(file);
        }
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
            What::Checkpoint(checkpoint) => {
                let files = checkpoint.files_in_words().map_or_else(String::new, |files| format!(" {files},"));
                (ItemKind::Checkpoint, format!("model checkpoint,{files} {size}, kept"), false)
            }
            What::Model(_) => (ItemKind::ModelConfig, "a model's sizes, kept as a target".to_owned(), false),
            What::Config(_) => (ItemKind::AdapterConfig, "adapter_config without its weights".to_owned(), false),
            What::Companion => (ItemKind::Companion, "not part of the analysis".to_owned(), false),
        };
        Item { item: self.id, kind, label: self.label.clone(), detail, scale_assumed }
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
