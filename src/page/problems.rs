//! What went wrong, in words: errors first, then warnings; long lists are folded, never cut in silence.

use leptos::prelude::*;

use super::export::CopyButton;
use super::model::gpu_check::{self, Warning};
use super::model::said::Notice;
use super::remote::Retry;
use super::store::use_store;
use lorascope_protocol::report::WrongReport;

/// Entries in view before the rest is folded.
const UNFOLDED: usize = 5;
/// Entries on the page at most.
const MOST: usize = 200;

#[component]
pub fn Problems() -> impl IntoView {
    let store = use_store();
    let crash = Memo::new(move |_| store.state.with(|s| s.crash.clone()));
    let wrong = Memo::new(move |_| store.state.with(|s| s.engine.as_ref()?.check.as_ref()?.wrong.clone()));
    view! {
        {move || crash.get().map(|report| view! { <Crash report/> })}
        {move || wrong.get().map(|wrong| view! { <WrongGpu wrong/> })}
        {move || {
            let notices = store.errors.get();
            (!notices.is_empty()).then(|| view! { <List notices hook="error" alert=true/> })
        }}
        {move || {
            let notices = store.warnings.get();
            (!notices.is_empty()).then(|| view! { <List notices hook="warning" alert=false/> })
        }}
    }
}

#[component]
fn List(notices: Vec<Notice>, hook: &'static str, alert: bool) -> impl IntoView {
    let entry = move |notice: Notice| {
        let retry = notice.can_retry.then(|| view! { <Retry/> });
        view! { <li><span data-testid=hook>{notice.text}</span>{retry}</li> }
    };
    let all = notices.len();
    let mut notices = notices.into_iter().take(MOST);
    let shown: Vec<_> = notices.by_ref().take(UNFOLDED).map(entry).collect();
    let folded: Vec<_> = notices.map(entry).collect();
    let more = all - shown.len();
    let beyond = all.saturating_sub(MOST);
    view! {
        <div class="note" class:bad=alert role=alert.then_some("alert")>
            <ul>{shown}</ul>
            {(more > 0)
                .then(|| {
                    view! {
                        <details>
                            <summary>{format!("and {more} more")}</summary>
                            <ul>{folded}</ul>
                            {(beyond > 0).then(|| view! { <p>{format!("… and {beyond} more like these.")}</p> })}
                        </details>
                    }
                })}
        </div>
    }
}

/// The GPU computes wrongly: the figures are the CPU's, and here is a text for whoever can mend it.
#[component]
fn WrongGpu(wrong: WrongReport) -> impl IntoView {
    let Warning { sentence, report } =
        gpu_check::warning(&wrong, &window().navigator().user_agent().unwrap_or_default());
    let text = StoredValue::new(report);
    view! {
        <div class="note" data-testid="wrong-gpu">
            <p><span data-testid="warning">{sentence}</span></p>
            <pre>{text.get_value()}</pre>
            <CopyButton label="Copy the report" text=move || text.get_value()/>
        </div>
    }
}

/// The engine is gone: what that means, and what to hand to whoever can mend it.
#[component]
fn Crash(report: String) -> impl IntoView {
    let text = StoredValue::new(format!(
        "Lorascope {} stopped in the engine.\n{report}\n{}",
        env!("CARGO_PKG_VERSION"),
        window().navigator().user_agent().unwrap_or_default()
    ));
    view! {
        <div class="note bad" role="alert" data-testid="error">
            <p>
                <b>"The engine stopped because of a fault of its own. "</b>
                "Your files are unharmed. What is already shown stays until your next drop, which starts a fresh "
                "engine. If it happens again with the same file, please report this text:"
            </p>
            <pre>{text.get_value()}</pre>
            <CopyButton label="Copy the report" text=move || text.get_value()/>
        </div>
    }
}
