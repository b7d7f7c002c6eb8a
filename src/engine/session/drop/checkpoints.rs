//! The checkpoints of a drop: joined with what is held, or held beside it.

use crate::session::drop::Verdict;
use crate::session::holdings::item::{Held, What};
use crate::session::{Emit, Session, warning};
use lorascope_format::bytes::ByteSource;
use lorascope_format::bytes::Metered;
use lorascope_format::checkpoint::{Checkpoint, CheckpointFile, Index};
use lorascope_format::container::TensorEntry;
use lorascope_kernels::Pulse;
use lorascope_protocol::ItemId;
use lorascope_protocol::report::FileReport;

/// Tensors of which a part is compared before two files of one description count as the same file.
const SAMPLES: usize = 256;
/// Bytes compared of each.
const SAMPLE: u64 = 1 << 10;

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Joins the checkpoints and the indexes of a drop with those that are held, and holds the others.
    pub(crate) async fn take_checkpoints(
        &mut self,
        checkpoints: Vec<Checkpoint<Metered<S>>>,
        mut indexes: Vec<Index>,
        sizes: &[FileReport],
        verdict: &mut Verdict,
    ) {
        let first = self.held.coming();
        let mut changed = Vec::new();
        for mut new in checkpoints {
            if let Some(sentence) = self.take_out_what_is_here(&mut new).await {
                verdict.say(sentence);
            }
            if new.files.is_empty() {
                indexes.extend(new.shards.and_then(|shards| shards.index));
            } else {
                changed.push(self.join_or_hold(new, sizes));
            }
        }
        for index in indexes {
            match self.give_index(index, sizes) {
                Ok(id) => changed.extend(id),
                Err(sentence) => verdict.say(sentence),
            }
        }
        changed.sort_unstable();
        changed.dedup();
        for &id in &changed {
            // One that was here may have been taken out of the order by hand.
            if id >= first {
                self.join_series(id);
            }
        }
        let has_adapter = self.held.has_adapter();
        // Of two, a LoRA can be taken without any adapter.
        let checkpoints = self.held.iter().filter(|held| held.checkpoint().is_some()).count();
        verdict.good |= (has_adapter || checkpoints > 1) && !changed.is_empty();
        for held in self.held.iter().filter(|held| changed.contains(&held.id)) {
            let Some(checkpoint) = held.checkpoint() else { continue };
            let waiting = (!has_adapter).then(|| checkpoint.waiting());
            verdict.problems.extend(waiting.into_iter().chain(checkpoint.remarks()).map(warning));
        }
    }

    /// Takes the files out of a checkpoint that are held already; says so, if there are any.
    async fn take_out_what_is_here(&self, new: &mut Checkpoint<Metered<S>>) -> Option<String> {
        let mut here = Vec::new();
        for file in &new.files {
            let path = file.source.path();
            for held in self.held.iter().filter_map(Held::checkpoint).flat_map(|held| &held.files) {
                if is_same(held, file).await {
                    here.push(path.to_owned());
                    break;
                }
            }
        }
        let first = here.first()?.clone();
        new.retain(|file| !here.iter().any(|path| path == file.source.path()));
        Some(match here.len() {
            1 => format!("{first}: this file is already here. It is kept once; nothing was added."),
            n => format!(
                "{first}: this file and {} of its checkpoint are already here. They are kept once; nothing was added.",
                if n == 2 { "another one".to_owned() } else { format!("{} others", n - 1) }
            ),
        })
    }

    fn join_or_hold(&mut self, mut new: Checkpoint<Metered<S>>, sizes: &[FileReport]) -> ItemId {
        let reports = files_of(&new, sizes);
        for n in (0..self.held.len()).rev() {
            let held = &mut self.held[n];
            let What::Checkpoint(checkpoint) = &mut held.what else { continue };
            match checkpoint.join(new) {
                None => {
                    held.change(reports);
                    let id = held.id;
                    self.gather(id);
                    return id;
                }
                Some(back) => new = back,
            }
        }
        let held = self.held.iter().filter_map(|held| Some((held.label.clone(), held.checkpoint()?.path().to_owned())));
        new.label = crate::session::drop::unique(held, &new.label, new.path());
        self.hold(new.label.clone(), reports, What::Checkpoint(Box::new(new)))
    }

    /// Gives an index to the latest checkpoint that it belongs to; without an id where it is there already.
    ///
    /// # Errors
    /// None of its files is here: in words.
    fn give_index(&mut self, mut index: Index, sizes: &[FileReport]) -> Result<Option<ItemId>, String> {
        let report = sizes.iter().find(|file| file.name == index.path).cloned();
        for n in (0..self.held.len()).rev() {
            let held = &mut self.held[n];
            let What::Checkpoint(checkpoint) = &mut held.what else { continue };
            if checkpoint.index() == Some(&index) {
                return Ok(None);
            }
            match checkpoint.take_index(index) {
                Ok(()) => {
                    held.change(report);
                    let id = held.id;
                    self.gather(id);
                    return Ok(Some(id));
                }
                Err(back) => index = back,
            }
        }
        Err(index.waiting())
    }

    /// Joins what its index names and so far stood alone.
    fn gather(&mut self, id: ItemId) {
        let Some(mut whole) = self.held.take(|held| held.id == id).pop() else { return };
        if let What::Checkpoint(checkpoint) = &mut whole.what {
            let mut files = Vec::new();
            let gone = self.held.take(|held| {
                held.what = match std::mem::replace(&mut held.what, What::Companion) {
                    What::Checkpoint(other) => match checkpoint.join(*other) {
                        Some(back) => What::Checkpoint(Box::new(back)),
                        None => {
                            files.append(&mut held.files);
                            return true;
                        }
                    },
                    what => what,
                };
                false
            });
            whole.files.extend(files);
            self.tell_gone(&gone);
        }
        self.held.insert(whole);
    }
}

/// The sizes of a checkpoint's files, its index among them.
fn files_of<S: ByteSource>(checkpoint: &Checkpoint<S>, sizes: &[FileReport]) -> Vec<FileReport> {
    let index = checkpoint.index().and_then(|index| sizes.iter().find(|file| file.name == index.path)).cloned();
    let report =
        |file: &CheckpointFile<S>| FileReport { name: file.source.path().to_owned(), bytes: file.source.len() };
    checkpoint.files.iter().map(report).chain(index).collect()
}

/// Whether two files are one and the same: by path, length and header, and as far as samples of their values tell,
/// since all states of a training are described alike.
async fn is_same<S: ByteSource>(a: &CheckpointFile<S>, b: &CheckpointFile<S>) -> bool {
    if a.source.path() != b.source.path() || a.source.len() != b.source.len() || a.header != b.header {
        return false;
    }
    let tensors: Vec<&TensorEntry> = a.header.tensors.iter().filter(|tensor| tensor.byte_len() > 0).collect();
    for tensor in tensors.iter().step_by(tensors.len().div_ceil(SAMPLES).max(1)) {
        let begin = tensor.begin + tensor.byte_len().saturating_sub(SAMPLE) / 2;
        let range = begin..tensor.end.min(begin + SAMPLE);
        match (a.source.read(range.clone()).await, b.source.read(range).await) {
            (Ok(a), Ok(b)) if a == b => {}
            _ => return false,
        }
    }
    true
}
