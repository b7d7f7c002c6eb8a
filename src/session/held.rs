//! What the engine keeps of what was dropped.

use crate::adapter::Adapter;
use crate::intake::{AdapterFile, ConfigFile};
use crate::protocol::{Item, ItemId, ItemKind};
use crate::report::{AdapterReport, FileReport};
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
    /// Kept for what needs a model's weights; the profile does not.
    Checkpoint,
    Config(ConfigFile),
    /// Part of a training folder.
    Companion,
}

/// An adapter with its result. The spectra are without the scale, so that a scale set later costs nothing.
#[derive(Debug)]
pub(super) struct Analysed<S> {
    pub file: AdapterFile<Metered<S>>,
    pub adapter: Adapter,
    pub spectra: Vec<Option<Vec<f64>>>,
    pub report: AdapterReport,
}

impl<S: ByteSource> Analysed<S> {
    /// Makes the report anew, after the adapter's scales changed.
    pub fn report_again(&mut self, label: &str) {
        self.report = crate::analysis::report(label.to_owned(), &self.adapter, &self.spectra);
    }
}

impl<S: ByteSource> Held<S> {
    pub fn analysed(&self) -> Option<&Analysed<S>> {
        match &self.what {
            What::Adapter(analysed) => Some(analysed),
            _ => None,
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
            What::Checkpoint => (ItemKind::Checkpoint, format!("model checkpoint, {size}, kept"), false),
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
