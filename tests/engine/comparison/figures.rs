//! Trained adapters: those of one run, and of runs with other seeds, ranks and targets.

use lorascope_format::bytes::MemorySource;
use lorascope_protocol::report::{OverlapGrid, PairReport};
use lorascope_protocol::{BackendChoice, Head, Question, ToPage};
use pollster::block_on;
use safetensors::SafeTensors;

use super::bench::{Bench, bench};
use super::dense::{self, Updates, agrees_as_a_whole, bound, directions, directions_of_product, near, phi};
use crate::common::{fixture, fixtures, json};
use crate::started::backends;

/// Folder, expectation, label.
const ADAPTERS: [[&str; 3]; 7] = [
    ["peft-lora-trajectory/checkpoint-30", "peft-lora-trajectory-30", "checkpoint-30"],
    ["peft-lora-trajectory/checkpoint-60", "peft-lora-trajectory-60", "checkpoint-60"],
    ["peft-lora-trajectory/checkpoint-90", "peft-lora-trajectory-90", "checkpoint-90"],
    ["peft-lora-trajectory/checkpoint-120", "peft-lora-trajectory-120", "checkpoint-120"],
    ["peft-lora", "peft-lora", "peft-lora"],
    ["peft-rslora-attn", "peft-rslora-attn", "peft-rslora-attn"],
    ["peft-patterns", "peft-patterns", "peft-patterns"],
];

fn files(folder: &str) -> Vec<MemorySource> {
    ["adapter_model.safetensors", "adapter_config.json"].map(|file| fixture(&format!("{folder}/{file}"))).to_vec()
}

fn all_adapters(choice: BackendChoice) -> Bench<impl Fn(ToPage)> {
    let mut bench = bench(choice);
    let all = ADAPTERS.iter().flat_map(|[folder, ..]| files(folder)).collect();
    bench.drop_files(all);
    block_on(bench.session.ask(1, Question::Compare));
    bench
}

/// Every pair with its labels.
pub fn pairs<E: Fn(ToPage)>(bench: &Bench<E>) -> Vec<([String; 2], PairReport)> {
    let comparison = bench.session.report().comparison.expect("a comparison");
    let label = |n: u32| comparison.adapters[n as usize].clone();
    comparison.pairs.iter().map(|pair| ([label(pair.a), label(pair.b)], pair.clone())).collect()
}

/// The cosines, interference and norms of 21 pairs, per module and as a whole, are those of dense f64 updates.
#[test]
fn the_matrix_of_cosines_is_that_of_dense_updates() {
    let exact: Vec<(&str, Updates)> =
        ADAPTERS.iter().map(|[folder, expected, label]| (*label, dense::peft(folder, expected))).collect();
    let of = |label: &str| &exact.iter().find(|(known, _)| *known == label).unwrap().1;
    for choice in backends() {
        let bench = all_adapters(choice);
        let pairs = pairs(&bench);
        assert_eq!(pairs.len(), 21);
        for ([a, b], pair) in &pairs {
            agrees_as_a_whole(pair, of(a), of(b), bound(choice), &format!("{choice:?}: {a}, {b}"));
        }
        // The matrix says something: one run's states are near each other, and its neighbours nearest.
        let cosine = |x: &str, y: &str| {
            let found = pairs.iter().find(|([a, b], _)| [a, b] == [x, y] || [a, b] == [y, x]);
            found.and_then(|(_, pair)| pair.figures.cosine).unwrap()
        };
        let near_by = cosine("checkpoint-90", "checkpoint-120");
        assert!(near_by > 0.9 && near_by > cosine("checkpoint-30", "checkpoint-120"));
        assert!(cosine("checkpoint-120", "peft-rslora-attn").abs() < 0.5);
    }
}

/// Overlaps of both sides and their chance, per module and as a whole, are those of the singular vectors in f64.
#[test]
fn overlaps_are_those_of_the_singular_vectors() {
    let vectors = |folder: &str, name: &str| {
        let bytes = std::fs::read(fixtures().join(folder).join("adapter_model.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let of = |factor: &str| dense::matrix(&file, &format!("base_model.model.{name}.{factor}.weight"));
        directions_of_product(&of("lora_B"), &of("lora_A"))
    };
    let folder = |label: &str| ADAPTERS.iter().find(|[_, _, known]| *known == label).unwrap()[0];
    for choice in backends() {
        let bench = all_adapters(choice);
        for ([a, b], pair) in pairs(&bench) {
            let (mut shared, mut expected, mut least) = ([0.0; 2], [0.0; 2], 0.0);
            for module in &pair.modules {
                let what = format!("{choice:?}: {a}, {b}, {}", module.name);
                let (x, y) = (vectors(folder(&a), &module.name), vectors(folder(&b), &module.name));
                let (p, q) = (x[0].ncols() as f64, y[0].ncols() as f64);
                for side in 0..2 {
                    let norm = x[side].tr_mul(&y[side]).norm_squared();
                    near(module.overlap.unwrap()[side], norm / p.min(q), 1e-6, &what);
                    near(module.chance.unwrap()[side], p.max(q) / x[side].nrows() as f64, 1e-12, &what);
                    shared[side] += norm;
                    expected[side] += p * q / x[side].nrows() as f64;
                }
                least += p.min(q);
            }
            for side in 0..2 {
                let what = format!("{choice:?}: {a}, {b}, side {side}");
                near(pair.figures.overlap.unwrap()[side], shared[side] / least, 1e-6, &what);
                near(pair.figures.chance.unwrap()[side], expected[side] / least, 1e-12, &what);
            }
        }
    }
}

pub fn grid<E: Fn(ToPage)>(bench: &mut Bench<E>, [a, b]: [u32; 2], name: &str) -> Result<Box<OverlapGrid>, String> {
    block_on(bench.session.ask(1, Question::Overlap { a, b, name: name.to_owned() }));
    match bench.take().pop() {
        Some(ToPage::Result { job: Some(1), head: Head::Overlap(grid), pieces: 0 }) => Ok(grid),
        Some(ToPage::Refused { job: 1, why: Some(why) }) => Err(why.to_string()),
        other => panic!("{other:?}"),
    }
}

/// φ(i, j) is that of the singular vectors of the dense updates, in either order of the adapters.
#[test]
fn overlap_grids_are_those_of_dense_updates() {
    let name = "model.layers.2.self_attn.k_proj";
    let exact = |n: usize| directions(&dense::peft(ADAPTERS[n][0], ADAPTERS[n][1])[name]);
    let rank = json("expected/peft-lora.json")["modules"][name]["singular_values"].as_array().unwrap().len();
    for choice in backends() {
        let mut bench = bench(choice);
        bench.drop_files(
            [files("peft-lora-trajectory/checkpoint-60"), files("peft-lora"), files("peft-patterns")].concat(),
        );
        let ids = ["checkpoint-60", "peft-lora", "peft-patterns"].map(|label| bench.item(label));
        for (x, y) in [(0, 1), (1, 2), (2, 0)] {
            let found = grid(&mut bench, [ids[x], ids[y]], name).unwrap();
            let (a, b) = (exact([1, 4, 6][x]), exact([1, 4, 6][y]));
            let [p, q] = found.size.map(|size| size as usize);
            assert_eq!(([p, q], found.rank), ([a[0].ncols(), b[0].ncols()], found.size));
            assert_eq!(found.dims, [a[0].nrows() as u64, a[1].nrows() as u64]);
            assert!(rank >= p.min(q));
            for side in 0..2 {
                assert_eq!(found.sides[side].len(), p * q);
                for (n, value) in found.sides[side].iter().enumerate() {
                    let (i, j) = (n / q + 1, n % q + 1);
                    near(*value, phi(&a[side], &b[side], i, j), 3e-6, &format!("{choice:?}: φ({i}, {j})"));
                }
            }
        }
    }
}
