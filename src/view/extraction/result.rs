//! The result: how much of the change the LoRA holds, its files and its modules.

use std::sync::Arc;

use js_sys::Array;
use leptos::html;
use leptos::prelude::*;

use super::Desk;
use crate::protocol::{ExportFile, ToEngine};
use crate::view::model::extraction::result::Extracted;
use crate::view::model::sheet::Sheet;
use crate::view::model::shown::State;
use crate::view::projection::cautions;
use crate::view::sheet::{SheetMemo, SheetTable};
use crate::view::store::is_another;

#[component]
pub fn ResultPanel(desk: Desk) -> impl IntoView {
    let there = Memo::new(move |_| desk.result.with(Option::is_some));
    view! {
        <Show when=move || there.get() fallback=|| view! { <Explained/> }>
            <Shown desk/>
        </Show>
    }
}

/// Before there is a result: what it will be.
#[component]
fn Explained() -> impl IntoView {
    view! {
        <section class="panel explained">
            <h2>"What comes out"</h2>
            <p>
                "An adapter in PEFT’s format with the scale 1: added to the first checkpoint it leads towards the second. \
                 Of every module you see how much of its change the rank could not hold, "<span class="nowrap">"‖X − B·A‖/‖X‖"</span>
                ", measured with the factors as they are written."
            </p>
            <p class="small">
                "The singular directions come from a randomized decomposition, refined until they settle, so that no \
                 weight is ever decomposed as a whole. Both checkpoints are read in pieces; a weight of the \
                 first that the second lacks, or has in another shape, is left out and listed."
            </p>
        </section>
    }
}

#[component]
fn Shown(desk: Desk) -> impl IntoView {
    let sheet: SheetMemo =
        Memo::new_with_compare(move |_| desk.result.get().map(|result| result as Arc<dyn Sheet>), is_another);
    let panel = NodeRef::<html::Section>::new();
    Effect::new(move |_| {
        // Another result: its top in view, and "done" when its table is drawn.
        if desk.result.with(Option::is_none) {
            return;
        }
        desk.store.drawing.set(true);
        if let Some(panel) = panel.get_untracked() {
            panel.scroll_into_view();
        }
    });
    let other = Memo::new(move |_| desk.store.state.with(State::extraction_is_other));
    let words = move || desk.result.with(|result| result.as_ref().map(|result| result.words()));
    view! {
        <section class="panel extracted" data-testid="extract-result" aria-labelledby="extracted-title" node_ref=panel>
            <div class="panel-head">
                <h2 id="extracted-title">"Extracted"</h2>
                <Files desk/>
            </div>
            <p class:note=move || other.get()>
                {move || other.get().then_some("The settings have changed since. This result is for: ")}
                {words}
            </p>
            {move || desk.result.get().map(headline)}
            <SheetTable
                sheet
                hook="extracted-row"
                label="Extracted modules"
                done=|store| store.drawing.set(false)
            />
        </section>
    }
}

fn headline(result: Arc<Extracted>) -> impl IntoView {
    let facts: Vec<_> = result
        .headline()
        .into_iter()
        .map(|fact| view! { <div><dt>{fact.name}</dt><dd>{fact.value}" "<small>{fact.note}</small></dd></div> })
        .collect();
    view! {
        <p><b data-testid="extract-error" data-error=result.report.error.to_string()>{result.sentence()}</b></p>
        <dl class="headline">{facts}</dl>
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
                on:click=move |_| desk.wire.send(&ToEngine::ExportExtraction { file }, &Array::new())
            >
                {label}
            </button>
        }
    };
    view! {
        <div class="choices">
            "Save "
            {button("extract-adapter", "Adapter (.safetensors)", ExportFile::Adapter)}
            {button("extract-config", "Its config (.json)", ExportFile::Config)}
            {button("extract-zip", "Both (.zip)", ExportFile::Zip)}
        </div>
    }
}
