//! How a tensor's name is taken apart: a row for each spelling that is worth one.

use lorascope_format::adapter::keys::{Family, Key, Role, parse};

#[test]
fn names_are_taken_apart() {
    const PEFT: &str = "base_model.model.model.layers.0.self_attn.q_proj";
    const KOHYA: &str = "lora_unet_mid_block_attentions_0_proj_in";
    let key = |path, role, adapter, family| Key { path, role, adapter, family };
    for (name, parsed) in [
        (format!("{PEFT}.lora_A.weight"), key(PEFT, Role::A, None, Family::Peft)),
        (format!("{PEFT}.lora_B.default.weight"), key(PEFT, Role::B, Some("default"), Family::Peft)),
        (format!("{PEFT}.lora_embedding_A"), key(PEFT, Role::EmbeddingA, None, Family::Peft)),
        (format!("{PEFT}.modules_to_save.default.weight"), key(PEFT, Role::Saved, Some("default"), Family::Peft)),
        (format!("{PEFT}.base_layer.weight"), key(PEFT, Role::BaseCopy, None, Family::Peft)),
        (format!("{KOHYA}.lora_down.weight"), key(KOHYA, Role::A, None, Family::Kohya)),
        (format!("{KOHYA}.alpha"), key(KOHYA, Role::Alpha, None, Family::Kohya)),
        (format!("{KOHYA}.dora_scale"), key(KOHYA, Role::Magnitude, None, Family::Lycoris)),
        ("model.layers.0.q_proj.lora_a".to_owned(), key("model.layers.0.q_proj", Role::MlxA, None, Family::Mlx)),
        (
            "layers.0.attn.q_proj.lora_a.weight".to_owned(),
            key("layers.0.attn.q_proj", Role::A, None, Family::Torchtune),
        ),
        ("blk.0.attn_q.weight.lora_b".to_owned(), key("blk.0.attn_q", Role::B, None, Family::Gguf)),
        ("x.adapter.linear_in.weight".to_owned(), key("x", Role::A, None, Family::Megatron)),
        ("unet.x.lora.up.weight".to_owned(), key("unet.x", Role::B, None, Family::Diffusers)),
    ] {
        assert_eq!(parse(&name), Some(parsed), "{name}");
    }
    for name in ["", "model.layers.0.self_attn.q_proj.weight", "lora_A", "optimizer.state"] {
        assert_eq!(parse(name), None, "{name}");
    }
}
