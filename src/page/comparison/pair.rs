//! Two adapters as a whole: who they are, how alike, what adding them does.

use leptos::prelude::*;

use super::Desk;
use crate::model::comparison::pair::{adding, counts, facts};
use crate::result::fact_entries;
use lorascope_protocol::report::PairFigures;

#[component]
pub fn PairPanel(desk: Desk) -> impl IntoView {
    let figures = Memo::new(move |_| {
        let (a, b) = desk.pair.get()?;
        desk.matrix.with(|m| {
            let compared = &m.as_ref()?.compared;
            compared.figures(compared.place_of(a)?, compared.place_of(b)?).copied()
        })
    });
    let of = move |words: fn(&PairFigures) -> Option<String>| figures.with(|f| f.as_ref().and_then(words));
    view! {
        <section class="panel whole pair-panel" data-testid="compare-pair" aria-labelledby="pair-title-of-two">
            <h2 id="pair-title-of-two" class="pair-names">
                <span><i>"A"</i>" "{move || desk.label(false)}</span>
                <span><i>"B"</i>" "{move || desk.label(true)}</span>
            </h2>
            <p class="small">{move || of(|f| Some(counts(f)))}</p>
            <dl class="pair-facts">{move || figures.with(|f| f.as_ref().map(|f| fact_entries(facts(f))))}</dl>
            <p>{move || of(adding)}</p>
        </section>
    }
}
