//! PEFT's LoRA over the experts of a mixture, and its variants whose update is not s·B·A.

use nalgebra::DMatrix;
use serde_json::json;

use crate::dialect::{File, Tensor, lora_config};
use crate::dialects::maths::block_diagonal;
use crate::dropped::{Dropped, Update, agrees, drop_with};

const EXPERTS: &str = "model.layers.0.mlp.experts";

/// The factors of all experts, A expert-major and B expert-minor, and each expert's own B·A.
fn experts(file: &mut File, path: &str, [out, rank, inn, count]: [usize; 4]) -> Vec<DMatrix<f64>> {
    let a = file.random(&format!("base_model.model.{path}.lora_A.weight"), &[rank * count, inn]).matrix();
    let b = file.random(&format!("base_model.model.{path}.lora_B.weight"), &[out, rank * count]).matrix();
    let own = |e: usize| {
        let a = a.rows(e * rank, rank);
        let b = DMatrix::from_fn(out, rank, |row, k| b[(row, e + k * count)]);
        b * a
    };
    (0..count).map(own).collect()
}

/// Every expert shows its update or the transpose of it: which one it is, only the model's own parameter tells. Its
/// name has the experts' path and its number; the parameter's name may stand between.
fn shows_experts(dropped: &Dropped, products: &[DMatrix<f64>]) {
    for (e, product) in products.iter().enumerate() {
        let sides = [product.nrows() as u64, product.ncols() as u64];
        let own = |name: &str| {
            let rest = name.strip_prefix(EXPERTS).and_then(|rest| rest.strip_prefix('.'));
            rest.is_some_and(|rest| rest.split('.').any(|part| part == e.to_string()))
        };
        let found: Vec<_> = dropped.adapter().modules.iter().filter(|module| own(&module.name)).collect();
        let turned = [sides[1], sides[0]];
        let fitting: Vec<_> = found.iter().filter(|m| m.shape == sides || m.shape == turned).collect();
        let [module] = fitting.as_slice() else { panic!("expert {e}: {found:?}") };
        let product = if module.shape == sides { product.clone() } else { product.transpose() };
        agrees(module, &Update::new(&module.name, 2.0, "adapter_config alpha/r", product));
    }
}

#[test]
fn one_parameter_of_the_experts() {
    let mut file = File::new(20);
    let products = experts(&mut file, EXPERTS, [10, 2, 12, 4]);
    let linear = file.peft("base_model.model.model.layers.0.self_attn.q_proj", [20, 2, 10]);
    let settings = json!({ "r": 2, "lora_alpha": 4, "target_parameters": ["mlp.experts.down_proj"] });
    let dropped = drop_with(&file, lora_config(settings));
    assert_eq!(dropped.adapter().modules.len(), 5);
    shows_experts(&dropped, &products);
    dropped.has(&Update::new("model.layers.0.self_attn.q_proj", 2.0, "adapter_config alpha/r", linear));
}

/// Of two parameters, the one that the module registers first is wrapped first: it is the inner one.
#[test]
fn two_parameters_of_the_experts_are_nested() {
    for listed in [["mlp.experts.down_proj", "mlp.experts.gate_up_proj"], ["experts.gate_up_proj", "experts.down_proj"]]
    {
        let mut file = File::new(21);
        let inner = experts(&mut file, &format!("{EXPERTS}.base_layer"), [24, 2, 10, 4]);
        let outer = experts(&mut file, EXPERTS, [10, 2, 12, 4]);
        let settings = json!({ "r": 2, "lora_alpha": 4, "target_parameters": listed });
        let dropped = drop_with(&file, lora_config(settings));
        assert_eq!(dropped.adapter().modules.len(), 8);
        shows_experts(&dropped, &inner);
        shows_experts(&dropped, &outer);
    }
}

/// A parameter of two dimensions is an ordinary linear layer.
#[test]
fn a_targeted_matrix_is_an_ordinary_layer() {
    let mut file = File::new(22);
    let product = file.peft("base_model.model.lin0", [20, 2, 10]);
    let settings = json!({ "r": 2, "lora_alpha": 4, "target_parameters": ["lin0.weight"] });
    drop_with(&file, lora_config(settings)).shows(&[Update::new("lin0", 2.0, "adapter_config alpha/r", product)]);
}

/// Experts that are layers of their own, as transformers 4 has them.
#[test]
fn experts_as_layers() {
    let mut file = File::new(23);
    let mut updates = Vec::new();
    for name in ["block_sparse_moe.experts.0.w1", "block_sparse_moe.experts.3.w1", "mlp.experts.3.gate_proj"] {
        let name = format!("model.layers.0.{name}");
        let product = file.peft(&format!("base_model.model.{name}"), [20, 4, 10]);
        updates.push(Update::new(&name, 2.0, "adapter_config alpha/r", product));
    }
    drop_with(&file, lora_config(json!({}))).shows(&updates);
}

/// QALoRA: A sees mean-pooled groups of the inputs, so that its columns repeat, times the number of groups over the
/// group's size.
#[test]
fn qalora_is_exact_or_named() {
    let mut file = File::new(24);
    let a = file.random("base_model.model.lin0.lora_A.weight", &[4, 5]).matrix();
    let b = file.random("base_model.model.lin0.lora_B.weight", &[20, 4]).matrix();
    let wide = DMatrix::from_fn(4, 10, |r, c| a[(r, c / 2)] * (5.0 / 2.0));
    let update = Update::new("lin0", 2.0, "adapter_config alpha/r", b * wide);
    exact_or_refused(&file, json!({ "use_qalora": true, "qalora_group_size": 2 }), &[update], "QALoRA");
}

/// BD-LoRA: one factor is block-diagonal and stored without its zeros.
#[test]
fn bd_lora_is_exact_or_named() {
    let mut file = File::new(25);
    let halves = |factor: &Tensor| {
        let (all, rows) = (factor.matrix(), factor.shape[0] / 2);
        block_diagonal(&[all.rows(0, rows).into(), all.rows(rows, rows).into()])
    };
    let mut updates = Vec::new();
    let a = file.random("base_model.model.lin0.lora_A.weight", &[4, 5]);
    let b = file.random("base_model.model.lin0.lora_B.weight", &[20, 4]);
    updates.push(Update::new("lin0", 2.0, "adapter_config alpha/r", b.matrix() * halves(&a)));
    let a = file.random("base_model.model.lin1.lora_A.weight", &[4, 20]);
    let b = file.random("base_model.model.lin1.lora_B.weight", &[14, 2]);
    updates.push(Update::new("lin1", 2.0, "adapter_config alpha/r", halves(&b) * a.matrix()));
    let nblocks =
        json!({ "nblocks": 2, "target_modules_bd_a": ["lin0"], "target_modules_bd_b": ["lin1"], "match_strict": true });
    exact_or_refused(&file, json!({ "use_bdlora": nblocks }), &updates, "BD-LoRA");
}

/// The modules are exact, or the whole drop is refused with the variant's name: s·B·A would be wrong.
fn exact_or_refused(file: &File, settings: serde_json::Value, updates: &[Update], name: &str) {
    let dropped = drop_with(file, lora_config(settings));
    if dropped.report.adapters.is_empty() { dropped.is_refused(name) } else { dropped.shows(updates) }
}

/// KaSA truncates the base before it adds its update.
#[test]
fn kasa_is_named_as_needing_its_base() {
    let mut file = File::new(26);
    let plain = file.peft("base_model.model.lin0", [20, 4, 10]);
    file.peft("base_model.model.lin1", [14, 4, 20]);
    file.random("base_model.model.lin1.lora_diag", &[4]);
    let dropped = drop_with(&file, lora_config(json!({})));
    dropped.shows(&[Update::new("lin0", 2.0, "adapter_config alpha/r", plain)]);
    dropped.lists("base_model.model.lin1.lora_diag", "KaSA");
    dropped.lists("base_model.model.lin1.lora_A.weight", "KaSA");
}

/// Factors of another start than PEFT's usual one are relative to a base that was changed then.
#[test]
fn an_unconverted_start_is_warned_of() {
    for init in ["pissa", "pissa_niter_16", "olora", "corda", "lora_ga"] {
        let mut file = File::new(27);
        let product = file.peft("base_model.model.lin0", [20, 4, 10]);
        let dropped = drop_with(&file, lora_config(json!({ "init_lora_weights": init })));
        dropped.shows(&[Update::new("lin0", 2.0, "adapter_config alpha/r", product)]);
        dropped.warns("base");
    }
}
