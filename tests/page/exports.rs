//! What can be saved of the page: the table as CSV, every picture as SVG and PNG.

use serde_json::{Value, json};

use crate::browser::{Browser, TempDir};
use crate::fixtures::{folder, write_twenty_thousand_modules};
use crate::report::{array, numbers, only_adapter, text};

/// Columns of the table that are numbers of the report's modules.
const NUMBERS: [&str; 10] = [
    "scale",
    "frobenius",
    "energy_share",
    "sigma_1",
    "stable_rank",
    "effective_rank",
    "spectral_entropy",
    "numerical_rank",
    "layer",
    "rank",
];
const TEXTS: [&str; 6] = ["name", "stack", "kind", "depth", "role", "dtype"];

#[test]
fn the_table_as_csv_has_the_reports_numbers() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    let (name, bytes) = browser.download("export-csv");
    assert_eq!(name, "peft-lora-modules.csv");
    let table = csv(&bytes);
    let (_, json) = browser.download("export-json");
    let report: Value = serde_json::from_slice(&json).expect("JSON");
    let modules = array(only_adapter(&report), "modules");
    let (head, rows) = table.split_first().expect("a head");
    assert_eq!((head.len(), rows.len(), modules.len()), (22, 42, 42));
    for (row, module) in rows.iter().zip(modules) {
        let of = |column: &str| row[head.iter().position(|h| h == column).expect("a column")].as_str();
        let parsed = |column: &str| of(column).parse::<f64>().unwrap_or_else(|e| panic!("{column}: {e}"));
        for column in TEXTS {
            assert_eq!(of(column), text(module, column));
        }
        assert_eq!([parsed("out"), parsed("in")].to_vec(), numbers(module, "shape"));
        assert_eq!((of("truncated"), of("algorithm")), ("false", text(module, "algorithm")));
    }
    // To the last bit: compared by the browser, which reads both as exactly as they were written.
    let script = "const [json, [head, ...rows], names] = arguments;
        const modules = JSON.parse(json).adapters[0].modules.map((m) => ({ ...m, sigma_1: m.singular_values[0] }));
        return rows.flatMap((row, i) => names.filter((name) => !Object.is(Number(row[head.indexOf(name)]), modules[i][name]))
            .map((name) => `${name} of ${row[0]}: ${row[head.indexOf(name)]} and ${modules[i][name]}`))";
    let json = String::from_utf8(json).expect("UTF-8");
    let differences = browser.eval(script, vec![json!(json), json!(table), json!(NUMBERS)]);
    assert_eq!(differences, json!([]));
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn pictures_are_saved_with_their_legends() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    browser.set("heatmap-measure", 0, "effective-rank");
    let overview = [
        Panel {
            css: ".heat-panel",
            name: "peft-lora-heatmap-effective-rank",
            words: &[
                "Where the update lives",
                "Effective rank · peft-lora",
                "q_proj",
                "layer",
                "no module",
                "directions",
            ],
        },
        Panel {
            css: ".spectrum",
            name: "peft-lora-spectrum-model.layers.4.mlp.down_proj",
            words: &[
                "model.layers.4.mlp.down_proj",
                "σ by index",
                "energy kept",
                "σ kept by rank 2",
                "100 %",
                "peft-lora",
            ],
        },
        Panel {
            css: ".domains",
            name: "peft-lora-domains-legal-exam",
            words: &["Domain profile", "Statute recall", "Legal exam", "does not measure skill", "100 %", "Tags:"],
        },
    ];
    for theme in ["light", "dark"] {
        browser.prefer(theme);
        let dark = "return matchMedia('(prefers-color-scheme: dark)').matches === (arguments[0] === 'dark')";
        browser.until("the page has its look", || browser.eval(dark, vec![json!(theme)]) == true);
        for panel in &overview {
            panel.check(&browser, theme);
        }
    }
    let names = browser.eval(
        "return [...document.querySelectorAll('[data-testid=export-svg], [data-testid=export-png]')]
            .map((button) => button.getAttribute('aria-label'))",
        vec![],
    );
    let names: Vec<&str> = names.as_array().expect("names").iter().filter_map(Value::as_str).collect();
    assert_eq!(names.len(), 6, "each button says of which picture: {names:?}");
    assert!(names.contains(&"Save the heatmap as SVG") && names.contains(&"Save the spectrum as PNG"), "{names:?}");
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn the_alignments_pictures_are_saved() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    let steps = ["checkpoint-30", "checkpoint-60", "checkpoint-90", "checkpoint-120"];
    browser.drop_paths(&steps.map(|step| folder("peft-lora-trajectory").join(step)));
    browser.expect("done");
    browser.click("tab-alignment");
    browser.until("the lines are there", || browser.exists(".trajectory [data-testid=export-svg]"));
    let lines = Panel {
        css: ".trajectory",
        name: "checkpoint-30-trajectory-cosine",
        words: &["Cosine over the steps", "cosine of ΔW and X", "adapter", "training step", "60", "120"],
    };
    let heatmap = Panel {
        css: ".heat-place",
        name: "checkpoint-30-alignment-heatmap-cosine",
        words: &["Layer by layer", "the whole run", "checkpoint-30 → checkpoint-120", "no figure", "down_proj"],
    };
    lines.check(&browser, "light");
    heatmap.check(&browser, "light");
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn the_comparisons_and_the_projections_pictures_are_saved() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&["checkpoint-30", "checkpoint-60"].map(|step| folder("peft-lora-trajectory").join(step)));
    browser.expect("done");
    browser.click("tab-compare");
    browser.until("the two are compared", || browser.exists("[data-testid=overlap-grid]"));
    let matrix = Panel {
        css: ".matrix-panel",
        name: "comparison-matrix-cosine",
        words: &["Every adapter beside every other", "checkpoint-30", "checkpoint-60", "cosine of the whole adapters"],
    };
    let grid = Panel {
        css: ".overlap-panel",
        name: "checkpoint-30-phi-model.layers.3.mlp.down_proj",
        words: &["φ(i, j) of model.layers.3.mlp.down_proj", "Output side", "φ: of the fewer directions"],
    };
    matrix.check(&browser, "light");
    grid.check(&browser, "light");
    browser.click("tab-projection");
    browser.set("projection-rank", 0, "4");
    browser.click("project");
    browser.expect("done");
    browser.until("a module of the result is in view", || browser.exists(".pair [data-testid=export-svg]"));
    let pair = Panel {
        css: ".pair",
        name: "checkpoint-30-before-and-after-model.layers.3.mlp.down_proj",
        words: &["Before and after: model.layers.3.mlp.down_proj", "before", "after", "σ by index"],
    };
    pair.check(&browser, "light");
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn twenty_thousand_modules_are_saved() {
    let home = TempDir::new("exports");
    let file = home.path().join("twenty-thousand.safetensors");
    write_twenty_thousand_modules(&file);
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[file]);
    browser.expect("done");
    browser.until("the table is there", || browser.count("module-row") == 300);
    let longest = |browser: &Browser, what: &str, save: &dyn Fn() -> Vec<u8>| {
        browser.eval("window.__probe.longTasks.length = 0", vec![]);
        let bytes = save();
        let longest = browser.longest_task();
        println!("20,000 modules: {what} of {} bytes, longest main-thread task {longest:.0} ms", bytes.len());
        bytes
    };
    let table = longest(&browser, "CSV", &|| browser.download("export-csv").1);
    assert_eq!(csv(&table).len(), 20_001);
    let svg = longest(&browser, "SVG", &|| browser.download_css(".heat-panel [data-testid=export-svg]").1);
    let svg = String::from_utf8(svg).expect("UTF-8");
    assert!(svg.contains("further layers are not drawn"), "the picture says what it lacks");
    let png = longest(&browser, "PNG", &|| browser.download_css(".heat-panel [data-testid=export-png]").1);
    assert!(png_size(&png).iter().all(|side| *side <= 8192));
    assert_eq!(browser.problems(), [""; 0]);
}

struct Panel {
    css: &'static str,
    /// Of the files, without extension.
    name: &'static str,
    words: &'static [&'static str],
}

impl Panel {
    fn check(&self, browser: &Browser, theme: &str) {
        let button = |format: &str| format!("{} [data-testid=export-{format}]", self.css);
        let (name, svg) = browser.download_css(&button("svg"));
        assert_eq!(name, format!("{}.svg", self.name));
        let svg = String::from_utf8(svg).expect("UTF-8");
        let document = roxmltree::Document::parse(&svg).unwrap_or_else(|e| panic!("{name}: {e}"));
        let all: String = document.descendants().filter_map(|node| node.text()).collect::<Vec<_>>().join("\n");
        for word in self.words {
            assert!(all.contains(word), "{word} is not in {name}: {all}");
        }
        let ground = if theme == "dark" { "#191c1f" } else { "#ffffff" };
        let first =
            document.descendants().find(|node| node.has_tag_name("rect")).and_then(|rect| rect.attribute("fill"));
        assert_eq!(first, Some(ground), "{name} in {theme}");
        let side =
            |name: &str| document.root_element().attribute(name).expect("a size").parse::<f64>().expect("a number");

        let (name, png) = browser.download_css(&button("png"));
        assert_eq!(name, format!("{}.png", self.name));
        let twice = [side("width"), side("height")].map(|side| (2.0 * side).round() as u32);
        assert_eq!(png_size(&png), twice, "{name}");
        assert!(png.len() > 10_000, "{name} shows something: {} bytes", png.len());
    }
}

fn png_size(png: &[u8]) -> [u32; 2] {
    assert_eq!(png[..16], *b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    [16, 20].map(|at| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes")))
}

/// The records of a table after RFC 4180.
fn csv(bytes: &[u8]) -> Vec<Vec<String>> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    let mut rows = vec![vec![String::new()]];
    let mut quoted = false;
    for c in text.chars() {
        let row = rows.last_mut().expect("a row");
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(String::new()),
            '\n' if !quoted => rows.push(vec![String::new()]),
            '\r' if !quoted => {}
            c => row.last_mut().expect("a field").push(c),
        }
    }
    assert_eq!(rows.pop(), Some(vec![String::new()]), "the last line is ended");
    rows
}
