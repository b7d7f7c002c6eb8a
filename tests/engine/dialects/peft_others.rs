//! PEFT's other methods whose update needs no base.

use nalgebra::DMatrix;
use serde_json::json;

use crate::dialect::{File, Key, config};
use crate::dialects::maths::{kron, tucker};
use crate::dropped::{Update, drop_file, drop_with};

const ALPHA: &str = "adapter_config alpha/r";
const BY_DEFINITION: &str = "1: by definition";

/// B·(A ⊙ E), E `[r, 1]` scaling the rows of A.
fn adalora(file: &mut File, path: &str, [out, r, inn]: [usize; 3]) -> DMatrix<f64> {
    let a = file.random(&format!("base_model.model.{path}.lora_A"), &[r, inn]).matrix();
    let b = file.random(&format!("base_model.model.{path}.lora_B"), &[out, r]).matrix();
    let e = file.random(&format!("base_model.model.{path}.lora_E"), &[r, 1]);
    b * DMatrix::from_diagonal(&e.numbers.into()) * a
}

/// The scale is alpha/(init_r + 1e-5), whatever the rank that training left.
#[test]
fn adalora_linear_and_convolution() {
    let mut file = File::new(30);
    let products = [adalora(&mut file, "lin0", [20, 6, 10]), adalora(&mut file, "c3", [12, 6, 72])];
    let settings = json!({
        "peft_type": "ADALORA", "init_r": 12, "target_r": 8, "r": 8, "lora_alpha": 24,
        "rank_pattern": { "lin0.lora_E": [true, true, false, true, true, true] },
    });
    let scale = 24.0 / (12.0 + 1e-5);
    let [linear, conv] = products;
    let updates = [("lin0", linear), ("c3", conv)];
    let updates = updates.map(|(name, product)| Update::new(name, scale, "adapter_config alpha/init_r", product));
    drop_with(&file, config(settings)).shows(&updates);
}

/// An alpha of 0 or below stands for init_r.
#[test]
fn adalora_without_alpha() {
    let mut file = File::new(38);
    let product = adalora(&mut file, "lin0", [20, 6, 10]);
    let settings = json!({ "peft_type": "ADALORA", "init_r": 6, "target_r": 2, "r": 8, "lora_alpha": 0 });
    let update = Update::new("lin0", 6.0 / (6.0 + 1e-5), "adapter_config", product);
    drop_with(&file, config(settings)).shows(&[update]);
}

#[test]
fn adalora_without_its_configuration() {
    let mut file = File::new(31);
    let product = adalora(&mut file, "lin0", [20, 6, 10]);
    drop_file(&file).shows(&[Update::new("lin0", 1.0, "assumed 1:", product)]);
}

/// LoHa, and with `use_effective_conv2d` its Tucker form.
#[test]
fn loha() {
    let mut file = File::new(32);
    let mut updates = Vec::new();
    for (name, out, columns) in [("c1", 12, 8), ("c3", 12, 72), ("lin0", 20, 10)] {
        let half = |file: &mut File, n: u32| {
            let a = file.random(&format!("base_model.model.{name}.hada_w{n}_a"), &[out, 4]).matrix();
            a * file.random(&format!("base_model.model.{name}.hada_w{n}_b"), &[4, columns]).matrix()
        };
        let product = half(&mut file, 1).component_mul(&half(&mut file, 2));
        updates.push(Update::new(name, 2.0, ALPHA, product));
    }
    let half = |file: &mut File, n: u32| {
        let core = file.random(&format!("base_model.model.c5.hada_t{n}"), &[4, 4, 3, 3]);
        let a = file.random(&format!("base_model.model.c5.hada_w{n}_a"), &[4, 12]).matrix();
        let b = file.random(&format!("base_model.model.c5.hada_w{n}_b"), &[4, 8]).matrix();
        tucker(&a.transpose(), &core, &b)
    };
    let product = half(&mut file, 1).component_mul(&half(&mut file, 2));
    updates.push(Update::new("c5", 2.0, ALPHA, product));
    drop_with(&file, config(json!({ "peft_type": "LOHA", "r": 4, "alpha": 8 }))).shows(&updates);
}

/// LoKr: PEFT keeps alpha/r where both factors are full, unlike LyCORIS.
#[test]
fn lokr() {
    let mut file = File::new(33);
    let key = |name: &str, part: &str| format!("base_model.model.{name}.lokr_{part}");
    let mut updates = Vec::new();
    for (name, kernel) in [("c1", 1), ("c3", 3)] {
        let w1 = file.random(&key(name, "w1"), &[3, 2]).matrix();
        let w2 = file.random(&key(name, "w2"), &[4, 4, kernel, kernel]);
        updates.push((name, kron(&w1, &w2.matrix(), kernel * kernel)));
    }
    let w1 = file.random(&key("lin0", "w1"), &[4, 2]).matrix();
    let w2_a = file.random(&key("lin0", "w2_a"), &[5, 2]).matrix();
    let w2_b = file.random(&key("lin0", "w2_b"), &[2, 5]).matrix();
    updates.push(("lin0", kron(&w1, &(w2_a * w2_b), 1)));
    let core = file.random(&key("t", "t2"), &[2, 2, 3, 3]);
    let w1 = file.random(&key("t", "w1"), &[2, 2]).matrix();
    let w2_a = file.random(&key("t", "w2_a"), &[2, 6]).matrix();
    let w2_b = file.random(&key("t", "w2_b"), &[2, 4]).matrix();
    updates.push(("t", kron(&w1, &tucker(&w2_a.transpose(), &core, &w2_b), 9)));
    let updates: Vec<_> = updates.into_iter().map(|(name, product)| Update::new(name, 4.0, ALPHA, product)).collect();
    drop_with(&file, config(json!({ "peft_type": "LOKR", "r": 2, "alpha": 8 }))).shows(&updates);
}

/// diag(λ_b)·B·diag(λ_d)·A, with the projections in the file; without them nothing can be said.
#[test]
fn vera() {
    for saved in [true, false] {
        let mut file = File::new(34);
        let plain = file.peft("base_model.model.other", [20, 4, 10]);
        let b = file.random("base_model.model.lin0.vera_lambda_b", &[20]).numbers;
        let d = file.random("base_model.model.lin0.vera_lambda_d", &[4]).numbers;
        let (left, inner) = (DMatrix::from_diagonal(&b.into()), DMatrix::from_diagonal(&d.into()));
        let (first, second) = (file.draw(&[4, 10]), file.draw(&[20, 4]));
        if saved {
            file.put("base_model.vera_A", &first);
            file.put("base_model.vera_B", &second);
        }
        let dropped = drop_file(&file);
        dropped.has(&Update::new("other", 1.0, "assumed 1:", plain));
        if saved {
            let product = left * second.matrix() * inner * first.matrix();
            dropped.has(&Update::new("lin0", 1.0, BY_DEFINITION, product));
            assert_eq!(dropped.adapter().modules.len(), 2);
        } else {
            assert_eq!(dropped.adapter().modules.len(), 1);
            dropped.lists("base_model.model.lin0.vera_lambda_b", "projection|vera_A");
        }
    }
}

/// The projections are those of the largest layer: a smaller one has the first rows of B and the first columns of A.
#[test]
fn vera_of_fewer_outputs_takes_the_first_rows() {
    let mut file = File::new(35);
    let (first, second) = (file.random("base_model.vera_A", &[4, 10]), file.random("base_model.vera_B", &[20, 4]));
    let mut updates = Vec::new();
    for (name, out) in [("lin0", 20), ("lin1", 14)] {
        let b = file.random(&format!("base_model.model.{name}.vera_lambda_b"), &[out]).numbers;
        let d = file.random(&format!("base_model.model.{name}.vera_lambda_d"), &[4]).numbers;
        let rows = second.matrix().rows(0, out).into_owned();
        let (left, inner) = (DMatrix::from_diagonal(&b.into()), DMatrix::from_diagonal(&d.into()));
        updates.push(Update::new(name, 1.0, BY_DEFINITION, left * rows * inner * first.matrix()));
    }
    let dropped = drop_with(&file, config(json!({ "peft_type": "VERA", "r": 4, "save_projection": true })));
    dropped.shows(&updates);
}

/// B·diag(λ/(r·‖A_j‖·‖B_j‖))·A, each column times the stored norm of the weight's.
#[test]
fn delora() {
    let mut file = File::new(36);
    let a = file.random("base_model.model.lin0.delora_A", &[2, 10]).matrix();
    let b = file.random("base_model.model.lin0.delora_B", &[20, 2]).matrix();
    let lambda = file.random("base_model.model.lin0.delora_lambda", &[1]).numbers[0];
    let norms = file.random("base_model.model.lin0.delora_w_norm", &[10]).numbers;
    let middle =
        DMatrix::from_fn(2, 2, |i, j| if i == j { lambda / (2.0 * a.row(j).norm() * b.column(j).norm()) } else { 0.0 });
    let product = b * middle * a * DMatrix::from_diagonal(&norms.into());
    let settings = json!({ "peft_type": "DELORA", "r": 2, "delora_lambda": 15 });
    drop_with(&file, config(settings)).shows(&[Update::new("lin0", 1.0, BY_DEFINITION, product)]);
}

/// HiRA, IA³, OFT, BOFT and MiSS need the base, if only for its width.
#[test]
fn what_needs_its_base_says_so() {
    let cases: [(&[Key], &str); 6] = [
        (&[("hira_A", &[2, 10]), ("hira_B", &[20, 2])], "HiRA"),
        (&[("ia3_l", &[20, 1])], "IA³"),
        (&[("ia3_l", &[1, 20])], "IA³"),
        (&[("oft_R.weight", &[5, 1])], "OFT"),
        (&[("boft_R", &[1, 5, 2, 2]), ("boft_s", &[20, 1])], "BOFT"),
        (&[("miss_block", &[2, 20])], "MiSS"),
    ];
    for (tensors, name) in cases {
        let mut file = File::new(37);
        let plain = file.peft("base_model.model.other", [20, 4, 10]);
        for (suffix, shape) in tensors {
            file.random(&format!("base_model.model.lin0.{suffix}"), shape);
        }
        let dropped = drop_file(&file);
        dropped.shows(&[Update::new("other", 1.0, "assumed 1:", plain)]);
        for (suffix, _) in tensors {
            let key = format!("base_model.model.lin0.{suffix}");
            dropped.lists(&key, name);
            dropped.lists(&key, "base");
        }
    }
}
