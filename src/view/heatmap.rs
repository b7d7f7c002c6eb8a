//! The layer × module heatmap: its panel, choices, legend and readout.

use std::sync::Arc;

use leptos::prelude::*;

use super::export::CopyButton;
use super::heat_picture::{HeatPicture, Legend};
use super::heat_table::HeatTable;
use super::model::axis::{Scale, ScaleKind};
use super::model::grid::Grid;
use super::model::heat::{self, Cell};
use super::model::measure::Measure;
use super::model::number::grouped;
use super::store::{Store, use_store};

/// What the parts of the heatmap share.
#[derive(Clone, Copy)]
pub struct Heat {
    pub store: Store,
    pub grid: Memo<Option<Arc<Grid>>>,
    pub scale: Memo<Option<Scale>>,
    /// Where the keys are.
    pub cursor: RwSignal<Cell>,
    /// Where the pointer is.
    pub hover: RwSignal<Option<Cell>>,
}

impl Heat {
    fn new(store: Store) -> Heat {
        let grid = Memo::new_with_compare(
            move |_| store.heat_adapter.get().map(|a| Arc::new(Grid::new(&a.modules, a.report.total_layers))),
            // Runs only when the adapter has changed, and then it is another grid.
            |_: Option<&Option<Arc<Grid>>>, _| true,
        );
        let scale = Memo::new(move |_| {
            let (measure, kind) = (store.measure.get(), store.heat_scale.get());
            store.heat_adapter.with(|a| heat::scale(&a.as_ref()?.modules, measure, kind))
        });
        Heat { store, grid, scale, cursor: RwSignal::new(Cell::default()), hover: RwSignal::new(None) }
    }

    /// The cell of the module in view.
    pub fn picked(self) -> Option<Cell> {
        let (row, column) = self.grid.with(|g| g.as_ref()?.place_of(self.store.module.get()?))?;
        Some(Cell { row, column })
    }

    pub fn read_out(self, cell: Cell) -> String {
        let measure = self.store.measure.get();
        let text = |a: &Arc<_>, g: &Arc<Grid>| {
            let adapter: &super::model::shown::Adapter = a;
            heat::read_out(g, &adapter.modules, cell, measure)
        };
        self.store.heat_adapter.with(|a| self.grid.with(|g| Some(text(a.as_ref()?, g.as_ref()?)))).unwrap_or_default()
    }

    fn tsv(self) -> String {
        let measure = self.store.measure.get_untracked();
        let adapter = self.store.heat_adapter.get_untracked();
        let grid = self.grid.get_untracked();
        adapter.zip(grid).map(|(a, g)| heat::tsv(&g, &a.modules, measure)).unwrap_or_default()
    }
}

#[component]
pub fn Heatmap() -> impl IntoView {
    let heat = Heat::new(use_store());
    let store = heat.store;
    let as_table = RwSignal::new(false);
    // The keys start where the eye is: at the module in view.
    Effect::new(move |_| {
        if let Some(cell) = heat.picked() {
            heat.cursor.set(cell);
        }
    });
    let left_out = move || heat.grid.with(|g| g.as_ref().map_or(0, |g| g.columns_left_out));
    view! {
        <section class="panel heat-panel" aria-labelledby="heat-title">
            <div class="panel-head">
                <h2 id="heat-title">"Where the update lives"</h2>
                <Choices store as_table/>
            </div>
            <Show when=move || !as_table.get() fallback=move || view! { <HeatTable heat/> }>
                <HeatPicture heat/>
                <p class="readout" aria-hidden="true">
                    {move || heat.hover.get().or_else(|| heat.picked()).map(|cell| heat.read_out(cell))}
                </p>
                <Legend heat/>
            </Show>
            <Show when=move || { left_out() > 0 }>
                <p class="small">
                    {move || format!("{} further layers are not drawn; the module table has them.", grouped(left_out() as u64))}
                </p>
            </Show>
            <div class="panel-foot">
                <details class="help">
                    <summary>{move || format!("What {} means", store.measure.get().label())}</summary>
                    <p>{move || store.measure.get().help()}</p>
                </details>
                <CopyButton label="Copy as TSV" text=move || heat.tsv()/>
            </div>
        </section>
    }
}

/// Which measure, on which scale, as a picture or as a table.
#[component]
fn Choices(store: Store, as_table: RwSignal<bool>) -> impl IntoView {
    let choose = move |event: web_sys::Event| {
        if let Some(measure) = Measure::from_key(&event_target_value(&event)) {
            store.measure.set(measure);
        }
    };
    let option = move |m: Measure| {
        view! { <option value=m.key() selected=move || store.measure.get() == m>{m.label()}</option> }
    };
    let is_log = move || store.heat_scale.get() == ScaleKind::Log;
    let set_log = move |event: web_sys::Event| {
        store.heat_scale.set(if event_target_checked(&event) { ScaleKind::Log } else { ScaleKind::Linear });
    };
    view! {
        <div class="choices">
            <label>
                "Measure "
                <select data-testid="heatmap-measure" on:change=choose>
                    {Measure::ALL.map(option).collect_view()}
                </select>
            </label>
            <label>
                <input type="checkbox" prop:checked=is_log on:change=set_log/>
                " Log scale"
            </label>
            <label>
                <input
                    type="checkbox"
                    prop:checked=move || as_table.get()
                    on:change=move |event| as_table.set(event_target_checked(&event))
                />
                " As a table"
            </label>
        </div>
    }
}
