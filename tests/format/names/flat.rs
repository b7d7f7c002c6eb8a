//! Flat names and their dotted paths, in both directions.

use lorascope_format::adapter::flat::dotted;

/// (flat name, prefix, component, dotted rest): names that trainers write, by the modules' names in the models.
const FLAT: &[(&str, &str, &str, &str)] = &[
    // SD 1.x by diffusers' names.
    (
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
        "lora_unet_",
        "unet.",
        "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
    ),
    (
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_out_0",
        "lora_unet_",
        "unet.",
        "mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0",
    ),
    (
        "lora_unet_up_blocks_1_attentions_2_transformer_blocks_0_ff_net_0_proj",
        "lora_unet_",
        "unet.",
        "up_blocks.1.attentions.2.transformer_blocks.0.ff.net.0.proj",
    ),
    ("lora_unet_mid_block_attentions_0_proj_in", "lora_unet_", "unet.", "mid_block.attentions.0.proj_in"),
    ("lora_unet_down_blocks_0_resnets_0_conv1", "lora_unet_", "unet.", "down_blocks.0.resnets.0.conv1"),
    ("lora_unet_down_blocks_0_resnets_0_time_emb_proj", "lora_unet_", "unet.", "down_blocks.0.resnets.0.time_emb_proj"),
    ("lora_unet_down_blocks_1_resnets_0_conv_shortcut", "lora_unet_", "unet.", "down_blocks.1.resnets.0.conv_shortcut"),
    ("lora_unet_down_blocks_0_downsamplers_0_conv", "lora_unet_", "unet.", "down_blocks.0.downsamplers.0.conv"),
    ("lora_unet_time_embedding_linear_1", "lora_unet_", "unet.", "time_embedding.linear_1"),
    ("lora_unet_conv_in", "lora_unet_", "unet.", "conv_in"),
    // SDXL by the original names.
    (
        "lora_unet_input_blocks_4_1_transformer_blocks_1_ff_net_0_proj",
        "lora_unet_",
        "unet.",
        "input_blocks.4.1.transformer_blocks.1.ff.net.0.proj",
    ),
    (
        "lora_unet_middle_block_1_transformer_blocks_9_ff_net_2",
        "lora_unet_",
        "unet.",
        "middle_block.1.transformer_blocks.9.ff.net.2",
    ),
    ("lora_unet_output_blocks_3_1_proj_out", "lora_unet_", "unet.", "output_blocks.3.1.proj_out"),
    ("lora_unet_input_blocks_1_0_in_layers_2", "lora_unet_", "unet.", "input_blocks.1.0.in_layers.2"),
    ("lora_unet_input_blocks_1_0_emb_layers_1", "lora_unet_", "unet.", "input_blocks.1.0.emb_layers.1"),
    ("lora_unet_output_blocks_0_0_skip_connection", "lora_unet_", "unet.", "output_blocks.0.0.skip_connection"),
    ("lora_unet_input_blocks_3_0_op", "lora_unet_", "unet.", "input_blocks.3.0.op"),
    ("lora_unet_time_embed_0", "lora_unet_", "unet.", "time_embed.0"),
    ("lora_unet_label_emb_0_2", "lora_unet_", "unet.", "label_emb.0.2"),
    // Text encoders.
    (
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
        "lora_te_",
        "text_encoder.",
        "text_model.encoder.layers.0.self_attn.q_proj",
    ),
    (
        "lora_te1_text_model_encoder_layers_6_mlp_fc2",
        "lora_te1_",
        "text_encoder.",
        "text_model.encoder.layers.6.mlp.fc2",
    ),
    (
        "lora_te2_text_model_encoder_layers_31_self_attn_out_proj",
        "lora_te2_",
        "text_encoder_2.",
        "text_model.encoder.layers.31.self_attn.out_proj",
    ),
    ("lora_te2_text_projection", "lora_te2_", "text_encoder_2.", "text_projection"),
    (
        "lora_te3_encoder_block_3_layer_1_DenseReluDense_wi_0",
        "lora_te3_",
        "text_encoder_3.",
        "encoder.block.3.layer.1.DenseReluDense.wi_0",
    ),
    (
        "lora_te2_encoder_block_0_layer_0_SelfAttention_q",
        "lora_te2_",
        "text_encoder_2.",
        "encoder.block.0.layer.0.SelfAttention.q",
    ),
    ("lora_te_layers_0_self_attn_q_proj", "lora_te_", "text_encoder.", "layers.0.self_attn.q_proj"),
    // Diffusion transformers.
    ("lora_unet_double_blocks_0_img_attn_qkv", "lora_unet_", "unet.", "double_blocks.0.img_attn.qkv"),
    ("lora_unet_double_blocks_0_txt_mlp_2", "lora_unet_", "unet.", "double_blocks.0.txt_mlp.2"),
    ("lora_unet_double_blocks_0_img_mod_lin", "lora_unet_", "unet.", "double_blocks.0.img_mod.lin"),
    ("lora_unet_single_blocks_0_modulation_lin", "lora_unet_", "unet.", "single_blocks.0.modulation.lin"),
    ("lora_unet_single_blocks_37_linear1", "lora_unet_", "unet.", "single_blocks.37.linear1"),
    ("lora_unet_time_in_in_layer", "lora_unet_", "unet.", "time_in.in_layer"),
    ("lora_unet_vector_in_out_layer", "lora_unet_", "unet.", "vector_in.out_layer"),
    ("lora_unet_final_layer_linear", "lora_unet_", "unet.", "final_layer.linear"),
    ("lora_unet_final_layer_adaLN_modulation_1", "lora_unet_", "unet.", "final_layer.adaLN_modulation.1"),
    (
        "lora_unet_joint_blocks_0_context_block_attn_proj",
        "lora_unet_",
        "unet.",
        "joint_blocks.0.context_block.attn.proj",
    ),
    (
        "lora_unet_joint_blocks_0_x_block_adaLN_modulation_1",
        "lora_unet_",
        "unet.",
        "joint_blocks.0.x_block.adaLN_modulation.1",
    ),
    ("lora_unet_noise_refiner_0_attention_qkv", "lora_unet_", "unet.", "noise_refiner.0.attention.qkv"),
    ("lora_unet_context_refiner_1_feed_forward_w2", "lora_unet_", "unet.", "context_refiner.1.feed_forward.w2"),
    ("lora_unet_blocks_0_self_attn_q", "lora_unet_", "unet.", "blocks.0.self_attn.q"),
    ("lora_unet_blocks_0_cross_attn_k_img", "lora_unet_", "unet.", "blocks.0.cross_attn.k_img"),
    ("lora_unet_blocks_0_ffn_2", "lora_unet_", "unet.", "blocks.0.ffn.2"),
    ("lora_unet_transformer_blocks_0_attn_add_k_proj", "lora_unet_", "unet.", "transformer_blocks.0.attn.add_k_proj"),
    (
        "lora_unet_transformer_blocks_0_img_mlp_net_0_proj",
        "lora_unet_",
        "unet.",
        "transformer_blocks.0.img_mlp.net.0.proj",
    ),
    ("lora_unet_transformer_blocks_0_img_mod_1", "lora_unet_", "unet.", "transformer_blocks.0.img_mod.1"),
    ("lora_unet_layers_0_attention_to_q", "lora_unet_", "unet.", "layers.0.attention.to_q"),
    ("lora_unet_single_transformer_blocks_0_proj_mlp", "lora_unet_", "unet.", "single_transformer_blocks.0.proj_mlp"),
    ("lora_unet_blocks_0_cross_attn_output_proj", "lora_unet_", "unet.", "blocks.0.cross_attn.output_proj"),
    ("lora_unet_blocks_0_adaln_modulation_self_attn_1", "lora_unet_", "unet.", "blocks.0.adaln_modulation_self_attn.1"),
    // Other prefixes.
    (
        "lora_prior_unet_down_blocks_0_2_attention_attn_out_proj",
        "lora_prior_unet_",
        "prior.",
        "down_blocks.0.2.attention.attn.out_proj",
    ),
    (
        "lora_prior_te_text_model_encoder_layers_0_mlp_fc1",
        "lora_prior_te_",
        "prior_text_encoder.",
        "text_model.encoder.layers.0.mlp.fc1",
    ),
    (
        "lora_transformer_single_transformer_blocks_0_attn_to_k",
        "lora_transformer_",
        "transformer.",
        "single_transformer_blocks.0.attn.to_k",
    ),
    (
        "lora_transformer_transformer_blocks_3_norm1_context_linear",
        "lora_transformer_",
        "transformer.",
        "transformer_blocks.3.norm1_context.linear",
    ),
    ("lycoris_transformer_blocks_0_attn_to_q", "lycoris_", "", "transformer_blocks.0.attn.to_q"),
    ("lycoris_c3", "lycoris_", "", "c3"),
    // A prefix that nobody knows, before blocks that everybody does.
    ("mine_transformer_blocks_0_attn_to_q", "", "", "mine.transformer_blocks.0.attn.to_q"),
];

#[test]
fn flat_names_become_paths_and_back() {
    for &(flat, prefix, component, rest) in FLAT {
        assert_eq!(dotted(flat), format!("{component}{rest}"), "{flat}");
        assert_eq!(format!("{prefix}{}", rest.replace('.', "_")), flat);
    }
}

#[test]
fn what_is_no_flat_name_stays() {
    for path in [
        "model.layers.0.self_attn.q_proj",
        "transformer.h.0.attn.c_attn",
        "lm_head",
        "embed_tokens",
        "text_projection",
        "lin_1",
        "lora_unet_",
        "lora_unet_x_y.weight",
        "lycoris_",
        "_",
        "",
        "層_1",
    ] {
        assert_eq!(dotted(path), path);
    }
}

proptest::proptest! {
    #[test]
    fn any_flat_name_is_given_back(name in "[a-z0-9_é]{0,5}(_?(to_q|layers|down_blocks|_|blocks_3|mid_block)){0,4}_?[A-Za-z0-9_]{0,8}") {
        let path = dotted(&format!("lora_te2_{name}"));
        if let Some(rest) = path.strip_prefix("text_encoder_2.") {
            proptest::prop_assert_eq!(rest.replace('.', "_"), name.as_str());
        } else {
            proptest::prop_assert!(name.is_empty());
        }
        let place = lorascope_format::adapter::names::place(&format!("lora_unet_{name}"));
        proptest::prop_assert!(!place.role.is_empty());
        lorascope_format::adapter::names::pattern(&name);
    }
}
