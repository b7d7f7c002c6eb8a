//! What an empty tab offers: one click shows on a small sample what it is for, and nothing is loaded before.

use std::path::Path;

use crate::browser::Browser;
use crate::fixtures::folder;
use crate::look::each_look;

/// Bytes of all samples together, at most.
const MOST: u64 = 2_000_000;

#[test]
fn each_empty_tab_shows_in_one_click_what_it_does() {
    const ADAPTER: [&str; 2] = ["llama-mini-lora/adapter_config.json", "llama-mini-lora/adapter_model.safetensors"];
    let cases: [(&str, &[&str], &str); 4] = [
        (
            "alignment",
            &[
                "training-run/llama-mini-step-0/model.safetensors",
                "training-run/llama-mini-step-40/model.safetensors",
                "training-run/llama-mini-step-80/model.safetensors",
            ],
            "[data-testid=alignment-row]",
        ),
        ("projection", &["wider-model/config.json"], "[data-testid=projection-row]"),
        (
            "compare",
            &["llama-mini-lora-second-run/adapter_config.json", "llama-mini-lora-second-run/adapter_model.safetensors"],
            "[data-testid=overlap-grid]",
        ),
        ("training", &[], "[data-testid=metadata-section]"),
    ];
    for (tab, files, shown) in cases {
        // Each time one that has kept nothing of the last sample.
        let browser = Browser::start();
        browser.open("?backend=cpu");
        let asked = || -> Vec<String> {
            let name = |request: String| request.split_once("/sample/").map(|(_, file)| file.to_owned());
            let mut asked: Vec<String> = browser.requests().into_iter().filter_map(name).collect();
            asked.sort();
            asked
        };
        browser.drop_paths(&[folder("peft-rslora-attn")]);
        browser.expect("done");
        browser.click(&format!("tab-{tab}"));
        let button = format!("sample-{tab}");
        browser.until("the sample is offered", || browser.exists(&format!("[data-testid={button}]")));
        each_look(&browser, &format!("empty-{tab}"));
        browser.viewport(1280, 800);
        assert!(!browser.exists(shown), "{tab} is not empty");
        assert_eq!(asked(), [""; 0], "a sample was loaded before the click");
        browser.click(&button);
        browser.until(&format!("{tab} shows the sample"), || browser.exists(shown));
        browser.expect("done");
        let mut wanted = if tab == "training" {
            vec!["kohya-character/tavi-fox.safetensors"]
        } else {
            [&ADAPTER[..], files].concat()
        };
        wanted.sort_unstable();
        assert_eq!(asked(), wanted, "{tab}");
        each_look(&browser, &format!("sample-{tab}"));
        // Asked for again, all of it is here: its items are known by their labels.
        if tab == "training" {
            browser.click_css("[data-testid=item] button");
            browser.until("the first adapter is in view", || browser.exists("[data-testid=training-missing]"));
            browser.click(&button);
            browser.until("the sample is in view again", || browser.exists(shown));
            assert_eq!(asked(), wanted);
        }
        assert_eq!(browser.texts("error"), [""; 0]);
        assert_eq!(browser.problems(), [""; 0]);
    }
}

/// What is here already is not loaded again.
#[test]
fn samples_share_their_adapter() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.click("sample");
    browser.expect("done");
    let before = browser.requests().len();
    browser.click("tab-alignment");
    browser.click("sample-alignment");
    browser.until("it is aligned", || browser.exists("[data-testid=alignment-row]"));
    // A wider model is all that a projection lacks, and a second run a comparison; after that nothing.
    browser.click("tab-projection");
    browser.click("sample-projection");
    browser.until("it is projected", || browser.exists("[data-testid=projection-row]"));
    assert_eq!(browser.count("item"), 5);
    let asked = browser.requests()[before..].iter().filter(|request| request.contains("/sample/")).count();
    assert_eq!((asked, browser.texts("error").len()), (4, 0), "{:?}", browser.requests());
}

#[test]
fn all_samples_together_are_small() {
    fn bytes(folder: &Path) -> u64 {
        let entries = std::fs::read_dir(folder).expect("a folder").flatten();
        entries
            .map(|entry| {
                let data = entry.metadata().expect("a file");
                if data.is_dir() { bytes(&entry.path()) } else { data.len() }
            })
            .sum()
    }
    let sum = bytes(&xtask::build::dist().join("sample"));
    println!("all samples: {:.2} MB", sum as f64 / 1e6);
    assert!((100_000..=MOST).contains(&sum), "{sum} bytes");
}
