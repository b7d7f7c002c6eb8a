//! One adapter after the other, for as long as anybody likes.

use crate::browser::Browser;
use crate::fixtures::folder;

/// Less than the factors of the adapters between the tenth and the hundredth, 440 kB each, would take.
const BOUND: u64 = 32 << 20;

#[test]
fn a_hundred_adapters_leave_memory_where_it_was() {
    for backend in ["cpu", "webgpu"] {
        let browser = Browser::start();
        browser.open(&format!("?backend={backend}"));
        let mut left = Vec::new();
        for n in 1..=100 {
            browser.drop_paths(&[folder("peft-lora")]);
            browser.expect("done");
            browser.clear();
            if [10, 100].contains(&n) {
                browser.collect_garbage();
                left.extend(browser.memory());
            }
        }
        match left[..] {
            [ten, hundred] => {
                println!("{backend}: {} MB after ten adapters, {} MB after a hundred", ten >> 20, hundred >> 20);
                assert!(hundred <= ten + BOUND, "{backend}: {ten} bytes after ten, {hundred} after a hundred");
            }
            _ if cfg!(target_os = "linux") => panic!("the browser's memory could not be read"),
            _ => println!("memory: not measured, this system does not say"),
        }
        assert_eq!(browser.problems(), [""; 0]);
    }
}
