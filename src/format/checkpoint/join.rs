//! Putting the files of one checkpoint together, whenever they come.

use super::shards::{Index, Numbered, Shards};
use super::{Checkpoint, CheckpointFile};
use crate::bytes::ByteSource;
use crate::natural::natural;
use crate::path::{file_name, folder, inside};

impl<S: ByteSource> Checkpoint<S> {
    /// A checkpoint of one file; `label` is what it is called for a person.
    pub fn of_file(label: String, file: CheckpointFile<S>) -> Self {
        let path = file.source.path();
        let (folder, shards) = (folder(path).to_owned(), Shards::of_names(&[file_name(path)]));
        Self { label, folder, files: vec![file], shards }
    }

    /// Takes the files and the index of another part of the same checkpoint: one that has none of this one's files,
    /// and that this one's numbering or either's index names. Gives the other one back if it is no such part.
    pub fn join(&mut self, other: Self) -> Option<Self> {
        if !self.is_part(&other) {
            return Some(other);
        }
        let Self { files, shards, .. } = other;
        let theirs = shards.and_then(|shards| shards.index);
        let ours = self.shards.take().and_then(|shards| shards.index);
        self.files.extend(files);
        self.settle(ours.or(theirs));
        None
    }

    /// Takes the index that names a file of this checkpoint, if it has none yet.
    ///
    /// # Errors
    /// The index, if it is another checkpoint's.
    pub fn take_index(&mut self, index: Index) -> Result<(), Index> {
        if self.index().is_some() || !self.is_named_by(&index) {
            return Err(index);
        }
        self.settle(Some(index));
        Ok(())
    }

    pub fn index(&self) -> Option<&Index> {
        self.shards.as_ref()?.index.as_ref()
    }

    /// Whether an index names a file of this checkpoint.
    pub fn is_named_by(&self, index: &Index) -> bool {
        let names = index.files();
        self.files.iter().any(|file| names.contains(index.calls(file.source.path())))
    }

    /// Whether a file of that path is among its files.
    pub fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file.source.path() == path)
    }

    /// Leaves out the other files.
    pub fn retain(&mut self, keep: impl Fn(&CheckpointFile<S>) -> bool) {
        self.files.retain(keep);
        let index = self.shards.take().and_then(|shards| shards.index);
        self.settle(index);
    }

    fn is_part(&self, other: &Self) -> bool {
        let twice = other.files.iter().any(|file| self.has(file.source.path()));
        let two = self.index().zip(other.index()).is_some_and(|(ours, theirs)| ours != theirs);
        if twice || two {
            return false;
        }
        let numbered = || {
            let ours = self.files.iter().find_map(|file| Numbered::parse(file_name(file.source.path())));
            let theirs = other.files.iter().find_map(|file| Numbered::parse(file_name(file.source.path())));
            self.folder == other.folder && ours.zip(theirs).is_some_and(|(ours, theirs)| ours.is_beside(&theirs))
        };
        let named = |index: Option<&Index>, files: &Self| index.is_some_and(|index| files.is_named_by(index));
        numbered() || named(self.index(), other) || named(other.index(), self)
    }

    /// What its files, and its index where it has one, say of what it consists of.
    fn settle(&mut self, index: Option<Index>) {
        self.files.sort_by(|a, b| natural(a.source.path(), b.source.path()));
        if let Some(index) = &index {
            self.folder = folder(&index.path).to_owned();
        }
        let names: Vec<&str> = self.files.iter().map(|file| inside(&self.folder, file.source.path())).collect();
        self.shards = match index {
            Some(index) => Some(Shards::of_index(index, &names)),
            None => Shards::of_names(&names),
        };
    }
}
