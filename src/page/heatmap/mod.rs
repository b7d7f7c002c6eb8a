//! Layer × module heatmaps: their panel, choices, legend and readout; and the one of the adapter itself.

mod picture;
mod table;

use std::sync::Arc;

use leptos::prelude::*;

use crate::export::CopyButton;
use crate::model::axis::{Scale, ScaleKind};
use crate::model::colour::Palette;
use crate::model::grid::Grid;
use crate::model::heat::{self, Cell, Field, Measured};
use crate::model::measure::Measure;
use crate::model::picture::heat::{Names, picture};
use crate::model::picture::theme::Theme;
use crate::picture::SavePicture;
use crate::sheet::Picked;
use crate::store::{Store, is_another, use_store};
use picture::{HeatPicture, Legend};
use table::HeatTable;

/// What the parts of a heatmap share.
#[derive(Clone, Copy)]
pub struct Heat {
    pub store: Store,
    /// The hook of the grid; ids begin with it.
    pub name: &'static str,
    pub grid: Memo<Option<Arc<Grid>>>,
    pub field: Memo<Option<Arc<dyn Field>>>,
    pub scale: Memo<Option<Scale>>,
    /// The module in view, and what choosing another does.
    pub module: Picked,
    kind: RwSignal<ScaleKind>,
    /// Where the keys are.
    pub cursor: RwSignal<Cell>,
    /// Where the pointer is.
    pub hover: RwSignal<Option<Cell>>,
}

impl Heat {
    /// `field` is over the modules of the adapter in view.
    pub fn new(
        store: Store,
        name: &'static str,
        field: Memo<Option<Arc<dyn Field>>>,
        kind: RwSignal<ScaleKind>,
    ) -> Heat {
        let module = Picked { now: store.module.into(), pick: Callback::new(move |module| store.pick(module)) };
        Heat::over(store, name, store.grid, field, kind, module)
    }

    /// `field` and `module` are over the modules of `grid`.
    pub fn over(
        store: Store,
        name: &'static str,
        grid: Memo<Option<Arc<Grid>>>,
        field: Memo<Option<Arc<dyn Field>>>,
        kind: RwSignal<ScaleKind>,
        module: Picked,
    ) -> Heat {
        let scale = Memo::new(move |_| {
            let kind = kind.get();
            field.with(|f| f.as_ref()?.scale(kind))
        });
        let (cursor, hover) = (RwSignal::new(Cell::default()), RwSignal::new(None));
        Heat { store, name, grid, field, scale, module, kind, cursor, hover }
    }

    /// The cell of the module in view.
    pub fn picked(self) -> Option<Cell> {
        let (row, column) = self.grid.with(|g| g.as_ref()?.place_of(self.module.now.get()?))?;
        Some(Cell { row, column })
    }

    /// What `read` says of the picture; nothing where there is none.
    fn read(self, read: impl FnOnce(&Grid, &dyn Field) -> String) -> String {
        self.field.with(|f| self.grid.with(|g| Some(read(g.as_ref()?, f.as_deref()?)))).unwrap_or_default()
    }

    pub fn read_out(self, cell: Cell) -> String {
        self.read(|grid, field| heat::read_out(grid, field, cell))
    }

    fn tsv(self) -> String {
        untrack(|| self.read(heat::tsv))
    }

    fn label(self) -> &'static str {
        self.field.with(|f| f.as_ref().map_or("", |f| f.label()))
    }

    pub fn palette(self) -> Palette {
        self.field.with(|f| f.as_ref().map_or_else(Palette::default, |f| f.palette()))
    }
}

/// The measures that a heatmap offers: form value and label, which one is chosen, and what choosing does.
#[derive(Clone)]
pub struct Measures {
    pub hook: &'static str,
    pub all: Vec<(&'static str, &'static str)>,
    pub now: Signal<&'static str>,
    pub choose: Callback<String>,
}

/// The heatmap of the adapter's own measures.
#[component]
pub fn Heatmap() -> impl IntoView {
    let store = use_store();
    let field = Memo::new_with_compare(
        move |_| {
            let measure = store.measure.get();
            store.heat_adapter.get().map(|adapter| Arc::new(Measured { adapter, measure }) as Arc<dyn Field>)
        },
        is_another,
    );
    let heat = Heat::new(store, "heatmap", field, store.heat_scale);
    let measures = Measures {
        hook: "heatmap-measure",
        all: Measure::ALL.map(|m| (m.key(), m.label())).into(),
        now: Signal::derive(move || store.measure.get().key()),
        choose: Callback::new(move |key: String| {
            if let Some(measure) = Measure::from_key(&key) {
                store.measure.set(measure);
            }
        }),
    };
    view! { <HeatPanel heat title="Where the update lives" measures/> }
}

#[component]
pub fn HeatPanel(
    heat: Heat,
    title: &'static str,
    /// What the picture is of, where the title does not say it.
    #[prop(optional, into)]
    subtitle: Option<Signal<String>>,
    measures: Measures,
) -> impl IntoView {
    let as_table = RwSignal::new(false);
    // The keys start where the eye is: at the module in view.
    Effect::new(move |_| {
        if let Some(cell) = heat.picked() {
            heat.cursor.set(cell);
        }
    });
    let measure = measures.now;
    let draw = move |theme: &Theme| {
        let (grid, field) = (heat.grid.get()?, heat.field.get()?);
        let adapter = heat.store.adapter.with(|a| a.as_ref().map(|a| a.report.label.clone())).unwrap_or_default();
        let subtitle = subtitle.map(|s| s.get()).unwrap_or_default();
        let names = Names { picture: heat.name, title, subtitle: &subtitle, adapter: &adapter, measure: measure.get() };
        Some(picture(&grid, field.as_ref(), heat.scale.get(), theme, names))
    };
    let left_out = move || heat.grid.with(|g| heat::left_out(g.as_ref()?));
    view! {
        <section class="panel heat-panel" aria-labelledby=format!("{}-title", heat.name)>
            <div class="panel-head">
                <h2 id=format!("{}-title", heat.name)>{title}" "<span class="small">{move || subtitle.map(|s| s.get())}</span></h2>
                <Choices heat measures as_table/>
            </div>
            <Show when=move || !as_table.get() fallback=move || view! { <HeatTable heat/> }>
                <HeatPicture heat/>
                <p class="readout" aria-hidden="true">
                    {move || heat.hover.get().or_else(|| heat.picked()).map(|cell| heat.read_out(cell))}
                </p>
                <Legend heat/>
            </Show>
            {move || heat.field.with(|f| f.as_ref()?.remark()).map(|text| view! { <p class="small">{text}</p> })}
            {move || left_out().map(|text| view! { <p class="small">{text}</p> })}
            <div class="panel-foot">
                <details class="help">
                    <summary>{move || format!("What {} means", heat.label())}</summary>
                    <p>{move || heat.field.with(|f| f.as_ref().map(|f| f.help()))}</p>
                </details>
                <CopyButton label="Copy as TSV" text=move || heat.tsv()/>
                <SavePicture what="the heatmap" draw/>
            </div>
        </section>
    }
}

/// Which measure, on which scale, as a picture or as a table.
#[component]
fn Choices(heat: Heat, measures: Measures, as_table: RwSignal<bool>) -> impl IntoView {
    let Measures { hook, all, now, choose } = measures;
    let option = move |(key, label): (&'static str, &'static str)| {
        view! { <option value=key selected=move || now.get() == key>{label}</option> }
    };
    let is_log = move || heat.kind.get() == ScaleKind::Log;
    let set_log = move |event: web_sys::Event| {
        heat.kind.set(if event_target_checked(&event) { ScaleKind::Log } else { ScaleKind::Linear });
    };
    view! {
        <div class="choices">
            <label>
                "Measure "
                <select data-testid=hook on:change=move |event| choose.run(event_target_value(&event))>
                    {all.into_iter().map(option).collect_view()}
                </select>
            </label>
            // Below zero there is no logarithm.
            <Show when=move || heat.palette() == Palette::Sequential>
                <label>
                    <input type="checkbox" prop:checked=is_log on:change=set_log/>
                    " Log scale"
                </label>
            </Show>
            <Show when=move || heat.grid.with(|g| g.as_ref().is_some_and(|g| g.has_experts))>
                <label title="Experts of a layer share a cell, which shows the strongest">
                    <input
                        type="checkbox"
                        data-testid=format!("{}-experts", heat.name)
                        prop:checked=move || heat.store.experts_open.get()
                        on:change=move |event| heat.store.experts_open.set(event_target_checked(&event))
                    />
                    " Every expert"
                </label>
            </Show>
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
