//! The reactive store: one signal of the plain [`State`], and memos of what the components read from it.

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;

use super::browser::now_ms;
use super::model::axis::ScaleKind;
use super::model::grid::Grid;
use super::model::measure::{MEASURES, Measure};
use super::model::said::Notice;
use super::model::schemes::Schemes;
use super::model::sheet::SheetOrder;
use super::model::shown::{Adapter, Phase, State};
use super::model::table::STRONGEST_FIRST;
use super::model::tabs::Tab;
use super::model::viewed::Viewed;
use lorascope_protocol::report::DomainReport;
use lorascope_protocol::{Item, JobId, ToPage};

/// Handles of signals: copied freely.
#[derive(Clone, Copy)]
pub struct Store {
    pub state: RwSignal<State>,
    pub phase: Memo<Phase>,
    /// The engine is there and waits.
    pub free: Memo<bool>,
    pub status: Memo<String>,
    pub items: Memo<Vec<Item>>,
    pub errors: Memo<Vec<Notice>>,
    pub warnings: Memo<Vec<Notice>>,
    /// The adapter in view. Compared by identity: a report of 20,000 modules is never compared by value.
    pub adapter: Memo<Option<Arc<Adapter>>>,
    /// The schemes that there are, and the chosen one.
    pub schemes: Memo<Schemes>,
    /// Its editor is open.
    pub scheme_open: RwSignal<bool>,
    /// The domain profile of the adapter in view, as that scheme has it.
    pub domains: Memo<Option<DomainReport>>,
    /// The same adapter, one task later: the heatmap derives its grid from it.
    pub heat_adapter: RwSignal<Option<Arc<Adapter>>>,
    /// Every expert has a row of its own in the heatmaps.
    pub experts_open: RwSignal<bool>,
    /// The places of its modules, for every heatmap.
    pub grid: Memo<Option<Arc<Grid>>>,
    /// The same adapter, two tasks later: the table sorts and draws it.
    pub table_adapter: RwSignal<Option<Arc<Adapter>>>,
    /// Not all of the adapter in view is on the page yet.
    pub drawing: RwSignal<bool>,
    /// The module in view, by its index in that adapter; the strongest one until another is picked.
    pub module: Memo<Option<usize>>,
    picked: RwSignal<Option<String>>,
    pub measure: RwSignal<&'static Measure>,
    pub heat_scale: RwSignal<ScaleKind>,
    pub tab: RwSignal<Tab>,
    /// The tab was chosen by the person: a step in the browser's history.
    pub step: StoredValue<bool>,
    /// The order of the module table.
    pub sort: RwSignal<SheetOrder>,
    /// Files hover over the window.
    pub dragging: RwSignal<bool>,
    /// The page is dark, by the system or by choice.
    pub dark: RwSignal<bool>,
    /// Progress that is not shown yet, and when it came.
    progress: StoredValue<Option<(JobId, ToPage, f64)>>,
}

/// How often running numbers change at most: faster than anyone reads them, and where there is no GPU a frame takes
/// its time from the work that it tells of.
const PROGRESS_EVERY: Duration = Duration::from_millis(150);

impl Store {
    pub fn new() -> Store {
        let state = RwSignal::new(State::default());
        let adapter = shared_memo(move || state.with(State::selected));
        let picked = RwSignal::new(None::<String>);
        let schemes = Memo::new(move |_| state.with(|s| s.schemes.clone()));
        let module = Memo::new(move |_| {
            let adapter = adapter.get()?;
            let named = picked.with(|name| adapter.modules.iter().position(|m| Some(&m.name) == name.as_ref()));
            let strongest = || {
                let by_norm = |(_, a): &(usize, f64), (_, b): &(usize, f64)| a.total_cmp(b);
                let counted = adapter.modules.iter().enumerate().filter(|(_, m)| m.copy_of.is_none());
                let norms = counted.map(|(i, m)| (i, m.frobenius));
                norms.filter(|(_, x)| x.is_finite()).max_by(by_norm).map(|(i, _)| i)
            };
            named.or_else(strongest)
        });
        let heat_adapter = RwSignal::new(None::<Arc<Adapter>>);
        let experts_open = RwSignal::new(false);
        let grid = shared_memo(move || {
            let (adapter, open) = (heat_adapter.get()?, experts_open.get());
            let modules: Vec<_> = adapter.modules.iter().collect();
            Some(Arc::new(Grid::of(&modules, adapter.report.total_layers, open)))
        });
        Store {
            state,
            phase: Memo::new(move |_| state.with(|s| s.phase)),
            free: Memo::new(move |_| state.with(State::is_free)),
            status: Memo::new(move |_| state.with(State::status)),
            items: Memo::new(move |_| state.with(|s| s.items.clone())),
            errors: Memo::new(move |_| state.with(State::errors)),
            warnings: Memo::new(move |_| state.with(State::warnings)),
            adapter,
            schemes,
            scheme_open: RwSignal::new(false),
            domains: Memo::new(move |_| {
                let adapter = adapter.get()?;
                Some(schemes.with(|schemes| schemes.scored(&adapter)))
            }),
            heat_adapter,
            experts_open,
            grid,
            table_adapter: RwSignal::new(None),
            drawing: RwSignal::new(false),
            module,
            picked,
            measure: RwSignal::new(MEASURES[0]),
            heat_scale: RwSignal::new(ScaleKind::default()),
            tab: RwSignal::new(Tab::default()),
            step: StoredValue::new(false),
            sort: RwSignal::new(STRONGEST_FIRST),
            dragging: RwSignal::new(false),
            dark: RwSignal::new(false),
            progress: StoredValue::new(None),
        }
    }

    /// Hands a new adapter to the panels one after the other, each in a task of its own: the page stays responsive
    /// while an adapter of many modules is drawn. [`Store::drawing`] falls when the table has its rows.
    pub fn stage(self) {
        Effect::new(move |_| {
            let shown = self.adapter.get();
            self.drawing.set(shown.is_some());
            if shown.is_none() {
                self.heat_adapter.set(None);
                self.table_adapter.set(None);
                return;
            }
            // Whatever is in view by then: a later change has its own turn.
            let table = move || self.table_adapter.set(self.adapter.get_untracked());
            let heat = move || {
                self.heat_adapter.set(self.adapter.get_untracked());
                set_timeout(table, Duration::ZERO);
            };
            set_timeout(heat, Duration::ZERO);
        });
    }

    /// Takes a message from the engine, in its turn; of progress only the latest, a little later.
    pub fn receive(self, job: JobId, message: ToPage) {
        if matches!(message, ToPage::Progress(_) | ToPage::Fetching(_)) {
            let waiting = self.progress.try_update_value(|latest| latest.replace((job, message, now_ms())));
            if waiting.is_some_and(|waiting| waiting.is_none()) {
                set_timeout(move || self.show_progress(), PROGRESS_EVERY);
            }
            return;
        }
        self.show_progress();
        self.take(job, message, now_ms());
    }

    /// What comes of a job that was cleared away is not let back in.
    fn take(self, job: JobId, message: ToPage, at_ms: f64) {
        let is_of_engine = matches!(message, ToPage::Started { .. } | ToPage::NoBackend { .. });
        if is_of_engine || self.state.with_untracked(|s| s.is_wanted(job)) {
            self.state.update(|s| s.hear(job, message, at_ms));
        }
    }

    /// The engine is gone. What it last said of its progress must not come after that.
    pub fn crashed(self, report: &str) {
        self.progress.set_value(None);
        self.state.update(|s| s.crashed(report.to_owned()));
    }

    fn show_progress(self) {
        if let Some((job, message, at_ms)) = self.progress.try_update_value(Option::take).flatten() {
            self.take(job, message, at_ms);
        }
    }

    /// Brings a module into view; by name, so that the same module stays in view in another adapter.
    pub fn pick(self, module: usize) {
        let name = self.adapter.with_untracked(|a| a.as_ref()?.modules.get(module).map(|m| m.name.clone()));
        if name.is_some() {
            self.picked.set(name);
        }
    }
}

impl Store {
    /// The person chooses a tab.
    pub fn choose_tab(self, tab: Tab) {
        if self.tab.get_untracked() != tab {
            self.step.set_value(true);
            self.tab.set(tab);
        }
    }

    /// The engine is there and not busy with another task.
    pub fn can_export(self) -> bool {
        !self.phase.get().is_busy() && self.state.with(|s| s.crash.is_none())
    }

    /// What of the view an address holds.
    pub fn viewed(self) -> Viewed {
        let is_here =
            |name: &String| self.adapter.with(|a| a.as_ref().is_none_or(|a| a.modules.iter().any(|m| m.name == *name)));
        Viewed {
            tab: self.tab.get(),
            measure: self.measure.get(),
            scale: self.heat_scale.get(),
            module: self.picked.get().filter(is_here),
            sort: self.sort.get(),
        }
    }

    /// Shows things as an address asks.
    pub fn show_as(self, viewed: Viewed) {
        self.tab.set(viewed.tab);
        self.measure.set(viewed.measure);
        self.heat_scale.set(viewed.scale);
        self.picked.set(viewed.module);
        self.sort.set(viewed.sort);
    }
}

/// A memo of a shared thing, which is compared by identity.
pub fn shared_memo<T: ?Sized + Send + Sync + 'static>(
    derive: impl Fn() -> Option<Arc<T>> + Send + Sync + 'static,
) -> Memo<Option<Arc<T>>> {
    Memo::new_with_compare(move |_| derive(), is_another)
}

/// For memos of shared things, which are compared by identity.
pub fn is_another<T: ?Sized>(old: Option<&Option<Arc<T>>>, new: Option<&Option<Arc<T>>>) -> bool {
    match (old, new) {
        (Some(Some(old)), Some(Some(new))) => !Arc::ptr_eq(old, new),
        (Some(None), Some(None)) => false,
        _ => true,
    }
}

/// The store of the page.
pub fn use_store() -> Store {
    expect_context::<Store>()
}
