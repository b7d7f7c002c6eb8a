//! Layer × module heatmaps: their panel, choices, legend and readout; and the one of the adapter itself.

mod picture;
mod table;

use std::sync::Arc;

use leptos::prelude::*;

use crate::export::CopyButton;
use crate::fields::{Checkbox, FigureChoice, FigureSelect, LogScale};
use crate::model::axis::{Scale, ScaleKind};
use crate::model::colour::Palette;
use crate::model::column::Description;
use crate::model::grid::Grid;
use crate::model::heat::{self, Cell, Field, Measured};
use crate::model::measure::MEASURES;
use crate::model::picture::heat::{Names, picture};
use crate::model::picture::theme::Theme;
use crate::picture::SavePicture;
use crate::sheet::Picked;
use crate::store::{Store, shared_memo, use_store};
use picture::{HeatPicture, Legend};
use table::HeatTable;

type FieldMemo = Memo<Option<Arc<dyn Field>>>;

/// A memo of what `derive` makes; fields are compared by identity.
pub fn field_memo<T: Field + 'static>(derive: impl Fn() -> Option<T> + Send + Sync + 'static) -> FieldMemo {
    shared_memo(move || derive().map(|field| Arc::new(field) as Arc<dyn Field>))
}

/// What the parts of a heatmap share.
#[derive(Clone, Copy)]
pub struct Heat {
    pub store: Store,
    /// The hook of the grid; ids begin with it.
    pub name: &'static str,
    pub grid: Memo<Option<Arc<Grid>>>,
    pub field: FieldMemo,
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
    /// `field` and `module` are over the modules of `grid`.
    pub fn new(
        store: Store,
        name: &'static str,
        grid: Memo<Option<Arc<Grid>>>,
        field: FieldMemo,
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

    fn figure(self) -> Option<&'static Description> {
        self.field.with(|f| f.as_ref().map(|f| f.figure()))
    }

    pub fn palette(self) -> Palette {
        self.figure().map_or_else(Palette::default, |figure| figure.palette)
    }
}

/// The heatmap of the adapter's own measures.
#[component]
pub fn Heatmap() -> impl IntoView {
    let store = use_store();
    let field = field_memo(move || {
        let measure = store.measure.get();
        Some(Measured { adapter: store.heat_adapter.get()?, measure })
    });
    let heat = Heat::new(store, "heatmap", store.grid, field, store.heat_scale, store.into());
    let choice = FigureChoice::new("heatmap-measure", &MEASURES, store.measure);
    view! { <HeatPanel heat title="Where the update lives" choice/> }
}

#[component]
pub fn HeatPanel(
    heat: Heat,
    title: &'static str,
    /// What the picture is of, where the title does not say it.
    #[prop(optional, into)]
    subtitle: Option<Signal<String>>,
    choice: FigureChoice,
) -> impl IntoView {
    let as_table = RwSignal::new(false);
    // The keys start where the eye is: at the module in view.
    Effect::new(move |_| {
        if let Some(cell) = heat.picked() {
            heat.cursor.set(cell);
        }
    });
    let measure = choice.now;
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
                <Choices heat choice as_table/>
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
                    <summary>{move || format!("What {} means", heat.figure().map_or("", |figure| figure.label))}</summary>
                    <p>{move || heat.figure().map(|figure| figure.help)}</p>
                </details>
                <CopyButton label="Copy as TSV" text=move || heat.tsv()/>
                <SavePicture what="the heatmap" draw/>
            </div>
        </section>
    }
}

/// Which measure, on which scale, as a picture or as a table.
#[component]
fn Choices(heat: Heat, choice: FigureChoice, as_table: RwSignal<bool>) -> impl IntoView {
    view! {
        <div class="choices">
            <FigureSelect label="Measure" choice/>
            // Below zero there is no logarithm.
            <Show when=move || heat.palette() == Palette::Sequential>
                <LogScale kind=heat.kind/>
            </Show>
            <Show when=move || heat.grid.with(|g| g.as_ref().is_some_and(|g| g.has_experts))>
                <Checkbox
                    label="Every expert"
                    title="Experts of a layer share a cell, which shows the strongest"
                    hook=format!("{}-experts", heat.name)
                    checked=heat.store.experts_open
                    set=move |open| heat.store.experts_open.set(open)
                />
            </Show>
            <Checkbox label="As a table" checked=as_table set=move |table| as_table.set(table)/>
        </div>
    }
}
