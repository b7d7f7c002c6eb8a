//! Parts that forms and their fields share.

use leptos::html;
use leptos::prelude::*;
use web_sys::SubmitEvent;

use super::model::axis::ScaleKind;
use super::model::column::{Column, Description, of_key};
use super::store::use_store;

/// A form whose answer the engine computes: what it lacks stands above its button.
#[component]
pub fn AskForm(
    /// The id of its title, which is among the children.
    title: &'static str,
    /// The hook of the button; that of the problem is `problem_hook`.
    hook: &'static str,
    #[prop(into)] button: Signal<&'static str>,
    problem_hook: &'static str,
    problem: Memo<Option<String>>,
    #[prop(into)] ask: Callback<()>,
    children: Children,
) -> impl IntoView {
    let store = use_store();
    let said = NodeRef::<html::P>::new();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        ask.run(());
        // With a field that holds no value nothing has been sent: the eye and the reader go to the reason.
        if let Some(said) = said.get_untracked() {
            let _ = said.focus();
        }
    };
    view! {
        <form class="panel project-form" aria-labelledby=title on:submit=submit novalidate>
            {children()}
            <Show when=move || problem.with(Option::is_some)>
                <p class="note bad" role="alert" tabindex="-1" data-testid=problem_hook node_ref=said>
                    {move || problem.get()}
                </p>
            </Show>
            <button type="submit" class="primary" data-testid=hook disabled=move || !store.free.get()>
                {move || button.get()}
            </button>
        </form>
    }
}

/// The options of a select: form value and label. The one whose value `now` gives is chosen.
pub fn options(all: Vec<(String, String)>, now: Memo<String>) -> impl IntoView + use<> {
    let option = |(value, label): (String, String)| {
        let is_chosen = {
            let value = value.clone();
            move || now.with(|now| *now == value)
        };
        view! { <option value=value prop:selected=is_chosen>{label}</option> }
    };
    all.into_iter().map(option).collect_view()
}

/// A select with its label.
#[component]
pub fn Select(
    label: &'static str,
    hook: &'static str,
    #[prop(into)] all: Signal<Vec<(String, String)>>,
    now: Memo<String>,
    #[prop(into)] choose: Callback<String>,
) -> impl IntoView {
    view! {
        <label class="field">
            <span>{label}</span>
            <select data-testid=hook on:change=move |event| choose.run(event_target_value(&event))>
                {move || options(all.get(), now)}
            </select>
        </label>
    }
}

#[component]
pub fn Checkbox(
    label: &'static str,
    #[prop(into)] checked: Signal<bool>,
    #[prop(into)] set: Callback<bool>,
    #[prop(optional, into)] hook: Option<String>,
    #[prop(optional)] title: Option<&'static str>,
    #[prop(optional)] class: &'static str,
) -> impl IntoView {
    let class = Some(class).filter(|class| !class.is_empty());
    let changed = move |event| set.run(event_target_checked(&event));
    view! {
        <label class=class title=title>
            <input type="checkbox" data-testid=hook prop:checked=move || checked.get() on:change=changed/>
            " "
            {label}
        </label>
    }
}

/// Whether values are shown by their logarithm.
#[component]
pub fn LogScale(kind: RwSignal<ScaleKind>, #[prop(optional)] class: &'static str) -> impl IntoView {
    let is_log = Signal::derive(move || kind.get() == ScaleKind::Log);
    let set = move |log| kind.set(if log { ScaleKind::Log } else { ScaleKind::Linear });
    view! { <Checkbox label="Log scale" checked=is_log set class/> }
}

/// Which of several figures is shown.
#[derive(Clone)]
pub struct FigureChoice {
    hook: &'static str,
    figures: Vec<&'static Description>,
    /// Its key.
    pub now: Signal<&'static str>,
    choose: Callback<String>,
}

impl FigureChoice {
    pub fn new<T>(
        hook: &'static str,
        figures: &'static [&'static Column<T>],
        chosen: RwSignal<&'static Column<T>>,
    ) -> FigureChoice {
        let choose = move |key: String| of_key(figures, &key).into_iter().for_each(|figure| chosen.set(figure));
        FigureChoice {
            hook,
            figures: figures.iter().map(|figure| &figure.about).collect(),
            now: Signal::derive(move || chosen.get().key),
            choose: Callback::new(choose),
        }
    }
}

#[component]
pub fn FigureSelect(label: &'static str, choice: FigureChoice) -> impl IntoView {
    let FigureChoice { hook, figures, now, choose } = choice;
    let option = move |figure: &'static Description| {
        view! { <option value=figure.key selected=move || now.get() == figure.key>{figure.label}</option> }
    };
    view! {
        <label>
            {label}
            " "
            <select data-testid=hook on:change=move |event| choose.run(event_target_value(&event))>
                {figures.into_iter().map(option).collect_view()}
            </select>
        </label>
    }
}
