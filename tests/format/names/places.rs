//! Layer, stack and role of the modules of every architecture, by the models' published names.

use lorascope_format::adapter::flat::dotted;
use lorascope_format::adapter::names::{place, renumbered};

type Row = (&'static str, Option<u32>, &'static str, &'static str);

fn check(rows: &[Row]) {
    for &(path, layer, stack, role) in rows {
        let found = place(path);
        assert_eq!((found.layer, found.stack.as_str(), found.role.as_str()), (layer, stack, role), "{path}");
    }
}

#[test]
fn decoders() {
    check(&[
        // Llama, Mistral, Qwen2, Qwen3, Gemma.
        ("model.layers.31.self_attn.q_proj", Some(31), "", "q"),
        ("model.layers.31.self_attn.k_proj", Some(31), "", "k"),
        ("model.layers.31.self_attn.v_proj", Some(31), "", "v"),
        ("model.layers.31.self_attn.o_proj", Some(31), "", "o"),
        ("model.layers.31.self_attn.q_norm", Some(31), "", "norm"),
        ("model.layers.31.mlp.gate_proj", Some(31), "", "gate"),
        ("model.layers.31.mlp.up_proj", Some(31), "", "up"),
        ("model.layers.31.mlp.down_proj", Some(31), "", "down"),
        ("model.layers.31.pre_feedforward_layernorm", Some(31), "", "norm"),
        ("model.norm", None, "", "norm"),
        ("lm_head", None, "", "head"),
        ("score", None, "", "head"),
        ("model.embed_tokens", None, "", "embed"),
        // Phi, Phi-3.
        ("model.layers.0.self_attn.dense", Some(0), "", "o"),
        ("model.layers.0.mlp.fc1", Some(0), "", "up"),
        ("model.layers.0.mlp.fc2", Some(0), "", "down"),
        ("model.layers.0.self_attn.qkv_proj", Some(0), "", "qkv"),
        ("model.layers.0.mlp.gate_up_proj", Some(0), "", "gate_up"),
        // GPT-2: its own path begins with a word that names a component elsewhere.
        ("transformer.h.0.attn.c_attn", Some(0), "", "qkv"),
        ("transformer.h.0.attn.c_proj", Some(0), "", "o"),
        ("transformer.h.0.mlp.c_fc", Some(0), "", "up"),
        ("transformer.h.0.mlp.c_proj", Some(0), "", "down"),
        ("transformer.h.0.ln_1", Some(0), "", "norm"),
        ("transformer.wte", None, "", "embed"),
        ("transformer.wpe", None, "", "embed"),
        // GPT-J, GPT-NeoX, Bloom, Falcon, MPT, OPT.
        ("transformer.h.5.attn.out_proj", Some(5), "", "o"),
        ("transformer.h.5.mlp.fc_in", Some(5), "", "up"),
        ("transformer.h.5.mlp.fc_out", Some(5), "", "down"),
        ("gpt_neox.layers.5.attention.query_key_value", Some(5), "", "qkv"),
        ("gpt_neox.layers.5.attention.dense", Some(5), "", "o"),
        ("gpt_neox.layers.5.mlp.dense_4h_to_h", Some(5), "", "down"),
        ("gpt_neox.embed_in", None, "", "embed"),
        ("embed_out", None, "", "head"),
        ("transformer.h.5.self_attention.query_key_value", Some(5), "", "qkv"),
        ("transformer.h.5.self_attention.dense", Some(5), "", "o"),
        ("transformer.word_embeddings", None, "", "embed"),
        ("transformer.blocks.5.attn.Wqkv", Some(5), "", "qkv"),
        ("transformer.blocks.5.ffn.up_proj", Some(5), "", "up"),
        ("transformer.blocks.5.norm_1", Some(5), "", "norm"),
        ("model.decoder.layers.5.self_attn.out_proj", Some(5), "decoder", "o"),
        ("model.decoder.layers.5.fc1", Some(5), "decoder", "up"),
        ("model.decoder.embed_positions", None, "decoder", "embed"),
        // Mixtures.
        ("model.layers.2.block_sparse_moe.experts.7.w1", Some(2), "", "gate"),
        ("model.layers.2.block_sparse_moe.experts.7.w3", Some(2), "", "up"),
        ("model.layers.2.block_sparse_moe.experts.7.w2", Some(2), "", "down"),
        ("model.layers.2.block_sparse_moe.gate", Some(2), "", "router"),
        ("model.layers.2.mlp.gate", Some(2), "", "router"),
        ("model.layers.2.mlp.experts.7.up_proj", Some(2), "", "up"),
        ("model.layers.2.mlp.shared_experts.down_proj", Some(2), "", "down"),
        ("model.layers.2.mlp.router", Some(2), "", "router"),
        ("model.layers.2.self_attn.q_a_proj", Some(2), "", "q"),
        ("model.layers.2.self_attn.q_b_proj", Some(2), "", "q"),
        ("model.layers.2.self_attn.kv_a_proj_with_mqa", Some(2), "", "k"),
        ("model.layers.2.self_attn.kv_b_proj", Some(2), "", "qkv"),
        // Mamba's projections are no attention.
        ("backbone.layers.2.mixer.in_proj", Some(2), "", "other"),
        ("backbone.layers.2.mixer.x_proj", Some(2), "", "other"),
        ("backbone.layers.2.mixer.conv1d", Some(2), "", "conv"),
        ("backbone.norm_f", None, "", "norm"),
    ]);
}

#[test]
fn encoders_and_towers() {
    check(&[
        ("bert.encoder.layer.4.attention.self.query", Some(4), "encoder", "q"),
        ("bert.encoder.layer.4.attention.output.dense", Some(4), "encoder", "o"),
        ("bert.encoder.layer.4.attention.output.LayerNorm", Some(4), "encoder", "norm"),
        ("bert.encoder.layer.4.intermediate.dense", Some(4), "encoder", "up"),
        ("bert.encoder.layer.4.output.dense", Some(4), "encoder", "down"),
        ("bert.embeddings.word_embeddings", None, "", "embed"),
        ("bert.embeddings.token_type_embeddings", None, "", "embed"),
        ("classifier", None, "", "head"),
        ("classifier.out_proj", None, "", "head"),
        ("lm_head.dense", None, "", "head"),
        ("transformer.layer.4.attention.q_lin", Some(4), "", "q"),
        ("transformer.layer.4.attention.out_lin", Some(4), "", "o"),
        ("transformer.layer.4.ffn.lin1", Some(4), "", "up"),
        ("transformer.layer.4.ffn.lin2", Some(4), "", "down"),
        ("vit.encoder.layer.4.attention.attention.query", Some(4), "encoder", "q"),
        ("vit.embeddings.patch_embeddings.projection", None, "", "embed"),
        ("text_model.encoder.layers.4.self_attn.out_proj", Some(4), "text_model", "o"),
        ("vision_model.encoder.layers.4.mlp.fc2", Some(4), "vision_model", "down"),
        ("vision_model.embeddings.patch_embedding", None, "vision_model", "embed"),
        ("encoder.block.4.layer.0.SelfAttention.q", Some(4), "encoder", "q"),
        ("encoder.block.4.layer.1.DenseReluDense.wi", Some(4), "encoder", "up"),
        ("encoder.block.4.layer.1.DenseReluDense.wi_0", Some(4), "encoder", "gate"),
        ("encoder.block.4.layer.1.DenseReluDense.wo", Some(4), "encoder", "down"),
        ("decoder.block.4.layer.1.EncDecAttention.o", Some(4), "decoder", "cross_o"),
        ("shared", None, "", "embed"),
        ("model.encoder.layers.4.self_attn.k_proj", Some(4), "encoder", "k"),
        ("model.decoder.layers.4.encoder_attn.k_proj", Some(4), "decoder", "cross_k"),
        ("model.encoder.conv1", None, "encoder", "conv"),
        ("visual.blocks.4.attn.qkv", Some(4), "visual", "qkv"),
        ("visual.blocks.4.attn.proj", Some(4), "visual", "o"),
        ("visual.blocks.4.mlp.fc1", Some(4), "visual", "up"),
        ("visual.patch_embed.proj", None, "visual", "embed"),
        ("model.language_model.layers.4.mlp.up_proj", Some(4), "language_model", "up"),
        ("language_model.model.layers.4.self_attn.q_proj", Some(4), "language_model", "q"),
        ("vision_tower.encoder.layers.4.mlp.fc1", Some(4), "vision_tower", "up"),
    ]);
}

#[test]
fn other_trainers_names() {
    check(&[
        // torchtune, LitGPT.
        ("layers.0.attn.q_proj", Some(0), "", "q"),
        ("layers.0.attn.output_proj", Some(0), "", "o"),
        ("layers.0.mlp.w1", Some(0), "", "gate"),
        ("layers.0.mlp.w3", Some(0), "", "up"),
        ("layers.0.mlp.w2", Some(0), "", "down"),
        ("tok_embeddings", None, "", "embed"),
        ("output", None, "", "head"),
        ("layers.0.attention.wo", Some(0), "", "o"),
        ("layers.0.attention.wq", Some(0), "", "q"),
        ("transformer.h.0.attn.qkv", Some(0), "", "qkv"),
        ("transformer.h.0.attn.proj", Some(0), "", "o"),
        ("transformer.h.0.mlp.fc_1", Some(0), "", "gate"),
        ("transformer.h.0.mlp.fc_2", Some(0), "", "up"),
        ("transformer.h.0.mlp.proj", Some(0), "", "down"),
        // GGUF.
        ("blk.12.attn_q", Some(12), "", "q"),
        ("blk.12.attn_k", Some(12), "", "k"),
        ("blk.12.attn_v", Some(12), "", "v"),
        ("blk.12.attn_output", Some(12), "", "o"),
        ("blk.12.attn_qkv", Some(12), "", "qkv"),
        ("blk.12.attn_norm", Some(12), "", "norm"),
        ("blk.12.ffn_gate", Some(12), "", "gate"),
        ("blk.12.ffn_up", Some(12), "", "up"),
        ("blk.12.ffn_down", Some(12), "", "down"),
        ("blk.12.ffn_down_exps", Some(12), "", "down"),
        ("blk.12.ffn_gate_inp", Some(12), "", "router"),
        ("token_embd", None, "", "embed"),
        ("output_norm", None, "", "norm"),
        ("enc.blk.3.attn_q", Some(3), "encoder", "q"),
        ("dec.blk.3.cross_attn_q", Some(3), "decoder", "cross_q"),
        ("v", None, "", "v"),
        // Megatron-Bridge.
        ("decoder.layers.0.self_attention.linear_qkv", Some(0), "decoder", "qkv"),
        ("decoder.layers.0.self_attention.linear_proj", Some(0), "decoder", "o"),
        ("decoder.layers.0.mlp.linear_fc1", Some(0), "decoder", "gate_up"),
        ("decoder.layers.0.mlp.linear_fc2", Some(0), "decoder", "down"),
    ]);
}

#[test]
fn u_nets_count_pairs_of_blocks() {
    check(&[
        // The same module by diffusers' names and by the original ones.
        ("unet.down_blocks.0.resnets.0.conv1", Some(0), "down", "conv"),
        ("input_blocks.1.0.in_layers.2", Some(0), "down", "conv"),
        ("unet.down_blocks.1.attentions.1.proj_in", Some(4), "down", "proj_in"),
        ("input_blocks.5.1.proj_in", Some(4), "down", "proj_in"),
        ("unet.down_blocks.1.downsamplers.0.conv", Some(5), "down", "conv"),
        ("input_blocks.6.0.op", Some(5), "down", "conv"),
        ("unet.mid_block.resnets.0.conv2", Some(0), "mid", "conv"),
        ("middle_block.0.out_layers.3", Some(0), "mid", "conv"),
        ("unet.mid_block.attentions.0.transformer_blocks.9.ff.net.2", Some(0), "mid", "down"),
        ("middle_block.1.transformer_blocks.9.ff.net.2", Some(0), "mid", "down"),
        ("unet.mid_block.resnets.1.time_emb_proj", Some(1), "mid", "time"),
        ("middle_block.2.emb_layers.1", Some(1), "mid", "time"),
        ("unet.up_blocks.1.attentions.2.transformer_blocks.0.attn1.to_out.0", Some(5), "up", "o"),
        ("output_blocks.5.1.transformer_blocks.0.attn1.to_out.0", Some(5), "up", "o"),
        ("unet.up_blocks.0.upsamplers.0.conv", Some(2), "up", "conv"),
        ("output_blocks.2.2.conv", Some(2), "up", "conv"),
        ("unet.up_blocks.0.resnets.1.conv_shortcut", Some(1), "up", "conv"),
        ("output_blocks.1.0.skip_connection", Some(1), "up", "conv"),
        // Beside the blocks.
        ("unet.conv_in", None, "", "conv"),
        ("input_blocks.0.0", None, "", "conv"),
        ("unet.conv_out", None, "", "conv"),
        ("out.2", None, "", "conv"),
        ("unet.time_embedding.linear_1", None, "", "embed"),
        ("time_embed.0", None, "", "embed"),
        ("unet.add_embedding.linear_2", None, "", "embed"),
        ("label_emb.0.2", None, "", "embed"),
        // Inside an attention.
        ("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", Some(0), "down", "q"),
        ("down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k", Some(0), "down", "cross_k"),
        ("down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj", Some(0), "down", "up"),
        ("down_blocks.0.attentions.0.proj_out", Some(0), "down", "proj_out"),
        ("model.diffusion_model.input_blocks.4.1.transformer_blocks.1.attn2.to_v", Some(3), "down", "cross_v"),
        // Stable Cascade numbers the blocks of a level directly.
        ("prior.down_blocks.1.2.attention.attn.out_proj", Some(2), "down1", "o"),
        // Numbers beyond 32 bits.
        ("down_blocks.4294967295.resnets.0.conv1", None, "down", "conv"),
        ("down_blocks.1431655765.resnets.1.conv1", None, "down", "conv"),
        ("output_blocks.99999999999.1.proj_in", None, "up", "proj_in"),
    ]);
    for path in
        ["down_blocks.1.resnets.0.conv1", "lora_unet_input_blocks_4_1_proj_in", "mid_block.attentions.0.proj_in"]
    {
        assert_eq!(renumbered(path, 3), None, "{path}: a layer of a U-Net is no single number");
    }
}

#[test]
fn diffusion_transformers() {
    check(&[
        // Flux.1 by both kinds of names.
        ("double_blocks.11.txt_attn.qkv", Some(11), "double", "cross_qkv"),
        ("double_blocks.11.img_attn.qkv", Some(11), "double", "qkv"),
        ("double_blocks.11.img_attn.proj", Some(11), "double", "o"),
        ("double_blocks.11.img_mlp.0", Some(11), "double", "up"),
        ("double_blocks.11.txt_mlp.2", Some(11), "double", "down"),
        ("double_blocks.11.img_mod.lin", Some(11), "double", "modulation"),
        ("double_blocks.0.processor.qkv", Some(0), "double", "qkv"),
        ("single_blocks.15.linear1", Some(15), "single", "qkv_mlp"),
        ("single_blocks.15.linear2", Some(15), "single", "o_mlp"),
        ("single_blocks.15.modulation.lin", Some(15), "single", "modulation"),
        ("img_in", None, "", "embed"),
        ("time_in.in_layer", None, "", "embed"),
        ("vector_in.out_layer", None, "", "embed"),
        ("guidance_in.in_layer", None, "", "embed"),
        ("final_layer.linear", None, "", "head"),
        ("final_layer.adaLN_modulation.1", None, "", "modulation"),
        ("transformer.transformer_blocks.3.attn.to_q", Some(3), "", "q"),
        ("transformer.transformer_blocks.3.attn.to_out.0", Some(3), "", "o"),
        ("transformer.transformer_blocks.3.attn.add_v_proj", Some(3), "", "cross_v"),
        ("transformer.transformer_blocks.3.attn.to_add_out", Some(3), "", "cross_o"),
        ("transformer.transformer_blocks.3.ff.net.0.proj", Some(3), "", "up"),
        ("transformer.transformer_blocks.3.ff_context.net.2", Some(3), "", "down"),
        ("transformer.transformer_blocks.3.norm1.linear", Some(3), "", "modulation"),
        ("transformer.single_transformer_blocks.3.attn.to_k", Some(3), "single", "k"),
        ("transformer.single_transformer_blocks.3.proj_mlp", Some(3), "single", "up"),
        ("transformer.single_transformer_blocks.36.proj_out", Some(36), "single", "o_mlp"),
        ("transformer.single_transformer_blocks.3.norm.linear", Some(3), "single", "modulation"),
        ("transformer.x_embedder", None, "", "embed"),
        ("transformer.context_embedder", None, "", "embed"),
        ("transformer.time_text_embed.timestep_embedder.linear_1", None, "", "embed"),
        ("transformer.proj_out", None, "", "head"),
        // Flux.2, AuraFlow.
        ("transformer.single_transformer_blocks.3.attn.to_qkv_mlp_proj", Some(3), "single", "qkv_mlp"),
        ("transformer.single_transformer_blocks.3.attn.to_out", Some(3), "single", "o_mlp"),
        ("transformer.transformer_blocks.3.ff.linear_in", Some(3), "", "up"),
        ("transformer.transformer_blocks.3.ff.linear_out", Some(3), "", "down"),
        ("double_stream_modulation_img.lin", None, "", "modulation"),
        ("transformer.joint_transformer_blocks.3.attn.to_q", Some(3), "joint", "q"),
        // SD3.
        ("joint_blocks.9.x_block.attn.qkv", Some(9), "joint", "qkv"),
        ("joint_blocks.9.context_block.attn.proj", Some(9), "joint", "cross_o"),
        ("joint_blocks.9.x_block.mlp.fc1", Some(9), "joint", "up"),
        ("joint_blocks.9.x_block.adaLN_modulation.1", Some(9), "joint", "modulation"),
        // Wan.
        ("diffusion_model.blocks.29.self_attn.q", Some(29), "", "q"),
        ("diffusion_model.blocks.29.self_attn.o", Some(29), "", "o"),
        ("diffusion_model.blocks.29.cross_attn.k_img", Some(29), "", "cross_k"),
        ("diffusion_model.blocks.29.cross_attn.o", Some(29), "", "cross_o"),
        ("diffusion_model.blocks.29.ffn.0", Some(29), "", "up"),
        ("diffusion_model.blocks.29.ffn.2", Some(29), "", "down"),
        ("diffusion_model.head.head", None, "", "head"),
        ("diffusion_model.time_projection.1", None, "", "embed"),
        ("diffusion_model.text_embedding.0", None, "", "embed"),
        ("diffusion_model.img_emb.proj.1", None, "", "embed"),
        ("transformer_2.blocks.3.attn1.to_q", Some(3), "transformer_2", "q"),
        ("transformer.blocks.3.attn2.add_k_proj", Some(3), "", "cross_k"),
        ("transformer.blocks.3.ffn.net.0.proj", Some(3), "", "up"),
        // HunyuanVideo.
        ("double_blocks.3.img_attn_qkv", Some(3), "double", "qkv"),
        ("double_blocks.3.txt_attn_proj", Some(3), "double", "cross_o"),
        ("single_blocks.3.modulation.linear", Some(3), "single", "modulation"),
        ("txt_in.individual_token_refiner.blocks.1.self_attn_qkv", Some(1), "token_refiner", "qkv"),
        ("transformer.context_embedder.token_refiner.refiner_blocks.1.attn.to_q", Some(1), "token_refiner", "q"),
        // Qwen-Image, Z-Image, Lumina 2.
        ("transformer_blocks.0.img_mlp.net.0.proj", Some(0), "", "up"),
        ("transformer_blocks.0.txt_mlp.net.2", Some(0), "", "down"),
        ("transformer_blocks.0.img_mod.1", Some(0), "", "modulation"),
        ("layers.7.attention.qkv", Some(7), "", "qkv"),
        ("layers.7.attention.out", Some(7), "", "o"),
        ("layers.7.attention.to_q", Some(7), "", "q"),
        ("layers.7.feed_forward.w2", Some(7), "", "down"),
        ("layers.7.feed_forward.linear_1", Some(7), "", "gate"),
        ("layers.7.feed_forward.linear_3", Some(7), "", "up"),
        ("layers.7.adaLN_modulation.0", Some(7), "", "modulation"),
        ("noise_refiner.1.attention.qkv", Some(1), "noise_refiner", "qkv"),
        ("context_refiner.1.feed_forward.w1", Some(1), "context_refiner", "gate"),
        // LTX-Video, CogVideoX, Mochi, PixArt.
        ("diffusion_model.transformer_blocks.3.attn2.to_q", Some(3), "", "cross_q"),
        ("transformer.transformer_blocks.3.attn1.to_v", Some(3), "", "v"),
        ("blocks.3.attn.qkv_x", Some(3), "", "qkv"),
        ("blocks.3.attn.qkv_y", Some(3), "", "cross_qkv"),
        // HiDream, Anima, Kandinsky-5, Ideogram-4.
        ("double_stream_blocks.3.block.attn1.to_q", Some(3), "double", "q"),
        ("double_stream_blocks.3.block.attn1.to_k_t", Some(3), "double", "cross_k"),
        ("single_stream_blocks.3.block.attn1.to_out", Some(3), "single", "o"),
        ("blocks.3.self_attn.q_proj", Some(3), "", "q"),
        ("blocks.3.cross_attn.output_proj", Some(3), "", "cross_o"),
        ("blocks.3.mlp.layer1", Some(3), "", "up"),
        ("blocks.3.mlp.layer2", Some(3), "", "down"),
        ("blocks.3.adaln_modulation_self_attn.1", Some(3), "", "modulation"),
        ("visual_transformer_blocks.3.self_attention.to_query", Some(3), "visual_blocks", "q"),
        ("visual_transformer_blocks.3.feed_forward.out_layer", Some(3), "visual_blocks", "down"),
        ("text_transformer_blocks.3.self_attention.out_layer", Some(3), "text_blocks", "o"),
        ("conditional_transformer.layers.3.attention.to_v", Some(3), "", "v"),
    ]);
}

#[test]
fn text_encoders_stand_apart() {
    check(&[
        ("text_encoder.text_model.encoder.layers.0.self_attn.q_proj", Some(0), "text_encoder", "q"),
        ("text_encoder_2.encoder.block.3.layer.0.SelfAttention.q", Some(3), "text_encoder_2", "q"),
        ("text_encoder_2.text_projection", None, "text_encoder_2", "other"),
        ("text_encoders.clip_l.transformer.text_model.encoder.layers.5.mlp.fc1", Some(5), "text_encoder.clip_l", "up"),
        ("cond_stage_model.transformer.text_model.encoder.layers.5.mlp.fc1", Some(5), "text_encoder", "up"),
        ("conditioner.embedders.0.transformer.text_model.encoder.layers.5.mlp.fc2", Some(5), "text_encoder", "down"),
        ("conditioner.embedders.1.model.transformer.resblocks.5.mlp.c_fc", Some(5), "text_encoder_2", "up"),
        ("lora_te_text_model_encoder_layers_0_mlp_fc1", Some(0), "text_encoder", "up"),
        ("lora_te1_text_model_encoder_layers_6_self_attn_out_proj", Some(6), "text_encoder", "o"),
        ("lora_te2_encoder_block_0_layer_1_DenseReluDense_wo", Some(0), "text_encoder_2", "down"),
        ("lora_te3_encoder_block_7_layer_0_SelfAttention_o", Some(7), "text_encoder_3", "o"),
        ("lora_te_layers_0_self_attn_q_proj", Some(0), "text_encoder", "q"),
        ("lora_prior_te_text_model_encoder_layers_0_mlp_fc1", Some(0), "text_encoder", "up"),
    ]);
}

/// A flat name sits where its dotted path sits.
#[test]
fn flat_names_sit_where_their_paths_sit() {
    for (flat, path) in [
        (
            "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k",
            "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k",
        ),
        ("lora_unet_output_blocks_3_1_proj_out", "unet.output_blocks.3.1.proj_out"),
        ("lora_unet_double_blocks_0_img_attn_qkv", "unet.double_blocks.0.img_attn.qkv"),
        ("lora_unet_single_blocks_0_linear2", "unet.single_blocks.0.linear2"),
        ("lora_unet_blocks_0_cross_attn_k_img", "unet.blocks.0.cross_attn.k_img"),
        ("lora_unet_transformer_blocks_0_txt_mlp_net_2", "unet.transformer_blocks.0.txt_mlp.net.2"),
        ("lora_unet_layers_0_feed_forward_w1", "unet.layers.0.feed_forward.w1"),
        ("lora_transformer_transformer_blocks_0_attn_to_q", "transformer.transformer_blocks.0.attn.to_q"),
    ] {
        assert_eq!(dotted(flat), path);
        assert_eq!(place(flat), place(path));
    }
}
