//! What there is to say of a checkpoint as a whole.

use std::collections::{HashMap, HashSet};

use super::Checkpoint;
use super::shards::listed;
use crate::bytes::ByteSource;
use crate::container::quoted;
use crate::path::inside;

impl<S: ByteSource> Checkpoint<S> {
    /// What to say of it while there is no adapter.
    pub fn waiting(&self) -> String {
        format!(
            "{}: this is a model checkpoint, not an adapter. It is kept, waiting for an adapter: drop one to analyse it.",
            self.path()
        )
    }

    /// Its files in words: "2 of 4 files"; `None` for a single file.
    pub fn files_in_words(&self) -> Option<String> {
        let all = self.shards.as_ref()?.files.len();
        let here = all.saturating_sub(self.missing().len());
        match all {
            1 => None,
            _ if here == all => Some(format!("{all} files")),
            _ => Some(format!("{here} of {all} files")),
        }
    }

    /// Sentences for a person: quantised weights, files that are missing, an index that disagrees with the files.
    pub fn remarks(&self) -> Vec<String> {
        let quantised = super::scheme(self.tensors().map(|(_, tensor)| tensor));
        let quantised = quantised.map(|quantised| format!("{}: {}", self.path(), quantised.sentence()));
        quantised.into_iter().chain(self.incomplete()).chain(self.misplaced()).collect()
    }

    fn incomplete(&self) -> Option<String> {
        let missing = self.missing();
        let all = self.shards.as_ref()?.files.len();
        let (are, them) = match missing.len() {
            0 => return None,
            1 => ("is", "it"),
            _ => ("are", "them"),
        };
        Some(format!(
            "{}: {} of the {all} files of this checkpoint {are} missing: {}. Drop {them} too; until then only the \
             tensors of the others are compared.",
            self.path(),
            missing.len(),
            listed(&missing)
        ))
    }

    /// Tensors that are not in the file that the index names, of the files that are here.
    fn misplaced(&self) -> Option<String> {
        let index = self.index()?;
        let names: Vec<&str> = self.files.iter().map(|file| inside(&self.folder, file.source.path())).collect();
        let here: HashSet<&str> = names.iter().copied().collect();
        let mut places: HashMap<&str, Vec<&str>> = HashMap::new();
        for (file, tensor) in self.tensors() {
            places.entry(&tensor.name).or_default().extend(names.get(file));
        }
        let placed = |tensor: &String| places.get(tensor.as_str()).map(Vec::as_slice).unwrap_or_default();
        let wrong: Vec<_> = index
            .weight_map
            .iter()
            .filter(|(tensor, file)| here.contains(file.as_str()) && !placed(tensor).contains(&file.as_str()))
            .collect();
        let (tensor, file) = wrong.first()?;
        let found =
            placed(tensor).first().map_or_else(|| "in no file that is here".to_owned(), |at| format!("in {at}"));
        let more = match wrong.len() {
            1 => String::new(),
            n => format!(" ({n} tensors in all)"),
        };
        Some(format!(
            "{}: the index places the tensor {} in {file}, and it is {found}{more}. The files count; if the checkpoint \
             was put together of different savings, drop those of one.",
            index.path,
            quoted(tensor)
        ))
    }
}
