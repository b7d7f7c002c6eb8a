//! Convolutions whose update needs the base's weight `[out, in, k…]`, with the base dropped along.

use lorascope_format::bytes::MemorySource;
use nalgebra::DMatrix;
use serde_json::json;

use crate::dialect::{File, Tensor, config, lora_config};
use crate::dialects::base::{base, with_base};
use crate::dialects::maths::{cayley, dora_channels, dora_rows};
use crate::dropped::Update;

const FLAT: &str = "lora_unet_down_blocks_0_resnets_0_conv1";
const DOTTED: &str = "down_blocks.0.resnets.0.conv1";
const BY_DEFINITION: &str = "1: by definition";
/// out, in, and the taps of a 3 × 3 kernel.
const SIZES: [usize; 3] = [8, 6, 9];

fn weight(file: &mut File) -> Tensor {
    file.draw(&[SIZES[0], SIZES[1], 3, 3])
}

/// The base with this weight, under the name that the adapter flattens or not.
fn base_of(weight: &Tensor) -> MemorySource {
    base(&[(&format!("{DOTTED}.weight"), weight)])
}

fn lengths(file: &mut File, name: &str, shape: &[usize]) -> Vec<f64> {
    let drawn = file.draw(shape);
    let tensor = Tensor::new(shape, drawn.numbers.iter().map(|x| x.abs() + 1.5).collect());
    file.put(name, &tensor);
    tensor.numbers
}

fn shows(file: &File, settings: Option<MemorySource>, weight: &Tensor, update: &Update) {
    for dropped in with_base(file, settings, &base_of(weight)) {
        dropped.shows(std::slice::from_ref(update));
    }
}

/// PEFT stores a convolution's lengths as `[1, out, 1, 1]`.
#[test]
fn dora_of_peft() {
    let mut file = File::new(301);
    let weight = weight(&mut file);
    let path = format!("base_model.model.{DOTTED}");
    let [out, inputs, _] = SIZES;
    let (down, up) = (format!("{path}.lora_A.weight"), format!("{path}.lora_B.weight"));
    let product = file.pair(&down, &up, [out, 2, inputs], &[3, 3]) * 4.0;
    let m = lengths(&mut file, &format!("{path}.lora_magnitude_vector"), &[1, out, 1, 1]);
    let delta = dora_rows(&weight.matrix(), &product, &m);
    let update = Update { name: DOTTED.to_owned(), delta, scale: 4.0, source: "adapter_config alpha/r" };
    shows(&file, Some(lora_config(json!({ "r": 2, "lora_alpha": 8, "use_dora": true }))), &weight, &update);
}

/// A LoHa that flattens the kernel, with a length for each input channel.
#[test]
fn dora_of_a_flattened_loha() {
    let mut file = File::new(302);
    let weight = weight(&mut file);
    let [out, inputs, taps] = SIZES;
    let half = |file: &mut File, n: usize| {
        let a = file.random(&format!("{FLAT}.hada_w{n}_a"), &[out, 2]).matrix();
        a * file.random(&format!("{FLAT}.hada_w{n}_b"), &[2, inputs * taps]).matrix()
    };
    let product = half(&mut file, 1).component_mul(&half(&mut file, 2)) * 0.5;
    file.scalar(&format!("{FLAT}.alpha"), 1.0);
    let m = lengths(&mut file, &format!("{FLAT}.dora_scale"), &[1, inputs, 1, 1]);
    let delta = dora_channels(&weight.matrix(), &product, &m, taps);
    shows(&file, None, &weight, &Update { name: FLAT.to_owned(), delta, scale: 0.5, source: "alpha tensor" });
}

/// PEFT's `[1, C, 1, 1]` scales outputs, as here, where there are as many.
#[test]
fn ia3() {
    let [out, inputs, taps] = SIZES;
    for (on_input, n) in [(false, out), (true, inputs)] {
        let mut file = File::new(303);
        let weight = weight(&mut file);
        let w = weight.matrix();
        let gain = |numbers: &[f64], less: f64| {
            DMatrix::from_fn(out, inputs * taps, |o, i| {
                w[(o, i)] * (numbers[if on_input { i / taps } else { o }] - less)
            })
        };
        let l = file.random(&format!("base_model.model.{DOTTED}.ia3_l"), &[1, n, 1, 1]).numbers;
        let update = Update { name: DOTTED.to_owned(), delta: gain(&l, 1.0), scale: 1.0, source: BY_DEFINITION };
        shows(&file, Some(config(json!({ "peft_type": "IA3" }))), &weight, &update);

        let mut file = File::new(304);
        let offset = file.random(&format!("{FLAT}.weight"), &[1, n, 1, 1]).numbers;
        file.put_as(&format!("{FLAT}.on_input"), "I64", &Tensor::scalar(f64::from(u8::from(on_input))));
        let update = Update { name: FLAT.to_owned(), delta: gain(&offset, 0.0), scale: 1.0, source: BY_DEFINITION };
        shows(&file, None, &weight, &update);
    }
}

/// a1·a2 act on the channels, tap by tap.
#[test]
fn glora() {
    let mut file = File::new(305);
    let weight = weight(&mut file);
    let [out, inputs, taps] = SIZES;
    let a1 = file.random(&format!("{FLAT}.a1.weight"), &[inputs, 2]).matrix();
    let a2 = file.random(&format!("{FLAT}.a2.weight"), &[2, inputs]).matrix();
    let b1 = file.random(&format!("{FLAT}.b1.weight"), &[out, 2]).matrix();
    let b2 = file.random(&format!("{FLAT}.b2.weight"), &[2, inputs, 3, 3]).matrix();
    file.scalar(&format!("{FLAT}.alpha"), 1.0);
    let (w, turn, plain) = (weight.matrix(), a1 * a2, b1 * b2);
    let delta = DMatrix::from_fn(out, inputs * taps, |o, column| {
        let (channel, tap) = (column / taps, column % taps);
        let turned: f64 = (0..inputs).map(|i| w[(o, i * taps + tap)] * turn[(i, channel)]).sum();
        (turned + plain[(o, column)]) * 0.5
    });
    shows(&file, None, &weight, &Update { name: FLAT.to_owned(), delta, scale: 0.5, source: "alpha tensor" });
}

/// Rows are turned block by block, whatever they hold; a clamp is refused by name.
#[test]
fn oft() {
    let mut file = File::new(306);
    let weight = weight(&mut file);
    let blocks = file.random(&format!("{FLAT}.oft_blocks"), &[2, 4, 4]);
    let w = weight.matrix();
    let mut delta = DMatrix::zeros(w.nrows(), w.ncols());
    for block in 0..2 {
        let x = blocks.part(block);
        let turn = cayley(&(&x - x.transpose())).transpose();
        let rows = w.rows(4 * block, 4);
        delta.rows_mut(4 * block, 4).copy_from(&(turn * rows - rows));
    }
    shows(&file, None, &weight, &Update { name: FLAT.to_owned(), delta, scale: 1.0, source: BY_DEFINITION });
    file.scalar(&format!("{FLAT}.alpha"), 0.5);
    for dropped in with_base(&file, None, &base_of(&weight)) {
        assert!(dropped.report.adapters.iter().all(|adapter| adapter.modules.is_empty()));
        dropped.warns("constraint");
    }
}
