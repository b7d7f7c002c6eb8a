//! The identity card: what the adapter in view is.

use js_sys::Array;
use leptos::prelude::*;
use web_sys::SubmitEvent;

use super::left_out::left_out;
use super::model::identity::facts;
use super::model::metadata::says_something;
use super::model::number::{grouped, plural};
use super::model::share::came_by_link;
use super::model::shown::Adapter;
use super::result::fact_entries;
use super::store::use_store;
use super::wire::use_wire;
use lorascope_protocol::ScaleSource;
use lorascope_protocol::ToEngine;
use std::sync::Arc;

#[component]
pub fn Identity() -> impl IntoView {
    let store = use_store();
    move || {
        let adapter = store.adapter.get()?;
        let (assumed, open) =
            store.state.with_untracked(|s| (s.scale_assumed(adapter.item), s.scale_open(adapter.item)));
        let facts = facts(&adapter.report, &adapter.modules);
        Some(view! {
            <section class="identity" aria-label="The adapter">
                <h1>{adapter.report.label.clone()}</h1>
                <dl>
                    {fact_entries(facts)}
                </dl>
            </section>
            {adapter.report.origin.as_ref().map(|origin| view! { <p class="note" data-testid="origin">{came_by_link(origin)}</p> })}
            {open.then(|| view! { <ScaleField adapter=adapter.clone() assumed/> })}
            <Folded adapter/>
        })
    }
}

/// Sets the scale by hand where no config states it.
#[component]
fn ScaleField(adapter: Arc<Adapter>, assumed: bool) -> impl IntoView {
    let (store, wire) = (use_store(), use_wire());
    let item = adapter.item;
    let open = adapter.modules.iter().filter(|m| ScaleSource::from(m.scale_source.as_str()).is_replaceable());
    let (now, count) = (open.clone().next().map_or(1.0, |m| m.scale), open.count());
    let some = (count < adapter.modules.len()).then(|| {
        let of = plural(adapter.modules.len(), "module", "modules");
        format!("This is about {} of {of}: the others’ scale is in the files. ", grouped(count as u64))
    });
    let value = RwSignal::new(now.to_string());
    let complaint = RwSignal::new("");
    let apply = move |event: SubmitEvent| {
        event.prevent_default();
        match value.get().trim().parse::<f64>() {
            Ok(scale) if scale.is_finite() && scale != 0.0 => {
                complaint.set("");
                let job = wire.next_job();
                store.state.update(|s| s.scale_was_set(job, item));
                wire.send_as(job, &ToEngine::SetScale { item, scale }, &Array::new());
            }
            _ => complaint.set("The scale is a number other than 0, such as 2 or 0.5."),
        }
    };
    view! {
        <form class="note scale" on:submit=apply novalidate>
            <p>
                {if assumed {
                    "The scale s is an assumption: no config says it. Singular values and norms grow with it; ranks \
                     stay, and so do shares where all modules have the same. It is lora_alpha / r in PEFT’s \
                     adapter_config.json, scale in MLX’s. "
                } else {
                    "The scale s was set by hand. "
                }}
                {some}
            </p>
            <label>
                "Scale s "
                <input
                    type="number"
                    step="any"
                    data-testid="scale-input"
                    // Not `prop:value`: written back while "0." is being typed, it would swallow the point.
                    value=now.to_string()
                    on:input=move |event| value.set(event_target_value(&event))
                />
            </label>
            <button type="submit" data-testid="scale-apply">"Apply"</button>
            <span role="alert">{move || complaint.get()}</span>
        </form>
    }
}

/// Beside the analysis: what is not part of it, and the file's metadata where no tab of its own shows it.
#[component]
fn Folded(adapter: Arc<Adapter>) -> impl IntoView {
    let report = &adapter.report;
    let count = plural(report.not_analyzed.len(), "tensor is", "tensors are");
    let summary = format!("{count} not part of the analysis");
    let skipped = left_out(&report.not_analyzed, "fold", Some("not-analyzed"), summary);
    let is_short = !report.metadata.is_empty() && !says_something(&report.metadata);
    let metadata = is_short.then(|| {
        let entries = report.metadata.iter().map(|(key, value)| {
            view! { <div><dt>{key.clone()}</dt><dd>{value.clone()}</dd></div> }
        });
        view! {
            <details class="fold">
                <summary>{plural(report.metadata.len(), "entry", "entries")}" of metadata in the file"</summary>
                <dl class="metadata">{entries.collect_view()}</dl>
            </details>
        }
    });
    (skipped.is_some() || metadata.is_some()).then(|| view! { <div class="folds">{skipped}{metadata}</div> })
}
