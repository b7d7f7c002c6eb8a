//! The spectrum of one module, before and after.

use std::sync::Arc;

use leptos::prelude::*;

use super::Desk;
use crate::export::CopyButton;
use crate::fields::LogScale;
use crate::model::axis::ScaleKind;
use crate::model::number::{ABSENT, general, shape, short};
use crate::model::picture::pair::picture;
use crate::model::picture::theme::Theme;
use crate::model::projection::figures::FIGURES;
use crate::model::projection::pair::Pair;
use crate::model::projection::plan::change;
use crate::model::spectrum::PLOT;
use crate::picture::SavePicture;
use crate::spectrum::{index_names, value_lines};
use crate::values::{untitled, values_table};
use lorascope_protocol::report::ProjectedModule;

/// A module of the result beside its source.
#[derive(Clone)]
struct Both {
    module: ProjectedModule,
    pair: Arc<Pair>,
    /// The source's are only its largest singular values.
    part: bool,
    /// The adapter's label.
    of: String,
}

#[component]
pub fn PairPanel(desk: Desk, picked: RwSignal<Option<usize>>) -> impl IntoView {
    let kind = RwSignal::new(ScaleKind::default());
    let both = move || {
        let result = desk.result.get()?;
        let module = result.modules.get(picked.get()?)?.clone();
        // The source is on the page as long as the result is.
        let source = desk.store.state.with_untracked(|s| s.adapters.get(&result.item).cloned());
        let source = source.iter().flat_map(|a| a.modules.iter()).find(|m| m.name == module.source);
        let before = source.map(|m| m.singular_values.clone()).unwrap_or_default();
        let part = source.is_some_and(|m| m.truncated);
        let (pair, of) = (Pair { before, after: module.singular_values.clone() }, result.report.adapter.clone());
        Some(Both { pair: Arc::new(pair), module, part, of })
    };
    move || both().map(|both| view! { <Module both kind/> })
}

#[component]
fn Module(both: Both, kind: RwSignal<ScaleKind>) -> impl IntoView {
    let Both { module, pair, part, of } = both;
    let known = pair.before.len();
    let remark = part.then(|| format!("Before: only the {known} largest are computed."));
    let drawn = StoredValue::new((pair.clone(), module.name.clone(), of, remark.clone()));
    let draw = move |theme: &Theme| {
        drawn.with_value(|(pair, module, of, remark)| {
            Some(picture(pair, module, of, remark.iter().cloned().collect(), kind.get(), theme))
        })
    };
    let facts = FIGURES.map(|figure| {
        view! { <div title=figure.help><dt>{figure.label}</dt><dd>{figure.write_of(&module.quality)}</dd></div> }
    });
    let copied = StoredValue::new(pair.clone());
    view! {
        <section class="spectrum pair" data-testid="projection-spectrum" aria-labelledby="pair-title">
            <div class="panel-head">
                <h2 id="pair-title">"Before and after"</h2>
                <LogScale kind class="small"/>
            </div>
            <p class="module-name">
                <b>{module.name.clone()}</b>" "
                <span class="small">
                    {change(shape(module.source_shape), shape(module.shape))}", rank "
                    {change(module.source_rank.to_string(), module.rank.to_string())}", s = "{short(module.scale)}
                </span>
            </p>
            <Plot pair=pair.clone() kind/>
            <p class="legend small">
                <span class="key-line" aria-hidden="true"></span>"before "
                <span class="key-bar" aria-hidden="true"></span>"after, both with the scale s"
            </p>
            {remark.map(|text| view! { <p class="small">{text}</p> })}
            <dl class="facts">{facts}</dl>
            <details class="help">
                <summary>"Singular values as a table"</summary>
                <CopyButton label="Copy as TSV" text=move || copied.with_value(|pair| pair.tsv())/>
                {values(&pair)}
            </details>
            <div class="panel-foot"><SavePicture what="the spectra before and after" draw/></div>
        </section>
    }
}

#[component]
fn Plot(pair: Arc<Pair>, kind: RwSignal<ScaleKind>) -> impl IntoView {
    let n = pair.places();
    let scale = {
        let pair = pair.clone();
        Memo::new(move |_| pair.scale(kind.get()))
    };
    let outlined = pair.clone();
    view! {
        <svg viewBox=format!("0 0 {} {}", PLOT.width - 40.0, PLOT.height) role="img" aria-labelledby="pair-title">
            {value_lines(scale)}
            <path class="bars" d=move || scale.get().map(|s| pair.bars(s)).unwrap_or_default()></path>
            <path class="curve" d=move || scale.get().map(|s| outlined.outline(s)).unwrap_or_default()></path>
            {index_names(n)}
            <text x=PLOT.left y=PLOT.height - 6.0>"σ by index"</text>
        </svg>
    }
}

fn values(pair: &Pair) -> impl IntoView + use<> {
    let text = |sigma: Option<&f64>| sigma.map_or_else(|| ABSENT.to_owned(), |s| general(*s));
    let row = |i| (untitled(i + 1), vec![text(pair.before.get(i)), text(pair.after.get(i))]);
    let heads = ["σ before", "σ after"].map(untitled);
    values_table("values", None, "Index", heads.into(), (0..pair.places()).map(row).collect())
}
