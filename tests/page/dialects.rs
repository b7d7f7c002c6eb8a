//! Adapters as PEFT, LyCORIS, kohya's scripts and diffusers write them, dropped into the page: the exported report
//! holds the updates that these libraries apply, and the page says what it is looking at.

use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

use crate::browser::{Browser, TempDir};
use crate::fixtures::{Tensor, begin, fixtures, folder, json_file};
use crate::numbers::Numbers;
use crate::report::{array, assert_clean, number, numbers, only_adapter, text};

#[test]
fn every_dialect_on_webgpu() {
    every_dialect("webgpu");
}

#[test]
fn every_dialect_on_the_cpu() {
    every_dialect("cpu");
}

/// A fixture's folder, how its file is told from others, and what the report names a module of this dotted path.
struct Case {
    folder: &'static str,
    format: &'static str,
    algorithm: &'static str,
    name: fn(&str) -> String,
    /// The scheme of its domain profile.
    scheme: &'static str,
}

const fn unet(folder: &'static str, format: &'static str, algorithm: &'static str) -> Case {
    Case { folder, format, algorithm, name: flat, scheme: "by-block" }
}

const fn llama(folder: &'static str, format: &'static str, algorithm: &'static str) -> Case {
    Case { folder, format, algorithm, name: str::to_owned, scheme: "legal-exam" }
}

const CASES: [Case; 7] = [
    unet("kohya-locon", "LoRA", "LoRA"),
    unet("lycoris-tucker", "Tucker", "LoCon (Tucker)"),
    unet("lycoris-loha", "LoHa", "LoHa"),
    unet("lycoris-lokr", "LoKr", "LoKr"),
    Case { name: below_unet, ..unet("diffusers-unet", "diffusers", "LoRA") },
    llama("peft-loha", "PEFT LoHa", "LoHa"),
    llama("peft-lokr", "PEFT LoKr", "LoKr"),
];

fn flat(path: &str) -> String {
    format!("lora_unet_{}", path.replace('.', "_"))
}

fn below_unet(path: &str) -> String {
    format!("unet.{path}")
}

/// One page for all: each is dropped, looked at and cleared away.
fn every_dialect(backend: &str) {
    let browser = Browser::start();
    browser.open(&format!("?backend={backend}"));
    for case in &CASES {
        browser.drop_paths(&[folder(case.folder)]);
        browser.expect("done");
        looks(&browser, case, case.folder);
        if case.folder == "kohya-locon" {
            has_no_projection(&browser);
        }
        browser.clear();
    }
    // The base in the same drop.
    let dora = unet("lycoris-dora", "DoRA", "DoRA");
    browser.drop_paths(&[folder(dora.folder)]);
    browser.expect("done");
    looks(&browser, &dora, dora.folder);
    assert!(note(&browser).contains("base_unet"), "{}", browser.situation());
    browser.clear();
    // The base in a later one: until then the factors alone.
    let dora = llama("peft-dora", "DoRA", "DoRA");
    browser.drop_paths(&[folder(dora.folder)]);
    browser.expect("done");
    looks(&browser, &dora, "peft-dora-factors");
    assert!(note(&browser).contains("factors s·B·A only"), "{}", browser.situation());
    assert!(browser.texts("warning").iter().any(|text| text.contains("drop the base checkpoint")));
    browser.drop_paths(&[base()]);
    browser.expect("done");
    looks(&browser, &dora, dora.folder);
    assert!(note(&browser).contains("Exact, with the base"), "{}", browser.situation());
    assert_eq!(browser.problems(), [""; 0]);
}

/// The tab says so in a sentence; nothing is asked for and nothing is red.
fn has_no_projection(browser: &Browser) {
    browser.click("tab-projection");
    browser.until("the tab says so", || browser.count("projection-excluded") == 1);
    assert!(browser.texts("projection-excluded")[0].contains("this is kohya LoRA"), "{}", browser.situation());
    let form = "return document.querySelector('.project-form').checkVisibility()";
    assert_eq!(browser.eval(form, vec![]), false, "a form that cannot be used");
    browser.click("tab-overview");
}

/// A full difference too large for all of its singular values, beside a LoRA.
#[test]
fn what_is_only_bounded_says_so() {
    const SIDE: u64 = 600;
    let home = TempDir::new("bounds");
    let stem = "lora_unet_double_blocks";
    let tensors = [
        (format!("{stem}_0_img_attn_proj.diff"), [SIDE, SIDE]),
        (format!("{stem}_1_img_attn_proj.lora_down.weight"), [2, SIDE]),
        (format!("{stem}_1_img_attn_proj.lora_up.weight"), [SIDE, 2]),
    ];
    let tensors = tensors.map(|(name, shape)| Tensor { name, dtype: "F32", shape, bytes: 4 * shape[0] * shape[1] });
    let path = home.path().join("mixed.safetensors");
    let mut file = begin(&path, &tensors);
    let mut made_up = Numbers::new(1);
    for _ in 0..tensors.iter().map(|tensor| tensor.bytes / 4).sum::<u64>() {
        file.write_all(&made_up.weight().to_le_bytes()).expect("room on the disk");
    }
    file.flush().expect("room on the disk");
    drop(file);
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[path]);
    browser.expect("done");
    let report = browser.export_json();
    assert_clean(&report, "report");
    let modules = array(only_adapter(&report), "modules");
    let whole = modules.iter().find(|m| text(m, "algorithm") == "full difference").expect("the difference");
    assert_eq!((&whole["truncated"], &whole["rank"]), (&Value::Bool(true), &Value::from(0)), "{whole}");
    assert!(number(whole, "effective_rank") >= number(whole, "stable_rank"), "{whole}");
    browser.type_into("module-filter", "difference");
    browser.until("it alone is listed", || browser.count("module-row") == 1);
    let row = browser.texts("module-row").concat();
    assert_eq!(row.matches('≥').count(), 3, "effective rank, numerical rank and entropy: {row}");
    let rank = "return [...document.querySelectorAll('[data-testid=module-row] td')].find((cell) => cell.textContent === '–').title";
    assert!(browser.eval(rank, vec![]).as_str().is_some_and(|why| why.starts_with("No rank")));
    browser.click_css("[data-testid=module-row]");
    browser.until("the sheet says so", || browser.count("truncated") == 1);
    let sheet = browser.texts("spectrum").concat();
    assert_eq!(sheet.matches("≥ ").count(), 3, "{sheet}");
    // The part of the whole that is known, not of the known.
    let known: f64 = numbers(whole, "singular_values").iter().map(|s| s * s).sum();
    let share = 100.0 * known / number(whole, "frobenius").powi(2);
    assert!(share < 95.0 && sheet.contains("more than"), "{share}: {sheet}");
    let kept = format!("Rank {} keeps {share:.1}", numbers(whole, "singular_values").len());
    assert!(sheet.contains(&kept), "{kept} is not in: {sheet}");
    assert_eq!(browser.problems(), [""; 0]);
}

fn base() -> PathBuf {
    fixtures().join("llama-mini/base")
}

/// What the page says beside the spectrum of how its update is computed.
fn note(browser: &Browser) -> String {
    browser.texts("module-note").concat()
}

fn looks(browser: &Browser, case: &Case, expected: &str) {
    let what = format!("{}\n{}", case.folder, browser.situation());
    assert_eq!(browser.texts("error"), [""; 0], "{what}");
    let report = browser.export_json();
    assert_clean(&report, "report");
    let adapter = only_adapter(&report);
    agrees(adapter, case, expected);
    assert_eq!(text(&adapter["domains"], "scheme"), case.scheme, "{what}");
    assert!(text(adapter, "format").contains(case.format), "{}: {}", adapter["format"], what);
    // The page says the same: format, profile, every module, and of the one in view how it is stored.
    let card = browser.eval("return document.querySelector('.identity').textContent", vec![]);
    assert!(card.as_str().is_some_and(|card| card.contains(text(adapter, "format"))), "{card}: {what}");
    let modules = array(adapter, "modules");
    browser.until("every module has its row", || browser.count("module-row") == modules.len() as u64);
    let domains = adapter["domains"]["scores"].as_object().expect("scores by domain");
    assert_eq!(browser.count("domain-score"), domains.len() as u64, "{what}");
    assert!(modules.iter().any(|m| text(m, "algorithm") == case.algorithm), "{what}");
    let shown = &browser.texts("spectrum")[0];
    let in_view = modules.iter().find(|m| shown.contains(text(m, "name"))).expect("the module in view");
    assert!(shown.contains(text(in_view, "algorithm")), "{shown}");
    assert_eq!(columns(browser).contains(&"Stack".to_owned()), several(modules, "stack"), "{what}");
    assert_eq!(columns(browser).contains(&"Algorithm".to_owned()), several(modules, "algorithm"), "{what}");
}

/// The report's updates against those of the library.
fn agrees(adapter: &Value, case: &Case, expected: &str) {
    let expected = json_file(&fixtures().join(format!("expected/{expected}.json")));
    let tolerance = if expected["tolerance"].is_string() { 1e-4 } else { 1e-5 };
    let expected = expected["modules"].as_object().expect("modules by path");
    let modules = array(adapter, "modules");
    assert_eq!(modules.len(), expected.len(), "{}: exactly the modules that the library adapts", case.folder);
    for (path, expected) in expected {
        let name = (case.name)(path);
        let found = modules.iter().find(|m| text(m, "name") == name);
        let module = found.unwrap_or_else(|| panic!("{}: no module {name}", case.folder));
        let (values, wanted) = (numbers(module, "singular_values"), numbers(expected, "singular_values"));
        let bound = tolerance * wanted[0];
        let (norm, whole) = (number(module, "frobenius"), number(expected, "frobenius"));
        assert!((norm - whole).abs() <= bound, "{}, {name}: norm {norm}, not {whole}", case.folder);
        // Either may leave out values that are zero up to rounding.
        for n in 0..values.len().max(wanted.len()) {
            let [value, wanted] = [&values, &wanted].map(|list| list.get(n).copied().unwrap_or(0.0));
            let off = (value - wanted).abs();
            assert!(off <= bound, "{}, {name}: σ{} is {value}, not {wanted}", case.folder, n + 1);
        }
    }
}

fn several(modules: &[Value], key: &str) -> bool {
    modules.iter().any(|m| m[key] != modules[0][key])
}

/// The heads of the table of modules.
fn columns(browser: &Browser) -> Vec<String> {
    let script = "const rows = document.querySelector('[data-testid=module-row]').closest('table').tHead.rows;
        return [...rows[0].cells].map((cell) => cell.textContent.replace(/[▴▾]/g, '').trim())";
    let heads = browser.eval(script, vec![]);
    heads.as_array().expect("heads").iter().map(|head| head.as_str().expect("a text").to_owned()).collect()
}
