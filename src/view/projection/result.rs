//! The result: its figures, its files, and every module before and after.

use std::sync::Arc;

use js_sys::Array;
use leptos::html;
use leptos::prelude::*;

use super::pair::PairPanel;
use super::{Desk, cautions};
use crate::protocol::{ExportFile, ToEngine};
use crate::view::model::projection::figures::Figure;
use crate::view::model::projection::result::Projected;
use crate::view::model::sheet::Sheet;
use crate::view::model::shown::State;
use crate::view::sheet::{SheetMemo, SheetTable};
use crate::view::store::is_another;

#[component]
pub fn ResultPanel(desk: Desk) -> impl IntoView {
    let there = Memo::new(move |_| desk.result.with(Option::is_some));
    view! {
        <Show when=move || there.get()>
            <Shown desk/>
        </Show>
    }
}

#[component]
fn Shown(desk: Desk) -> impl IntoView {
    let sheet: SheetMemo =
        Memo::new_with_compare(move |_| desk.result.get().map(|result| result as Arc<dyn Sheet>), is_another);
    let picked = RwSignal::new(None);
    let panel = NodeRef::<html::Section>::new();
    Effect::new(move |_| {
        // Another result: its strongest module, its top in view, and "done" when its table is drawn.
        let Some(result) = desk.result.get() else { return };
        desk.store.drawing.set(true);
        picked.set(result.strongest());
        if let Some(panel) = panel.get_untracked() {
            panel.scroll_into_view();
        }
    });
    let other = Memo::new(move |_| desk.store.state.with(State::result_is_other));
    let words = move || desk.result.with(|result| result.as_ref().map(|result| result.words()));
    view! {
        <section class="panel projected" data-testid="projection-result" aria-labelledby="projected-title" node_ref=panel>
            <div class="panel-head">
                <h2 id="projected-title">"Result"</h2>
                <Files desk/>
            </div>
            <p class:note=move || other.get()>
                {move || other.get().then_some("The settings have changed since. This result is for: ")}
                {words}
            </p>
            {move || desk.result.get().map(headline)}
            <div class="columns">
                <div class="column-wide">
                    <SheetTable
                        sheet
                        hook="projection-row"
                        label="Modules of the result"
                        picked
                        done=|store| store.drawing.set(false)
                    />
                    <Definitions/>
                </div>
                <div class="column-side"><PairPanel desk picked/></div>
            </div>
        </section>
    }
}

fn headline(result: Arc<Projected>) -> impl IntoView {
    let figures: Vec<_> = result
        .figures()
        .map(|(figure, value)| view! { <div title=figure.help()><dt>{figure.label()}</dt><dd>{value}</dd></div> })
        .collect();
    let written: Vec<_> = result
        .written()
        .into_iter()
        .map(|fact| view! { <div><dt>{fact.name}</dt><dd>{fact.value}" "<small>{fact.note}</small></dd></div> })
        .collect();
    view! {
        <dl class="headline">{figures}{written}</dl>
        {cautions(&result.report.warnings, &result.report.left_out)}
    }
}

#[component]
fn Files(desk: Desk) -> impl IntoView {
    let button = move |hook: &'static str, label: &'static str, file: ExportFile| {
        view! {
            <button
                type="button"
                data-testid=hook
                disabled=move || !desk.free.get()
                on:click=move |_| desk.wire.send(&ToEngine::ExportProjection { file }, &Array::new())
            >
                {label}
            </button>
        }
    };
    view! {
        <div class="choices">
            "Save "
            {button("export-adapter", "Adapter (.safetensors)", ExportFile::Adapter)}
            {button("export-config", "Its config (.json)", ExportFile::Config)}
            {button("export-zip", "Both (.zip)", ExportFile::Zip)}
        </div>
    }
}

/// What each figure is, in one place.
#[component]
fn Definitions() -> impl IntoView {
    let entry = |figure: Figure| view! { <div><dt>{figure.label()}</dt><dd>{figure.help()}</dd></div> };
    view! {
        <details class="help">
            <summary>"What these numbers mean"</summary>
            <dl>
                {Figure::ALL.map(entry).collect_view()}
                <div>
                    <dt>"Gain"</dt>
                    <dd>
                        "What svd multiplied the singular values by for the change of size, ((m·n)/(m′·n′))^¼ for outputs \
                         m and inputs n; 1 otherwise."
                    </dd>
                </div>
            </dl>
        </details>
    }
}
