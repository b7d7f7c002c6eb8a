//! diffusers' LoRA of every generation.

use serde_json::json;

use crate::dialect::{File, Tensor};
use crate::dropped::{Update, drop_file};

const NONE: &str = "1: no alpha stored";
const BLOCK: &str = "down_blocks.0.attentions.0.transformer_blocks.0";
const TEXT: &str = "text_encoder.text_model.encoder.layers.0.self_attn";

/// Keys of every generation, and the module that they mean.
#[test]
fn keys_of_every_generation() {
    let dotted = ["lora.down.weight", "lora.up.weight"];
    let peft = ["lora_A.weight", "lora_B.weight"];
    let linear = ["lora_linear_layer.down.weight", "lora_linear_layer.up.weight"];
    let cases: [(String, [&str; 2], String); 11] = [
        (format!("{BLOCK}.attn1.processor.to_q_lora"), ["down.weight", "up.weight"], format!("{BLOCK}.attn1.to_q")),
        (
            format!("unet.{BLOCK}.attn1.processor.to_q_lora"),
            ["down.weight", "up.weight"],
            format!("{BLOCK}.attn1.to_q"),
        ),
        (
            format!("unet.{BLOCK}.attn2.processor.to_out_lora"),
            ["down.weight", "up.weight"],
            format!("{BLOCK}.attn2.to_out.0"),
        ),
        (format!("unet.{BLOCK}.ff.net.0.proj"), dotted, format!("{BLOCK}.ff.net.0.proj")),
        (format!("unet.{BLOCK}.attn1.to_out.0"), dotted, format!("unet.{BLOCK}.attn1.to_out.0")),
        (format!("unet.{BLOCK}.attn1.to_q"), peft, format!("unet.{BLOCK}.attn1.to_q")),
        (format!("{TEXT}.to_q_lora"), ["down.weight", "up.weight"], format!("{TEXT}.q_proj")),
        (format!("{TEXT}.q_proj"), linear, format!("{TEXT}.q_proj")),
        (format!("{TEXT}.q_proj"), peft, format!("{TEXT}.q_proj")),
        ("text_encoder_2.text_projection".to_owned(), dotted, "text_encoder_2.text_projection".to_owned()),
        (
            "transformer.single_transformer_blocks.36.proj_out".to_owned(),
            peft,
            "transformer.single_transformer_blocks.36.proj_out".to_owned(),
        ),
    ];
    for (path, [down, up], name) in cases {
        let mut file = File::new(80);
        // The oldest form joins its suffix to the module with a dot too: `to_q_lora` + `.down.weight`.
        let product = file.pair(&format!("{path}.{down}"), &format!("{path}.{up}"), [14, 4, 12], &[]);
        drop_file(&file).shows(&[Update::new(&name, 1.0, NONE, product)]);
    }
}

/// `lora_adapter_metadata`: the settings of each component, or without a prefix those of the one there is.
#[test]
fn scales_from_the_metadata() {
    let mut file = File::new(81);
    let (q, k) = ("transformer_blocks.0.attn.to_q", "transformer_blocks.0.attn.to_k");
    let first = file.peft(&format!("transformer.{q}"), [14, 4, 12]);
    let second = file.peft(&format!("transformer.{k}"), [14, 4, 12]);
    let text = file.peft(&format!("{TEXT}.q_proj"), [14, 4, 12]);
    let settings = json!({
        "transformer.r": 4, "transformer.lora_alpha": 8, "transformer.alpha_pattern": { k: 12 },
        "transformer.use_rslora": false,
        "text_encoder.r": 4, "text_encoder.lora_alpha": 6, "text_encoder.use_rslora": true,
    });
    file.metadata("lora_adapter_metadata", &settings);
    file.metadata("format", &json!("pt"));
    let alpha = "file metadata alpha/r";
    drop_file(&file).shows(&[
        Update::new(q, 2.0, alpha, first),
        Update::new(k, 3.0, alpha, second),
        Update::new(&format!("{TEXT}.q_proj"), 3.0, "file metadata alpha/√r|rsLoRA", text),
    ]);
}

#[test]
fn scales_from_metadata_without_a_prefix() {
    let mut file = File::new(82);
    let product = file.peft("transformer_blocks.0.attn.to_q", [14, 4, 12]);
    file.metadata("lora_adapter_metadata", &json!({ "r": 4, "lora_alpha": 2 }));
    let update = Update::new("transformer_blocks.0.attn.to_q", 0.5, "file metadata alpha/r", product);
    drop_file(&file).shows(&[update]);
}

/// diffusers' export to kohya's keys writes alpha as a 64-bit integer, and DoRA's magnitude without reshaping it.
#[test]
fn an_export_to_kohya() {
    let name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
    let mut file = File::new(83);
    let product = file.kohya(name, [14, 4, 12], None);
    file.put_as(&format!("{name}.alpha"), "I64", &Tensor::scalar(4.0));
    file.random(&format!("{name}.dora_scale"), &[14]);
    drop_file(&file).shows(&[Update::new(name, 1.0, "alpha tensor", product)]);
}

/// DoRA without its base shows the factors.
#[test]
fn dora() {
    for suffix in ["lora_magnitude_vector", "lora_magnitude_vector.weight"] {
        let mut file = File::new(84);
        let name = format!("unet.{BLOCK}.attn1.to_q");
        let product = file.peft(&name, [14, 4, 12]);
        file.random(&format!("{name}.{suffix}"), &[14]);
        drop_file(&file).shows(&[Update::new(&name, 1.0, NONE, product)]);
    }
}

/// Modules of differing rank without alpha have each its own rank as alpha.
#[test]
fn differing_ranks_without_alpha() {
    let mut file = File::new(85);
    let names = ["attn1.to_q", "attn1.to_k"].map(|end| format!("unet.{BLOCK}.{end}"));
    let updates = [(2, &names[0]), (6, &names[1])].map(|(rank, name)| {
        let product = file.peft(name, [14, rank, 12]);
        Update::new(name, 1.0, NONE, product)
    });
    let dropped = drop_file(&file);
    dropped.shows(&updates);
    let rank = dropped.adapter().rank;
    assert_eq!((rank.min, rank.max), (2, 6));
}

/// One weight under the names of two dialects: only one of them can be meant, and that is said.
#[test]
fn a_module_in_two_dialects_is_warned_of() {
    for (name, warns) in [("attn1_to_q", true), ("attn1_to_k", false)] {
        let mut file = File::new(86);
        file.peft(&format!("unet.{BLOCK}.attn1.to_q"), [14, 4, 12]);
        let flat = BLOCK.replace('.', "_");
        file.kohya(&format!("lora_unet_{flat}_{name}"), [14, 4, 12], Some(4.0));
        let dropped = drop_file(&file);
        assert_eq!(dropped.adapter().warnings.is_empty(), !warns, "{name}: {:?}", dropped.adapter().warnings);
    }
}
