//! The files that fuzzing starts from, `tests/fuzz/seeds`: written here with `LORASCOPE_WRITE_SEEDS=1`, else compared.

use std::fs;

use crate::common::gguf::{self, Kind, Value};
use crate::common::{f32_file, file, header_of, mlx};
use lorascope_format::bytes::MemorySource;

/// A folder's seeds by their names.
type Seeds = Vec<(&'static str, Vec<u8>)>;

fn header_seeds() -> Seeds {
    let entry = |dtype: &str, shape: &str, begin: u64, end: u64| {
        format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
    };
    let several = format!(
        r#"{{"__metadata__":{{"format":"pt","k":"v"}},"b":{},"a":{},"e":{},"f":{}}}  "#,
        entry("F16", "[2,3]", 4, 16),
        entry("F8_E4M3", "[4]", 0, 4),
        entry("I64", "[0,5]", 16, 16),
        entry("F4", "[2]", 16, 17)
    );
    let more = r#"{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4],"more":[{"a":[null,true,-1,1.5e3,"\u00e9"]}]}}"#;
    vec![
        ("lora", f32_file(&[("q.lora_A.weight", &[2, 3]), ("q.lora_B.weight", &[4, 2])])),
        ("mlx", mlx::write(&[mlx::tensor("q.lora_a", Kind::Bf16, &[3, 2], &[1.0; 6])])),
        ("several", file(&several, &[0; 17])),
        ("more-fields", file(more, &[0; 4])),
        ("unknown-dtype", file(&format!(r#"{{"x":{}}}"#, entry("F99", "[4]", 0, 4)), &[0; 4])),
        ("nothing", file("{}", &[])),
    ]
}

fn gguf_seeds() -> Seeds {
    let tensors = |kind| vec![gguf::tensor("blk.0.attn_q.weight.lora_a", kind, &[1, 32], &[1.0; 32])];
    let lists = [
        ("general.alignment", Value::U32(8)),
        ("a", Value::texts(&["x", "yz"])),
        ("b", Value::List(9, 1, [&4u32.to_le_bytes()[..], &2u64.to_le_bytes(), &[0; 8]].concat())),
        ("c", Value::Bool(true)),
        ("d", Value::F64(0.5)),
    ];
    let unknown = gguf::Tensor { name: "t".to_owned(), number: 99, ne: vec![4, 2], data: vec![0; 8] };
    let draft = gguf::Draft { alignment: 8, ..gguf::Draft::new(&lists, vec![unknown]) };
    vec![
        ("adapter", gguf::adapter(8.0, tensors(Kind::F16))),
        ("blocks", gguf::file(&[], tensors(Kind::Q8_0))),
        ("lists", draft.bytes()),
        ("nothing", gguf::file(&[], vec![])),
    ]
}

/// Lines as `tests/fuzz/targets/recogniser.rs` takes them.
fn recogniser_seeds() -> Seeds {
    let config = r#"{"peft_type":"LORA","r":8,"lora_alpha":16,"use_rslora":true,"fan_in_fan_out":false,
        "rank_pattern":{"^model.*q_proj":4},"alpha_pattern":{"v_proj":32},"target_modules":["q_proj"]}"#;
    let peft = "F32 8x16 base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight
F32 12x8 base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight
F32 12 base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector
BF16 8x100 base_model.model.model.embed_tokens.lora_embedding_A
BF16 16x8 base_model.model.model.embed_tokens.lora_embedding_B
@format=pt";
    let kohya = "F16 4x32 lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight
F16 32x4x1x1 lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight
F16  lora_unet_down_blocks_0_attentions_0_proj_in.alpha
F16 4x4x3x3 lora_unet_down_blocks_0_attentions_0_proj_in.lora_mid.weight
F32 8 lora_te_text_model_encoder_layers_0_mlp_fc1.dora_scale
@ss_network_dim=4
@ss_network_args={\"conv_dim\": \"4\"}
@ss_tag_frequency={\"a\": {\"b\": 3}}";
    let lycoris = "F32 32x4 lycoris_blocks_0.hada_w1_a
F32 4x32 lycoris_blocks_0.hada_w1_b
F32 32x4 lycoris_blocks_0.hada_w2_a
F32 4x32 lycoris_blocks_0.hada_w2_b
F32 4x4x3x3 lycoris_blocks_0.hada_t1
F32 4x4 lycoris_blocks_1.lokr_w1
F32 8x2 lycoris_blocks_1.lokr_w2_a
F32 2x8 lycoris_blocks_1.lokr_w2_b
F32 8x8 lycoris_blocks_2.diff
F32 8 lycoris_blocks_2.diff_b";
    let diffusers = "F32 4x8 transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight
F32 8x4 transformer.single_transformer_blocks.0.attn.to_q.lora_B.weight
F32 4x8 unet.mid_block.attn1.processor.to_q_lora.down.weight
F32 8x4 unet.mid_block.attn1.processor.to_q_lora.up.weight
@lora_adapter_metadata={\"transformer.r\": 4, \"transformer.lora_alpha\": 8}";
    let mlx = "F32 16x8 model.layers.0.self_attn.q_proj.lora_a\nF32 8x12 model.layers.0.self_attn.q_proj.lora_b\n\
        F32 12 model.layers.0.self_attn.q_proj.m";
    let gguf = "GGUF\nF16 4x32 blk.0.attn_q.weight.lora_a\nQ8_0 32x32 blk.0.attn_q.weight.lora_b\n@general.type=adapter\n\
        @adapter.type=lora\n@adapter.lora.alpha=8\n@general.architecture=llama";
    let model = "BF16 100x16 model.embed_tokens.weight\nBF16 16x16 model.layers.0.self_attn.q_proj.weight";
    let experts = "F32 32x8 base_model.model.mlp.experts.base_layer.lora_A.weight
F32 12x32 base_model.model.mlp.experts.base_layer.lora_B.weight
F32 32x6 base_model.model.mlp.experts.lora_A.weight
F32 8x32 base_model.model.mlp.experts.lora_B.weight
F32 4x8x16 model.switch_mlp.up_proj.lora_a
F32 4x12x8 model.switch_mlp.up_proj.lora_b";
    let others = "F32 8x8 base_model.model.a.lora_A
F32 12x8 base_model.model.a.lora_B
F32 8x1 base_model.model.a.lora_E
F32 12x1 base_model.model.b.ia3_l
F32 12 base_model.model.c.vera_lambda_b
F32 4 base_model.model.c.vera_lambda_d
F32 4x16 base_model.vera_A
F32 12x4 base_model.vera_B
F32 2x12 base_model.model.d.miss_block
F32 2x8 base_model.model.e.delora_A
F32 12x2 base_model.model.e.delora_B
F32 1 base_model.model.e.delora_lambda
F32 8 base_model.model.e.delora_w_norm
F32 3x4x4 lycoris_f.oft_blocks
F32 12 lycoris_g.weight
I64  lycoris_g.on_input
F32 8x2 lycoris_h.a1.weight
F32 2x8 lycoris_h.a2.weight
F32 12x2 lycoris_h.b1.weight
F32 2x8 lycoris_h.b2.weight
F32 4x8 unet:0:down
F32 8x4 unet:0:up
F32 12 x.w_norm
F32 4 base_model.model.i.hra_u";
    let with_config = |lines: &str| format!("{lines}\0{config}").into_bytes();
    vec![
        ("diffusers", diffusers.into()),
        ("experts", with_config(experts)),
        ("gguf", gguf.into()),
        ("kohya", kohya.into()),
        ("lycoris", lycoris.into()),
        ("mlx", with_config(mlx)),
        ("model", model.into()),
        ("others", others.into()),
        ("peft", with_config(peft)),
    ]
}

fn check(folder: &str, seeds: Seeds) {
    let folder = xtask::proc::root().join("tests/fuzz/seeds").join(folder);
    let write = std::env::var_os("LORASCOPE_WRITE_SEEDS").is_some();
    let names: Vec<&str> = seeds.iter().map(|(name, _)| *name).collect();
    for (name, bytes) in seeds {
        let path = folder.join(name);
        if write {
            fs::write(&path, &bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
        let held = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(
            held == bytes,
            "{} is another: LORASCOPE_WRITE_SEEDS=1 cargo test --workspace --test format seeds::",
            path.display()
        );
    }
    for found in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let name = found.unwrap().file_name();
        assert!(names.iter().any(|known| name == *known), "{name:?} is no seed");
    }
}

#[test]
fn of_the_header() {
    for (name, bytes) in header_seeds() {
        header_of(&MemorySource::new(name, bytes)).unwrap();
    }
    check("header", header_seeds());
}

#[test]
fn of_gguf() {
    for (name, bytes) in gguf_seeds() {
        header_of(&MemorySource::new(name, bytes)).unwrap();
    }
    check("gguf", gguf_seeds());
}

#[test]
fn of_the_recogniser() {
    check("recogniser", recogniser_seeds());
}
