//! Several adapters at once, the bundled sample, and a scale set by hand.

use crate::browser::{Browser, TempDir};
use crate::fixtures::{files, folder};
use crate::report::{array, assert_clean, number, only_adapter, text};

#[test]
fn several_adapters_are_listed_removed_and_cleared() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora"), folder("peft-rslora-attn")]);
    browser.expect("done");
    assert_eq!(browser.count("item"), 2, "{}", browser.situation());
    browser.drop_in_the_middle(&[folder("peft-patterns")]);
    browser.expect("done");
    assert_eq!(browser.count("item"), 3, "{}", browser.situation());
    assert_eq!(labels(&browser), ["peft-lora", "peft-rslora-attn", "peft-patterns"]);

    let script = "const items = [...document.querySelectorAll('[data-testid=item]')];
        items.find((item) => item.textContent.includes(arguments[0])).querySelector('[data-testid=remove]').click()";
    browser.eval(script, vec!["peft-rslora-attn".into()]);
    browser.until("two items are left", || browser.count("item") == 2);
    assert_eq!(labels(&browser), ["peft-lora", "peft-patterns"]);

    let all = ["peft-lora", "peft-rslora-attn", "peft-patterns"];
    browser.click("undo");
    browser.until("the third is back", || browser.count("item") == 3);
    browser.expect("done");
    assert_eq!(labels(&browser), all, "in its place");
    browser.clear();
    assert_eq!(browser.count("item"), 0);
    assert_eq!(browser.count("module-row"), 0);
    browser.click("undo");
    browser.until("everything is back", || browser.count("item") == 3);
    browser.expect("done");
    assert_eq!(labels(&browser), all);
    assert_eq!(browser.problems(), [""; 0]);
}

fn labels(browser: &Browser) -> Vec<String> {
    let report = browser.export_json();
    assert_clean(&report, "report");
    array(&report, "adapters").iter().map(|adapter| text(adapter, "label").to_owned()).collect()
}

#[test]
fn without_a_config_the_scale_is_an_assumption_that_can_be_set() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    let alone = TempDir::new("alone");
    let weights = alone.copy(&files("peft-lora")[0], "adapter_model.safetensors");
    browser.drop_paths(&[weights]);
    browser.expect("done");
    let before = browser.export_json();
    let modules = array(only_adapter(&before), "modules");
    for module in modules {
        assert!(text(module, "scale_source").contains("assum"), "{}", module["scale_source"]);
    }
    browser.type_into("scale-input", "0.5");
    browser.click("scale-apply");
    browser.expect("done");
    let after = browser.export_json();
    assert_clean(&after, "report");
    for (old, new) in modules.iter().zip(array(only_adapter(&after), "modules")) {
        let factor = 0.5 / number(old, "scale");
        let wanted = number(old, "frobenius") * factor;
        let got = number(new, "frobenius");
        assert_eq!(new["scale"], 0.5, "{}", new["name"]);
        assert!((got - wanted).abs() <= 1e-12 * wanted, "{}: {got}, not {wanted}", new["name"]);
        assert!(!text(new, "scale_source").contains("assum"), "{}", new["scale_source"]);
    }
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn one_click_loads_the_sample() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.click("sample");
    browser.expect("done");
    let report = browser.export_json();
    assert_clean(&report, "report");
    assert!(!array(only_adapter(&report), "modules").is_empty());
    assert_eq!(browser.problems(), [""; 0]);
}
