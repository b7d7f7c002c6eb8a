//! What the writing tool noted in the file of the adapter in view.

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;

use super::model::metadata::{Part, Section, says_something, sections};
use super::model::number::bytes;
use super::model::samples::Sample;
use super::model::shown::Adapter;
use super::sample::ShowSample;
use super::store::use_store;

mod datasets;
mod entries;
mod raw;
mod tags;

use entries::{Noted, OtherEntries};
use tags::TagPanel;

#[component]
pub fn TrainingPanel() -> impl IntoView {
    let store = use_store();
    move || {
        let adapter = store.adapter.get()?;
        if !says_something(&adapter.report.metadata) {
            return Some(view! { <NothingNoted/> }.into_any());
        }
        let sections = sections(&adapter.report.metadata);
        let some = |parts: &[Part]| {
            let of = |part: &Part| sections.iter().find(|section| section.part == *part).cloned();
            parts.iter().filter_map(of).map(|section| panel(&adapter, section)).collect::<Vec<_>>()
        };
        let other = sections.iter().find(|section| section.part == Part::Other).cloned();
        Some(view! {
            <div class="training" data-testid="training">
                <p class="training-note">
                    "This is what the tool that wrote the file noted in it. It is a claim, not a measurement: a file "
                    "that was merged or resized may carry notes of what it was before. Ranks, scales and figures in "
                    "the other views come from the tensors; where the two disagree, the tensors decide."
                </p>
                <div class="training-side">
                    {some(&[Part::About, Part::Base, Part::Network, Part::Software])}
                    <TagPanel adapter=Arc::clone(&adapter)/>
                </div>
                <div class="training-side">
                    {some(&[Part::Training, Part::Dataset])}
                </div>
                {other.map(|section| view! { <OtherEntries adapter=Arc::clone(&adapter) section/> })}
            </div>
        }.into_any())
    }
}

/// What `read` makes of a long text, in a task of its own when it is opened; of a short one unasked.
fn read_when_opened<T: Send + Sync + 'static>(
    class: &'static str,
    hook: &'static str,
    title: impl IntoView,
    (len, unasked): (usize, bool),
    read: impl Fn() -> T + Clone + Send + 'static,
    shown: fn(&T) -> AnyView,
) -> impl IntoView {
    let done = RwSignal::new(None::<T>);
    let begin = move || {
        if done.with_untracked(Option::is_none) {
            let read = read.clone();
            // The panel may be gone by then.
            let work = move || _ = done.try_set(Some(read()));
            set_timeout(work, Duration::ZERO);
        }
    };
    if unasked {
        begin();
    }
    let reading = || view! { <p class="small">"Reading …"</p> }.into_any();
    view! {
        <details class=class data-testid=hook open=unasked on:toggle=move |_| begin()>
            <summary>
                {title}
                <span class="small">{(!unasked).then(|| format!("{} of text, read when opened", bytes(len as u64)))}</span>
            </summary>
            {move || done.with(|done| done.as_ref().map_or_else(reading, shown))}
        </details>
    }
}

/// The file of the adapter in view says nothing of its training.
#[component]
fn NothingNoted() -> impl IntoView {
    view! {
        <section class="panel to-drop" data-testid="training-missing">
            <h2>"This file says nothing of its training"</h2>
            <p>
                "Some tools note in the adapter’s file how it was trained: settings, data sets, tags with their counts, \
                 times. kohya’s scripts, OneTrainer and ai-toolkit do; PEFT and MLX do not. What a file notes is shown here."
            </p>
            <ShowSample sample=Sample::Training/>
        </section>
    }
}

fn panel(adapter: &Arc<Adapter>, section: Section) -> impl IntoView + use<> {
    view! { <Noted adapter=Arc::clone(adapter) section/> }
}
