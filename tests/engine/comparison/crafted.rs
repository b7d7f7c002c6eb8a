//! Adapters made for one question each.

use lorascope_format::bytes::MemorySource;
use lorascope_protocol::{BackendChoice, Question, ToPage};
use nalgebra::DMatrix;
use pollster::block_on;
use serde_json::json;

use super::bench::{Bench, bench};
use super::dense::{self, agrees_as_a_whole, bound, directions, near};
use super::figures::{grid, pairs};
use crate::common::fixture;
use crate::dialect::{File, Tensor};
use crate::numbers::Numbers;
use crate::started::backends;

pub const Q: &str = "model.layers.0.self_attn.q_proj";
pub const K: &str = "model.layers.0.self_attn.k_proj";
pub const V: &str = "model.layers.0.self_attn.v_proj";

/// Modules by name, B (out × r) and A (r × in) each, as numbers that F32 holds.
pub type Modules<'a> = Vec<(&'a str, DMatrix<f64>, DMatrix<f64>)>;

/// A PEFT adapter with alpha / r = `scale` for all its modules, and its dense updates.
pub fn adapter(label: &str, modules: &Modules<'_>, scale: f64) -> (Vec<MemorySource>, dense::Updates) {
    let mut file = File::new(1);
    let mut updates = dense::Updates::new();
    let rank = modules.first().map_or(1, |(_, b, _)| b.ncols());
    for (name, b, a) in modules {
        file.put(&format!("base_model.model.{name}.lora_A.weight"), &Tensor::of(a));
        file.put(&format!("base_model.model.{name}.lora_B.weight"), &Tensor::of(b));
        let [a, b] = [a, b].map(|m| Tensor::of(m).matrix());
        updates.insert((*name).to_owned(), b * a * (scale * rank as f64 / a_rank(modules, name)));
    }
    let config = json!({ "peft_type": "LORA", "r": rank, "lora_alpha": scale * rank as f64 });
    let config = MemorySource::new(format!("{label}/adapter_config.json"), config.to_string().into_bytes());
    (vec![file.at(&format!("{label}/adapter_model.safetensors")), config], updates)
}

/// The rank that alpha is divided by is the module's own.
fn a_rank(modules: &Modules<'_>, name: &str) -> f64 {
    modules.iter().find(|(known, ..)| *known == name).map_or(1.0, |(_, b, _)| b.ncols() as f64)
}

/// Compares two drops as `a` and `b`.
pub fn compared(choice: BackendChoice, files: Vec<MemorySource>) -> Bench<impl Fn(ToPage)> {
    let mut bench = bench(choice);
    bench.drop_files(files);
    block_on(bench.session.ask(1, Question::Compare));
    bench
}

#[test]
fn opposites_undo_each_other_and_copies_add_up() {
    let mut numbers = Numbers::new(1);
    let modules: Modules<'_> =
        [Q, K].map(|name| (name, numbers.matrix(40, 4), numbers.matrix(4, 300))).into_iter().collect();
    let negated: Modules<'_> = modules.iter().map(|(name, b, a)| (*name, -b, a.clone())).collect();
    let (own, exact) = adapter("own", &modules, 2.0);
    let (same, _) = adapter("same", &modules, 2.0);
    let (opposite, minus) = adapter("opposite", &negated, 2.0);
    // A sign in the scale is a sign of the update.
    let (flipped, _) = adapter("flipped", &modules, -2.0);
    for choice in backends() {
        let bench = compared(choice, [own.clone(), same.clone(), opposite.clone(), flipped.clone()].concat());
        for ([a, b], pair) in pairs(&bench) {
            let sign = if ["opposite", "flipped"].contains(&a.as_str()) == ["opposite", "flipped"].contains(&b.as_str())
            {
                1.0
            } else {
                -1.0
            };
            let what = format!("{choice:?}: {a}, {b}");
            for module in &pair.modules {
                near(module.cosine, sign, 1e-12, &what);
                near(module.interference, sign, 1e-12, &what);
                for overlap in module.overlap.unwrap() {
                    near(overlap, 1.0, 1e-12, &what);
                }
            }
            let figures = pair.figures;
            for figure in [figures.cosine, figures.shared_cosine, figures.interference] {
                near(figure.unwrap(), sign, 1e-12, &what);
            }
            near(
                figures.norms[2],
                if sign > 0.0 { 2.0 * figures.norms[0] } else { 0.0 },
                1e-5 * figures.norms[0],
                &what,
            );
        }
        for ([a, b], pair) in
            pairs(&bench).iter().filter(|(labels, _)| labels.iter().all(|l| l == "own" || l == "opposite"))
        {
            let of = |label: &str| if label == "own" { &exact } else { &minus };
            agrees_as_a_whole(pair, of(a), of(b), bound(choice), "own, opposite");
        }
    }
}

#[test]
fn random_subspaces_overlap_by_chance() {
    let mut numbers = Numbers::new(2);
    let names: Vec<String> = (0..12).map(|n| format!("model.layers.{n}.mlp.up_proj")).collect();
    let mut random = |rank: usize| -> Modules<'_> {
        names.iter().map(|name| (name.as_str(), numbers.matrix(200, rank), numbers.matrix(rank, 120))).collect()
    };
    let ((a, exact_a), (b, exact_b)) = (adapter("a", &random(12), 1.0), adapter("b", &random(20), 1.0));
    for choice in backends() {
        let bench = compared(choice, [a.clone(), b.clone()].concat());
        let [(_, pair)] = &pairs(&bench)[..] else { panic!("one pair") };
        agrees_as_a_whole(pair, &exact_a, &exact_b, bound(choice), "random");
        let (overlap, chance) = (pair.figures.overlap.unwrap(), pair.figures.chance.unwrap());
        near(chance[0], 20.0 / 200.0, 1e-12, "chance");
        near(chance[1], 20.0 / 120.0, 1e-12, "chance");
        // 12 modules of 240 squares each: a standard deviation of some 3 % of the mean.
        assert!((0..2).all(|side| (overlap[side] / chance[side] - 1.0).abs() < 0.12), "{overlap:?} by {chance:?}");
        assert!(pair.figures.cosine.unwrap().abs() < 0.01);
    }
}

#[test]
fn rank_one_more_rank_than_the_side_and_zero() {
    let mut numbers = Numbers::new(3);
    let mut draw = |out: usize, rank: usize, inn: usize| (numbers.matrix(out, rank), numbers.matrix(rank, inn));
    let ((b1, a1), (b2, a2), (b3, a3), (b4, a4)) = (draw(30, 1, 20), draw(30, 9, 20), draw(6, 9, 20), draw(6, 12, 20));
    let (b5, a5) = draw(10, 9, 8);
    let thin: Modules<'_> = vec![(Q, b1, a1), (K, b3, a3), (V, b5.clone(), a5.clone())];
    let wide: Modules<'_> = vec![(Q, b2, a2), (K, b4, a4), (V, b5 * 0.0, a5)];
    let ((a, exact_a), (b, exact_b)) = (adapter("a", &thin, 1.0), adapter("b", &wide, 1.0));
    for choice in backends() {
        let mut bench = compared(choice, [a.clone(), b.clone()].concat());
        let [(_, pair)] = &pairs(&bench)[..] else { panic!("one pair") };
        agrees_as_a_whole(pair, &exact_a, &exact_b, bound(choice), "ranks");
        let module = |name: &str| pair.modules.iter().find(|module| module.name == name).unwrap();
        for name in [Q, K] {
            let [x, y] = [&exact_a, &exact_b].map(|exact| directions(&exact[name]));
            for side in 0..2 {
                let exact = x[side].tr_mul(&y[side]).norm_squared() / x[0].ncols().min(y[0].ncols()) as f64;
                near(module(name).overlap.unwrap()[side], exact, 1e-6, name);
            }
        }
        // Six directions in six dimensions are all there are.
        near(module(K).overlap.unwrap()[0], 1.0, 1e-6, K);
        let zero = module(V);
        assert_eq!((zero.cosine, zero.interference, zero.overlap, zero.norms[1]), (0.0, 0.0, None, 0.0));
        let ids = ["a", "b"].map(|label| bench.item(label));
        let none = grid(&mut bench, ids, V).unwrap_err();
        assert!(none.contains("zero") && none.contains(V), "{none}");
        assert!(!serde_json::to_string(&bench.session.report()).unwrap().contains("null"));
    }
}

#[test]
fn a_zero_adapter_beside_another() {
    let mut numbers = Numbers::new(4);
    let (b, a) = (numbers.matrix(12, 2), numbers.matrix(2, 10));
    let (own, _) = adapter("own", &vec![(Q, b.clone(), a.clone())], 1.0);
    let (zero, _) = adapter("zero", &vec![(Q, b * 0.0, a)], 1.0);
    for choice in backends() {
        let bench = compared(choice, [own.clone(), zero.clone()].concat());
        let [(_, pair)] = &pairs(&bench)[..] else { panic!("one pair") };
        let figures = pair.figures;
        assert_eq!((figures.cosine, figures.interference, figures.overlap), (Some(0.0), Some(0.0), None));
        near(figures.norms[2], figures.norms[0], 1e-12, "the sum");
    }
}

/// What only one has, and what cannot be compared though both have it.
#[test]
fn modules_that_are_missing_or_differ() {
    let mut numbers = Numbers::new(5);
    let mut draw = |out: usize, inn: usize| (numbers.matrix(out, 2), numbers.matrix(2, inn));
    let ((qb, qa), (kb, ka), (vb, va)) = (draw(12, 10), draw(6, 10), draw(8, 10));
    let ((qb2, qa2), (kb2, ka2)) = (draw(12, 10), draw(10, 6));
    let (a, exact_a) = adapter("a", &vec![(Q, qb, qa), (K, kb, ka), (V, vb.clone(), va.clone())], 1.0);
    let mlp = "model.layers.0.mlp.up_proj";
    let (b, exact_b) = adapter("b", &vec![(Q, qb2, qa2), (K, kb2, ka2), (mlp, vb, va)], 1.0);
    for choice in backends() {
        let mut bench = compared(choice, [a.clone(), b.clone()].concat());
        let [(_, pair)] = &pairs(&bench)[..] else { panic!("one pair") };
        let names: Vec<&str> = pair.modules.iter().map(|module| module.name.as_str()).collect();
        assert_eq!((names, &pair.only_a[..], &pair.only_b[..]), (vec![Q], &[V.to_owned()][..], &[mlp.to_owned()][..]));
        let [refused] = &pair.not_compared[..] else { panic!("{:?}", pair.not_compared) };
        assert_eq!(refused.name, K);
        assert_eq!(refused.reason, "its update is 6 × 10 in a and 10 × 6 in b (outputs × inputs)");
        assert_eq!(pair.figures.counts, [1, 1, 1, 1]);
        // The one that is not compared is in no norm, those that one has are.
        let square = |exact: &dense::Updates, name: &str| exact[name].norm_squared();
        let norm = (square(&exact_a, Q) + square(&exact_a, V)).sqrt();
        near(pair.figures.norms[0], norm, 1e-6, "norm of a");
        let dot = exact_a[Q].dot(&exact_b[Q]);
        let other = (square(&exact_b, Q) + square(&exact_b, mlp)).sqrt();
        near(pair.figures.cosine.unwrap(), dot / norm / other, bound(choice), "cosine");
        near(
            pair.figures.shared_cosine.unwrap(),
            dense::cosine(&exact_a[Q], &exact_b[Q]),
            bound(choice),
            "shared cosine",
        );
        near(pair.figures.norms[2], (norm.powi(2) + other.powi(2) + 2.0 * dot).sqrt(), 1e-6, "norm of the sum");
        let ids = ["a", "b"].map(|label| bench.item(label));
        for (name, why) in [(K, "6 × 10 in a"), (V, "b has no such module"), ("nowhere", "a has no such module")] {
            let told = grid(&mut bench, ids, name).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }
}

/// DoRA without its base beside plain LoRA, by its factors; IA³ has none.
#[test]
fn updates_on_the_bases_weights() {
    let files = |folder: &str| {
        ["adapter_model.safetensors", "adapter_config.json"].map(|file| fixture(&format!("{folder}/{file}"))).to_vec()
    };
    let bench = compared(BackendChoice::Cpu, [files("peft-dora"), files("peft-lora")].concat());
    let [(_, pair)] = &pairs(&bench)[..] else { panic!("one pair") };
    let plain = dense::peft("peft-lora", "peft-lora");
    let factors = dense::peft("peft-dora", "peft-dora-factors");
    agrees_as_a_whole(pair, &factors, &plain, bound(BackendChoice::Cpu), "dora, lora");
    assert!(pair.figures.counts[0] > 0);

    let mut file = File::new(6);
    file.random(&format!("base_model.model.{Q}.lora_A.weight"), &[4, 128]);
    file.random(&format!("base_model.model.{Q}.lora_B.weight"), &[128, 4]);
    file.random(&format!("base_model.model.{K}.ia3_l"), &[64, 1]);
    let mut bench = bench_of(vec![files("peft-lora"), vec![file.at("mixed/adapter_model.safetensors")]]);
    block_on(bench.session.ask(1, Question::Compare));
    let [(_, pair)] = &pairs(&bench)[..] else { panic!("one pair") };
    let [refused] = &pair.not_compared[..] else { panic!("{:?}", pair.not_compared) };
    assert!(refused.name == K && refused.reason.contains("base model's weight"), "{refused:?}");
}

fn bench_of(drops: Vec<Vec<MemorySource>>) -> Bench<impl Fn(ToPage)> {
    let mut bench = bench(BackendChoice::Cpu);
    for files in drops {
        bench.drop_files(files);
    }
    bench
}
