//! The result: its figures, its files, and every module before and after.

use std::sync::Arc;

use leptos::prelude::*;

use super::Desk;
use super::pair::PairPanel;
use crate::definitions::Definitions;
use crate::left_out::cautions;
use crate::model::projection::figures::FIGURES;
use crate::model::projection::result::Projected;
use crate::model::shown::State;
use crate::result::{Names, ResultFrame, fact_entries};
use crate::sheet::{SheetTable, sheet_memo};

const NAMES: Names = Names {
    title: "Result",
    class: "projected",
    hook: "projection-result",
    files: ["export-adapter", "export-config", "export-zip"],
};

#[component]
pub fn ResultPanel(desk: Desk) -> impl IntoView {
    let result = desk.result;
    let other = Memo::new(move |_| desk.store.state.with(State::result_is_other));
    let sheet = sheet_memo(move || result.get());
    let picked = RwSignal::new(None);
    // Of another result, its strongest module.
    Effect::new(move |_| picked.set(result.with(|result| result.as_ref()?.strongest())));
    view! {
        <ResultFrame
            result
            names=NAMES
            other
            words=Projected::words
            job=|projected: &Projected| projected.job
        >
            {move || result.get().map(headline)}
            <div class="columns">
                <div class="column-wide">
                    <SheetTable
                        sheet
                        hook="projection-row"
                        label="Modules of the result"
                        picked
                        done=|store| store.drawing.set(false)
                    />
                    <Definitions entries=definitions()/>
                </div>
                <div class="column-side"><PairPanel desk picked/></div>
            </div>
        </ResultFrame>
    }
}

fn headline(result: Arc<Projected>) -> impl IntoView {
    let figures: Vec<_> = result
        .figures()
        .map(|(figure, value)| view! { <div title=figure.help><dt>{figure.label}</dt><dd>{value}</dd></div> })
        .collect();
    view! {
        <dl class="headline">{figures}{fact_entries(result.written())}</dl>
        {cautions(&result.report.warnings, &result.report.left_out)}
    }
}

fn definitions() -> Vec<(&'static str, &'static str)> {
    let gain = "What svd multiplied the singular values by for the change of size, ((m·n)/(m′·n′))^¼ for outputs m and \
                inputs n; 1 otherwise.";
    FIGURES.map(|figure| (figure.label, figure.help)).into_iter().chain([("Gain", gain)]).collect()
}
