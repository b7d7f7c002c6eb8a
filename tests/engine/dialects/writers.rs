//! The writers of LoRA for image and video models.

use nalgebra::DMatrix;

use crate::dialect::{File, Tensor};
use crate::dialects::maths::kron;
use crate::dropped::{Update, drop_file};

const NONE: &str = "1: no alpha stored";
const STORED: &str = "alpha tensor";

/// A and B without alpha, under each writer's prefix; the second name is the module's.
#[test]
fn factors_without_alpha() {
    let plain = ["lora_A.weight", "lora_B.weight"];
    let named = ["lora_A.default.weight", "lora_B.default.weight"];
    let cases = [
        // ai-toolkit
        ("transformer.transformer_blocks.0.attn.add_k_proj", plain, "transformer_blocks.0.attn.add_k_proj"),
        ("diffusion_model.single_blocks.15.linear1", plain, "single_blocks.15.linear1"),
        // Wan
        ("diffusion_model.blocks.0.cross_attn.k_img", plain, "blocks.0.cross_attn.k_img"),
        // SimpleTuner
        (
            "transformer.base_model.model.single_transformer_blocks.0.proj_out",
            plain,
            "single_transformer_blocks.0.proj_out",
        ),
        // DiffSynth-Studio, Qwen-Image
        ("blocks.0.self_attn.q", named, "blocks.0.self_attn.q"),
        ("transformer_blocks.0.attn.to_k", named, "transformer_blocks.0.attn.to_k"),
        // ComfyUI
        ("model.diffusion_model.blocks.0.self_attn.q", plain, "blocks.0.self_attn.q"),
        (
            "text_encoders.clip_l.transformer.text_model.encoder.layers.0.mlp.fc1",
            plain,
            "text_model.encoder.layers.0.mlp.fc1",
        ),
        // Ideogram-4
        ("conditional_transformer.blocks.0.attn.to_q", plain, "blocks.0.attn.to_q"),
    ];
    for (path, [down, up], name) in cases {
        let mut file = File::new(90);
        let product = file.pair(&format!("{path}.{down}"), &format!("{path}.{up}"), [14, 4, 12], &[]);
        drop_file(&file).shows(&[Update::new(name, 1.0, NONE, product)]);
    }
}

/// fal's Kontext: native names under PEFT's prefix.
#[test]
fn native_names_under_pefts_prefix() {
    let mut file = File::new(91);
    let product = file.peft("base_model.model.double_blocks.0.img_attn.qkv", [14, 4, 12]);
    drop_file(&file).shows(&[Update::new("double_blocks.0.img_attn.qkv", 1.0, "1: no|assumed 1:", product)]);
}

/// lora_down, lora_up and alpha under dotted names: ComfyUI's, OneTrainer's, Qwen-Image Lightning's.
#[test]
fn dotted_names_with_alpha() {
    let cases = [
        ("diffusion_model.blocks.0.self_attn.q", "blocks.0.self_attn.q"),
        ("transformer_blocks.0.attn.to_k", "transformer_blocks.0.attn.to_k"),
        ("text_encoders.clip_l.transformer.text_model.encoder.layers.0.mlp.fc1", "text_model.encoder.layers.0.mlp.fc1"),
        ("lora_transformer_transformer_blocks_0_attn_to_q", "lora_transformer_transformer_blocks_0_attn_to_q"),
        ("lora_te2_encoder_block_0_layer_0_SelfAttention_q", "lora_te2_encoder_block_0_layer_0_SelfAttention_q"),
    ];
    for (path, name) in cases {
        let mut file = File::new(92);
        let product = file.kohya(path, [14, 4, 12], Some(2.0));
        drop_file(&file).shows(&[Update::new(name, 0.5, STORED, product)]);
    }
}

/// A video model's distillation: whole differences of norms, biases and modulations beside the pairs.
#[test]
fn differences_beside_the_factors() {
    let mut file = File::new(93);
    let model = "diffusion_model";
    let product = file.pair(
        "diffusion_model.blocks.0.self_attn.q.lora_down.weight",
        "diffusion_model.blocks.0.self_attn.q.lora_up.weight",
        [14, 4, 12],
        &[],
    );
    let head = file.random("diffusion_model.head.head.diff", &[6, 12]).matrix();
    let conv = file.random("diffusion_model.patch_embedding.diff", &[12, 4, 1, 2, 2]).matrix();
    let norm = file.random("diffusion_model.blocks.0.self_attn.norm_q.diff", &[12]);
    file.random("diffusion_model.blocks.0.self_attn.q.diff_b", &[14]);
    let modulation = file.random("diffusion_model.blocks.0.diff_m", &[1, 6, 12]);
    let dropped = drop_file(&file);
    let by_definition = "1: by definition";
    dropped.has(&Update::new("blocks.0.self_attn.q", 1.0, NONE, product));
    dropped.has(&Update::new("head.head", 1.0, by_definition, head));
    dropped.has(&Update::new("patch_embedding", 1.0, by_definition, conv));
    dropped.lists(&format!("{model}.blocks.0.self_attn.q.diff_b"), "bias");
    let vector = Update::new("blocks.0.self_attn.norm_q", 1.0, by_definition, norm.matrix());
    dropped.shows_or_lists(&vector, &format!("{model}.blocks.0.self_attn.norm_q.diff"), "norm|dimension|vector");
    let named = dropped.adapter().modules.iter().any(|m| m.name.contains("modulation"));
    assert!(named || dropped.reason(&format!("{model}.blocks.0.diff_m")).is_some(), "diff_m is lost");
    assert_eq!(modulation.shape, [1, 6, 12]);
}

/// ComfyUI's whole weights and padded shapes are not differences.
#[test]
fn replacements_and_padding_are_listed() {
    let mut file = File::new(94);
    let product = file.kohya("diffusion_model.img_in", [14, 4, 12], None);
    file.put_as("diffusion_model.img_in.reshape_weight", "I64", &Tensor::new(&[2], vec![14.0, 12.0]));
    file.random("diffusion_model.txt_in.set_weight", &[14, 12]);
    let dropped = drop_file(&file);
    dropped.shows(&[Update::new("img_in", 1.0, NONE, product)]);
    dropped.lists("diffusion_model.img_in.reshape_weight", "shape|pad");
    dropped.lists("diffusion_model.txt_in.set_weight", "replace|base");
}

/// XLabs' processors: `1` is the image's stream, `2` the text's.
#[test]
fn xlabs() {
    let mut file = File::new(95);
    let names = [
        ("double_blocks.0.processor.qkv_lora1", "double_blocks.0.img_attn.qkv"),
        ("double_blocks.0.processor.proj_lora1", "double_blocks.0.img_attn.proj"),
        ("double_blocks.0.processor.qkv_lora2", "double_blocks.0.txt_attn.qkv"),
        ("double_blocks.0.processor.proj_lora2", "double_blocks.0.txt_attn.proj"),
        ("diffusion_model.double_blocks.1.processor.qkv_lora2", "double_blocks.1.txt_attn.qkv"),
        ("single_blocks.0.processor.qkv_lora", "single_blocks.0.linear1"),
        ("single_blocks.0.processor.proj_lora", "single_blocks.0.linear2"),
    ];
    let mut updates = Vec::new();
    for (n, (path, name)) in names.into_iter().enumerate() {
        let product = file.pair(&format!("{path}.down.weight"), &format!("{path}.up.weight"), [20 + n, 4, 12], &[]);
        updates.push(Update::new(name, 1.0, NONE, product));
    }
    drop_file(&file).shows(&updates);
}

/// BFL's control LoRA: biases and the norms' `scale`, which is a vector and no multiplier; ranks differ.
#[test]
fn control_lora_of_black_forest_labs() {
    let mut file = File::new(96);
    let attention = "double_blocks.0.img_attn";
    let qkv = file.peft(&format!("{attention}.qkv"), [36, 4, 12]);
    let wide = file.peft("img_in", [12, 6, 6]);
    let last = file.peft("final_layer.linear", [8, 2, 12]);
    let strays = ["img_attn.qkv.lora_B.bias", "img_attn.norm.key_norm.scale", "img_attn.norm.query_norm.scale"];
    for stray in strays {
        file.random(&format!("double_blocks.0.{stray}"), &[36]);
    }
    let dropped = drop_file(&file);
    dropped.shows(&[
        Update::new(&format!("{attention}.qkv"), 1.0, "1: no|assumed 1:", qkv),
        Update::new("img_in", 1.0, "1: no|assumed 1:", wide),
        Update::new("final_layer.linear", 1.0, "1: no|assumed 1:", last),
    ]);
    for stray in strays {
        dropped.lists(&format!("double_blocks.0.{stray}"), "bias|norm|full|whole");
    }
}

/// Mochi's factors are bare parameters.
#[test]
fn bare_factors() {
    let mut file = File::new(97);
    let product = file.pair("blocks.0.attn.qkv_x.lora_A", "blocks.0.attn.qkv_x.lora_B", [36, 4, 12], &[]);
    drop_file(&file).shows(&[Update::new("blocks.0.attn.qkv_x", 1.0, "1: no|assumed 1:", product)]);
}

/// StabilityAI's Control-LoRA: bare `up` and `down` in a file with the key `lora_controlnet`.
#[test]
fn control_lora_of_stability() {
    let mut file = File::new(98);
    file.random("lora_controlnet", &[0]);
    let conv = file.pair("input_blocks.1.0.in_layers.2.down", "input_blocks.1.0.in_layers.2.up", [16, 4, 8], &[3, 3]);
    let linear = file.pair("time_embed.0.down", "time_embed.0.up", [14, 4, 12], &[]);
    file.random("input_blocks.1.0.in_layers.0.weight", &[8]);
    file.random("zero_convs.0.0.weight", &[8, 8, 1, 1]);
    let dropped = drop_file(&file);
    dropped.shows(&[
        Update::new("input_blocks.1.0.in_layers.2", 1.0, "1", conv),
        Update::new("time_embed.0", 1.0, "1", linear),
    ]);
    dropped.lists("input_blocks.1.0.in_layers.0.weight", "full|whole|weight");
    dropped.lists("zero_convs.0.0.weight", "full|whole|weight");
}

/// cloneofsimo's files know their modules by an index only; the scale is 1.
#[test]
fn safeloras() {
    let mut file = File::new(99);
    let linear = file.pair("unet:0:down", "unet:0:up", [32, 4, 12], &[]);
    let conv = file.pair("unet:1:down", "unet:1:up", [16, 4, 8], &[3, 3]);
    let text = file.pair("text_encoder:3:down", "text_encoder:3:up", [14, 4, 12], &[]);
    file.metadata("unet", &serde_json::json!(["CrossAttention", "Attention"]));
    file.metadata("unet:0:rank", &serde_json::json!("4"));
    drop_file(&file).shows(&[
        Update::new("unet*0", 1.0, "1", linear),
        Update::new("unet*1", 1.0, "1", conv),
        Update::new("text_encoder*3", 1.0, "1", text),
    ]);
}

/// LoKr under BFL's names, as ai-toolkit writes it, in its new and its old form.
#[test]
fn lokr_under_native_names() {
    for path in ["diffusion_model.double_blocks.0.img_attn.qkv", "lycoris_double_blocks_0_img_attn_qkv"] {
        let mut file = File::new(100);
        let w1 = file.random(&format!("{path}.lokr_w1"), &[4, 3]).matrix();
        let w2 = file.random(&format!("{path}.lokr_w2"), &[6, 4]).matrix();
        file.scalar(&format!("{path}.alpha"), 1e10);
        let name = path.trim_start_matches("diffusion_model.");
        drop_file(&file).shows(&[Update::new(name, 1.0, "1: by definition", kron(&w1, &w2, 1))]);
    }
}

/// OneTrainer's diffusers form: DoRA's magnitude with `.weight`, and embeddings that were trained along.
#[test]
fn one_trainer() {
    let mut file = File::new(101);
    let path = "transformer.transformer_blocks.0.attn.to_q";
    let product: DMatrix<f64> = file.peft(path, [14, 4, 12]);
    file.random(&format!("{path}.lora_magnitude_vector.weight"), &[14]);
    file.random("bundle_emb.token.clip_l", &[2, 12]);
    let dropped = drop_file(&file);
    dropped.shows(&[Update::new("transformer_blocks.0.attn.to_q", 1.0, NONE, product)]);
    dropped.lists("bundle_emb.token.clip_l", "embedding");
}
