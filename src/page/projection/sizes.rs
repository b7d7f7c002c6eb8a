//! Sizes by hand: for the modules of a role, or for a single one.

use leptos::prelude::*;

use super::Desk;
use crate::fields::options;
use crate::model::number::{plural, shape};
use crate::model::projection::form::Goal;
use crate::model::projection::sizes::{Role, SizeRow, roles};
use lorascope_protocol::projection::SizeOf;

/// Names offered for a single module; any other can be typed too.
const OFFERED: usize = 500;
/// The choice of a single module, among the roles.
const SINGLE: &str = "module";

#[component]
pub fn Sizes(desk: Desk) -> impl IntoView {
    let by_hand = Memo::new(move |_| desk.form.with(|form| form.goal == Goal::ByHand));
    let rows = Memo::new(move |_| desk.form.with(|form| form.sizes().iter().map(|row| row.id).collect::<Vec<_>>()));
    let known =
        Memo::new(move |_| desk.store.adapter.with(|a| a.as_ref().map_or_else(Vec::new, |a| roles(&a.modules))));
    let names = move || {
        let names = desk.store.adapter.with(|a| {
            let modules = a.iter().flat_map(|a| a.modules.iter());
            modules.take(OFFERED).map(|m| m.name.clone()).collect::<Vec<_>>()
        });
        names.into_iter().map(|name| view! { <option value=name></option> }).collect_view()
    };
    view! {
        <div class="sizes" data-testid="projection-sizes" role="group" aria-label="Sizes by hand">
            <p class="small">
                {move || {
                    if by_hand.get() {
                        "Outputs × inputs of the modules in the target. What has no size here keeps its own."
                    } else {
                        "Sizes given here go before those of the target."
                    }
                }}
            </p>
            <ul>
                <For each=move || rows.get() key=|id| *id let:id>
                    <Row desk id known/>
                </For>
            </ul>
            <button
                type="button"
                data-testid="projection-size-add"
                on:click=move |_| desk.edit_with(|form, modules| form.add_size(modules))
            >
                {move || if rows.with(Vec::is_empty) { "Give a size by hand" } else { "Add a size" }}
            </button>
            <datalist id="projection-modules">{names}</datalist>
        </div>
    }
}

#[component]
fn Row(desk: Desk, id: u32, known: Memo<Vec<Role>>) -> impl IntoView {
    let row = Memo::new(move |_| desk.form.with(|form| form.sizes().iter().find(|row| row.id == id).cloned()));
    let now = Memo::new(move |_| match row.get().map(|row| row.of) {
        Some(SizeOf::Role(role)) => format!("role:{role}"),
        Some(SizeOf::Module(_)) | None => SINGLE.to_owned(),
    });
    let single = Memo::new(move |_| now.with(|now| now == SINGLE));
    let choices = move || {
        let mut all: Vec<_> =
            known.with(|known| known.iter().map(|role| (format!("role:{}", role.name), words(role))).collect());
        // A role of an adapter that was in view before stays chosen, and says so.
        let chosen = now.get_untracked();
        if let Some(role) = chosen.strip_prefix("role:").filter(|_| all.iter().all(|(key, _)| *key != chosen)) {
            let label = format!("{role}: not in this adapter");
            all.push((chosen.clone(), label));
        }
        all.push((SINGLE.to_owned(), "One module …".to_owned()));
        options(all, now)
    };
    let choose = move |event: web_sys::Event| {
        let of = match event_target_value(&event).strip_prefix("role:") {
            Some(role) => SizeOf::Role(role.to_owned()),
            None => SizeOf::Module(String::new()),
        };
        desk.edit_with(|form, modules| form.size_of(id, of, modules));
    };
    let name = move || match row.get().map(|row| row.of) {
        Some(SizeOf::Module(name)) => name,
        _ => String::new(),
    };
    let named = move |event: web_sys::Event| {
        let of = SizeOf::Module(event_target_value(&event).trim().to_owned());
        desk.edit_with(|form, modules| form.size_of(id, of, modules));
    };
    view! {
        <li class="size-row" data-testid="projection-size">
            <select class="size-of" aria-label="Size of" data-testid="projection-size-of" on:change=choose>
                {choices}
            </select>
            <Show when=move || single.get()>
                <input
                    type="text"
                    class="size-module"
                    aria-label="Name of the module"
                    placeholder="path of the module"
                    list="projection-modules"
                    data-testid="projection-size-module"
                    prop:value=name
                    // When it is whole: half a name would only be an error.
                    on:change=named
                />
            </Show>
            <span class="size-numbers">
                <Number desk id row label="Outputs" hook="projection-size-out" part=|row| &mut row.outputs/>
                "×"
                <Number desk id row label="Inputs" hook="projection-size-in" part=|row| &mut row.inputs/>
                <button
                    type="button"
                    class="remove"
                    title="Remove this size"
                    aria-label="Remove this size"
                    data-testid="projection-size-remove"
                    on:click=move |_| desk.edit(|form| form.remove_size(id))
                >
                    "×"
                </button>
            </span>
        </li>
    }
}

/// One of the two numbers of a row.
#[component]
fn Number(
    desk: Desk,
    id: u32,
    row: Memo<Option<SizeRow>>,
    label: &'static str,
    hook: &'static str,
    part: fn(&mut SizeRow) -> &mut String,
) -> impl IntoView {
    let text = Memo::new(move |_| row.get().map(|mut row| std::mem::take(part(&mut row))).unwrap_or_default());
    let typed = move |event: web_sys::Event| {
        desk.edit(|form| form.size(id, |row| *part(row) = event_target_value(&event)));
    };
    view! {
        <input
            type="text"
            inputmode="numeric"
            aria-label=label
            data-testid=hook
            prop:value=move || text.get()
            on:input=typed
            on:change=typed
        />
    }
}

/// "q: 32 modules, now 4096×4096".
fn words(role: &Role) -> String {
    let modules = plural(role.modules, "module", "modules");
    let mixed = if role.mixed { " and others" } else { "" };
    format!("{}: {modules}, now {}{mixed}", role.name, shape(role.shape))
}
