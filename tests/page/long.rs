//! Files of many modules, of many other tensors, and of the shapes of a 70B model.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use half::bf16;
use nalgebra::DMatrix;
use serde_json::{Map, Value, json};

use crate::browser::{Browser, TempDir, Watch};
use crate::fixtures::{Tensor, begin, safetensors, write_twenty_thousand_modules};
use crate::numbers::Numbers;
use crate::report::{array, assert_clean, numbers, only_adapter, text};

/// Of 20,000 modules a bounded part is on the page, and all of them can be found.
#[test]
fn twenty_thousand_modules_stay_usable() {
    let home = TempDir::new("modules");
    let file = home.path().join("twenty-thousand.safetensors");
    write_twenty_thousand_modules(&file);
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[file]);
    browser.expect("done");
    browser.until("the first page of the table is there", || browser.count("module-row") == 300);
    assert!(browser.count_css("*") < 8000, "{} elements", browser.count_css("*"));
    assert!(browser.traffic().largest < 512 << 10, "{:?}", browser.traffic());

    browser.type_into("module-filter", "layers.19999.");
    browser.until("the last layer is found", || browser.count("module-row") == 1);
    browser.type_into("module-filter", "layers.1999");
    browser.until("eleven layers are found", || browser.count("module-row") == 11);
    for tab in ["tab-alignment", "tab-projection", "tab-overview"] {
        browser.click(tab);
        let chosen = format!("[data-testid={tab}][aria-selected=true]");
        browser.until("the tab is chosen", || browser.exists(&chosen));
        assert!(browser.count_css("*") < 12_000, "{} elements in {tab}", browser.count_css("*"));
    }
    assert_eq!(browser.problems(), [""; 0]);
}

/// What is left out is counted, on the page in part, and found by its name.
#[test]
fn twenty_thousand_other_tensors_stay_usable() {
    let home = TempDir::new("others");
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[write_others(home.path())]);
    browser.expect("done");
    assert!(browser.traffic().largest < 512 << 10, "{:?}", browser.traffic());
    let summary = &browser.texts("not-analyzed")[0];
    assert!(summary.contains("20\u{202f}000 tensors are not part of the analysis"), "{summary}");
    assert_eq!(browser.count("left-out-row"), 0, "nothing before it is opened");
    browser.click_css("[data-testid=not-analyzed] > summary");
    browser.until("the first entries are there", || browser.count("left-out-row") == 200);
    assert!(browser.texts("left-out-filter-found")[0].contains("The first 200 of 20\u{202f}000"));
    browser.type_into("left-out-filter", "EXTRA 19999");
    browser.until("the last one is found", || browser.count("left-out-row") == 1);
    assert!(browser.texts("left-out-row")[0].contains("layers.19999.norm.extra"));
    let report = browser.export_json();
    assert_clean(&report, "report");
    let adapter = only_adapter(&report);
    assert_eq!((array(adapter, "modules").len(), array(adapter, "not_analyzed").len()), (1, 20_000));
    assert_eq!(browser.problems(), [""; 0]);
}

/// One LoRA pair and 20,000 tensors that are none.
fn write_others(folder: &Path) -> PathBuf {
    let pair = ["A", "B"].map(|factor| format!("base_model.model.model.layers.0.q.lora_{factor}.weight"));
    let others = (0..20_000).map(|n| format!("base_model.model.model.layers.{n}.norm.extra"));
    let names = pair.into_iter().chain(others);
    let entry = |(n, name)| (name, json!({ "dtype": "F32", "shape": [1, 1], "data_offsets": [4 * n, 4 * n + 4] }));
    let header: Map<String, Value> = names.enumerate().map(entry).collect();
    let path = folder.join("others.safetensors");
    let mut file = safetensors(&path, &header);
    file.write_all(&0.5_f32.to_le_bytes().repeat(header.len())).expect("room on the disk");
    file.flush().expect("room on the disk");
    path
}

const RANK: u64 = 64;
const LAYERS: u64 = 80;
/// Rows (of A: columns) of a factor that are not zero, in groups of eight.
const GROUPS: u64 = 24;
/// Over the memory of the empty page.
const MEMORY: u64 = 256 << 20;

/// The shapes of a Llama with 70 billion weights: 560 modules, 1.66 GB in bf16.
#[test]
fn an_adapter_of_70b_shapes() {
    let home = TempDir::new("70b");
    let tensors = tensors_70b();
    let bytes: u64 = tensors.iter().map(|tensor| tensor.bytes).sum();
    assert_eq!(tensors.len(), 1120);
    assert!((1_650_000_000..1_670_000_000).contains(&bytes), "{bytes}");
    let mut file = Sparse::begin(home.path(), &tensors);
    // Every factor has numbers here and there over all of its length, and zeros between.
    let factors: Vec<Vec<(u64, [f64; 64])>> = tensors.iter().map(|tensor| file.fill(tensor)).collect();
    drop(file);

    let browser = Browser::start();
    browser.open("?backend=cpu");
    let empty = browser.memory();
    let watch = browser.watch_memory();
    let start = std::time::Instant::now();
    browser.drop_paths(&[home.path().to_path_buf()]);
    let mut said = Vec::new();
    browser.until("the page is done", || {
        let amount = "return document.querySelector('[data-testid=progress] + .amount')?.textContent ?? ''";
        said.extend(browser.eval(amount, vec![]).as_str().map(str::to_owned));
        matches!(browser.state().as_str(), "done" | "error")
    });
    browser.expect("done");
    println!("70B: {:.1} s from the drop to the result", start.elapsed().as_secs_f64());
    println!("70B: longest main-thread task {:.0} ms (0: none over 50)", browser.longest_task());
    match (empty, watch.map(Watch::peak)) {
        (Some(empty), Some(peak)) => {
            let over = peak.saturating_sub(empty);
            println!("70B: memory {} MB at its peak over the {} MB of the empty page", over >> 20, empty >> 20);
            assert!(over < MEMORY, "{} MB over the empty page", over >> 20);
        }
        _ if cfg!(target_os = "linux") => panic!("the browser's memory could not be read"),
        _ => println!("memory: not measured, this system does not say"),
    }
    let in_bytes = said.iter().filter(|text| text.contains("GB") && text.contains("B/s")).count();
    assert!(in_bytes > 10, "progress in bytes: {said:#?}");
    assert!(browser.traffic().largest < 512 << 10, "{:?}", browser.traffic());
    let report = browser.export_json();
    assert_clean(&report, "report");
    let modules = array(only_adapter(&report), "modules");
    assert_eq!(modules.len(), 560);
    // Of each kind one module, and the first and the last of the file.
    for n in [0, 10, 107, 206, 305, 404, 503, 559] {
        let name = tensors[2 * n].name.strip_prefix("base_model.model.").expect("a PEFT key");
        let name = name.strip_suffix(".lora_A.weight").expect("a factor A");
        let module = modules.iter().find(|module| text(module, "name") == name).expect("the module");
        let wanted = singular_values(&factors[2 * n], &factors[2 * n + 1]);
        let got = numbers(module, "singular_values");
        assert_eq!(got.len(), RANK as usize);
        for (got, wanted_one) in got.iter().zip(&wanted) {
            assert!((got - wanted_one).abs() <= 1e-6 * wanted[0], "{name}: {got}, dense f64 {wanted_one}");
        }
    }
    assert_eq!(browser.problems(), [""; 0]);
}

fn tensors_70b() -> Vec<Tensor> {
    let (hidden, kv, inner) = (8192, 1024, 28_672);
    let modules = [
        ("self_attn.q_proj", hidden, hidden),
        ("self_attn.k_proj", kv, hidden),
        ("self_attn.v_proj", kv, hidden),
        ("self_attn.o_proj", hidden, hidden),
        ("mlp.gate_proj", inner, hidden),
        ("mlp.up_proj", inner, hidden),
        ("mlp.down_proj", hidden, inner),
    ];
    let factors = |layer: u64, (module, out, inn): (&str, u64, u64)| {
        [("lora_A", [RANK, inn]), ("lora_B", [out, RANK])].map(|(factor, shape)| Tensor {
            name: format!("base_model.model.model.layers.{layer}.{module}.{factor}.weight"),
            dtype: "BF16",
            shape,
            bytes: 2 * shape[0] * shape[1],
        })
    };
    (0..LAYERS).flat_map(|layer| modules.into_iter().flat_map(move |module| factors(layer, module))).collect()
}

/// A file of zeros that take no room on the disk, with numbers here and there.
struct Sparse {
    file: File,
    at: u64,
    numbers: Numbers,
}

impl Sparse {
    fn begin(folder: &Path, tensors: &[Tensor]) -> Sparse {
        let config = json!({ "peft_type": "LORA", "r": RANK, "lora_alpha": RANK });
        fs::write(folder.join("adapter_config.json"), config.to_string()).expect("room on the disk");
        let file = begin(&folder.join("adapter_model.safetensors"), tensors).into_inner();
        let mut file = file.unwrap_or_else(|e| panic!("room on the disk: {e}"));
        let at = file.stream_position().expect("a place in the file");
        file.set_len(at + tensors.iter().map(|tensor| tensor.bytes).sum::<u64>()).expect("a sparse file");
        Sparse { file, at, numbers: Numbers::new(11) }
    }

    /// Writes the next tensor's numbers; gives them by their place along its long side, 64 of the rank each.
    fn fill(&mut self, tensor: &Tensor) -> Vec<(u64, [f64; 64])> {
        let [rows, cols] = tensor.shape;
        let is_a = rows == RANK;
        let long = if is_a { cols } else { rows };
        let mut filled: Vec<(u64, [f64; 64])> = Vec::new();
        for group in 0..GROUPS {
            for place in (group * (long - 8) / (GROUPS - 1)..).take(8) {
                let random = |_| bf16::from_f32(self.numbers.weight()).to_f64();
                filled.push((place, std::array::from_fn(random)));
            }
        }
        let mut write = |number: u64, values: &mut dyn Iterator<Item = f64>| {
            let bytes: Vec<u8> = values.flat_map(|x| bf16::from_f64(x).to_le_bytes()).collect();
            self.file.seek(SeekFrom::Start(self.at + 2 * number)).expect("a file that can be sought");
            self.file.write_all(&bytes).expect("room on the disk");
        };
        for group in filled.chunks_exact(8) {
            let first = group[0].0;
            if is_a {
                (0..64).for_each(|k| write(k * cols + first, &mut group.iter().map(|(_, row)| row[k as usize])));
            } else {
                write(first * cols, &mut group.iter().flat_map(|(_, row)| *row));
            }
        }
        self.at += tensor.bytes;
        filled
    }
}

/// Of B·A in f64: those of R_B·R_Aᵀ, where B and Aᵀ are as their rows that are not zero.
fn singular_values(a: &[(u64, [f64; 64])], b: &[(u64, [f64; 64])]) -> Vec<f64> {
    let r = |rows: &[(u64, [f64; 64])]| {
        let rows: Vec<f64> = rows.iter().flat_map(|(_, row)| *row).collect();
        DMatrix::from_row_slice(rows.len() / 64, 64, &rows).qr().r()
    };
    let mut values: Vec<f64> = (r(b) * r(a).transpose()).singular_values().iter().copied().collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}
