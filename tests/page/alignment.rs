//! Alignment as a person sees it: what the reference answers, rows on the page, checkpoints larger than memory.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;

use crate::alignments::{ADAPTERS, CHECKPOINTS, Golden};
use crate::browser::{Browser, TempDir};
use crate::checkpoints::{Model, RANK, write_rows};
use crate::fixtures::{fixtures, folder};
use crate::numbers::Numbers;
use crate::report::{array, assert_clean, number, text};

/// Over the memory of the empty page.
const MEMORY: u64 = 512 << 20;

#[test]
fn every_answer_of_the_reference_on_webgpu() {
    every_answer_of_the_reference("webgpu");
}

#[test]
fn every_answer_of_the_reference_on_the_cpu() {
    every_answer_of_the_reference("cpu");
}

fn every_answer_of_the_reference(backend: &str) {
    let golden = Golden::read(&fixtures());
    let browser = Browser::start();
    browser.open(&format!("?backend={backend}"));
    let paths: Vec<PathBuf> = ADAPTERS.into_iter().chain([CHECKPOINTS]).map(folder).collect();
    browser.drop_paths(&paths);
    browser.expect("done");
    let report = browser.export_json();
    assert_clean(&report, "report");
    let worst = golden.check(&report["alignment"]);
    println!("{backend}: largest difference from the reference {worst:.1e}");
    assert_eq!(browser.problems(), [""; 0]);

    // The rows on the page are those of the adapter in view.
    browser.click("tab-alignment");
    browser.until("the updates are listed", || browser.count("alignment-row") == 4);
    let rows = rows(&browser);
    let labels = ["base", "step-40", "step-80", "step-120"];
    let steps: Vec<(&str, &str)> = rows.iter().map(|(from, to, _)| (from.as_str(), to.as_str())).collect();
    assert_eq!(steps, [(labels[0], labels[1]), (labels[1], labels[2]), (labels[2], labels[3]), (labels[0], labels[3])]);
    let on_page: Vec<f64> = rows.iter().map(|(_, _, cosine)| *cosine).collect();
    let of_adapter = |label: &str| -> Vec<f64> {
        let own = |row: &&Value| text(row, "along") == "checkpoints" && text(row, "adapter") == label;
        array(&report, "alignment").iter().filter(own).map(|row| number(row, "cosine")).collect()
    };
    let in_view = browser.eval("return document.querySelector('h1').textContent", vec![]);
    let in_view = in_view.as_str().expect("a label");
    assert_eq!(on_page, of_adapter(in_view), "the rows are those of {in_view}");
}

/// States go up and down, in and out; the updates follow, and the way back has the other sign.
#[test]
fn states_are_reordered_and_left_out() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder("peft-lora"), folder(CHECKPOINTS)]);
    browser.expect("done");
    browser.click("tab-alignment");
    browser.until("the updates are listed", || browser.count("alignment-row") == 4);
    let steps = || rows(&browser).into_iter().map(|(from, to, _)| format!("{from} {to}")).collect::<Vec<_>>();
    let there = rows(&browser)[0].2;

    // Without the last two, and the other way round.
    for label in ["step-80", "step-120"] {
        browser.click_css(&stage(label, "stage-use"));
    }
    browser.click_css(&stage("base", "stage-down"));
    browser.click("align");
    browser.until("one update is left", || steps() == ["step-40 base"]);
    browser.expect("done");
    let back = rows(&browser)[0].2;
    assert!(there.abs() > 1e-3 && (there + back).abs() < 1e-9, "{there} there, {back} back");

    // All of them again.
    for label in ["step-80", "step-120"] {
        browser.click_css(&stage(label, "stage-use"));
    }
    browser.click("align");
    let wanted = ["step-40 base", "base step-80", "step-80 step-120", "step-40 step-120"];
    browser.until("all updates are back", || steps() == wanted);
    assert_eq!(browser.problems(), [""; 0]);
}

/// The control of a state in the list.
fn stage(label: &str, hook: &str) -> String {
    format!("[data-testid=stage]:has([title='{label}']) [data-testid={hook}]")
}

/// From, to and the cosine of every row.
fn rows(browser: &Browser) -> Vec<(String, String, f64)> {
    let script = "return [...document.querySelectorAll('[data-testid=alignment-row]')]
        .map((e) => [e.dataset.from, e.dataset.to, e.dataset.cosine])";
    let rows = browser.eval(script, vec![]);
    let text = |value: &Value| value.as_str().expect("an attribute").to_owned();
    let row = |row: &Value| (text(&row[0]), text(&row[1]), text(&row[2]).parse().expect("a number"));
    rows.as_array().expect("an array").iter().map(row).collect()
}

/// Over 5 GB each: the head is over 512 MiB, the last layers lie past 4 GiB.
const LARGE: Model = Model { head: [131_072, 4096], layer: [14_336, 4096], layers: 37 };

#[test]
fn checkpoints_larger_than_memory() {
    assert!(LARGE.bytes() > 5_000_000_000);
    let home = TempDir::new("large");
    let factors = LARGE.write_adapter(&home.path().join("lora"));
    let (mut before, places) = LARGE.write_sparse(&home.path().join("run/checkpoint-10"));
    let (mut after, _) = LARGE.write_sparse(&home.path().join("run/checkpoint-20"));
    let last = places.len() - 1;
    assert!(places[last].begin > 4 << 30 && 2 * places[0].shape[0] * places[0].shape[1] > 512 << 20);
    // Rows that training changed, in the head's last rows and in the last layer; all other updates are zero.
    let mut numbers = Numbers::new(3);
    let mut expected = vec![None; places.len()];
    for (tensor, first) in [(0, 131_072 - 3), (last, 14_336 - 2)] {
        let place = &places[tensor];
        let rows = place.shape[0] - first;
        let mut random = || (0..rows * place.shape[1]).map(|_| numbers.weight()).collect::<Vec<f32>>();
        let old = write_rows(&mut before, place, first, &random());
        let new = write_rows(&mut after, place, first, &random());
        let x: Vec<f64> = new.iter().zip(&old).map(|(new, old)| new - old).collect();
        expected[tensor] = Some(cosine(&factors[tensor], place.shape, first, &x));
    }

    let browser = Browser::start();
    browser.open("?backend=cpu");
    let empty = browser.memory();
    let watch = browser.watch_memory();
    let start = Instant::now();
    let paths = ["lora", "run"].map(|name| home.path().join(name));
    browser.drop_paths(&paths);
    let mut said = Vec::new();
    browser.until("the page is done", || {
        let amount = "return document.querySelector('[data-testid=progress] + .amount')?.textContent ?? ''";
        said.extend(browser.eval(amount, vec![]).as_str().map(str::to_owned));
        matches!(browser.state().as_str(), "done" | "error")
    });
    browser.expect("done");
    let seconds = start.elapsed().as_secs_f64();
    println!("two checkpoints of {:.1} GB: {seconds:.1} s from the drop to the alignment", LARGE.bytes() as f64 / 1e9);
    println!("longest main-thread task {:.0} ms (0: none over 50)", browser.longest_task());
    match (empty, watch.map(crate::browser::Watch::peak)) {
        (Some(empty), Some(peak)) => {
            let over = peak.saturating_sub(empty);
            println!("memory: {} MB at its peak over the {} MB of the empty page", over >> 20, empty >> 20);
            assert!(over < MEMORY, "{} MB over the empty page", over >> 20);
        }
        _ if cfg!(target_os = "linux") => panic!("the browser's memory could not be read"),
        _ => println!("memory: not measured, this system does not say"),
    }
    // "4.1 GB of 10.4 GB (39.6 %), 620 MB/s"
    let in_bytes = |text: &&String| text.contains("GB of") && text.contains("B/s");
    println!("progress: {:?}", said.iter().filter(in_bytes).nth(20));
    assert!(said.iter().filter(in_bytes).count() > 10, "progress in bytes: {said:#?}");
    assert_eq!(browser.texts("warning"), [""; 0]);
    let report = browser.export_json();
    assert_clean(&report, "report");
    let [row] = array(&report, "alignment") else { panic!("{:#}", report["alignment"]) };
    assert_eq!((text(row, "from"), text(row, "to")), ("checkpoint-10", "checkpoint-20"));
    let modules = array(row, "modules");
    assert_eq!((modules.len(), &row["matched"]), (places.len(), &Value::from(places.len())));
    for (place, expected) in places.iter().zip(expected) {
        let module = modules.iter().find(|m| text(m, "name") == place.name).expect("the module");
        let wanted = expected.unwrap_or(0.0);
        let cosine = number(module, "cosine");
        assert!((cosine - wanted).abs() <= 1e-6, "{}: {cosine}, dense f64 {wanted}", place.name);
        assert_eq!(number(module, "update_norm") > 0.0, expected.is_some(), "{}", place.name);
    }
    let read = number(&report["engine"], "bytes_read");
    assert!(read >= 2.0 * LARGE.bytes() as f64, "every byte of both is read: {read}");

    // Cancelled in the middle: the adapter stays, and aligning starts again where the person wants.
    browser.clear();
    browser.cancel_while_analyzing(2500);
    browser.drop_paths(&paths);
    browser.expect("done");
    println!("{:.0} ms from Cancel to rest", browser.cancel_took());
    assert!(browser.texts("warning").iter().any(|text| text.contains("Cancelled")), "{}", browser.situation());
    let report = browser.export_json();
    assert_eq!((array(&report, "adapters").len(), report.get("alignment")), (1, None));
    assert_eq!(browser.problems(), [""; 0]);
}

/// ⟨BA, X⟩ / (‖BA‖·‖X‖) in f64 for an X that is zero but for the rows from `first` on.
fn cosine([b, a]: &[Vec<f32>; 2], [out, inn]: [u64; 2], first: u64, x: &[f64]) -> f64 {
    let (r, inn) = (RANK as usize, inn as usize);
    let mut dot = 0.0;
    for (n, row) in x.chunks_exact(inn).enumerate() {
        for k in 0..r {
            let along: f64 = row.iter().zip(&a[k * inn..(k + 1) * inn]).map(|(x, a)| x * f64::from(*a)).sum();
            dot += f64::from(b[(first as usize + n) * r + k]) * along;
        }
    }
    let gram = |i: usize, j: usize, numbers: &dyn Fn(usize, usize) -> f64, len: usize| -> f64 {
        (0..len).map(|n| numbers(n, i) * numbers(n, j)).sum()
    };
    let of_b = |n: usize, k: usize| f64::from(b[n * r + k]);
    let of_a = |n: usize, k: usize| f64::from(a[k * inn + n]);
    let mut norm_sq = 0.0;
    for i in 0..r {
        for j in 0..r {
            norm_sq += gram(i, j, &of_b, out as usize) * gram(i, j, &of_a, inn);
        }
    }
    dot / (norm_sq.sqrt() * x.iter().map(|x| x * x).sum::<f64>().sqrt())
}
