//! The editor of a scheme: its domains, the weight of every row for each of them, the share that makes a tag.
//!
//! Fields keep what is typed into them, and what is a value is taken over at once: the bars above move with it.

use js_sys::Reflect;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, HtmlInputElement};

use super::EDIT;
use crate::browser::{download, focus, text_blob, words};
use crate::model::domains::label_of;
use crate::model::schemes::{Edit, row_words};
use crate::store::use_store;
use lorascope_protocol::path::file_stem;
use lorascope_protocol::scheme::{Rule, Scheme, file};

/// The id of the field that the editor opens with.
pub const NAME: &str = "scheme-name";

/// A panel of its own, while a scheme is edited.
#[component]
pub fn SchemeEditor() -> impl IntoView {
    let store = use_store();
    let is_own = Memo::new(move |_| store.schemes.with(|s| s.own().is_some()));
    let open = Memo::new(move |_| store.scheme_open.get() && is_own.get());
    Effect::new(move |_| {
        // Whatever took the scheme away: the next one does not open by itself.
        if !is_own.get() {
            store.scheme_open.set(false);
        }
    });
    view! {
        <Show when=move || open.get()>
            <div class="column-all"><Editor/></div>
        </Show>
    }
}

#[component]
fn Editor() -> impl IntoView {
    let store = use_store();
    let scheme = Memo::new(move |_| store.schemes.with(|s| s.own().cloned()));
    // The fields are made anew for another scheme and for other domains only.
    let fields = Memo::new(move |_| {
        let keys = |scheme: &Scheme| scheme.domains.iter().map(|domain| domain.key.clone()).collect::<Vec<_>>();
        (store.schemes.with(|s| s.choice), scheme.with(|scheme| scheme.as_ref().map(keys)))
    });
    let problem = RwSignal::new(None::<String>);
    let edit = Callback::new(move |edit: Edit| {
        let done = store.state.try_update(|s| s.schemes.edit(edit));
        problem.set(done.and_then(Result::err));
    });
    // What was refused goes when its field is left: what stands in the fields is what scores.
    let left = move |event: Event| {
        let field = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        if let Some(field) = field.filter(|_| problem.with_untracked(Option::is_some)) {
            // The attribute follows the scheme, whatever is typed.
            field.set_value(&field.default_value());
        }
    };
    let add = move |_| {
        edit.run(Edit::AddDomain);
        let last = scheme.with_untracked(|scheme| scheme.as_ref().map_or(0, |scheme| scheme.domains.len()));
        // Its field is there in the next task.
        set_timeout(move || focus(&label_id(last.saturating_sub(1))), std::time::Duration::ZERO);
    };
    let save = move |_| {
        let Some(scheme) = scheme.get_untracked() else { return };
        let name = format!("{}.scheme.json", file_stem(&scheme.name, "scheme"));
        let blob = text_blob(&file::write(&scheme), "application/json");
        if let Err(error) = blob.and_then(|blob| download(&blob, &name)) {
            problem.set(Some(format!("{name} could not be saved: {}", words(&error))));
        }
    };
    let close = move || {
        store.scheme_open.set(false);
        focus(EDIT);
    };
    let discard = move |_| {
        close();
        store.state.update(|s| s.schemes.discard());
    };
    view! {
        <section class="panel scheme-editor" data-testid="scheme-editor" aria-labelledby="scheme-editor-title" on:change=left>
            <div class="panel-head">
                <h2 id="scheme-editor-title">"Scheme of the domain profile"</h2>
                <button type="button" class="quiet" data-testid="scheme-close" on:click=move |_| close()>
                    "Close"
                </button>
            </div>
            <p class="small">
                "Each module’s energy goes to the domains by the weights of the first row that it fits; the scores are each "
                "domain’s part of the sum. The scheme is in the report and in links to this profile."
            </p>
            {move || {
                // A memo is only followed once it has been read.
                fields.get();
                let now = scheme.get_untracked()?;
                problem.set(None);
                Some(view! { <Fields now scheme edit/> })
            }}
            <Show when=move || problem.with(Option::is_some)>
                <p class="note bad" role="alert" data-testid="scheme-problem">{move || problem.get()}</p>
            </Show>
            <div class="row scheme-buttons">
                <button type="button" data-testid="scheme-add-domain" on:click=add>"Add a domain"</button>
                <button type="button" data-testid="scheme-save" title="Save this scheme as a JSON file, to drop here again" on:click=save>
                    "Save as JSON"
                </button>
                <button type="button" class="quiet" data-testid="scheme-discard" on:click=discard>"Delete"</button>
            </div>
        </section>
    }
}

/// A field for everything that can be changed.
#[component]
fn Fields(
    /// The scheme as the fields begin.
    now: Scheme,
    /// As it is while they are edited.
    scheme: Memo<Option<Scheme>>,
    edit: Callback<Edit>,
) -> impl IntoView {
    let of = move |part: &dyn Fn(&Scheme) -> Option<String>| {
        scheme.with(|scheme| scheme.as_ref().and_then(part)).unwrap_or_default()
    };
    let label = move |at: usize| of(&|scheme| scheme.domains.get(at).map(label_of));
    let last = now.domains.len().saturating_sub(1);
    let remove = move |at: usize| {
        edit.run(Edit::RemoveDomain(at));
        set_timeout(move || focus(&label_id(at.min(last.saturating_sub(1)))), std::time::Duration::ZERO);
    };
    let domain = |at: usize| {
        let name = move || format!("Remove {}", label(at));
        view! {
            <li>
                <Field
                    hook="scheme-domain"
                    id=label_id(at)
                    name=Signal::derive(move || format!("Label of domain {}", at + 1))
                    value=Signal::derive(move || of(&|scheme| Some(scheme.domains.get(at)?.label.clone())))
                    edit=Callback::new(move |text| edit.run(Edit::Label(at, text)))
                />
                <button
                    type="button"
                    class="remove"
                    title=name
                    aria-label=name
                    data-testid="scheme-remove-domain"
                    disabled=last == 0
                    on:click=move |_| remove(at)
                >
                    "×"
                </button>
            </li>
        }
    };
    let weight = move |row: usize, at: usize| {
        let of_row = move |scheme: &Scheme| {
            let (rule, domain) = (scheme.rules.get(row)?, scheme.domains.get(at)?);
            Some(rule.weights.get(&domain.key).copied().unwrap_or_default().to_string())
        };
        let title = move || of(&|scheme| scheme.rules.get(row).map(row_words));
        view! {
            <td>
                <Field
                    hook="scheme-weight"
                    most=file::MOST_WEIGHT
                    step="0.1"
                    name=Signal::derive(move || format!("{}: weight for {}", title(), label(at)))
                    value=Signal::derive(move || of(&of_row))
                    edit=Callback::new(move |text| edit.run(Edit::Weight(row, at, text)))
                />
            </td>
        }
    };
    let row = |(row, rule): (usize, &Rule)| {
        let cells = (0..=last).map(|at| weight(row, at)).collect_view();
        view! { <tr><th scope="row">{row_words(rule)}</th>{cells}</tr> }
    };
    view! {
        <div class="scheme-fields">
            <div class="scheme-side">
                <label class="field">
                    <span>"Name"</span>
                    <Field
                        hook="scheme-name"
                        id=NAME.to_owned()
                        value=Signal::derive(move || of(&|scheme| Some(scheme.name.clone())))
                        edit=Callback::new(move |text| edit.run(Edit::Name(text)))
                    />
                </label>
                <fieldset class="field-group">
                    <legend class="small">"Domains"</legend>
                    <ul class="scheme-domains">{(0..=last).map(domain).collect_view()}</ul>
                </fieldset>
                <label class="field">
                    <span>"Score of a tag, in % (empty: no tags)"</span>
                    <Field
                        hook="scheme-threshold"
                        most=100.0
                        step="1"
                        value=Signal::derive(move || of(&|scheme| scheme.tag_threshold.map(in_percent)))
                        edit=Callback::new(move |text| edit.run(Edit::Threshold(text)))
                    />
                </label>
            </div>
            <div class="table-scroll scheme-weights" tabindex="0" role="region" aria-label="Weights">
                <table>
                    <caption class="small">"Weights"</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Modules"</th>
                            {(0..=last).map(|at| view! { <th scope="col">{move || label(at)}</th> }).collect_view()}
                        </tr>
                    </thead>
                    <tbody>{now.rules.iter().enumerate().map(row).collect_view()}</tbody>
                </table>
            </div>
        </div>
    }
}

/// A field of the scheme: it keeps what is typed, and its attribute the value that it stands for.
#[component]
fn Field(
    hook: &'static str,
    #[prop(optional)] id: Option<String>,
    /// For a screen reader, where no label is around it.
    #[prop(optional)]
    name: Option<Signal<String>>,
    /// The largest number; none for a text.
    #[prop(optional)]
    most: Option<f64>,
    #[prop(optional)] step: Option<&'static str>,
    value: Signal<String>,
    edit: Callback<String>,
) -> impl IntoView {
    view! {
        <input
            type=if most.is_some() { "number" } else { "text" }
            id=id
            min=most.map(|_| "0")
            max=most
            step=step
            maxlength=file::MOST_TEXT - 1
            value=value
            aria-label=name
            data-testid=hook
            on:input=move |event| edit.run(typed(&event))
        />
    }
}

/// What stands in a field. Of what is no number a browser says that it is nothing, which would be a value here.
fn typed(event: &Event) -> String {
    let of = |object: &JsValue, key: &str| Reflect::get(object, &key.into()).unwrap_or_default();
    let is_bad = event.target().is_some_and(|field| of(&of(&field, "validity"), "badInput").is_truthy());
    if is_bad { "no number".to_owned() } else { event_target_value(event) }
}

/// Without what the multiplication leaves behind.
fn in_percent(share: f64) -> String {
    ((share * 1e6).round() / 1e4).to_string()
}

fn label_id(at: usize) -> String {
    format!("scheme-domain-{at}")
}
