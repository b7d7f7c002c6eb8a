//! What the page knows of a comparison: every adapter beside every other, and of some pairs their modules.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::run::{Run, rows};
use lorascope_protocol::report::{ComparedModule, NotAnalyzed, OverlapGrid, PairFigures};
use lorascope_protocol::{ItemId, JobId, PairPiece, Piece};

pub mod figures;
pub mod joined;
pub mod label;
pub mod matrix;
pub mod overlap;
pub mod pair;
mod state;
#[cfg(test)]
pub(crate) mod testing;

/// Two adapters, the first of them the earlier one in the comparison.
pub type PairId = (ItemId, ItemId);

/// Pairs, and modules of pairs, that are kept for looking at them again; the engine still has the others.
const KEPT: usize = 16;

/// Every adapter beside every other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compared {
    pub items: Vec<ItemId>,
    /// a < b by their places in `items`, by a and then by b.
    pub pairs: Vec<PairFigures>,
    /// Adapters that could not be compared, and why.
    pub left_out: Vec<NotAnalyzed>,
}

impl Compared {
    /// Two different places of `items`, in any order.
    pub fn figures(&self, one: usize, other: usize) -> Option<&PairFigures> {
        let (a, b) = (one.min(other), one.max(other));
        let n = self.items.len();
        if a == b || b >= n {
            return None;
        }
        // Before row a there are a rows, each one shorter than the one above it.
        self.pairs.get(a * (2 * n - a - 1) / 2 + (b - a - 1))
    }

    pub fn place_of(&self, item: ItemId) -> Option<usize> {
        self.items.iter().position(|i| *i == item)
    }

    /// The pair of two places, where they are two.
    pub fn pair(&self, one: usize, other: usize) -> Option<PairId> {
        let (a, b) = (one.min(other), one.max(other));
        (a != b).then_some((*self.items.get(a)?, *self.items.get(b)?))
    }

    /// This pair, if it is one of them; else the first.
    pub fn pair_or_first(&self, wanted: Option<PairId>) -> Option<PairId> {
        let holds = |(a, b): &PairId| self.place_of(*a).is_some() && self.place_of(*b).is_some();
        wanted.filter(holds).or_else(|| self.pair(0, 1))
    }
}

/// The modules of one pair.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairLists {
    pub pair: PairId,
    pub modules: Vec<ComparedModule>,
    pub only_a: Vec<String>,
    pub only_b: Vec<String>,
    pub not_compared: Vec<NotAnalyzed>,
}

impl PairLists {
    fn new(pair: PairId, pieces: Vec<Piece>) -> PairLists {
        let mut lists = PairLists { pair, ..PairLists::default() };
        for piece in pieces {
            match piece {
                Piece::Pair(PairPiece::Modules(more)) => lists.modules.extend(more),
                Piece::Pair(PairPiece::OnlyA(more)) => lists.only_a.extend(more),
                Piece::Pair(PairPiece::OnlyB(more)) => lists.only_b.extend(more),
                Piece::Pair(PairPiece::NotCompared(more)) => lists.not_compared.extend(more),
                _ => {}
            }
        }
        lists
    }

    /// The module in view: the one of this name, else the one where the two together are strongest.
    pub fn module_or_strongest(&self, wanted: Option<&str>) -> Option<usize> {
        let named = wanted.and_then(|name| self.modules.iter().position(|m| m.name == name));
        let strength = |m: &ComparedModule| m.norms[0] * m.norms[1];
        let by_strength =
            |(_, a): &(usize, &ComparedModule), (_, b): &(usize, &ComparedModule)| strength(a).total_cmp(&strength(b));
        named.or_else(|| self.modules.iter().enumerate().max_by(by_strength).map(|(i, _)| i))
    }
}

/// A module of a pair, by the first one's name.
pub type ModuleId = (PairId, String);

/// φ(i, j) of one module, or why there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleOverlap {
    pub of: ModuleId,
    pub grid: Result<OverlapGrid, String>,
}

/// A question on the side, about the comparison that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Aside {
    Pair(PairId),
    Module(ModuleId),
}

#[derive(Clone, Debug, Default)]
pub struct Comparison {
    pub run: Run<(), Compared>,
    /// The newest last.
    lists: Vec<Arc<PairLists>>,
    overlaps: Vec<Arc<ModuleOverlap>>,
    asides: BTreeMap<JobId, Aside>,
}

impl Comparison {
    pub(super) fn compared(
        &mut self,
        job: Option<JobId>,
        items: Vec<ItemId>,
        left_out: Vec<NotAnalyzed>,
        pieces: Vec<Piece>,
        now_ms: f64,
    ) {
        self.forget_parts();
        let pairs = rows(pieces, |piece| if let Piece::Compared(pairs) = piece { Some(pairs) } else { None });
        self.run.answered(job, now_ms, |_, _| Compared { items, pairs, left_out });
    }

    /// Other adapters are here now, or the same ones with another scale.
    pub(super) fn gone(&mut self, job: JobId) {
        if self.run.gone(job) {
            self.forget_parts();
        }
    }

    fn forget_parts(&mut self) {
        (self.lists, self.overlaps, self.asides) = Default::default();
    }

    /// There is something new to compare: what kept the last one from coming may be over.
    pub(super) fn world_changed(&mut self) {
        self.run.world_changed();
    }

    /// The engine is gone, and every answer with it.
    pub(super) fn crashed(&mut self) {
        self.asides.clear();
    }

    pub fn lists(&self, pair: PairId) -> Option<&Arc<PairLists>> {
        self.lists.iter().find(|lists| lists.pair == pair)
    }

    pub fn overlap(&self, of: &ModuleId) -> Option<&Arc<ModuleOverlap>> {
        self.overlaps.iter().find(|overlap| overlap.of == *of)
    }

    /// Puts a question on the side down; false where it is being answered already.
    fn ask(&mut self, job: JobId, aside: Aside) -> bool {
        let is_new = !self.asides.values().any(|asked| *asked == aside);
        if is_new {
            self.asides.insert(job, aside);
        }
        is_new
    }

    pub(super) fn pair_arrived(&mut self, job: Option<JobId>, pieces: Vec<Piece>) {
        if let Some(Aside::Pair(pair)) = job.and_then(|job| self.asides.remove(&job)) {
            keep(&mut self.lists, PairLists::new(pair, pieces), |known| known.pair == pair);
        }
    }

    pub(super) fn overlap_arrived(&mut self, job: Option<JobId>, grid: Result<OverlapGrid, String>) {
        if let Some(Aside::Module(of)) = job.and_then(|job| self.asides.remove(&job)) {
            let overlap = ModuleOverlap { of: of.clone(), grid };
            keep(&mut self.overlaps, overlap, |known| known.of == of);
        }
    }

    /// False where that was no question on the side.
    pub(super) fn aside_refused(&mut self, job: JobId, text: Option<&str>) -> bool {
        let is_known = self.asides.contains_key(&job);
        match text {
            Some(text) => self.overlap_arrived(Some(job), Err(text.to_owned())),
            // Cancelled with something else: it may be asked again.
            None => drop(self.asides.remove(&job)),
        }
        is_known
    }
}

/// Adds what came last; what it replaces goes, and so does what is oldest.
fn keep<T>(all: &mut Vec<Arc<T>>, new: T, is_same: impl Fn(&T) -> bool) {
    all.retain(|known| !is_same(known));
    if all.len() >= KEPT {
        all.remove(0);
    }
    all.push(Arc::new(new));
}

#[cfg(test)]
mod tests;
