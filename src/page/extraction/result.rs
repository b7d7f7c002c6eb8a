//! The result: how much of the change the LoRA holds, its files and its modules.

use std::sync::Arc;

use leptos::prelude::*;

use super::Desk;
use crate::left_out::cautions;
use crate::model::extraction::result::Extracted;
use crate::model::shown::State;
use crate::result::{Names, ResultFrame, fact_entries};
use crate::sheet::{SheetTable, sheet_memo};

const NAMES: Names = Names {
    title: "Extracted",
    class: "extracted",
    hook: "extract-result",
    files: ["extract-adapter", "extract-config", "extract-zip"],
};

#[component]
pub fn ResultPanel(desk: Desk) -> impl IntoView {
    let result = desk.result;
    let other = Memo::new(move |_| desk.store.state.with(State::extraction_is_other));
    let sheet = sheet_memo(move || result.get());
    view! {
        <ResultFrame
            result
            names=NAMES
            other
            words=Extracted::words
            job=|extracted: &Extracted| extracted.job
            fallback=|| view! { <Explained/> }
        >
            {move || result.get().map(headline)}
            <SheetTable
                sheet
                hook="extracted-row"
                label="Extracted modules"
                done=|store| store.drawing.set(false)
            />
        </ResultFrame>
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
                 weight is ever decomposed as a whole. Both checkpoints are read in pieces; a weight of the first \
                 that the second lacks, or has in another shape, is left out and listed."
            </p>
        </section>
    }
}

fn headline(result: Arc<Extracted>) -> impl IntoView {
    view! {
        <p><b data-testid="extract-error" data-error=result.report.error.to_string()>{result.sentence()}</b></p>
        <dl class="headline">{fact_entries(result.headline())}</dl>
        {cautions(&result.report.warnings, &result.report.left_out)}
    }
}
