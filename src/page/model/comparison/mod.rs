//! What the page knows of a comparison: every adapter beside every other, and of some pairs their modules.

use std::collections::BTreeSet;
use std::sync::Arc;

use lorascope_protocol::report::{ComparedModule, NotAnalyzed, OverlapGrid, PairFigures};
use lorascope_protocol::{ItemId, PairPiece};

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
    fn take(&mut self, piece: PairPiece) {
        match piece {
            PairPiece::Modules(more) => self.modules.extend(more),
            PairPiece::OnlyA(more) => self.only_a.extend(more),
            PairPiece::OnlyB(more) => self.only_b.extend(more),
            PairPiece::NotCompared(more) => self.not_compared.extend(more),
        }
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

/// Why a comparison that was asked for is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    Cancelled,
    Refused(String),
}

#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The last one, until its adapters are others.
    pub whole: Option<Arc<Compared>>,
    /// With the number of pairs that it is to have.
    arriving: Option<(usize, Compared)>,
    running: bool,
    /// It is not asked for again by itself until there is something new to compare.
    pub stopped: Option<Stopped>,
    /// The newest last.
    lists: Vec<Arc<PairLists>>,
    lists_arriving: Option<PairLists>,
    overlaps: Vec<Arc<ModuleOverlap>>,
    asked_pairs: BTreeSet<PairId>,
    asked_modules: BTreeSet<ModuleId>,
}

impl Comparison {
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// The comparison goes to the engine.
    pub fn begin(&mut self) {
        self.running = true;
        self.stopped = None;
    }

    pub(super) fn compared(&mut self, items: Vec<ItemId>, pairs: usize, left_out: Vec<NotAnalyzed>) {
        self.gone();
        let figures = Vec::with_capacity(pairs.min(1 << 16));
        self.arriving = Some((pairs, Compared { items, pairs: figures, left_out }));
        self.pairs(Vec::new());
    }

    /// The comparison comes into view only when it is whole.
    pub(super) fn pairs(&mut self, more: Vec<PairFigures>) {
        let Some((expected, compared)) = &mut self.arriving else { return };
        compared.pairs.extend(more);
        if compared.pairs.len() >= *expected {
            self.whole = self.arriving.take().map(|(_, compared)| Arc::new(compared));
            self.running = false;
        }
    }

    pub(super) fn refused(&mut self, text: Option<String>) {
        self.running = false;
        self.stopped = Some(text.map_or(Stopped::Cancelled, Stopped::Refused));
    }

    /// Other adapters are here now, or the same ones with another scale.
    pub(super) fn gone(&mut self) {
        let running = self.running;
        *self = Comparison { running, ..Comparison::default() };
    }

    /// There is something new to compare: what kept the last one from coming may be over.
    pub(super) fn world_changed(&mut self) {
        self.stopped = None;
    }

    pub(super) fn lost(&mut self, item: ItemId) {
        self.world_changed();
        if self.whole.as_ref().is_some_and(|compared| compared.place_of(item).is_some()) {
            self.gone();
        }
    }

    /// The engine has ended what it was doing, or is gone: what has not come will not come.
    pub(super) fn ended(&mut self) {
        if std::mem::take(&mut self.running) && self.stopped.is_none() {
            self.stopped = Some(Stopped::Cancelled);
        }
        self.arriving = None;
    }

    /// The engine is gone, and every answer with it.
    pub(super) fn crashed(&mut self) {
        self.ended();
        self.lists_arriving = None;
        (self.asked_pairs, self.asked_modules) = Default::default();
    }

    pub fn lists(&self, pair: PairId) -> Option<&Arc<PairLists>> {
        self.lists.iter().find(|lists| lists.pair == pair)
    }

    pub fn overlap(&self, of: &ModuleId) -> Option<&Arc<ModuleOverlap>> {
        self.overlaps.iter().find(|overlap| overlap.of == *of)
    }

    pub(super) fn pair_modules(&mut self, pair: PairId, piece: PairPiece, more: bool) {
        let mut lists = match self.lists_arriving.take() {
            Some(lists) if lists.pair == pair => lists,
            _ => PairLists { pair, ..PairLists::default() },
        };
        lists.take(piece);
        if more {
            self.lists_arriving = Some(lists);
        } else if self.asked_pairs.remove(&pair) {
            // What is not asked for any more is of a comparison that is gone.
            keep(&mut self.lists, lists, |known| known.pair == pair);
        }
    }

    pub(super) fn module_overlap(&mut self, of: ModuleId, grid: Result<OverlapGrid, String>) {
        if self.asked_modules.remove(&of) {
            let overlap = ModuleOverlap { of: of.clone(), grid };
            keep(&mut self.overlaps, overlap, |known| known.of == of);
        }
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
