//! Kinds whose update needs the base's weights, with the base dropped along.

use lorascope_format::bytes::MemorySource;
use nalgebra::DMatrix;
use serde_json::json;

use crate::dialect::{File, Tensor, config, lora_config};
use crate::dialects::maths::{dora_channels, dora_rows};
use crate::dropped::{Dropped, Update, drops};

const Q: &str = "model.layers.0.self_attn.q_proj";
const FLAT: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
const FLAT_CONV: &str = "lora_unet_down_blocks_0_resnets_0_conv1";
const DOTTED: &str = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight";
const DOTTED_CONV: &str = "down_blocks.0.resnets.0.conv1.weight";
const BY_DEFINITION: &str = "1: by definition";

/// A file of the base's weights, and more that no adapter touches.
pub fn base(weights: &[(&str, &Tensor)]) -> MemorySource {
    let mut file = File::new(1000);
    for (name, weight) in weights {
        file.put(name, weight);
    }
    file.random("model.layers.7.mlp.up_proj.weight", &[6, 5]);
    file.at("base/model.safetensors")
}

/// The adapter with its base in one drop, and after it.
pub fn with_base(adapter: &File, config: Option<MemorySource>, base: &MemorySource) -> [Dropped; 2] {
    let files = files(adapter, config);
    [drops(vec![[files.clone(), vec![base.clone()]].concat()]), drops(vec![vec![base.clone()], files])]
}

/// And with the base in a later drop: what could be shown without it becomes exact.
fn in_every_order(adapter: &File, config: Option<MemorySource>, base: &MemorySource) -> [Dropped; 3] {
    let [together, after] = with_base(adapter, config.clone(), base);
    [together, after, drops(vec![files(adapter, config), vec![base.clone()]])]
}

fn files(adapter: &File, config: Option<MemorySource>) -> Vec<MemorySource> {
    std::iter::once(adapter.at("adapter_model.safetensors")).chain(config).collect()
}

/// Positive lengths of the kind that training leaves: near the weight's own.
fn magnitude(file: &mut File, name: &str, shape: &[usize]) -> Vec<f64> {
    let drawn = file.draw(shape);
    let tensor = Tensor::new(shape, drawn.numbers.iter().map(|x| x.abs() + 1.5).collect());
    file.put(name, &tensor);
    tensor.numbers
}

#[test]
fn dora_of_peft() {
    let mut file = File::new(110);
    let weight = file.draw(&[20, 10]);
    let update = file.peft(&format!("base_model.model.{Q}"), [20, 4, 10]) * 2.0;
    let m = magnitude(&mut file, &format!("base_model.model.{Q}.lora_magnitude_vector"), &[20]);
    let delta = dora_rows(&weight.matrix(), &update, &m);
    let source = "adapter_config alpha/r";
    let update = Update { name: Q.to_owned(), delta, scale: 2.0, source };
    let settings = lora_config(json!({ "use_dora": true }));
    for dropped in in_every_order(&file, Some(settings), &base(&[(&format!("{Q}.weight"), &weight)])) {
        dropped.shows(std::slice::from_ref(&update));
    }
}

/// The lengths are over the vocabulary, one for each dimension.
#[test]
fn dora_of_an_embedding() {
    let mut file = File::new(111);
    let weight = file.draw(&[30, 10]);
    let a = file.random("base_model.model.model.embed_tokens.lora_embedding_A", &[4, 30]).matrix();
    let b = file.random("base_model.model.model.embed_tokens.lora_embedding_B", &[10, 4]).matrix();
    let m = magnitude(&mut file, "base_model.model.model.embed_tokens.lora_magnitude_vector", &[10]);
    let delta = dora_channels(&weight.matrix(), &((b * a).transpose() * 2.0), &m, 1);
    let update = Update { name: "model.embed_tokens".into(), delta, scale: 2.0, source: "adapter_config alpha/r" };
    let settings = lora_config(json!({ "use_dora": true }));
    for dropped in in_every_order(&file, Some(settings), &base(&[("model.embed_tokens.weight", &weight)])) {
        dropped.shows(std::slice::from_ref(&update));
    }
}

/// Along the outputs, along the inputs, and one-dimensional as diffusers' export writes it.
#[test]
fn dora_of_kohya() {
    for shape in [vec![24, 1], vec![1, 12], vec![24]] {
        let mut file = File::new(112);
        let weight = file.draw(&[24, 12]);
        let update = file.kohya(FLAT, [24, 4, 12], Some(2.0)) * 0.5;
        let m = magnitude(&mut file, &format!("{FLAT}.dora_scale"), &shape);
        let delta = if shape[0] == 24 {
            dora_rows(&weight.matrix(), &update, &m)
        } else {
            dora_channels(&weight.matrix(), &update, &m, 1)
        };
        let update = Update { name: FLAT.into(), delta, scale: 0.5, source: "alpha tensor" };
        for dropped in in_every_order(&file, None, &base(&[(DOTTED, &weight)])) {
            dropped.shows(std::slice::from_ref(&update));
        }
    }
}

#[test]
fn dora_of_convolutions() {
    for shape in [[16, 1, 1, 1], [1, 8, 1, 1]] {
        let mut file = File::new(113);
        let weight = file.draw(&[16, 8, 3, 3]);
        let [down, up] = ["down", "up"].map(|part| format!("{FLAT_CONV}.lora_{part}.weight"));
        let update = file.pair(&down, &up, [16, 4, 8], &[3, 3]) * 0.5;
        file.scalar(&format!("{FLAT_CONV}.alpha"), 2.0);
        let m = magnitude(&mut file, &format!("{FLAT_CONV}.dora_scale"), &shape);
        let delta = if shape[0] == 16 {
            dora_rows(&weight.matrix(), &update, &m)
        } else {
            dora_channels(&weight.matrix(), &update, &m, 9)
        };
        let update = Update { name: FLAT_CONV.into(), delta, scale: 0.5, source: "alpha tensor" };
        for dropped in in_every_order(&file, None, &base(&[(DOTTED_CONV, &weight)])) {
            dropped.shows(std::slice::from_ref(&update));
        }
    }
}

/// A module that the base lacks keeps the view of its factors; the others are exact.
#[test]
fn a_module_that_the_base_lacks_shows_its_factors() {
    let mut file = File::new(114);
    let weight = file.draw(&[20, 10]);
    let other = "model.layers.1.self_attn.q_proj";
    let updates = [Q, other].map(|name| {
        let update = file.peft(&format!("base_model.model.{name}"), [20, 4, 10]) * 2.0;
        let m = magnitude(&mut file, &format!("base_model.model.{name}.lora_magnitude_vector"), &[20]);
        let delta = if name == Q { dora_rows(&weight.matrix(), &update, &m) } else { update };
        Update { name: name.to_owned(), delta, scale: 2.0, source: "adapter_config alpha/r" }
    });
    let settings = lora_config(json!({ "use_dora": true }));
    for dropped in in_every_order(&file, Some(settings), &base(&[(&format!("{Q}.weight"), &weight)])) {
        dropped.shows(&updates);
    }
}

/// W ⊙ l − W along the outputs, or for a feed-forward layer along the inputs.
#[test]
fn ia3_of_peft() {
    let names = [Q, "model.layers.0.mlp.down_proj"];
    let mut file = File::new(115);
    let weight = file.draw(&[20, 10]);
    let rows = file.random(&format!("base_model.model.{}.ia3_l", names[0]), &[20, 1]).numbers;
    let cols = file.random(&format!("base_model.model.{}.ia3_l", names[1]), &[1, 10]).numbers;
    let w = weight.matrix();
    let outputs = DMatrix::from_fn(20, 10, |r, c| w[(r, c)] * (rows[r] - 1.0));
    let inputs = DMatrix::from_fn(20, 10, |r, c| w[(r, c)] * (cols[c] - 1.0));
    let updates =
        [Update::new(names[0], 1.0, BY_DEFINITION, outputs), Update::new(names[1], 1.0, BY_DEFINITION, inputs)];
    let settings = config(json!({ "peft_type": "IA3", "feedforward_modules": ["down_proj"] }));
    let weights = names.map(|name| format!("{name}.weight"));
    let base = base(&[(&weights[0], &weight), (&weights[1], &weight)]);
    for dropped in with_base(&file, Some(settings), &base) {
        dropped.shows(&updates);
    }
}

/// LyCORIS stores the offset from 1, and the axis beside it.
#[test]
fn ia3_of_lycoris() {
    for on_input in [false, true] {
        let mut file = File::new(116);
        let weight = file.draw(&[24, 12]);
        let offsets = file.random(&format!("{FLAT}.weight"), &[if on_input { 12 } else { 24 }]).numbers;
        file.put_as(&format!("{FLAT}.on_input"), "I64", &Tensor::scalar(f64::from(u8::from(on_input))));
        let w = weight.matrix();
        let delta = DMatrix::from_fn(24, 12, |r, c| w[(r, c)] * offsets[if on_input { c } else { r }]);
        let update = Update::new(FLAT, 1.0, BY_DEFINITION, delta);
        for dropped in with_base(&file, None, &base(&[(DOTTED, &weight)])) {
            dropped.shows(std::slice::from_ref(&update));
        }
    }
}

/// W ⊙ (B·A), without alpha.
#[test]
fn hira() {
    let mut file = File::new(117);
    let weight = file.draw(&[20, 10]);
    let a = file.random(&format!("base_model.model.{Q}.hira_A"), &[2, 10]).matrix();
    let b = file.random(&format!("base_model.model.{Q}.hira_B"), &[20, 2]).matrix();
    let update = Update::new(Q, 1.0, BY_DEFINITION, weight.matrix().component_mul(&(b * a)));
    let settings = config(json!({ "peft_type": "HIRA", "r": 2 }));
    for dropped in with_base(&file, Some(settings), &base(&[(&format!("{Q}.weight"), &weight)])) {
        dropped.shows(std::slice::from_ref(&update));
    }
}

/// s·(W·a1·a2 + b1·b2)
#[test]
fn glora() {
    let mut file = File::new(118);
    let weight = file.draw(&[24, 12]);
    let mut part = |name: &str, shape: [usize; 2]| file.random(&format!("{FLAT}.{name}.weight"), &shape).matrix();
    let (a1, a2) = (part("a1", [12, 4]), part("a2", [4, 12]));
    let (b1, b2) = (part("b1", [24, 4]), part("b2", [4, 12]));
    part("bm", [24, 4]);
    file.put_as(&format!("{FLAT}.alpha"), "I64", &Tensor::scalar(2.0));
    let update = Update::new(FLAT, 0.5, "alpha tensor", weight.matrix() * a1 * a2 + b1 * b2);
    for dropped in with_base(&file, None, &base(&[(DOTTED, &weight)])) {
        dropped.shows(std::slice::from_ref(&update));
    }
}

/// MiSS repeats its block along the inputs, whose number only the base tells.
#[test]
fn miss() {
    for inputs in [10, 11] {
        let mut file = File::new(119);
        let weight = file.draw(&[20, inputs]);
        let block = file.random(&format!("base_model.model.{Q}.miss_block"), &[2, 20]).matrix();
        let delta = DMatrix::from_fn(20, inputs, |o, i| block[(i % 2, o)]);
        let update = Update::new(Q, 1.0, BY_DEFINITION, delta);
        let settings = config(json!({ "peft_type": "MISS", "r": 2, "init_weights": true }));
        for dropped in with_base(&file, Some(settings.clone()), &base(&[(&format!("{Q}.weight"), &weight)])) {
            dropped.shows(std::slice::from_ref(&update));
        }
    }
}
