//! The checkpoints of a drop: single files, and what numbers and indexes say belongs together.

use super::Sorted;
use super::labels::checkpoint_label;
use lorascope_format::bytes::ByteSource;
use lorascope_format::checkpoint::{Checkpoint, CheckpointFile, Index};

impl<S: ByteSource> Sorted<S> {
    /// Makes checkpoints of the files of models, which stand in the order of their paths.
    pub(super) fn put_together(&mut self, files: Vec<CheckpointFile<S>>, indexes: Vec<Index>) {
        let mut sets: Vec<Checkpoint<S>> = Vec::new();
        for file in files {
            let label = checkpoint_label(file.source.path());
            add(&mut sets, Checkpoint::of_file(label, file));
        }
        for index in indexes {
            self.give_index(&mut sets, index);
        }
        self.checkpoints = sets;
    }

    fn give_index(&mut self, sets: &mut Vec<Checkpoint<S>>, mut index: Index) {
        for at in 0..sets.len() {
            match sets[at].take_index(index) {
                // It may name files without numbers, which stand alone so far.
                Ok(()) => {
                    let mut whole = sets.remove(at);
                    for set in std::mem::take(sets) {
                        sets.extend(whole.join(set));
                    }
                    sets.insert(at.min(sets.len()), whole);
                    return;
                }
                Err(back) => index = back,
            }
        }
        // A copy of an index that is there says nothing new.
        let copied = sets.iter().any(|set| set.is_named_by(&index));
        if copied { self.companions.push(index.path) } else { self.indexes.push(index) }
    }
}

/// Two folders of one name may be dropped together: a file goes to the first set that lacks it.
fn add<S: ByteSource>(sets: &mut Vec<Checkpoint<S>>, mut new: Checkpoint<S>) {
    for set in sets.iter_mut() {
        match set.join(new) {
            None => return,
            Some(back) => new = back,
        }
    }
    sets.push(new);
}
