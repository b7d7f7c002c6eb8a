//! What a person does with a result: another measure, another order, another module, another rank.

use serde_json::Value;

use crate::browser::Browser;
use crate::fixtures::folder;
use crate::report::{array, number, numbers, only_adapter, text};

#[test]
fn measures_orders_and_ranks_answer() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    let report = browser.export_json();
    let modules = array(only_adapter(&report), "modules");
    let sigma = |module: &Value| numbers(module, "singular_values");

    // The strongest first, and by any column that is clicked.
    assert_eq!(first_row(&browser), name_of_largest(modules, |m| number(m, "frobenius")));
    let widest = name_of_largest(modules, |m| number(m, "effective_rank"));
    assert_ne!(first_row(&browser), widest);
    sort_by(&browser, "Eff. rank");
    browser.until("the rows are in the order of effective rank", || first_row(&browser) == widest);
    browser.type_into("module-filter", "v_proj");
    browser.until("only the six v_proj are listed", || browser.count("module-row") == 6);

    // Every measure says something else of the same cell.
    let options = browser.eval(
        "return [...document.querySelectorAll('[data-testid=heatmap-measure] option')].map((o) => o.value)",
        vec![],
    );
    let options = options.as_array().expect("options").clone();
    assert!(options.len() >= 6, "{options:?}");
    let mut seen = vec![heatmap_text(&browser)];
    for option in &options[1..] {
        choose(&browser, "heatmap-measure", option, "change");
        browser.until(&format!("the heatmap shows {option}"), || !seen.contains(&heatmap_text(&browser)));
        seen.push(heatmap_text(&browser));
    }

    // A row that is clicked shows its spectrum; the slider says what its first value keeps.
    let name = first_row(&browser);
    browser.click_css("[data-testid=module-row]");
    browser.until("the spectrum is that of the row", || browser.texts("spectrum")[0].contains(&name));
    choose(&browser, "spectrum-rank", &Value::from("1"), "input");
    browser.until("the slider is at rank 1", || browser.texts("spectrum")[0].contains("Rank 1 keeps"));
    let values = sigma(modules.iter().find(|m| text(m, "name") == name).expect("the module"));
    let share = 100.0 * values[0].powi(2) / values.iter().map(|s| s * s).sum::<f64>();
    let said = browser.texts("spectrum")[0].clone();
    assert!(said.contains(&format!("Rank 1 keeps {share:.1}")), "{share} is not in: {said}");
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn a_folder_can_be_chosen() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.choose_files("[data-testid=folder-input]", &[folder("peft-patterns")]);
    browser.expect("done");
    assert_eq!(text(only_adapter(&browser.export_json()), "label"), "peft-patterns");
}

/// All that is said around the picture: the cell's readout, the legend, the measure's meaning.
fn heatmap_text(browser: &Browser) -> String {
    let script = "return document.querySelector('[data-testid=heatmap]').closest('section').textContent";
    browser.eval(script, vec![]).as_str().expect("a text").to_owned()
}

fn first_row(browser: &Browser) -> String {
    let script = "return document.querySelector('[data-testid=module-row]').dataset.module";
    browser.eval(script, vec![]).as_str().expect("a module's name").to_owned()
}

fn name_of_largest(modules: &[Value], measure: impl Fn(&Value) -> f64) -> &str {
    let largest = modules.iter().max_by(|a, b| measure(a).total_cmp(&measure(b)));
    text(largest.expect("modules"), "name")
}

/// Clicks the head of the column with this title.
fn sort_by(browser: &Browser, title: &str) {
    let script =
        "[...document.querySelectorAll('th button')].find((b) => b.textContent.includes(arguments[0])).click()";
    browser.eval(script, vec![title.into()]);
}

/// Gives a control a value as a person would.
fn choose(browser: &Browser, hook: &str, value: &Value, event: &str) {
    let script = "const e = document.querySelector(`[data-testid=${arguments[0]}]`);
        e.value = arguments[1];
        e.dispatchEvent(new Event(arguments[2], { bubbles: true }))";
    browser.eval(script, vec![hook.into(), value.clone(), event.into()]);
}
