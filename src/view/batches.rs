//! Long tables, drawn in pieces: so that no task of the page is long.

use std::time::Duration;

use leptos::prelude::*;

/// Rows drawn in one task.
const BATCH: usize = 75;

/// Which table it is, counted from 0, and whether there is one.
pub type Generation = (u64, bool);

/// Counts how often what `is_there` reads has changed: keys of rows hold it, so that another table's rows are
/// never taken for these.
pub fn generations(is_there: impl Fn() -> bool + Send + Sync + 'static) -> Memo<Generation> {
    Memo::new(move |former: Option<&Generation>| (former.map_or(0, |(n, _)| n + 1), is_there()))
}

/// How many rows of a table are on the page: the number grows by [`BATCH`] per task up to `limit`.
/// `done` is called when all are drawn.
pub fn draw_in_batches(
    generation: Memo<Generation>,
    order: Memo<Vec<usize>>,
    limit: RwSignal<usize>,
    done: fn(super::store::Store),
) -> RwSignal<usize> {
    let store = super::store::use_store();
    let drawn = RwSignal::new(0);
    // An order that was replaced meanwhile stops growing.
    let turn = StoredValue::new(0u32);
    let grow = Grow { store, drawn, turn, done };
    Effect::new(move |former: Option<usize>| {
        // Another table may well have the same order.
        let is_there = generation.get().1;
        let (found, limit) = (order.with(Vec::len), limit.get());
        // "Show more" goes on where it was; another order begins anew.
        if former.is_none_or(|former| former >= limit) {
            drawn.set(0);
        }
        turn.update_value(|t| *t = t.wrapping_add(1));
        if is_there {
            grow.on(found.min(limit), turn.get_value());
        }
        limit
    });
    drawn
}

#[derive(Clone, Copy)]
struct Grow {
    store: super::store::Store,
    drawn: RwSignal<usize>,
    turn: StoredValue<u32>,
    done: fn(super::store::Store),
}

impl Grow {
    fn on(self, goal: usize, mine: u32) {
        // Also where the table is gone from the page meanwhile.
        if self.turn.try_get_value() != Some(mine) {
            return;
        }
        if self.drawn.get_untracked() >= goal {
            (self.done)(self.store);
            return;
        }
        self.drawn.update(|d| *d = (*d + BATCH).min(goal));
        set_timeout(move || self.on(goal, mine), Duration::ZERO);
    }
}
