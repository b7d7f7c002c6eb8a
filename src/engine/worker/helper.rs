//! A worker of the engine's crew: takes tasks one by one, computes them on its CPU, answers.

use std::rc::Rc;

use js_sys::{Array, ArrayBuffer, Reflect, Uint8Array};
use lorascope_engine::session::crew::{Answer, Place, Task, serve};
use lorascope_protocol::wire;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::MessageEvent;

use super::event_loop::{EventLoop, scope, serve as serve_job, take_spent};

/// Whether this worker was started as a helper (`www/helper.js`).
pub fn is_helper() -> bool {
    let given = Reflect::get(&js_sys::global(), &"lorascope".into());
    given.and_then(|given| Reflect::get(&given, &"helps".into())).is_ok_and(|helps| helps.is_truthy())
}

/// What a task and its intermediate results take, about.
const TASKS_BYTES: usize = 32 << 20;

/// Listens for tasks, each with the buffers that it is about. A panic ends the worker, which its crew hears of.
pub fn start() {
    let pulse = EventLoop::new();
    // Nothing is cancelled here: the engine does not wait for an answer that it no longer wants.
    serve_job(1);
    let on_task = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let pulse = pulse.clone();
        spawn_local(async move {
            // Without an answer in it the engine does the work itself.
            let answer = answer(&event.data(), pulse).await;
            let sent = wire::encode(0, &answer, &Array::new()).and_then(|data| scope().post_message(&data));
            if let Err(error) = sent {
                wasm_bindgen::throw_val(error);
            }
        });
    });
    scope().set_onmessage(Some(on_task.as_ref().unchecked_ref()));
    on_task.forget();
    // The memory of the tasks to come, in one step while nobody waits: growing it for each of them takes longer than
    // to copy their bytes. What is not touched takes no room.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(TASKS_BYTES)));
}

async fn answer(data: &JsValue, pulse: EventLoop) -> Option<Answer> {
    let (_, task, parts) = wire::decode::<Task>(data).ok()?;
    let buffers: Rc<[ArrayBuffer]> = parts.iter().filter_map(|part| part.dyn_into().ok()).collect();
    let bytes_of = |Place { part, begin, len }: Place| {
        let view = |buffer: &ArrayBuffer| {
            let is_inside = begin.checked_add(len).is_some_and(|end| end <= buffer.byte_length() as usize);
            is_inside.then(|| Uint8Array::new_with_byte_offset_and_length(buffer, begin as u32, len as u32).to_vec())
        };
        buffers.get(part).and_then(view)
    };
    let (spectra, asked) = serve(&task, bytes_of, pulse).await?;
    lorascope_engine::source::remind_collector(buffers.iter().map(|buffer| buffer.byte_length() as usize).sum());
    Some(Answer { spectra, asked, spent: take_spent() })
}
