//! The engine tries itself out on a tiny adapter while it waits for the first file: browsers compile a function of
//! WebAssembly when it is first called, which in all takes longer than many an adapter.

use js_sys::{Array, Uint8Array};
use lorascope_engine::session::Session;
use lorascope_engine::source::BlobSource;
use lorascope_protocol::{BackendChoice, ToPage, wire};
use web_sys::File;

use super::event_loop::{EventLoop, take_spent};

const CONFIG: &str = r#"{"peft_type":"LORA","r":2,"lora_alpha":2}"#;
const HEADER: &str = concat!(
    r#"{"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight":"#,
    r#"{"dtype":"BF16","shape":[2,4],"data_offsets":[0,16]},"#,
    r#""base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight":"#,
    r#"{"dtype":"BF16","shape":[4,2],"data_offsets":[16,32]}}"#
);
/// Its numbers.
const DATA: [u8; 32] = [0x3f; 32];

/// Analyses the adapter with the CPU and sends the result nowhere.
pub async fn warm_up() {
    let pulse = EventLoop::new();
    // Of the same type as the real one's, so that it is the same code.
    let emit: fn(ToPage) = |message| drop(wire::encode(0, &message, &Array::new()));
    let Ok(mut engine) = Session::start(BackendChoice::Cpu, String::new(), pulse, emit).await else { return };
    let length = (HEADER.len() as u64).to_le_bytes();
    let weights = [&length, HEADER.as_bytes(), &DATA].concat();
    let files = [("adapter_config.json", CONFIG.as_bytes()), ("adapter_model.safetensors", &weights)];
    let sources = files.into_iter().filter_map(|(name, bytes)| {
        let parts = Array::of1(&Uint8Array::from(bytes));
        Some(BlobSource::new(name.to_owned(), File::new_with_u8_array_sequence(&parts, name).ok()?))
    });
    engine.load(sources.collect()).await;
    take_spent();
}
