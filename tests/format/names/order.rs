//! Stacks of one adapter, and the order of the forward pass.

use lorascope_format::adapter::names::{Pattern, Place, forward_order, pattern, place, settle_stacks};

fn in_order(paths: &[&'static str]) -> Vec<(&'static str, String)> {
    let mut places: Vec<Place> = paths.iter().map(|path| place(path)).collect();
    settle_stacks(&mut places);
    let mut placed: Vec<(Place, &str)> = places.into_iter().zip(paths.iter().copied()).collect();
    placed.sort_by(|(p, a), (q, b)| forward_order((p, a), (q, b)));
    placed.into_iter().map(|(place, path)| (path, place.stack)).collect()
}

/// Any order of the paths comes out as they are given.
fn stays(paths: &[&'static str]) -> Vec<String> {
    let mut turned = paths.to_vec();
    turned.reverse();
    turned.rotate_left(paths.len() / 3);
    let sorted = in_order(&turned);
    assert_eq!(sorted.iter().map(|(path, _)| *path).collect::<Vec<_>>(), paths);
    sorted.into_iter().map(|(_, stack)| stack).collect()
}

#[test]
fn a_u_net_with_its_text_encoders() {
    let stacks = stays(&[
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj",
        "lora_te1_text_model_encoder_layers_11_mlp_fc2",
        "lora_te2_text_model_encoder_layers_0_self_attn_q_proj",
        "lora_te2_text_projection",
        "lora_unet_time_embedding_linear_1",
        "lora_unet_conv_in",
        "lora_unet_down_blocks_0_resnets_0_conv1",
        "lora_unet_down_blocks_0_downsamplers_0_conv",
        "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q",
        "lora_unet_down_blocks_1_attentions_0_transformer_blocks_1_attn1_to_q",
        "lora_unet_down_blocks_1_attentions_0_transformer_blocks_10_attn1_to_q",
        "lora_unet_mid_block_attentions_0_proj_in",
        "lora_unet_mid_block_resnets_1_conv1",
        "lora_unet_up_blocks_0_resnets_2_conv1",
        "lora_unet_up_blocks_2_resnets_0_conv1",
        "lora_unet_conv_out",
    ]);
    let runs: Vec<&str> = stacks.iter().map(String::as_str).collect();
    assert_eq!(runs[..4], ["text_encoder", "text_encoder", "text_encoder_2", "text_encoder_2"]);
    assert_eq!(runs[4..6], ["", ""]);
    assert_eq!(runs[6..15], ["down", "down", "down", "down", "down", "mid", "mid", "up", "up"]);
}

#[test]
fn transformers_run_double_before_single() {
    let stacks = stays(&[
        "text_encoder.text_model.encoder.layers.3.mlp.fc1",
        "transformer.x_embedder",
        "transformer.transformer_blocks.18.attn.to_q",
        "transformer.single_transformer_blocks.0.attn.to_q",
        "transformer.single_transformer_blocks.10.attn.to_q",
        "transformer.proj_out",
    ]);
    assert_eq!(stacks, ["text_encoder", "", "double", "single", "single", ""]);
    let stacks = stays(&["context_refiner.0.attention.qkv", "noise_refiner.0.attention.qkv", "layers.0.attention.qkv"]);
    assert_eq!(stacks, ["context_refiner", "noise_refiner", "transformer"]);
    let stacks = stays(&["transformer.blocks.3.attn1.to_q", "transformer_2.blocks.3.attn1.to_q"]);
    assert_eq!(stacks, ["transformer", "transformer_2"]);
    let stacks = stays(&["lora_te_layers_0_mlp_up_proj", "lora_unet_blocks_0_mlp_layer1"]);
    assert_eq!(stacks, ["text_encoder", "transformer"]);
}

#[test]
fn language_models_and_their_senses() {
    let stacks = stays(&[
        "model.visual.blocks.0.attn.qkv",
        "model.embed_tokens",
        "model.layers.0.self_attn.q_proj",
        "model.layers.2.mlp.up_proj",
        "model.layers.10.self_attn.q_proj",
        "model.norm",
        "lm_head",
    ]);
    assert_eq!(stacks, ["visual", "", "", "", "", "", ""]);
    stays(&["shared", "encoder.block.0.layer.0.SelfAttention.q", "decoder.block.0.layer.0.SelfAttention.q", "lm_head"]);
    let levels = stays(&[
        "prior.down_blocks.0.7.channelwise.0",
        "prior.down_blocks.1.0.channelwise.0",
        "prior.up_blocks.0.0.channelwise.0",
    ]);
    assert_eq!(levels, ["down0", "down1", "up0"]);
}

#[test]
fn patterns_leave_the_layer_s_numbers_out() {
    let of = |path: &str| pattern(path).map(|Pattern { path, inside, block, .. }| (path, inside, block));
    for (path, starred, inside, block) in [
        ("model.layers.21.self_attn.q_proj", "model.layers.*.self_attn.q_proj", "self_attn.q_proj", None),
        ("İ.Layers.3.Q", "İ.Layers.*.Q", "Q", None),
        ("layers.3", "layers.*", "", None),
        (
            "encoder.block.2.layer.0.SelfAttention.k",
            "encoder.block.*.layer.0.SelfAttention.k",
            "layer.0.SelfAttention.k",
            None,
        ),
        (
            "lora_unet_down_blocks_2_attentions_1_transformer_blocks_7_attn1_to_q",
            "unet.down_blocks.*.attentions.*.transformer_blocks.*.attn1.to_q",
            "attentions.*.transformer_blocks.*.attn1.to_q",
            Some(7),
        ),
        (
            "lora_unet_mid_block_attentions_0_transformer_blocks_7_attn1_to_q",
            "unet.mid_block.attentions.*.transformer_blocks.*.attn1.to_q",
            "attentions.*.transformer_blocks.*.attn1.to_q",
            Some(7),
        ),
        (
            "input_blocks.4.1.transformer_blocks.1.attn2.to_k",
            "input_blocks.*.*.transformer_blocks.*.attn2.to_k",
            "transformer_blocks.*.attn2.to_k",
            Some(1),
        ),
    ] {
        assert_eq!(of(path), Some((starred.to_owned(), inside.to_owned(), block)), "{path}");
    }
    assert_eq!(of("lm_head"), None);
    assert_eq!(of("unet.conv_in"), None);
    assert_eq!(of("input_blocks.0.0"), None);
}
