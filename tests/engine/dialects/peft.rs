//! LoRA as PEFT's `save_pretrained` writes it.

use serde_json::json;

use crate::dialect::{File, lora_config};
use crate::dropped::{Update, drop_file, drop_with};

const BASE: &str = "base_model.model";
/// alpha 8 over rank 4.
const SOURCE: &str = "adapter_config alpha/r";

fn update(name: &str, product: nalgebra::DMatrix<f64>) -> Update {
    Update::new(name, 2.0, SOURCE, product)
}

/// Linear, Conv1d, Conv2d, Conv3d, 1×1 and embedding layers of one model, and a layer that was trained whole.
#[test]
fn layers_of_every_kind() {
    let mut file = File::new(1);
    let mut updates = vec![update("lin0", file.peft("base_model.model.lin0", [20, 4, 10]))];
    for (name, kernel) in [("cd", vec![5]), ("c3", vec![3, 3]), ("c5", vec![3, 3, 3]), ("c1", vec![1, 1])] {
        let [down, up] = ["A", "B"].map(|factor| format!("{BASE}.{name}.lora_{factor}.weight"));
        updates.push(update(name, file.pair(&down, &up, [12, 4, 8], &kernel)));
    }
    let a = file.random("base_model.model.emb.lora_embedding_A", &[4, 30]);
    let b = file.random("base_model.model.emb.lora_embedding_B", &[10, 4]);
    updates.push(update("emb", (b.matrix() * a.matrix()).transpose()));
    file.random("base_model.model.cls.weight", &[3, 14]);
    file.random("base_model.model.cls.bias", &[3]);
    let dropped = drop_with(&file, lora_config(json!({ "modules_to_save": ["cls"] })));
    dropped.shows(&updates);
    dropped.lists("base_model.model.cls.weight", "full|whole|saved");
    dropped.lists("base_model.model.cls.bias", "full|whole|saved|bias");
}

/// GPT-2's Conv1D stores its weight as [in, out], and so ΔW is transposed.
#[test]
fn fan_in_fan_out() {
    let mut file = File::new(2);
    let product = file.peft("base_model.model.transformer.h.0.attn.c_attn", [30, 4, 10]);
    let dropped = drop_with(&file, lora_config(json!({ "fan_in_fan_out": true })));
    dropped.shows(&[update("transformer.h.0.attn.c_attn", product.transpose())]);
}

/// The adapter's name stays in the keys of raw state dicts.
#[test]
fn the_name_of_the_adapter_inside_the_keys() {
    let mut file = File::new(3);
    let [down, up] = ["A", "B"].map(|factor| format!("{BASE}.lin0.lora_{factor}.default.weight"));
    let linear = file.pair(&down, &up, [20, 4, 10], &[]);
    let a = file.random("base_model.model.emb.lora_embedding_A.default", &[4, 30]);
    let b = file.random("base_model.model.emb.lora_embedding_B.default", &[10, 4]);
    let others = ["base_model.model.cls.modules_to_save.default.weight", "base_model.model.cls.original_module.weight"];
    for name in others {
        file.random(name, &[3, 14]);
    }
    let dropped = drop_with(&file, lora_config(json!({})));
    dropped.shows(&[update("lin0", linear), update("emb", (b.matrix() * a.matrix()).transpose())]);
    for name in others {
        dropped.lists(name, "full|whole|saved|copy|original");
    }
}

/// The first pattern in the file's order counts, for ranks and alphas by themselves; alpha does not follow rank.
#[test]
fn rank_and_alpha_patterns() {
    let mut file = File::new(4);
    let path = "model.layers.0.self_attn";
    let mut updates = Vec::new();
    for (name, rank, scale) in [("q_proj", 2, 16.0), ("k_proj", 2, 4.0), ("v_proj", 4, 1.0), ("o_proj", 4, 2.0)] {
        let product = file.peft(&format!("{BASE}.{path}.{name}"), [20, rank, 10]);
        updates.push(Update::new(&format!("{path}.{name}"), scale, SOURCE, product));
    }
    let patterns = json!({
        "rank_pattern": { "q_proj": 2, "k_proj": 2 },
        "alpha_pattern": { "layers.0.self_attn.q_proj": 32, "q_proj": 3, "v_proj": 4 },
    });
    drop_with(&file, lora_config(patterns)).shows(&updates);
}

#[test]
fn rank_stabilised_scale() {
    let mut file = File::new(5);
    let product = file.peft("base_model.model.lin0", [20, 4, 10]);
    let dropped = drop_with(&file, lora_config(json!({ "use_rslora": true })));
    dropped.shows(&[Update::new("lin0", 4.0, "rsLoRA alpha/√r", product)]);
}

#[test]
fn without_its_configuration_the_scale_is_assumed() {
    let mut file = File::new(6);
    let product = file.peft("base_model.model.model.layers.0.self_attn.q_proj", [20, 4, 10]);
    drop_file(&file).shows(&[Update::new("model.layers.0.self_attn.q_proj", 1.0, "assumed 1:", product)]);
}

/// What stands beside the factors is listed, each tensor by itself, and does not touch them.
#[test]
fn tensors_beside_the_factors_are_listed() {
    let cases: [(&str, &[usize], &str); 12] = [
        ("lin0.lora_B.bias", &[20], "bias"),
        ("lin0.base_layer.bias", &[20], "bias"),
        ("ln.bias", &[14], "bias|full|whole|saved"),
        ("emb.base_layer.weight", &[30, 10], "base"),
        ("emb.token_adapter.trainable_tokens_delta", &[3, 10], "token|row"),
        ("emb2.trainable_tokens_delta", &[3, 10], "token|row"),
        ("lin0.lora_velora_embed", &[5], "VeLoRA|training"),
        ("lin0.lora_monteclora_sampler.expert_weights", &[8], "MonteCLoRA|sampl"),
        ("lin0.lora_monteclora_sampler.std_prior", &[4], "MonteCLoRA|sampl"),
        ("lin0.lora_A.bias", &[4], "bias"),
        ("internal_xlora_classifier.layers.0.weight", &[4, 4], "X-LoRA|full|whole|saved"),
        ("something.else_entirely", &[3, 3], ""),
    ];
    for (name, shape, words) in cases {
        let mut file = File::new(7);
        let product = file.peft("base_model.model.lin0", [20, 4, 10]);
        let key = format!("{BASE}.{name}");
        file.random(&key, shape);
        let dropped = drop_with(&file, lora_config(json!({ "lora_bias": name.ends_with("lora_B.bias") })));
        dropped.shows(&[update("lin0", product)]);
        dropped.lists(&key, words);
    }
}

/// A grouped convolution is no plain product: B is `[out, r/groups, 1, 1]`.
#[test]
fn a_grouped_convolution_is_refused_with_its_reason() {
    let mut file = File::new(8);
    let product = file.peft("base_model.model.lin0", [20, 4, 10]);
    file.random("base_model.model.cg.lora_A.weight", &[4, 8, 3, 3]);
    file.random("base_model.model.cg.lora_B.weight", &[12, 1, 1, 1]);
    let dropped = drop_with(&file, lora_config(json!({})));
    dropped.shows(&[update("lin0", product)]);
    dropped.lists("base_model.model.cg.lora_A.weight", "group");
}

/// `nn.MultiheadAttention`: the joint projection at the module's own path, the other below `base_layer`.
#[test]
fn multihead_attention() {
    let mut file = File::new(9);
    let joint = file.peft("base_model.model.mha", [48, 4, 16]);
    let out = file.peft("base_model.model.mha.base_layer.out_proj", [16, 4, 16]);
    drop_with(&file, lora_config(json!({}))).shows(&[update("mha", joint), update("mha.out_proj", out)]);
}

/// DoRA without its base: the factors' own product, the magnitude being known only beside the weight.
#[test]
fn dora_without_its_base_shows_the_factors() {
    let mut file = File::new(10);
    let linear = file.peft("base_model.model.lin0", [20, 4, 10]);
    file.random("base_model.model.lin0.lora_magnitude_vector", &[20]);
    let names = ["A", "B"].map(|factor| format!("{BASE}.c3.lora_{factor}.weight"));
    let conv = file.pair(&names[0], &names[1], [12, 4, 8], &[3, 3]);
    file.random("base_model.model.c3.lora_magnitude_vector", &[1, 12, 1, 1]);
    let raw = file.peft("base_model.model.lin1", [14, 4, 20]);
    file.random("base_model.model.lin1.lora_magnitude_vector.default.weight", &[14]);
    let dropped = drop_with(&file, lora_config(json!({ "use_dora": true })));
    dropped.shows(&[update("lin0", linear), update("c3", conv), update("lin1", raw)]);
}

/// A run whose weights were not gathered leaves tensors without elements, or of one dimension.
#[test]
fn empty_factors_of_a_sharded_run_are_refused_with_their_reason() {
    for shape in [vec![0], vec![0, 10], vec![40]] {
        let mut file = File::new(11);
        let product = file.peft("base_model.model.lin0", [20, 4, 10]);
        file.random("base_model.model.lin1.lora_A.weight", &shape);
        file.random("base_model.model.lin1.lora_B.weight", &shape);
        let dropped = drop_with(&file, lora_config(json!({})));
        dropped.shows(&[update("lin0", product)]);
        dropped.lists("base_model.model.lin1.lora_A.weight", "sharded|gathered");
    }
}
