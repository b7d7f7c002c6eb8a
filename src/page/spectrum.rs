//! The spectrum of the module in view: its singular values, and what a smaller rank would keep.

use std::sync::Arc;

use leptos::prelude::*;

use super::definitions::Definitions;
use super::export::CopyButton;
use super::fields::LogScale;
use super::model::about::{about, scale_of, sentence_of};
use super::model::axis::{Scale, ScaleKind};
use super::model::column::BOUND;
use super::model::measure::{EFFECTIVE_RANK, MEASURES, RANK_USED, SPECTRAL_ENTROPY, STABLE_RANK};
use super::model::number::{ABSENT, general, indexed, percent, short};
use super::model::picture::spectrum::picture;
use super::model::picture::theme::Theme;
use super::model::spectrum::{
    PERCENTS, PLOT, bars, curve, energy_kept, height_of, index_ticks, lacks, middle, needs, rank_for, scale, sentence,
    tsv, unlisted, value_ticks,
};
use super::picture::SavePicture;
use super::store::use_store;
use super::values::{untitled, values_table};
use lorascope_protocol::report::ModuleReport;

#[component]
pub fn Spectrum() -> impl IntoView {
    let store = use_store();
    let kind = RwSignal::new(ScaleKind::default());
    move || {
        let adapter = store.adapter.get()?;
        let module = Arc::new(adapter.modules.get(store.module.get()?)?.clone());
        // A spectrum that is not here is no empty one.
        if module.unlisted.is_some() {
            return Some(view! { <Unlisted module/> }.into_any());
        }
        Some(view! { <Module module kind/> }.into_any())
    }
}

#[component]
fn Module(module: Arc<ModuleReport>, kind: RwSignal<ScaleKind>) -> impl IntoView {
    let store = use_store();
    let sigma: Arc<[f64]> = module.singular_values.clone().into();
    let kept: Arc<[f64]> = energy_kept(&sigma, module.truncated.then_some(module.frobenius)).into();
    let n = sigma.len();
    // At first the rank that keeps 95 %: a question worth asking of every adapter.
    let rank = RwSignal::new(rank_for(&kept, 0.95).unwrap_or(if kept.is_empty() { n.min(1) } else { n }));
    let facts = facts(&module);
    let spectrum = StoredValue::new((sigma.clone(), kept.clone()));
    let line = move || spectrum.with_value(|(_, kept)| sentence(kept, rank.get()));
    let value = move || {
        spectrum.with_value(|(sigma, _)| {
            let s = rank.get().checked_sub(1).and_then(|i| sigma.get(i)).copied();
            s.map(|s| format!("{} = {}", indexed("σ", rank.get()), general(s))).unwrap_or_default()
        })
    };
    let needed = needs(&kept);
    let drawn = StoredValue::new(module.clone());
    let draw = move |theme: &Theme| {
        let adapter = store.adapter.get()?;
        Some(drawn.with_value(|module| picture(module, &adapter.report.label, rank.get(), kind.get(), theme)))
    };
    view! {
        <section class="panel spectrum" data-testid="spectrum" aria-labelledby="spectrum-title">
            <div class="panel-head">
                <h2 id="spectrum-title">"Spectrum"</h2>
                <LogScale kind class="small"/>
            </div>
            {named(&module)}
            {module.truncated.then(|| view! { <p class="small" data-testid="truncated">{lacks(n)}</p> })}
            <Plot sigma=sigma.clone() kept=kept.clone() rank kind/>
            <div class="slider">
                <input
                    type="range"
                    min="1"
                    max=n.max(1).to_string()
                    prop:value=move || rank.get().to_string()
                    aria-label="Rank to keep"
                    aria-valuetext=line
                    data-testid="spectrum-rank"
                    disabled=n < 2
                    on:input=move |event| {
                        if let Ok(k) = event_target_value(&event).parse() {
                            rank.set(k);
                        }
                    }
                />
                <b>"rank "{move || rank.get()}</b>
            </div>
            <p class="kept"><b>{line}</b>" "<span class="small">{value}". "{needed}</span></p>
            <dl class="facts">{facts}</dl>
            <Definitions entries=definitions()/>
            <details class="help">
                <summary>"Singular values as a table"</summary>
                <CopyButton label="Copy as TSV" text=move || spectrum.with_value(|(s, k)| tsv(s, k))/>
                {values(&sigma, &kept)}
            </details>
            <p class="small" data-testid="module-scale">{scale_of(&module)}</p>
            <div class="panel-foot"><SavePicture what="the spectrum" draw/></div>
        </section>
    }
}

/// Which module it is, and what to know of it.
fn named(module: &ModuleReport) -> impl IntoView + use<> {
    let note = module.note.as_ref();
    view! {
        <p class="module-name"><b>{module.name.clone()}</b>" "<span class="small">{about(module)}</span></p>
        {note.map(|note| view! { <p class="small" data-testid="module-note">{sentence_of(note)}</p> })}
    }
}

/// The measures of a spectrum.
fn facts(module: &ModuleReport) -> impl IntoView + use<> {
    [&EFFECTIVE_RANK, &STABLE_RANK, &RANK_USED, &SPECTRAL_ENTROPY].map(|m| {
        let help = if m.is_bound(module) { format!("{BOUND} {}", m.help) } else { m.help.to_owned() };
        view! { <div title=help><dt>{m.label}</dt><dd>{m.write_of(module)}</dd></div> }
    })
}

/// A module whose spectrum did not come along.
#[component]
fn Unlisted(module: Arc<ModuleReport>) -> impl IntoView {
    view! {
        <section class="panel spectrum" data-testid="spectrum" aria-labelledby="spectrum-title">
            <h2 id="spectrum-title">"Spectrum"</h2>
            {named(&module)}
            <p data-testid="unlisted">{unlisted(&module)}</p>
            <dl class="facts">{facts(&module)}</dl>
            <Definitions entries=definitions()/>
            <p class="small" data-testid="module-scale">{scale_of(&module)}</p>
        </section>
    }
}

/// Lines at values of σ, and the values.
pub fn value_lines(scale: Memo<Option<Scale>>) -> impl IntoView {
    let tick = |(t, y): (f64, f64)| {
        view! {
            <line class="grid" x1=PLOT.left x2=PLOT.right y1=y y2=y></line>
            <text x=PLOT.left - 6.0 y=y + 4.0 text-anchor="end">{short(t)}</text>
        }
    };
    move || Some(value_ticks(scale.get()?).into_iter().map(tick).collect_view())
}

/// Numbers of some of `n` singular values, below them.
pub fn index_names(n: usize) -> impl IntoView {
    let name = |i| view! { <text x=middle(i, n) y=PLOT.bottom + 16.0 text-anchor="middle">{i + 1}</text> };
    index_ticks(n).into_iter().map(name).collect_view()
}

/// Bars of σ on the left axis, energy kept on the right one.
#[component]
fn Plot(sigma: Arc<[f64]>, kept: Arc<[f64]>, rank: RwSignal<usize>, kind: RwSignal<ScaleKind>) -> impl IntoView {
    let n = sigma.len();
    let scale_of = {
        let sigma = sigma.clone();
        Memo::new(move |_| scale(&sigma, kind.get()))
    };
    let path = move |kept_part: bool, sigma: &Arc<[f64]>| {
        let k = rank.get().min(n);
        let range = if kept_part { 0..k } else { k..n };
        scale_of.get().map(|s| bars(sigma, s, range)).unwrap_or_default()
    };
    let (kept_sigma, rest_sigma) = (sigma.clone(), sigma);
    let percents = PERCENTS.map(|(p, name)| {
        view! { <text x=PLOT.right + 6.0 y=height_of(p) + 4.0>{name}</text> }
    });
    let dot = {
        let kept = kept.clone();
        move || {
            let i = rank.get().checked_sub(1)?;
            let y = height_of(*kept.get(i)?);
            Some(view! { <circle class="dot" cx=middle(i, n) cy=y r="3.5"></circle> })
        }
    };
    view! {
        <svg viewBox=format!("0 0 {} {}", PLOT.width, PLOT.height) role="img" aria-labelledby="spectrum-title">
            {value_lines(scale_of)}
            <path class="bars" d=move || path(true, &kept_sigma)></path>
            <path class="bars rest" d=move || path(false, &rest_sigma)></path>
            <path class="curve" d=curve(&kept)></path>
            {dot}
            {index_names(n)}
            {percents}
            <text x=PLOT.left y=PLOT.height - 6.0>"σ by index"</text>
            <text x=PLOT.width - 2.0 y=PLOT.height - 6.0 text-anchor="end">"energy kept"</text>
        </svg>
    }
}

/// Index, σ, σ/σ₁ and energy kept.
fn values(sigma: &[f64], kept: &[f64]) -> impl IntoView + use<> {
    let first = sigma.first().copied().unwrap_or(0.0);
    let row = |(i, s): (usize, &f64)| {
        let relative = if first > 0.0 { percent(s / first) } else { ABSENT.to_owned() };
        let kept = kept.get(i).map(|k| percent(*k)).unwrap_or_default();
        (untitled(i + 1), vec![general(*s), relative, kept])
    };
    let heads = ["σ", "of σ₁", "Energy kept"].map(untitled);
    values_table("values", None, "Index", heads.into(), sigma.iter().enumerate().map(row).collect())
}

fn definitions() -> Vec<(&'static str, &'static str)> {
    let kept = ("Energy kept by rank k", "The sum of the k largest σ² divided by the sum of all σ², which is ‖ΔW‖².");
    std::iter::once(kept).chain(MEASURES.map(|m| (m.label, m.help))).collect()
}
