//! An adapter of 8B shapes: the page answers while the engine works, and no tensor reaches the main thread.

use crate::browser::{Browser, TempDir};
use crate::fixtures::{folder, write_8b_adapter, write_8b_adapter_of_rank};
use crate::report::{array, assert_clean, only_adapter};

/// No message from the engine is larger, in bytes.
const LARGEST_MESSAGE: u64 = 512 * 1024;

#[test]
fn an_8b_adapter_on_webgpu() {
    an_8b_adapter("webgpu");
}

#[test]
fn an_8b_adapter_on_the_cpu() {
    an_8b_adapter("cpu");
}

fn an_8b_adapter(backend: &str) {
    let folder_8b = TempDir::new("8b");
    write_8b_adapter(folder_8b.path());
    let browser = Browser::start();
    browser.open(&format!("?backend={backend}"));
    let start = std::time::Instant::now();
    browser.drop_paths(&[folder_8b.path().to_path_buf()]);
    browser.expect("done");
    println!("8B on {backend}: {:.1} s from the drop to the result", start.elapsed().as_secs_f64());
    let traffic = browser.traffic();
    let crate::browser::Traffic { messages, largest, total, .. } = traffic;
    println!("8B on {backend}: {messages} messages from the engine, {total} bytes in all, {largest} in the largest");
    println!("8B on {backend}: longest main-thread task {:.0} ms (0: none over 50)", browser.longest_task());
    assert!(traffic.messages > 0, "the probe saw no message from the engine");
    assert_eq!(traffic.binary, 0, "bytes of tensors came to the page");
    assert!(traffic.largest <= LARGEST_MESSAGE, "{traffic:?}");
    let report = browser.export_json();
    assert_clean(&report, "report");
    println!("8B on {backend}: {}", report["engine"]);
    assert_eq!(array(only_adapter(&report), "modules").len(), 224);

    // Large enough that no machine is done before it is cancelled.
    let larger = TempDir::new("8b-64");
    write_8b_adapter_of_rank(larger.path(), 64);
    browser.clear();
    browser.cancel_while_analyzing(0);
    browser.drop_paths(&[larger.path().to_path_buf()]);
    browser.expect("idle");
    println!("8B on {backend}: {:.0} ms from Cancel to idle", browser.cancel_took());

    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    assert_eq!(array(only_adapter(&browser.export_json()), "modules").len(), 42);
    assert_eq!(browser.problems(), [""; 0]);
}
