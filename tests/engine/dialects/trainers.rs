//! Trainers outside PEFT and kohya: MLX, torchtune, Megatron, LitGPT.

use lorascope_format::bytes::MemorySource;
use serde_json::{Value, json};

use crate::dialect::{File, config};
use crate::dialects::maths::block_diagonal;
use crate::dropped::{Dropped, Update, drop_file, drops};

const Q: &str = "model.layers.15.self_attn.q_proj";
const MLX: &str = "MLX scale";

fn mlx_config(parameters: Value) -> MemorySource {
    config(json!({ "fine_tune_type": "lora", "num_layers": 16, "lora_parameters": parameters }))
}

fn drop_mlx(file: &File, config: MemorySource) -> Dropped {
    drops(vec![vec![file.at("adapters.safetensors"), config]])
}

/// lora_a `[in, r]` and lora_b `[r, out]`: ΔW = scale·(lora_a·lora_b)ᵀ, the scale as it is written, whatever the rank.
#[test]
fn mlx_linear_and_embedding() {
    let mut file = File::new(120);
    let mut product = |path: &str, a: [usize; 2], b: [usize; 2]| {
        let a = file.random(&format!("{path}.lora_a"), &a).matrix();
        a * file.random(&format!("{path}.lora_b"), &b).matrix()
    };
    let linear = product(Q, [12, 4], [4, 14]).transpose();
    let embedding = product("model.embed_tokens", [30, 4], [4, 12]);
    let dropped = drop_mlx(&file, mlx_config(json!({ "rank": 4, "scale": 2.5, "dropout": 0.0 })));
    let updates = [(Q, linear), ("model.embed_tokens", embedding)];
    dropped.shows(&updates.map(|(name, product)| Update::new(name, 2.5, MLX, product)));
}

/// With as many outputs as inputs both readings of the shapes fit: MLX's names decide.
#[test]
fn mlx_square() {
    for rank in [4, 12] {
        let mut file = File::new(121);
        let a = file.random(&format!("{Q}.lora_a"), &[12, rank]).matrix();
        let b = file.random(&format!("{Q}.lora_b"), &[rank, 12]).matrix();
        let dropped = drop_mlx(&file, mlx_config(json!({ "rank": rank, "scale": 2.5 })));
        dropped.shows(&[Update::new(Q, 2.5, MLX, (a * b).transpose())]);
        assert_eq!(dropped.module(Q).rank as usize, rank);
    }
}

/// The default is 20, where the configuration leaves the scale out.
#[test]
fn mlx_default_scale() {
    let mut file = File::new(122);
    let a = file.random(&format!("{Q}.lora_a"), &[12, 4]).matrix();
    let b = file.random(&format!("{Q}.lora_b"), &[4, 14]).matrix();
    let dropped = drop_mlx(&file, mlx_config(json!({ "rank": 4 })));
    dropped.shows(&[Update::new(Q, 20.0, MLX, (a * b).transpose())]);
}

/// Without the configuration the scale is assumed, and said to be.
#[test]
fn mlx_without_its_configuration() {
    let mut file = File::new(123);
    let a = file.random(&format!("{Q}.lora_a"), &[12, 4]).matrix();
    let b = file.random(&format!("{Q}.lora_b"), &[4, 14]).matrix();
    let dropped = drop_file(&file);
    let scale = dropped.module(Q).scale;
    assert!(scale == 1.0 || scale == 20.0, "{scale}");
    dropped.shows(&[Update::new(Q, scale, "assumed", (a * b).transpose())]);
}

/// Files of early 2024: scale·alpha/rank, and the rule that was used is said.
#[test]
fn mlx_with_alpha_and_scale() {
    let mut file = File::new(124);
    let a = file.random(&format!("{Q}.lora_a"), &[12, 4]).matrix();
    let b = file.random(&format!("{Q}.lora_b"), &[4, 14]).matrix();
    let dropped = drop_mlx(&file, mlx_config(json!({ "rank": 4, "alpha": 16, "scale": 10.0 })));
    dropped.shows(&[Update::new(Q, 40.0, MLX, (a * b).transpose())]);
    dropped.warns("alpha");
}

/// Experts: lora_a `[E, r, in]`, or `[r·E, in]` in older files, and lora_b `[E, out, r]`, neither transposed.
#[test]
fn mlx_experts() {
    let path = "model.layers.0.mlp.switch_mlp.gate_proj";
    for stacked in [true, false] {
        let mut file = File::new(125);
        let a = file.draw(&[3, 4, 12]);
        let b = file.random(&format!("{path}.lora_b"), &[3, 14, 4]);
        let shape: &[usize] = if stacked { &[3, 4, 12] } else { &[12, 12] };
        file.put(&format!("{path}.lora_a"), &crate::dialect::Tensor::new(shape, a.numbers.clone()));
        let dropped = drop_mlx(&file, mlx_config(json!({ "rank": 4, "scale": 2.5 })));
        let updates = [0, 1, 2].map(|e| Update::new(&format!("{path}*.{e}"), 2.5, MLX, b.part(e) * a.part(e)));
        dropped.shows(&updates);
    }
}

/// DoRA's magnitude `m` beside the factors, which are shown without the base.
#[test]
fn mlx_dora() {
    let mut file = File::new(126);
    let a = file.random(&format!("{Q}.lora_a"), &[12, 4]).matrix();
    let b = file.random(&format!("{Q}.lora_b"), &[4, 14]).matrix();
    file.random(&format!("{Q}.m"), &[14]);
    let settings = json!({ "fine_tune_type": "dora", "lora_parameters": { "rank": 4, "scale": 2.5 } });
    let dropped = drop_mlx(&file, config(settings));
    dropped.shows(&[Update::new(Q, 2.5, MLX, (a * b).transpose())]);
}

/// Old mlx-vlm: bare `A` and `B`, and alpha over rank.
#[test]
fn old_mlx_vlm() {
    let path = "language_model.model.layers.0.self_attn.q_proj";
    let mut file = File::new(127);
    let a = file.random(&format!("{path}.A"), &[12, 4]).matrix();
    let b = file.random(&format!("{path}.B"), &[4, 14]).matrix();
    let dropped = drop_mlx(&file, config(json!({ "rank": 4, "alpha": 2.0, "dropout": 0.0 })));
    let module = dropped.module(path);
    assert!(module.scale_source.contains("alpha"), "{}", module.scale_source);
    dropped.shows(&[Update::new(path, 0.5, "", (a * b).transpose())]);
}

/// mlx-vlm's alpha is 0.1 where the configuration has none; which of its rules holds is said.
#[test]
fn mlx_vlm_without_an_alpha() {
    for (settings, scale) in [(json!({ "rank": 4, "dropout": 0.0 }), 0.025), (json!({ "rank": 4, "alpha": 2 }), 0.5)] {
        let mut file = File::new(127);
        let a = file.random(&format!("{Q}.A"), &[12, 4]).matrix();
        let b = file.random(&format!("{Q}.B"), &[4, 14]).matrix();
        let dropped = drop_mlx(&file, config(settings));
        dropped.shows(&[Update::new(Q, scale, "MLX alpha/rank", (a * b).transpose())]);
        dropped.warns("0.4.4");
    }
}

/// lora_a `[r, in]`, lora_b `[out, r]`, and DoRA's `magnitude`.
#[test]
fn torchtune() {
    let mut file = File::new(128);
    let [plain, dora] = ["layers.0.attn.q_proj", "layers.0.mlp.w1"];
    let mut pair =
        |path: &str| file.pair(&format!("{path}.lora_a.weight"), &format!("{path}.lora_b.weight"), [14, 4, 12], &[]);
    let products = [pair(plain), pair(dora)];
    file.random(&format!("{dora}.magnitude"), &[14]);
    let [first, second] = products;
    let updates = [(plain, first), (dora, second)];
    drop_file(&file).shows(&updates.map(|(name, product)| Update::new(name, 1.0, "assumed 1:", product)));
}

#[test]
fn megatron() {
    let mut file = File::new(129);
    let updates = ["self_attention.linear_qkv", "self_attention.linear_proj", "mlp.linear_fc1"].map(|name| {
        let name = format!("decoder.layers.0.{name}");
        let [down, up] = ["in", "out"].map(|end| format!("{name}.adapter.linear_{end}.weight"));
        let product = file.pair(&down, &up, [14, 4, 12], &[]);
        Update::new(&name, 1.0, "assumed 1:", product)
    });
    drop_file(&file).shows(&updates);
}

/// The joint projection's A has a part for each of q, k and v, and B's rows are split by their sizes.
#[test]
fn litgpt() {
    let mut file = File::new(134);
    let path = "transformer.h.0.attn.qkv";
    let projection = "transformer.h.0.attn.proj";
    let plain = file.pair(&format!("{projection}.lora_A"), &format!("{projection}.lora_B"), [12, 4, 12], &[]);
    let a = file.random(&format!("{path}.lora_A"), &[12, 12]).matrix();
    let b = file.random(&format!("{path}.lora_B"), &[36, 4]).matrix();
    let parts: Vec<_> = (0..3).map(|n| b.rows(12 * n, 12).into_owned()).collect();
    let dropped = drop_file(&file);
    dropped.has(&Update::new(projection, 1.0, "1: no|assumed 1:", plain));
    let update = Update::new(path, 1.0, "assumed 1:", block_diagonal(&parts) * a);
    dropped.shows_or_lists(&update, &format!("{path}.lora_A"), "LitGPT");
}
