//! Files of sd-scripts and musubi-tuner.

use serde_json::json;

use crate::dialect::{File, Tensor};
use crate::dialects::maths::{block_diagonal, tucker};
use crate::dropped::{Update, drop_file};

const STORED: &str = "alpha tensor";
const NONE: &str = "1: no alpha stored";
const CONV: &str = "lora_unet_down_blocks_0_resnets_0_conv1";
const LINEAR: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";

/// Linear layers under the flat names of every model.
#[test]
fn linear_layers_of_every_model() {
    let names = [
        LINEAR,
        "lora_unet_mid_block_attentions_0_proj_in",
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q",
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
        "lora_te1_text_model_encoder_layers_0_mlp_fc1",
        "lora_te2_text_projection",
        "lora_te3_encoder_block_0_layer_0_SelfAttention_q",
        "lora_unet_double_blocks_0_img_attn_qkv",
        "lora_unet_single_blocks_0_linear1",
        "lora_unet_joint_blocks_0_x_block_attn_qkv",
        "lora_unet_layers_0_attention_qkv",
        "lora_unet_blocks_0_cross_attn_k_img",
        "lora_unet_transformer_blocks_0_attn_add_k_proj",
        "lora_unet_single_transformer_blocks_0_proj_mlp",
        "lora_prior_unet_down_blocks_0_0_attention_to_q",
        "lora_prior_te_text_model_encoder_layers_0_mlp_fc1",
        "lora_transformer_single_transformer_blocks_0_attn_to_k",
    ];
    let mut file = File::new(40);
    let mut updates = Vec::new();
    for (n, name) in names.into_iter().enumerate() {
        let product = file.kohya(name, [14 + n, 4, 12], Some(2.0));
        updates.push(Update::new(name, 0.5, STORED, product));
    }
    let dropped = drop_file(&file);
    dropped.shows(&updates);
    for module in &dropped.adapter().modules {
        assert!(names.contains(&module.name.as_str()), "{} is not the flat key", module.name);
    }
}

/// 3×3, 1×1, and LyCORIS's DyLoRA with an up factor of two dimensions beside a down one of four.
#[test]
fn convolutions() {
    let mut file = File::new(41);
    let [down, up] = ["down", "up"].map(|part| move |name: &str| format!("{name}.lora_{part}.weight"));
    let names = [CONV, "lora_unet_mid_block_attentions_0_proj_in", "lora_unet_conv_out"];
    let wide = file.pair(&down(names[0]), &up(names[0]), [16, 4, 8], &[3, 3]);
    let narrow = file.pair(&down(names[1]), &up(names[1]), [16, 4, 8], &[1, 1]);
    let a = file.random(&down(names[2]), &[4, 8, 3, 3]).matrix();
    let b = file.random(&up(names[2]), &[16, 4]).matrix();
    for name in names {
        file.scalar(&format!("{name}.alpha"), 1.0);
    }
    let updates = [(names[0], wide), (names[1], narrow), (names[2], b * a)];
    drop_file(&file).shows(&updates.map(|(name, product)| Update::new(name, 0.25, STORED, product)));
}

#[test]
fn a_tucker_core() {
    let mut file = File::new(42);
    let up = file.random(&format!("{CONV}.lora_up.weight"), &[16, 4, 1, 1]).matrix();
    let down = file.random(&format!("{CONV}.lora_down.weight"), &[4, 8, 1, 1]).matrix();
    let core = file.random(&format!("{CONV}.lora_mid.weight"), &[4, 4, 3, 3]);
    file.scalar(&format!("{CONV}.alpha"), 2.0);
    drop_file(&file).shows(&[Update::new(CONV, 0.5, STORED, tucker(&up, &core, &down))]);
}

/// alpha in every dtype, and with one dimension.
#[test]
fn alpha_of_every_dtype() {
    for (dtype, shape) in [("F32", &[][..]), ("F16", &[]), ("BF16", &[]), ("I64", &[]), ("F64", &[]), ("F32", &[1])] {
        let mut file = File::new(43);
        let product = file.kohya(LINEAR, [14, 4, 12], None);
        file.put_as(&format!("{LINEAR}.alpha"), dtype, &Tensor::new(shape, vec![6.0]));
        let dropped = drop_file(&file);
        dropped.shows(&[Update::new(LINEAR, 1.5, STORED, product)]);
        dropped.is_quiet();
    }
}

/// Weights in half precision.
#[test]
fn factors_of_every_dtype() {
    for dtype in ["F16", "BF16", "F64"] {
        let mut file = File::new(44);
        let (a, b) = (file.draw(&[4, 12]), file.draw(&[14, 4]));
        file.put_as(&format!("{LINEAR}.lora_down.weight"), dtype, &a);
        file.put_as(&format!("{LINEAR}.lora_up.weight"), dtype, &b);
        file.put_as(&format!("{LINEAR}.alpha"), dtype, &Tensor::scalar(2.0));
        drop_file(&file).shows(&[Update::new(LINEAR, 0.5, STORED, b.matrix() * a.matrix())]);
    }
}

/// Without alpha the scale is 1, for those modules that lack it.
#[test]
fn a_missing_alpha_means_the_rank() {
    let mut file = File::new(45);
    let other = "lora_te_text_model_encoder_layers_0_mlp_fc1";
    let without = file.kohya(LINEAR, [14, 4, 12], None);
    let with = file.kohya(other, [14, 4, 12], Some(8.0));
    drop_file(&file).shows(&[Update::new(LINEAR, 1.0, NONE, without), Update::new(other, 2.0, STORED, with)]);
}

/// alpha 0 means the rank to trainers and no effect to programs that apply the file: this is said.
#[test]
fn alpha_zero_is_told() {
    let mut file = File::new(46);
    let product = file.kohya(LINEAR, [14, 4, 12], Some(0.0));
    let dropped = drop_file(&file);
    dropped.shows(&[Update::new(LINEAR, 1.0, "1|alpha tensor", product)]);
    dropped.warns("ComfyUI");
}

/// The file's numbers count, not what its metadata remembers.
#[test]
fn stale_metadata_does_not_change_the_scale() {
    let mut file = File::new(47);
    let product = file.kohya(LINEAR, [14, 4, 12], Some(2.0));
    file.metadata("ss_network_module", &json!("networks.lora"));
    file.metadata("ss_network_dim", &json!("None"));
    file.metadata("ss_network_alpha", &json!("16.0"));
    let dropped = drop_file(&file);
    dropped.shows(&[Update::new(LINEAR, 0.5, STORED, product)]);
    dropped.warns("ss_network_alpha|metadata");
}

/// A stored `.scale` multiplies directly and overrides alpha.
#[test]
fn a_stored_scale_overrides_alpha() {
    let mut file = File::new(48);
    let product = file.kohya(LINEAR, [14, 4, 12], Some(2.0));
    file.scalar(&format!("{LINEAR}.scale"), 0.75);
    drop_file(&file).shows(&[Update::new(LINEAR, 0.75, "scale tensor", product)]);
}

/// Joint projections trained in parts: A's parts stacked, B block-diagonal, and alpha that of one part.
#[test]
fn split_projections_stored_together() {
    let name = "lora_unet_double_blocks_0_img_attn_qkv";
    let mut file = File::new(49);
    let a = file.random(&format!("{name}.lora_down.weight"), &[12, 16]).matrix();
    let parts = [0; 3].map(|_| file.draw(&[10, 4]).matrix());
    let b = block_diagonal(&parts);
    file.put(&format!("{name}.lora_up.weight"), &Tensor::of(&b));
    file.scalar(&format!("{name}.alpha"), 4.0);
    drop_file(&file).shows(&[Update::new(name, 4.0 / 12.0, STORED, b * a)]);
}

/// One half of a pair is reported, and so is what lies beside a pair without use.
#[test]
fn orphans_and_strays_are_listed() {
    let cases: [(&str, &[usize], &str); 7] = [
        ("lora_te_x.lora_down.weight", &[4, 12], "lora_up|lora_B"),
        ("lora_te_x.lora_up.weight", &[14, 4], "lora_down|lora_A"),
        ("lora_te_x.alpha", &[], ""),
        ("lora_te_x.bias_indices", &[2, 3], ""),
        ("lora_te_x.bias_values", &[3], ""),
        ("lora_te_x.bias_size", &[2], ""),
        ("lora_te_x.lora_down.bias", &[4], "bias"),
    ];
    for (key, shape, words) in cases {
        let mut file = File::new(50);
        let product = file.kohya(LINEAR, [14, 4, 12], Some(2.0));
        file.random(key, shape);
        let dropped = drop_file(&file);
        dropped.shows(&[Update::new(LINEAR, 0.5, STORED, product)]);
        dropped.lists(key, words);
    }
}
