//! One adapter after the other, for as long as anybody likes.

use crate::browser::Browser;
use crate::fixtures::folder;

/// Less than the factors of the adapters between the tenth and the hundredth, 440 kB each, would take.
const BOUND: u64 = 32 << 20;
/// A worker's garbage is collected when the browser likes: after the hundredth, or during some of these. What is held
/// would stay, and grow.
const MORE: usize = 100;

#[test]
fn a_hundred_adapters_leave_memory_where_it_was() {
    for backend in ["cpu", "webgpu"] {
        let browser = Browser::start();
        browser.open(&format!("?backend={backend}"));
        let (mut ten, mut last) = (None, None);
        for n in 1..=100 + MORE {
            browser.drop_paths(&[folder("peft-lora")]);
            browser.expect("done");
            browser.clear();
            if n == 10 || n >= 100 && n % 10 == 0 {
                browser.collect_garbage();
                last = browser.memory();
                ten = ten.or(last);
            }
            if n >= 100
                && let (Some(ten), Some(last)) = (ten, last)
                && last <= ten + BOUND
            {
                println!("{backend}: {} MB after ten adapters, {} MB after {n}", ten >> 20, last >> 20);
                break;
            }
        }
        match (ten, last) {
            (Some(ten), Some(last)) => {
                assert!(last <= ten + BOUND, "{backend}: {ten} bytes after ten, {last} after {}", 100 + MORE);
            }
            _ if cfg!(target_os = "linux") => panic!("the browser's memory could not be read"),
            _ => println!("memory: not measured, this system does not say"),
        }
        assert_eq!(browser.problems(), [""; 0]);
    }
}
