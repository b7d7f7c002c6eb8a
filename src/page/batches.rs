//! Long tables, drawn in pieces: so that no task of the page is long.

use std::time::Duration;

use leptos::prelude::*;

/// Rows drawn in one task.
const BATCH: usize = 75;
/// Rows that are drawn first: more than a table's box shows without being scrolled.
const IN_VIEW: usize = 24;

/// Which table it is, counted from 0, and whether there is one.
pub type Generation = (u64, bool);

/// Counts how often what `is_there` reads has changed: keys of rows hold it, so that another table's rows are
/// never taken for these.
pub fn generations(is_there: impl Fn() -> bool + Send + Sync + 'static) -> Memo<Generation> {
    Memo::new(move |former: Option<&Generation>| (former.map_or(0, |(n, _)| n + 1), is_there()))
}

/// How many rows of a table are on the page: those in view first, then [`BATCH`] after every painted frame, up to
/// `limit`. `done` is called when those in view are drawn: a browser lays out a hundred rows in the time of a whole
/// heatmap, and nobody has to wait for what lies out of sight.
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
        let goal = found.min(limit);
        match (is_there, drawn.get_untracked()) {
            (false, _) => {}
            (true, 0) => grow.begin(goal, turn.get_value()),
            (true, _) => grow.go_on(goal, turn.get_value()),
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
    /// The rows in view, in a task of their own; then the others.
    fn begin(self, goal: usize, mine: u32) {
        self.drawn.set(goal.min(IN_VIEW));
        let go_on = move || {
            if self.is_turn(mine) {
                (self.done)(self.store);
                self.go_on(goal, mine);
            }
        };
        set_timeout(go_on, Duration::ZERO);
    }

    /// More rows, once those that are there have been painted.
    fn go_on(self, goal: usize, mine: u32) {
        if self.drawn.get_untracked() >= goal {
            return;
        }
        let draw = move || {
            if self.is_turn(mine) {
                self.drawn.update(|d| *d = (*d + BATCH).min(goal));
                self.go_on(goal, mine);
            }
        };
        // A frame's callbacks run before it is painted: with the second, the first is on the screen.
        request_animation_frame(move || request_animation_frame(move || set_timeout(draw, Duration::ZERO)));
    }

    /// Also false where the table is gone from the page meanwhile.
    fn is_turn(self, mine: u32) -> bool {
        self.turn.try_get_value() == Some(mine)
    }
}
