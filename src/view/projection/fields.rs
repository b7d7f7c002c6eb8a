//! The selects of the projection's form.

use leptos::prelude::*;

use crate::view::fields;

/// A select whose choice edits the form.
#[component]
pub fn Select(
    label: &'static str,
    hook: &'static str,
    all: Vec<(String, String)>,
    now: Memo<String>,
    choose: fn(super::Desk, &str),
    desk: super::Desk,
) -> impl IntoView {
    view! { <fields::Select label hook all now choose=move |key: String| choose(desk, &key)/> }
}
