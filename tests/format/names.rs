//! What the names of tensors and modules tell: dialect, path, layer, stack, role, and which pattern means them.

mod flat;
mod order;
mod places;

use crate::common::{config, f32_file, header_of, read_f32};
use lorascope_format::adapter::pattern::Pattern;
use lorascope_format::adapter::{Content, keys, names, recognise};
use lorascope_format::bytes::MemorySource;

#[test]
fn patterns_match_as_python_does() {
    let cases = [
        ("q_proj", "model.layers.0.self_attn.q_proj", true),
        ("q_proj", "q_proj", true),
        ("q_proj", "model.my_q_proj", false),
        ("q_proj", "model.q_proj.x", false),
        ("layers.[0-2].self_attn.q_proj", "model.layers.2.self_attn.q_proj", true),
        ("layers.[0-2].self_attn.q_proj", "model.layers.3.self_attn.q_proj", false),
        ("layers.1.q", "layersx1.q", true),
        (r"layers\.1\.q", "layersx1.q", false),
        ("^model.decoder.q", "model.decoder.q", true),
        ("^model.decoder.q", "x.model.decoder.q", false),
        ("(k|v)_proj", "a.v_proj", true),
        (r"layers\.\d+\.mlp\..*", "m.layers.17.mlp.up.x", true),
        ("é_proj", "a.é_proj", true),
    ];
    for (pattern, module, matches) in cases {
        let (compiled, supported) = Pattern::new(pattern);
        assert!(supported, "{pattern}");
        assert_eq!(compiled.matches(module), matches, "{pattern} on {module}");
    }
    let (literal, supported) = Pattern::new("(?<=a)q_proj");
    assert!(!supported && literal.matches("x.(?<=a)q_proj") && !literal.matches("aq_proj"));
    let warned = config(r#"{"peft_type":"LORA","alpha_pattern":{"(?=x)q":2,"k":4,".*":9}}"#);
    assert_eq!(warned.warnings.len(), 1);
    assert_eq!([warned.alpha_by_pattern("a.k"), warned.alpha_by_pattern("a.q")], [Some(4.0), Some(9.0)]);
}

#[test]
fn prefixes_and_leftovers_go() {
    for (raw, clean) in [
        ("base_model.model.model.layers.0.q_proj", "model.layers.0.q_proj"),
        ("module.base_model.model.module.layers.0._orig_mod.q_proj", "layers.0.q_proj"),
        ("base_model.model.mha.base_layer.out_proj", "mha.out_proj"),
        ("_fsdp_wrapped_module.base_model.model.x", "x"),
        ("encoder.module.x", "encoder.module.x"),
        ("base_model.model", "base_model.model"),
        ("base_layer", "base_layer"),
    ] {
        assert_eq!(keys::clean(raw), clean, "{raw}");
    }
}

#[test]
fn names_tell_layer_stack_and_role() {
    for (path, layer, stack, role) in [
        ("model.layers.17.self_attn.q_proj", Some(17), "", "q"),
        ("transformer.h.3.attn.c_proj", Some(3), "", "o"),
        ("transformer.h.3.mlp.c_proj", Some(3), "", "down"),
        ("gpt_neox.layers.7.attention.dense", Some(7), "", "o"),
        ("gpt_neox.layers.7.mlp.dense_h_to_4h", Some(7), "", "up"),
        ("bert.encoder.layer.5.attention.output.dense", Some(5), "encoder", "o"),
        ("bert.encoder.layer.5.output.dense", Some(5), "encoder", "down"),
        ("encoder.block.2.layer.0.SelfAttention.k", Some(2), "encoder", "k"),
        ("decoder.block.2.layer.1.EncDecAttention.v", Some(2), "decoder", "cross_v"),
        ("decoder.block.2.layer.2.DenseReluDense.wo", Some(2), "decoder", "down"),
        ("layers.0.attention.wo", Some(0), "", "o"),
        ("model.layers.0.block_sparse_moe.gate", Some(0), "", "router"),
        ("model.layers.9.mlp.experts.3.gate_proj", Some(9), "", "gate"),
        ("model.layers.9.mlp.gate_up_proj", Some(9), "", "gate_up"),
        ("model.visual.blocks.4.attn.qkv", Some(4), "visual", "qkv"),
        ("transformer.single_transformer_blocks.12.proj_out", Some(12), "single", "o_mlp"),
        ("transformer.transformer_blocks.12.attn.add_q_proj", Some(12), "", "cross_q"),
        ("double_blocks.1.img_mlp.2", Some(1), "double", "down"),
        ("text_encoder.text_model.encoder.layers.1.mlp.fc1", Some(1), "text_encoder", "up"),
        ("lora_unet_double_blocks_7_img_attn_qkv", Some(7), "double", "qkv"),
        ("backbone.layers.1.mixer.in_proj", Some(1), "", "other"),
        ("model.embed_tokens", None, "", "embed"),
        ("lm_head", None, "", "head"),
        ("model.layers.3.input_layernorm", Some(3), "", "norm"),
        ("some.hidden.4.thing", None, "", "other"),
        ("model.layers.99999999999999999999.self_attn.q_proj", None, "", "q"),
        ("model.layers.4294967295.mlp.up_proj", Some(u32::MAX), "", "up"),
        ("layers.x.y", None, "", "other"),
        ("", None, "", "other"),
    ] {
        let place = names::place(path);
        assert_eq!((place.layer, place.stack.as_str(), place.role.as_str()), (layer, stack, role), "{path}");
    }
}

#[test]
fn a_layer_number_is_replaced_and_nothing_else() {
    for (path, renumbered) in [
        ("model.layers.3.self_attn.q_proj", Some("model.layers.15.self_attn.q_proj")),
        (
            "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight",
            Some("base_model.model.model.layers.15.self_attn.q_proj.lora_A.weight"),
        ),
        ("Model.Layers.03.MLP.experts.3.W1", Some("Model.Layers.15.MLP.experts.3.W1")),
        ("encoder.block.2.layer.0.SelfAttention.k", Some("encoder.block.15.layer.0.SelfAttention.k")),
        ("transformer.h.0.attn.c_attn", Some("transformer.h.15.attn.c_attn")),
        ("lora_unet_double_blocks_7_img_attn_qkv", Some("lora_unet_double_blocks_15_img_attn_qkv")),
        ("mine_layers_7_to_q", Some("mine_layers_15_to_q")),
        ("model.layers.99999999999999999999.x", Some("model.layers.15.x")),
        ("layers.0", Some("layers.15")),
        // İ takes two bytes and three in lower case, U+212A (the Kelvin sign) three and one; ẞ and Σ change too.
        ("İİ.layers.3.K", Some("İİ.layers.15.K")),
        ("KΣẞ.bloc\u{212a}s.3.x", Some("KΣẞ.bloc\u{212a}s.15.x")),
        ("ΑΣ.layers.3.ΑΣ", Some("ΑΣ.layers.15.ΑΣ")),
        ("lm_head", None),
        ("layers.x.3", None),
        ("層.٣.x", None),
        ("", None),
    ] {
        assert_eq!(names::renumbered(path, 15).as_deref(), renumbered, "{path}");
        let digits = names::layer_digits(path).map(|range| path[range].to_owned());
        assert_eq!(digits.and_then(|d| d.parse().ok()), names::place(path).layer, "{path}");
    }
}

proptest::proptest! {
    #[test]
    fn any_path_can_be_renumbered(before in "[^.]{0,6}", word in "layers|H|Bloc\u{212a}s|block", after in ".{0,6}") {
        let path = format!("{before}.{word}.3.{after}");
        let place = names::place(&path);
        let renumbered = names::renumbered(&path, 15).expect("there is a layer number");
        let changed = names::place(&renumbered);
        proptest::prop_assert_eq!(changed.layer, Some(15));
        proptest::prop_assert_eq!((changed.stack, changed.role), (place.stack, place.role));
        proptest::prop_assert!(renumbered.starts_with(&before) && renumbered.ends_with(&after));
    }
}

#[test]
fn a_flat_tensor_name_is_renumbered_too() {
    let key = "lora_te1_text_model_encoder_layers_3_mlp_fc1.lora_down.weight";
    let renumbered = "lora_te1_text_model_encoder_layers_15_mlp_fc1.lora_down.weight";
    assert_eq!(names::renumbered(key, 15).as_deref(), Some(renumbered));
    assert_eq!(names::layer_number(key), Some(3));
}

#[test]
fn stacks_are_named_where_there_are_several() {
    let settled = |paths: &[&str]| -> Vec<String> {
        let mut places: Vec<_> = paths.iter().map(|p| names::place(p)).collect();
        names::settle_stacks(&mut places);
        places.into_iter().map(|p| p.stack).collect()
    };
    assert_eq!(settled(&["bert.encoder.layer.0.x", "bert.encoder.layer.1.x", "classifier"]), ["", "", ""]);
    assert_eq!(settled(&["encoder.block.0.x", "decoder.block.0.x"]), ["encoder", "decoder"]);
    assert_eq!(settled(&["transformer_blocks.0.x", "single_transformer_blocks.0.x"]), ["double", "single"]);
}

#[test]
fn other_dialects_are_named() {
    let judge = |names: &[&str]| {
        let tensors: Vec<(&str, &[u64])> = names.iter().map(|n| (*n, &[2, 2][..])).collect();
        recognise(&header_of(&MemorySource::new("x", f32_file(&tensors))).unwrap())
    };
    for key in [
        "lora_unet_x.lora_down.weight",
        "model.layers.0.q_proj.lora_a",
        "layers.0.attn.q_proj.lora_a.weight",
        "blk.0.attn_q.weight.lora_a",
        "x.hada_w1_a",
        "x.lokr_w1",
        "unet.a.processor.to_q_lora.down.weight",
        "text_encoder.x.self_attn.q_proj.lora_linear_layer.up.weight",
        "double_blocks.0.processor.qkv_lora1.up.weight",
        "base_model.model.x.ia3_l",
        "unet:0:up",
        "x.adapter.linear_in.weight",
        "x.diff",
        "x.w_norm",
    ] {
        assert_eq!(judge(&["y.weight", key]), Content::Adapter, "{key}");
    }
    for (key, word) in [
        ("base_model.model.x.hra_u", "HRA"),
        ("base_model.model.x.boft_R", "BOFT"),
        ("x.lambda_layer", "T-LoRA"),
        ("emb_params", "textual-inversion"),
        ("lllite_unet_x.down.weight", "ControlNet-LLLite"),
        ("base_model.model.x.trainable_tokens_delta", "trained token rows"),
    ] {
        let Content::Other(dialect) = judge(&["y.weight", key]) else { panic!("{key} is another dialect") };
        assert!(dialect.contains(word), "{key}: {dialect}");
        let says = read_f32(&[(key, &[2, 2])], None).unwrap_err().to_string();
        assert!(says.contains(dialect) && says.contains("Drop"), "{says}");
    }
    // What a model may call its own tensors shows nothing alone.
    for keys in [
        &["x.alpha", "x.scale"][..],
        &["x.A"],
        &["x.m", "x.magnitude"],
        &["x.up", "x.down"],
        &["x.a1.weight", "x.b1.weight"],
        &["x.norm.query_norm.scale"],
    ] {
        assert_eq!(judge(keys), Content::Checkpoint, "{keys:?}");
    }
    assert_eq!(judge(&["model.lora_A_like.weight", "x.alpha"]), Content::Checkpoint);
    assert_eq!(judge(&["unet:x:up"]), Content::Checkpoint);
    assert_eq!(judge(&["x.lora_A.weight", "x.hada_w1_a"]), Content::Adapter);
    assert_eq!(judge(&[]), Content::Empty);
}
