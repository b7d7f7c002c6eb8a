//! What the engine holds: the items, and the order of the states among them.

use std::ops::{Deref, DerefMut};

use self::item::{Analysed, Held, Revision};
use super::results::Sources;
use lorascope_format::bytes::{ByteSource, Metered};
use lorascope_format::checkpoint::Checkpoint;
use lorascope_protocol::ItemId;
use lorascope_protocol::report::FileReport;

pub(crate) mod item;
pub(crate) mod series;

/// The items, by their ids.
#[derive(Debug)]
pub(crate) struct Holdings<S> {
    items: Vec<Held<S>>,
    next: ItemId,
}

impl<S> Default for Holdings<S> {
    fn default() -> Self {
        Self { items: Vec::new(), next: 1 }
    }
}

impl<S> Deref for Holdings<S> {
    type Target = [Held<S>];

    fn deref(&self) -> &[Held<S>] {
        &self.items
    }
}

impl<S> DerefMut for Holdings<S> {
    fn deref_mut(&mut self) -> &mut [Held<S>] {
        &mut self.items
    }
}

impl<S: ByteSource> Holdings<S> {
    /// An id that no item has had.
    pub fn next_id(&mut self) -> ItemId {
        self.next += 1;
        self.next - 1
    }

    /// The id that comes next: what is held from now on has this one or a later one.
    pub fn coming(&self) -> ItemId {
        self.next
    }

    pub fn of(&self, item: ItemId) -> Option<&Held<S>> {
        self.iter().find(|held| held.id == item)
    }

    pub fn of_mut(&mut self, item: ItemId) -> Option<&mut Held<S>> {
        self.iter_mut().find(|held| held.id == item)
    }

    pub fn adapter(&self, item: ItemId) -> Option<&Analysed<S>> {
        self.of(item)?.analysed()
    }

    pub fn checkpoint(&self, item: ItemId) -> Option<(&str, &Checkpoint<Metered<S>>)> {
        let held = self.of(item)?;
        Some((held.label.as_str(), held.checkpoint()?))
    }

    pub fn label(&self, item: ItemId) -> &str {
        self.of(item).map_or("", |held| &held.label)
    }

    /// The ids of all adapters whose tensors are at hand.
    pub fn adapters(&self) -> Vec<ItemId> {
        self.iter().filter(|held| held.analysed().is_some()).map(|held| held.id).collect()
    }

    pub fn has_adapter(&self) -> bool {
        self.iter().any(|held| held.analysed().is_some())
    }

    /// Puts an item into its place.
    pub fn insert(&mut self, held: Held<S>) {
        let at = self.items.partition_point(|other| other.id < held.id);
        self.items.insert(at, held);
    }

    /// Takes out the items that `is_gone` says.
    pub fn take(&mut self, is_gone: impl FnMut(&mut Held<S>) -> bool) -> Vec<Held<S>> {
        self.items.extract_if(.., is_gone).collect()
    }

    /// The items that `is_source` says, each as it is now.
    pub fn revisions(&self, mut is_source: impl FnMut(&Held<S>) -> bool) -> Sources {
        self.iter().filter(|held| is_source(held)).map(|held| (held.id, held.revision)).collect()
    }

    /// The items' files.
    pub fn files(&self) -> Vec<FileReport> {
        self.iter().flat_map(|held| held.files.iter().cloned()).collect()
    }
}

impl Revision {
    /// Of the tensors and the configuration alone.
    pub fn without_scale(self) -> Self {
        Self { scale: 0, ..self }
    }
}
