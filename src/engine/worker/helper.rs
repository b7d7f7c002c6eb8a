//! A worker of the engine's crew: takes tasks one by one, computes them on its CPU, answers.

use js_sys::{Array, ArrayBuffer, Reflect, Uint8Array};
use lorascope_engine::session::crew::{Answer, Bytes, serve};
use lorascope_engine::source::{BlobSource, remind_collector};
use lorascope_protocol::wire;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::MessageEvent;

use super::event_loop::{self, EventLoop, scope, take_spent};

/// Whether this worker was started as a helper (`www/helper.js`).
pub fn is_helper() -> bool {
    let given = Reflect::get(&js_sys::global(), &"lorascope".into());
    given.and_then(|given| Reflect::get(&given, &"helps".into())).is_ok_and(|helps| helps.is_truthy())
}

/// What a task and its intermediate results take, about.
const TASKS_BYTES: usize = 32 << 20;

/// Listens for tasks, each with the buffers that it is about, and for the word that the last one's answer is not wanted
/// any more. A panic ends the worker, which its crew hears of.
pub fn start() {
    let pulse = EventLoop::new();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if event.data().is_null() {
            return pulse.cancel(event_loop::serving());
        }
        event_loop::serve(event_loop::serving() + 1);
        let pulse = pulse.clone();
        spawn_local(async move {
            // Without an answer in it the engine does the work itself.
            let pieces = Array::new();
            let answer = answer(&event.data(), pulse, &pieces).await;
            let sent = wire::encode(0, &answer, &pieces).and_then(|data| scope().post_message(&data));
            if let Err(error) = sent {
                wasm_bindgen::throw_val(error);
            }
        });
    });
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    // The memory of the tasks to come, in one step while nobody waits: growing it for each of them takes longer than
    // to copy their bytes. What is not touched takes no room.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(TASKS_BYTES)));
}

/// The answer as a text; what it keeps of the new file goes to `pieces`.
async fn answer(data: &JsValue, pulse: EventLoop, pieces: &Array) -> Option<String> {
    let (_, task, parts) = wire::decode::<String>(data).ok()?;
    let task = serde_json::from_str(&task).ok()?;
    let buffers: Vec<ArrayBuffer> = parts.iter().filter_map(|part| part.dyn_into().ok()).collect();
    let read = buffers.iter().map(|buffer| buffer.byte_length() as usize).sum();
    let parts = buffers.into_iter().map(|buffer| Box::new(Buffer(buffer)) as Box<dyn Bytes>).collect();
    // Of a task before this one that was cancelled.
    take_spent();
    let answer = serve::<BlobSource, _>(&task, parts, pulse).await;
    remind_collector(read);
    let answer = answer?.map(|piece| {
        pieces.push(&piece);
        Some(())
    })?;
    serde_json::to_string(&Answer { spent: take_spent(), ..answer }).ok()
}

/// A part outside of WebAssembly's memory.
struct Buffer(ArrayBuffer);

impl Bytes for Buffer {
    fn copy(&self, begin: usize, len: usize) -> Option<Vec<u8>> {
        let is_inside = begin.checked_add(len).is_some_and(|end| end <= self.0.byte_length() as usize);
        is_inside.then(|| Uint8Array::new_with_byte_offset_and_length(&self.0, begin as u32, len as u32).to_vec())
    }

    fn take(&mut self) -> Vec<u8> {
        Uint8Array::new(&self.0).to_vec()
    }
}
