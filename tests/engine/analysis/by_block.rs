//! Which scheme an adapter opens with, and the neutral one's domains.

use lorascope_engine::analysis::profile::profile;
use lorascope_format::adapter::family::is_language_model;
use lorascope_format::adapter::names::{place, settle_stacks};
use lorascope_protocol::report::DomainReport;
use lorascope_protocol::scheme::{Domain, Rule, Scheme, Traits, by_block};

/// The neutral scores of modules with these energies.
fn scored(modules: &[(&str, f64)]) -> DomainReport {
    let mut places: Vec<_> = modules.iter().map(|(path, _)| place(path)).collect();
    settle_stacks(&mut places);
    let scheme = by_block(places.iter().map(|p| (p.layer, p.stack.as_str(), p.role.as_str())));
    let again: Scheme = serde_json::from_str(&serde_json::to_string(&scheme).unwrap()).unwrap();
    assert_eq!(again, Scheme { built_in: None, ..scheme.clone() }, "a scheme is data");
    let weighed: Vec<_> = places
        .iter()
        .zip(modules)
        .map(|(p, (path, energy))| (Traits { stack: &p.stack, role: &p.role, ..profile(path, 12).into() }, *energy))
        .collect();
    let report = scheme.score(&weighed);
    assert_eq!((report.scheme.as_str(), report.tags.len(), report.tag_threshold), ("by-block", 0, None));
    report
}

fn text(report: &DomainReport) -> String {
    serde_json::to_string(&report.scores).unwrap()
}

#[test]
fn a_u_net_has_a_domain_for_each_part() {
    let report = scored(&[
        ("lora_te_text_model_encoder_layers_3_mlp_fc1", 1.0),
        ("lora_unet_up_blocks_0_resnets_0_conv1", 3.0),
        ("lora_unet_conv_in", 1.0),
        ("lora_unet_down_blocks_0_attentions_0_proj_in", 1.0),
        ("lora_unet_down_blocks_2_attentions_1_transformer_blocks_0_attn2_to_k", 1.0),
        ("lora_unet_mid_block_attentions_0_proj_in", 1.0),
    ]);
    assert_eq!(text(&report), r#"{"text_encoder":0.125,"down":0.25,"mid":0.125,"up":0.375,"beside_the_blocks":0.125}"#);
    let report = scored(&[
        ("prior.down_blocks.0.3.attention.attn.out_proj", 1.0),
        ("prior.down_blocks.1.3.attention.attn.out_proj", 1.0),
        ("prior.up_blocks.0.3.attention.attn.out_proj", 2.0),
    ]);
    assert_eq!(text(&report), r#"{"down":0.5,"up":0.5}"#, "levels of one half are one part");
}

#[test]
fn transformers_by_stream_or_by_role() {
    let report = scored(&[
        ("transformer.single_transformer_blocks.3.proj_out", 1.0),
        ("transformer.transformer_blocks.3.attn.to_q", 3.0),
    ]);
    assert_eq!(text(&report), r#"{"double":0.75,"single":0.25}"#);
    let report = scored(&[
        ("diffusion_model.blocks.0.self_attn.q", 1.0),
        ("diffusion_model.blocks.9.self_attn.o", 1.0),
        ("diffusion_model.blocks.9.cross_attn.k_img", 1.0),
        ("diffusion_model.blocks.9.ffn.2", 5.0),
    ]);
    assert_eq!(text(&report), r#"{"attention":0.25,"cross_attention":0.125,"feed_forward":0.625}"#);
    let unknown = scored(&[("thing", 2.0)]);
    assert_eq!(text(&unknown), r#"{"other":1.0}"#);
}

#[test]
fn no_energy_is_no_evidence_here_either() {
    let report = scored(&[("down_blocks.0.resnets.0.conv1", 0.0), ("mid_block.resnets.0.conv1", 0.0)]);
    assert!(!report.evidence);
    assert_eq!(text(&report), r#"{"down":0.5,"mid":0.5}"#);
    assert_eq!(by_block([]).score::<Traits<'_>>(&[]).scores.len(), 0);
}

#[test]
fn rules_can_ask_for_a_stack_and_a_role() {
    let rule = |stack: Option<&str>, key: &str, weight: f64| Rule {
        stack: stack.map(str::to_owned),
        role: Some("q".to_owned()),
        weights: [(key.to_owned(), weight)].into(),
        ..Rule::default()
    };
    let scheme = Scheme {
        name: "mine".into(),
        built_in: None,
        domains: ["a", "b"].map(|key| Domain { key: key.into(), label: String::new() }).to_vec(),
        rules: vec![rule(Some("up"), "a", 1.0), rule(None, "b", 2.0)],
        tag_threshold: Some(0.9),
    };
    let of = |stack, role| Traits { stack, role, ..profile("x", 12).into() };
    let report = scheme.score(&[(of("up", "q"), 2.0), (of("down", "q"), 3.0), (of("up", "k"), 99.0)]);
    assert_eq!(text(&report), r#"{"a":0.25,"b":0.75}"#);
    assert_eq!((report.tags.as_slice(), report.tag_threshold), (&["b".to_owned()][..], Some(0.9)));
}

#[test]
fn language_models_are_told_from_others() {
    for names in [
        &["model.layers.0.self_attn.q_proj"][..],
        &["layers.0.q_proj"],
        &["transformer.h.0.attn.c_attn", "transformer.wte"],
        &["lm_head"],
        &["transformer.blocks.0.attn.Wqkv"],
        &["bert.encoder.layer.0.attention.self.query", "classifier"],
        &["decoder.block.0.layer.1.EncDecAttention.q"],
        &["model.decoder.layers.0.encoder_attn.k_proj"],
        &["blk.0.attn_q"],
        &["layers.0.attention.wqkv", "layers.0.feed_forward.w1"],
        &["decoder.layers.0.self_attention.linear_qkv"],
        &["backbone.layers.0.mixer.in_proj"],
        &["model.visual.blocks.0.attn.qkv", "model.layers.0.mlp.up_proj"],
        &["model.language_model.layers.0.mlp.up_proj", "model.vision_tower.patch_embedding"],
    ] {
        assert!(is_language_model(names.iter().copied()), "{names:?}");
    }
    for names in [
        &["lora_unet_mid_block_attentions_0_proj_in"][..],
        &["lora_te_text_model_encoder_layers_0_self_attn_q_proj"],
        &["lora_te_layers_0_self_attn_q_proj"],
        &["lora_te1_text_model_encoder_layers_0_mlp_fc1", "lora_unet_double_blocks_0_img_attn_qkv"],
        &["text_encoder.text_model.encoder.layers.0.self_attn.q_proj"],
        &["text_encoders.clip_l.transformer.text_model.encoder.layers.0.mlp.fc1"],
        &["double_blocks.0.img_attn.qkv"],
        &["diffusion_model.blocks.0.self_attn.q"],
        &["blocks.0.self_attn.q", "blocks.0.cross_attn.q"],
        &["blocks.0.ffn.0"],
        &["layers.0.attention.qkv", "layers.0.feed_forward.w1"],
        &["layers.0.attention.to_q"],
        &["transformer.transformer_blocks.0.attn.to_q"],
        &["lycoris_transformer_blocks_0_attn_to_q"],
        &["input_blocks.1.0.in_layers.2"],
        &["model.visual.blocks.0.attn.qkv"],
        &["vit.encoder.layer.0.attention.attention.query"],
        &["lin0", "conv2"],
        &["layers.0.mystery"],
        &[],
    ] {
        assert!(!is_language_model(names.iter().copied()), "{names:?}");
    }
}
