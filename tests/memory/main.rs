#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]
#![allow(unsafe_code, reason = "an allocator that counts")]

//! What reading a header takes of memory, at most, on megabytes made to take as much as they can; and what is left of
//! adapters that are no longer there.

#[path = "../common/mod.rs"]
mod common;
/// The allocator of the fuzz targets, which hold small inputs to the same bounds.
#[path = "../fuzz/src/lib.rs"]
mod counting;
#[path = "../common/started.rs"]
mod started;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::gguf::{Draft, Tensor, Value};
use common::{file, fixture, header_of};
use counting::{GGUF_TIMES, HEADER_TIMES, bounded, live};
use lorascope_engine::session::{Backend, Session};
use lorascope_format::bytes::MemorySource;
use lorascope_kernels::Steady;
use lorascope_kernels::gpu::Held;
use lorascope_protocol::ToPage;
use pollster::block_on;
use started::backends;

fn json_files() -> Vec<(&'static str, Vec<u8>)> {
    let one = |field: &str, value: String| {
        file(&format!(r#"{{"x":{{"dtype":"F32","shape":[1],"data_offsets":[0,4],"{field}":{value}}}}}"#), &[0; 4])
    };
    let described = |dtype: &str, shape: &str| {
        file(&format!(r#"{{"x":{{"dtype":{dtype},"shape":{shape},"data_offsets":[0,4]}}}}"#), &[0; 4])
    };
    let many = |description: &str| {
        let entries: Vec<String> = (0..60_000).map(|i| format!("\"{i:x}\":{description}")).collect();
        format!("{{{}}}", entries.join(","))
    };
    vec![
        ("brackets", one("more", format!("[{}[]]", "[],".repeat(700_000)))),
        ("objects", one("more", format!("[{}[]]", "{\"a\":{}},".repeat(200_000)))),
        ("escapes", one(&"\\n".repeat(700_000), "1".to_owned())),
        ("dimensions", described("\"F32\"", &format!("[{}1]", "1,".repeat(700_000)))),
        ("too many dimensions", described("\"F99\"", &format!("[{}100]", "1,".repeat(700_000)))),
        ("a text for a shape", described("\"F32\"", &format!("\"{}\"", "\u{7f}".repeat(1_000_000)))),
        ("a long dtype", described(&format!("\"{}\"", "\u{7f}".repeat(1_000_000)), "[4]")),
        ("tensors", file(&many(r#"{"dtype":"F4","shape":[0],"data_offsets":[0,0]}"#), &[])),
        ("short tensors", file(&many(r#"["",[0],[0,0]]"#), &[])),
        ("metadata", file(&format!(r#"{{"__metadata__":{}}}"#, many("\"\"")), &[])),
    ]
}

fn gguf_files() -> Vec<(&'static str, Vec<u8>)> {
    let tensors = |number| {
        let tensor = |i| Tensor { name: format!("{i:x}"), number, ne: vec![0], data: vec![] };
        Draft::new(&[], (0..60_000).map(tensor).collect()).bytes()
    };
    let mut pairs = Draft::new(&[], vec![]);
    pairs.values = (0..60_000).map(|i| (format!("{i:x}"), Value::Bool(true))).collect();
    let mut lists = Draft::new(&[], vec![]);
    lists.values = (0..60_000).map(|i| (format!("{i:x}"), Value::List(0, 0, vec![]))).collect();
    let texts = Value::List(8, 200_000, vec![0; 1_600_000]);
    vec![
        ("tensors", tensors(0)),
        ("tensors of a type that has a name", tensors(12)),
        ("tensors of a type without one", tensors(u32::MAX)),
        ("pairs", pairs.bytes()),
        ("lists", lists.bytes()),
        ("texts", Draft::new(&[("k", texts)], vec![]).bytes()),
    ]
}

/// The allocator counts for all threads together.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adapters come and go on either backend, and nothing of them stays.
#[test]
fn a_hundred_adapters_leave_memory_where_it_was() {
    /// A hundredth of one adapter's factors.
    const EXTRA: usize = 4 << 10;
    let _alone = alone();
    let files = ["adapter_model.safetensors", "adapter_config.json"].map(|file| fixture(&format!("peft-lora/{file}")));
    for choice in backends() {
        let last = Rc::new(Cell::new(0));
        let seen = Rc::clone(&last);
        let emit = move |message| {
            if let ToPage::Item(item) = message {
                seen.set(item.item);
            }
        };
        let mut session = block_on(Session::start(choice, "unnamed".to_owned(), Steady, emit)).unwrap();
        let mut left = Vec::new();
        for n in 1..=100 {
            block_on(session.load(files.to_vec()));
            assert_eq!(session.report().adapters.len(), 1);
            if n % 2 == 0 {
                session.clear();
            } else {
                block_on(session.remove(last.get()));
            }
            assert!(session.report().files.is_empty());
            if let Backend::Gpu(gpu) = session.backend() {
                assert_eq!(gpu.held(), Held::default(), "after {n} adapters");
            }
            left.push(live());
        }
        assert!(left[99] <= left[9] + EXTRA, "{choice:?}: {} bytes after ten, {} after a hundred", left[9], left[99]);
    }
}

#[test]
fn a_header_takes_a_small_multiple_of_its_size() {
    let _alone = alone();
    for (times, files) in [(HEADER_TIMES, json_files()), (GGUF_TIMES, gguf_files())] {
        for (name, bytes) in files {
            let len = bytes.len();
            let source = MemorySource::new("x", bytes);
            assert!(len > 500_000, "{name} has {len} bytes");
            // Whether it is read or refused is not the question.
            drop(bounded(len, times, || header_of(&source)));
        }
    }
}
