//! The first screen: what this is, where to drop, what to drop, and why that is safe.

use leptos::prelude::*;

use super::header::engine_name;
use super::items::Items;
use super::model::samples::Sample;
use super::pickers::Pickers;
use super::problems::Problems;
use super::remote::{AddressField, Outlines};
use super::sample;
use super::store::use_store;
use super::wire::use_wire;

#[component]
pub fn FirstScreen() -> impl IntoView {
    let store = use_store();
    view! {
        <div class="first">
            <h1>"See what a LoRA adapter does to every layer"</h1>
            <p class="lead">
                "A LoRA adapter is a small file that changes the weights of a large model. Drop one here: Lorascope "
                "measures its update "<i>"ΔW"</i>" in every module: how strong it is, how many directions it uses and where in the model it sits. "
                "Your own machine computes it; nothing is uploaded."
            </p>
            <DropZone/>
            <AddressField label="Or load one by its address"/>
            <Outlines/>
            <Problems/>
            <Show when=move || store.items.with(|items| !items.is_empty())>
                <Items compact=false/>
            </Show>
            <div class="notes">
                <section>
                    <h2>"What you can drop"</h2>
                    <p>
                        "LoRA, LoHa, LoKr, DoRA and their kin: files of PEFT, kohya, LyCORIS, diffusers, ComfyUI and MLX ("
                        <code>".safetensors"</code>" with its config) and "<code>".gguf"</code>
                        ". Folders too, several at once. Checkpoints of the model beside them show whether an adapter "
                        "does what training changed, and make DoRA exact; two alone give a LoRA."
                    </p>
                </section>
                <section>
                    <h2>"It stays here. Check it"</h2>
                    <p>
                        "Files are read inside this browser tab. Open the developer tools’ network panel, or switch "
                        "your network off after the page has loaded: it works the same."
                    </p>
                </section>
                <section>
                    <h2>"Where it runs"</h2>
                    <p>
                        "In Chrome, Edge, Firefox and Safari of the last three years. With WebGPU the graphics card computes, "
                        "elsewhere the CPU. "<Engine/>
                    </p>
                </section>
            </div>
        </div>
    }
}

#[component]
fn DropZone() -> impl IntoView {
    let (store, wire) = (use_store(), use_wire());
    let pickers = expect_context::<Pickers>();
    let busy = move || store.phase.get().is_busy();
    view! {
        // A click on the empty part is a convenience; the buttons inside are what keyboards reach.
        <div
            class="drop-zone"
            class:over=move || store.dragging.get()
            data-testid="drop-zone"
            on:click=move |_| pickers.open_files()
        >
            <svg class="drop-mark" viewBox="0 0 48 48" aria-hidden="true">
                <path d="M24 6v24M14 21l10 10 10-10M7 32v8h34v-8"></path>
            </svg>
            <p class="drop-title">"Drop an adapter or its folder here"</p>
            <div class="drop-buttons" on:click=|event| event.stop_propagation()>
                <button on:click=move |_| pickers.open_files()>"Choose files"</button>
                <button on:click=move |_| pickers.open_folder()>"Choose a folder"</button>
                <button
                    class="primary"
                    data-testid="sample"
                    disabled=busy
                    on:click=move |_| sample::load(store, wire, Sample::Adapter)
                >
                    "Try the sample"
                </button>
            </div>
            <p class="small">"The sample: "{Sample::Adapter.words()}"."</p>
        </div>
    }
}

/// Which engine this machine gave, in words.
#[component]
fn Engine() -> impl IntoView {
    let store = use_store();
    move || {
        let engine = store.state.with(|s| s.engine.clone())?;
        Some(
            view! { <span>"Here: "<b>{engine_name(&engine)}</b>" ("{engine.reason.trim_end_matches('.').to_owned()}")."</span> },
        )
    }
}
