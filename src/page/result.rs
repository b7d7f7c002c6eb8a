//! What the results of a projection and of an extraction share: their frame, their files, their facts.

use std::sync::Arc;

use js_sys::Array;
use leptos::html;
use leptos::prelude::*;

use super::model::identity::Fact;
use super::model::sheet::Sheet;
use super::store::{is_another, use_store};
use super::wire::use_wire;
use lorascope_protocol::{Export, ExportFile, JobId, ToEngine};

/// What one kind of result is called on its page.
#[derive(Clone, Copy)]
pub struct Names {
    pub title: &'static str,
    pub class: &'static str,
    /// The hook of the panel; the id of its title begins with it.
    pub hook: &'static str,
    /// The hooks of the adapter, of its config and of both.
    pub files: [&'static str; 3],
}

/// A result, where there is one. `other`: the form says something else by now. A result that comes while this is on
/// the page is brought into view, and [`super::store::Store::drawing`] waits for its table; one that was there before
/// is only drawn.
#[component]
pub fn ResultFrame<T: Sheet + 'static>(
    result: Memo<Option<Arc<T>>>,
    names: Names,
    other: Memo<bool>,
    words: fn(&T) -> String,
    job: fn(&T) -> Option<JobId>,
    #[prop(optional, into)] fallback: ViewFn,
    children: ChildrenFn,
) -> impl IntoView {
    let there = Memo::new(move |_| result.with(Option::is_some));
    let seen = StoredValue::new(result.get_untracked());
    let children = StoredValue::new(children);
    view! {
        <Show when=move || there.get() fallback>
            <Shown result names other words job seen>{children.with_value(|children| children())}</Shown>
        </Show>
    }
}

#[component]
fn Shown<T: Sheet + 'static>(
    result: Memo<Option<Arc<T>>>,
    names: Names,
    other: Memo<bool>,
    words: fn(&T) -> String,
    job: fn(&T) -> Option<JobId>,
    /// The result that has been in view.
    seen: StoredValue<Option<Arc<T>>>,
    children: Children,
) -> impl IntoView {
    let store = use_store();
    let panel = NodeRef::<html::Section>::new();
    Effect::new(move |_| {
        let now = result.get();
        let is_new = seen.with_value(|seen| is_another(Some(seen), Some(&now)));
        seen.set_value(now.clone());
        if now.is_none() || !is_new {
            return;
        }
        store.drawing.set(true);
        if let Some(panel) = panel.get_untracked() {
            panel.scroll_into_view();
        }
    });
    let words = move || result.with(|result| result.as_deref().map(words));
    let job = Memo::new(move |_| result.with(|result| job(result.as_deref()?)));
    let title = move || format!("{}-title", names.hook);
    view! {
        <section
            class=format!("panel {}", names.class)
            data-testid=names.hook
            aria-labelledby=title()
            node_ref=panel
        >
            <div class="panel-head">
                <h2 id=title()>{names.title}</h2>
                <Files hooks=names.files job/>
            </div>
            <p class:note=move || other.get()>
                {move || other.get().then_some("The settings have changed since. This result is for: ")}
                {words}
            </p>
            {children()}
        </section>
    }
}

/// Saving what was written.
#[component]
fn Files(hooks: [&'static str; 3], job: Memo<Option<JobId>>) -> impl IntoView {
    let (store, wire) = (use_store(), use_wire());
    let files = [
        ("Adapter (.safetensors)", ExportFile::Adapter),
        ("Its config (.json)", ExportFile::Config),
        ("Both (.zip)", ExportFile::Zip),
    ];
    let save = move |file: ExportFile| {
        if let Some(job) = job.get_untracked() {
            let export = wire.next_job();
            // A configuration alone is nothing that could not be had again.
            if file != ExportFile::Config {
                store.state.update(|s| s.begin_export(export, job));
            }
            wire.send_as(export, &ToEngine::Export(Export::Written { job, file }), &Array::new());
        }
    };
    let button = move |(hook, (label, file)): (&'static str, (&'static str, ExportFile))| {
        view! {
            <button
                type="button"
                data-testid=hook
                disabled=move || !store.free.get()
                on:click=move |_| save(file)
            >
                {label}
            </button>
        }
    };
    view! { <div class="choices">"Save "{hooks.into_iter().zip(files).map(button).collect_view()}</div> }
}

/// Facts as entries of a list of definitions.
pub fn fact_entries(facts: Vec<Fact>) -> impl IntoView {
    let entry =
        |fact: Fact| view! { <div><dt>{fact.name}</dt><dd>{fact.value}" "<small>{fact.note}</small></dd></div> };
    facts.into_iter().map(entry).collect_view()
}
