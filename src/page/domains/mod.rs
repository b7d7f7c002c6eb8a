//! The domain profile: how the scheme weighs where the energy sits, and the scheme itself.

use leptos::prelude::*;

mod editor;

use self::editor::NAME;
pub use self::editor::SchemeEditor;
use super::browser::focus;
use super::fields::Select;
use super::model::domains::{bars, explained, no_evidence, tag, threshold, unplaced};
use super::model::number::percent;
use super::model::picture::domains::picture;
use super::model::picture::theme::Theme;
use super::model::schemes::Choice;
use super::picture::SavePicture;
use super::store::use_store;

#[component]
pub fn Domains() -> impl IntoView {
    let store = use_store();
    let draw = move |theme: &Theme| {
        let (adapter, domains) = (store.adapter.get()?, store.domains.get()?);
        Some(picture(&adapter.report, &adapter.modules, &domains, theme))
    };
    view! {
        <section class="panel domains" aria-labelledby="domains-title">
            <h2 id="domains-title">"Domain profile"</h2>
            <Picker/>
            <Scores/>
            <div class="panel-foot"><SavePicture what="the domain profile" draw/></div>
        </section>
    }
}

/// The id of the button that opens the editor.
pub(super) const EDIT: &str = "scheme-edit";

/// The scheme that scores.
#[component]
fn Picker() -> impl IntoView {
    let store = use_store();
    let editing = store.scheme_open;
    let now = Memo::new(move |_| store.schemes.with(|s| s.choice.key()));
    let all = Memo::new(move |_| {
        let adapter = store.adapter.get()?;
        Some(store.schemes.with(|schemes| schemes.options(&adapter.report.domains)))
    });
    let all = Signal::derive(move || all.get().unwrap_or_default());
    let choose = move |key: String| {
        if let Some(choice) = Choice::from_key(&key) {
            editing.set(false);
            store.state.update(|s| s.schemes.choice = choice);
        }
    };
    let is_own = Memo::new(move |_| store.schemes.with(|s| s.own().is_some()));
    let edit = move |_| {
        if is_own.get_untracked() {
            editing.update(|editing| *editing = !*editing);
        } else if let Some(adapter) = store.adapter.get_untracked() {
            store.state.update(|s| s.schemes.copy(&adapter));
            editing.set(true);
        } else {
            return;
        }
        if editing.get_untracked() {
            // The editor is there in the next task.
            set_timeout(|| focus(NAME), std::time::Duration::ZERO);
        }
    };
    let label = move || match (is_own.get(), editing.get()) {
        (false, _) => "Copy and edit",
        (true, false) => "Edit",
        (true, true) => "Close the editor",
    };
    view! {
        <div class="scheme-picker">
            <Select label="Scheme" hook="scheme" all now choose/>
            <button
                type="button"
                id=EDIT
                data-testid="scheme-edit"
                title="Change which modules count for which domain"
                on:click=edit
            >
                {label}
            </button>
        </div>
    }
}

#[component]
fn Scores() -> impl IntoView {
    let store = use_store();
    move || {
        let (adapter, domains) = (store.adapter.get()?, store.domains.get()?);
        let mark = threshold(&domains).map(|least| format!("{}%", least * 100.0));
        let bars = bars(&domains).into_iter().map(|bar| {
            let mark = mark.clone().map(|left| view! { <span class="bar-mark" style:left=left></span> });
            let width = format!("{}%", (bar.score * 100.0).clamp(0.0, 100.0));
            view! {
                <li data-testid="domain-score" data-domain=bar.key data-score=bar.score.to_string()>
                    <span class="bar-name">{bar.name}</span>
                    <span class="bar-value">{percent(bar.score)}</span>
                    <span class="bar" aria-hidden="true">
                        <span class="bar-fill" style:width=width></span>
                        {mark}
                    </span>
                </li>
            }
        });
        let bars = bars.collect_view();
        let tags = domains.tags.iter().map(|key| {
            view! { <li data-testid="tag" data-tag=key.clone()>{tag(&domains, key)}</li> }
        });
        let tags = tags.collect_view();
        let lacking = (!domains.evidence).then(|| {
            view! {
                <p class="no-evidence">
                    <b>"No evidence. "</b>
                    {no_evidence(adapter.report.energy)}
                </p>
            }
        });
        Some(view! {
            {lacking}
            <ul class="bars">{bars}</ul>
            {(!domains.tags.is_empty()).then(|| view! { <ul class="tags" aria-label="Tags">{tags}</ul> })}
            {unplaced(&domains, &adapter.modules).map(|text| view! { <p class="small" data-testid="unplaced">{text}</p> })}
            <p class="small">{explained(&domains)}</p>
        })
    }
}
