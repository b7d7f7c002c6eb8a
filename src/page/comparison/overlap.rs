//! φ(i, j) of the module in view: how the leading directions of two updates lie within each other.

use std::sync::Arc;

use leptos::prelude::*;

use super::Desk;
use super::overlap_picture::Picture;
use crate::canvas::Strip;
use crate::export::CopyButton;
use crate::fields::Checkbox;
use crate::model::colour::ColourMap;
use crate::model::comparison::overlap::{Overlap, PALETTE, Side};
use crate::model::picture::overlap::picture;
use crate::model::picture::theme::Theme;
use crate::picture::SavePicture;
use crate::values::{untitled, values_table};

/// What the picture is, for someone who never read the paper.
const HELP: &str = "φ(i, j) = ‖U_Aⁱᵀ·U_Bʲ‖²/min(i, j) of the first i and the first j singular vectors, strongest first \
                    (Hu et al., LoRA, arXiv 2106.09685, section 7.2). 1: the fewer directions lie within the more. 0: \
                    they have nothing in common. Random directions have max(i, j)/m in m dimensions, the chance level. \
                    A bright top left corner means that the two agree in what they change most.";

#[component]
pub fn OverlapPanel(desk: Desk) -> impl IntoView {
    let overlap = Memo::new(move |_| {
        let (found, side) = (desk.overlap.get()?, desk.side.get());
        let grid = found.grid.as_ref().ok()?.clone();
        Some(Overlap { grid: Arc::new(grid), side })
    });
    let refused = move || desk.overlap.with(|found| found.as_ref()?.grid.as_ref().err().cloned());
    let name = Memo::new(move |_| desk.lists.with(|l| Some(l.as_ref()?.modules.get(desk.module.get()?)?.name.clone())));
    let there = Memo::new(move |_| overlap.with(Option::is_some));
    let draw = move |theme: &Theme| {
        let [a, b] = [false, true].map(|second| desk.label(second));
        overlap.with(|o| Some(picture(o.as_ref()?, &name.get()?, [&a, &b], theme)))
    };
    let waits = move || {
        if desk.store.free.get() {
            "Reading the directions …"
        } else {
            "The directions come here when the engine is free …"
        }
    };
    view! {
        <Show when=move || name.with(Option::is_some)>
            <section class="panel overlap-panel" data-testid="compare-module" aria-labelledby="overlap-title">
                <div class="panel-head">
                    <h2 id="overlap-title">"Direction by direction"</h2>
                    <SideChoice side=desk.side/>
                </div>
                <p class="module-name"><b>{move || name.get()}</b></p>
                <Show
                    when=move || there.get()
                    fallback=move || view! { <p role="status">{move || refused().unwrap_or_else(|| waits().to_owned())}</p> }
                >
                    <Drawn desk overlap/>
                </Show>
                <div class="panel-foot">
                    <details class="help">
                        <summary>"What φ(i, j) means"</summary>
                        <p>{HELP}</p>
                    </details>
                    <CopyButton label="Copy as TSV" text=move || overlap.with_untracked(|o| o.as_ref().map(Overlap::tsv)).unwrap_or_default()/>
                    <SavePicture what="the grid of directions" draw/>
                </div>
            </section>
        </Show>
    }
}

#[component]
fn SideChoice(side: RwSignal<Side>) -> impl IntoView {
    let button = move |one: Side| {
        view! {
            <button type="button" aria-pressed=move || (side.get() == one).to_string() on:click=move |_| side.set(one)>
                {one.label()}
            </button>
        }
    };
    view! {
        <div class="segments" role="group" aria-label="Side of the weight" data-testid="overlap-side">
            {Side::ALL.map(button)}
        </div>
    }
}

/// Picture or table.
#[component]
fn Drawn(desk: Desk, overlap: Memo<Option<Overlap>>) -> impl IntoView {
    let as_table = RwSignal::new(false);
    let map = Memo::new(move |_| ColourMap::new(PALETTE, desk.store.dark.get()));
    view! {
        <Show when=move || !as_table.get() fallback=move || view! { <Table overlap/> }>
            <Picture overlap map/>
            <div class="legend small">
                <span>"0"</span>
                <Strip map/>
                <span>"1 of the fewer directions"</span>
            </div>
        </Show>
        <p class="small">{move || overlap.with(|o| o.as_ref()?.remark())}</p>
        <Checkbox label="As a table" class="small" checked=as_table set=move |table| as_table.set(table)/>
    }
}

#[component]
fn Table(overlap: Memo<Option<Overlap>>) -> impl IntoView {
    move || {
        let overlap = overlap.get()?;
        let (rows, columns) = (0..overlap.rows(), 0..overlap.columns());
        let name = |n: usize| untitled(n + 1);
        let cells = |row| columns.clone().map(|column| overlap.text(row, column)).collect();
        Some(values_table(
            "heat-table",
            Some(("Table of φ(i, j)", Some("φ(i, j): i directions of A down, j of B across".to_owned()))),
            "i \\ j",
            columns.clone().map(name).collect(),
            rows.map(|row| (name(row), cells(row))).collect(),
        ))
    }
}
