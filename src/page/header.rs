//! The top of the page: name, engine, share, export, colours, keys.

use leptos::prelude::*;

use super::export::ExportJson;
use super::model::domains::sentence_case;
use super::model::gpu_check;
use super::share::Share;
use super::store::use_store;
use super::theme::ThemeChoice;
use lorascope_protocol::report::{BackendKind, EngineReport};

#[component]
pub fn Header(keys_open: RwSignal<bool>) -> impl IntoView {
    view! {
        <header>
            <div class="brand">
                <svg class="mark" viewBox="0 0 18 18" aria-hidden="true">
                    <rect x="1" y="9" width="4" height="8" rx="1"></rect>
                    <rect x="7" y="4" width="4" height="13" rx="1" opacity="0.65"></rect>
                    <rect x="13" y="1" width="4" height="16" rx="1" opacity="0.35"></rect>
                </svg>
                "Lorascope"
            </div>
            <span class="spring"></span>
            <Backend/>
            <Share/>
            <ExportJson/>
            <ThemeChoice/>
            <button class="round" title="Keys" aria-label="List of keys" on:click=move |_| keys_open.set(true)>
                "?"
            </button>
        </header>
    }
}

/// Which engine computes, and why: a chip that opens.
#[component]
fn Backend() -> impl IntoView {
    let store = use_store();
    let engine = Memo::new(move |_| store.state.with(|s| s.engine.clone()));
    let none = Memo::new(move |_| store.state.with(|s| s.no_backend.clone()));
    let name = move || match (engine.get(), none.get()) {
        (_, Some(_)) => "No engine".to_owned(),
        (Some(engine), None) => engine_name(&engine),
        (None, None) => "Starting …".to_owned(),
    };
    let reason = move || {
        let reason = none.get().or_else(|| engine.get().map(|e| e.reason)).unwrap_or_default();
        sentence_case(reason.trim_end_matches('.')) + if reason.is_empty() { "" } else { "." }
    };
    let check = Memo::new(move |_| engine.with(|e| e.as_ref().and_then(|e| e.check.clone())));
    let agreement = move || check.with(|check| gpu_check::agreement(check.as_ref()));
    let title = move || match agreement() {
        Some(said) => format!("{} GPU, {said}.", reason()),
        None => reason(),
    };
    view! {
        <details
            class="backend"
            data-testid="backend"
            data-backend=move || engine.get().map(|e| if e.backend == BackendKind::WebGpu { "webgpu" } else { "cpu" })
            class:none=move || none.get().is_some()
        >
            <summary title=title>
                <span class="dot" aria-hidden="true"></span>
                <span class="backend-name">{name}</span>
                {move || agreement().map(|_| view! { <span class="checked">" ✓ checked"</span> })}
            </summary>
            <div class="panel popover">
                <h2>"Where it computes"</h2>
                <p>{reason}</p>
                {move || {
                    agreement()
                        .map(|said| {
                            let looked_at = check.with(|check| check.as_ref().map(gpu_check::looked_at));
                            view! {
                                <p data-testid="gpu-check">"GPU, "{said}"."</p>
                                <p class="small">{looked_at}</p>
                            }
                        })
                }}
                <p class="small">{move || engine.get().map(|e| counts(&e))}</p>
                <p class="small">
                    "Add "<code>"?backend=webgpu"</code>" or "<code>"?backend=cpu"</code>
                    " to the address to force one."
                </p>
            </div>
        </details>
    }
}

/// `WebGPU · Apple M2`, `CPU`.
pub fn engine_name(engine: &EngineReport) -> String {
    let kind = if engine.backend == BackendKind::WebGpu { "WebGPU" } else { "CPU" };
    match engine.adapter_name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => format!("{kind} · {name}"),
        None => kind.to_owned(),
    }
}

fn counts(engine: &EngineReport) -> String {
    use super::model::number::{bytes, grouped};
    let c = engine.counts;
    let mut text = format!("So far: {} read", bytes(c.bytes_read));
    if engine.backend == BackendKind::WebGpu {
        text.push_str(&format!(
            ", {} uploaded, {} dispatches, {} readbacks",
            bytes(c.bytes_uploaded),
            grouped(c.dispatches),
            grouped(c.readbacks)
        ));
    }
    text.push('.');
    if c.fallbacks > 0 {
        text.push_str(&format!(
            " {} computed in double precision on the CPU, where single precision would not have been enough.",
            super::model::number::plural(c.fallbacks as usize, "module was", "modules were")
        ));
    }
    text
}
