//! Orthogonal fine-tuning, with the base dropped along.

use nalgebra::DMatrix;
use serde_json::json;

use crate::dialect::{File, Tensor, config};
use crate::dialects::base::{base, with_base};
use crate::dialects::maths::{block_diagonal, cayley};
use crate::dropped::Update;

const FLAT: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
const DOTTED: &str = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight";
const Q: &str = "model.layers.0.self_attn.q_proj";
const BY_DEFINITION: &str = "1: by definition";

/// The rotation of the matrix `n` of a stack: R of Q = X − Xᵀ.
fn rotation(blocks: &Tensor, n: usize) -> DMatrix<f64> {
    let x = blocks.part(n);
    cayley(&(&x - x.transpose()))
}

/// LyCORIS without a clamp: every block of rows becomes Rᵀ times itself, and `rescale` stretches the rows.
#[test]
fn oft_of_lycoris() {
    for (alpha, rescaled) in [(None, false), (Some(0.0), false), (Some(0.0), true)] {
        let mut file = File::new(130);
        let weight = file.draw(&[24, 12]);
        let blocks = file.random(&format!("{FLAT}.oft_blocks"), &[6, 4, 4]);
        let turned: Vec<_> = (0..6).map(|n| rotation(&blocks, n).transpose()).collect();
        let mut after = block_diagonal(&turned) * weight.matrix();
        if let Some(alpha) = alpha {
            file.scalar(&format!("{FLAT}.alpha"), alpha);
        }
        if rescaled {
            let rescale = file.random(&format!("{FLAT}.rescale"), &[24, 1]).numbers;
            after = DMatrix::from_diagonal(&rescale.into()) * after;
        }
        file.metadata("ss_network_module", &json!("lycoris.kohya"));
        let update = Update::new(FLAT, 1.0, BY_DEFINITION, after - weight.matrix());
        for dropped in with_base(&file, None, &base(&[(DOTTED, &weight)])) {
            dropped.shows(std::slice::from_ref(&update));
        }
    }
}

/// sd-scripts clamps always, so that its alpha 0 means no effect at all: no rotation may be shown.
#[test]
fn oft_of_sd_scripts_with_alpha_zero_has_no_effect() {
    let mut file = File::new(131);
    let weight = file.draw(&[24, 12]);
    let plain = file.kohya("lora_te_text_model_encoder_layers_0_mlp_fc1", [14, 4, 12], Some(2.0));
    file.random(&format!("{FLAT}.oft_blocks"), &[6, 4, 4]);
    file.scalar(&format!("{FLAT}.alpha"), 0.0);
    file.metadata("ss_network_module", &json!("networks.oft"));
    for dropped in with_base(&file, None, &base(&[(DOTTED, &weight)])) {
        dropped.has(&Update::new("lora_te_text_model_encoder_layers_0_mlp_fc1", 0.5, "alpha tensor", plain.clone()));
        let none = Update::new(FLAT, 1.0, BY_DEFINITION, DMatrix::zeros(24, 12));
        dropped.shows_or_lists(&none, &format!("{FLAT}.oft_blocks"), "OFT");
    }
}

/// A factor of order 2^i·n/2 interleaves the rows before each stage's rotations and takes them apart after.
#[test]
fn boft_of_lycoris_is_exact_or_named() {
    let (stages, number, size) = (2, 6, 4);
    let mut file = File::new(132);
    let weight = file.draw(&[24, 12]);
    let plain = file.kohya("lora_te_text_model_encoder_layers_0_mlp_fc1", [14, 4, 12], Some(2.0));
    let stack = file.random(&format!("{FLAT}.oft_blocks"), &[stages, number, size, size]);
    let blocks = Tensor::new(&[stages * number, size, size], stack.numbers);
    let mut after = weight.matrix();
    for stage in 0..stages {
        let k = (1 << stage) * size / 2;
        // Row (c, g, k) goes to (c, k, g), g being 0 or 1.
        let from = |row: usize| row / (2 * k) * 2 * k + row % 2 * k + row % (2 * k) / 2;
        let together = DMatrix::from_fn(24, 12, |row, col| after[(from(row), col)]);
        let turned: Vec<_> = (0..number).map(|n| rotation(&blocks, stage * number + n)).collect();
        let turned = block_diagonal(&turned) * together;
        for row in 0..24 {
            after.set_row(from(row), &turned.row(row));
        }
    }
    let update = Update::new(FLAT, 1.0, BY_DEFINITION, after - weight.matrix());
    for dropped in with_base(&file, None, &base(&[(DOTTED, &weight)])) {
        dropped.has(&Update::new("lora_te_text_model_encoder_layers_0_mlp_fc1", 0.5, "alpha tensor", plain.clone()));
        dropped.shows_or_lists(&update, &format!("{FLAT}.oft_blocks"), "BOFT");
    }
}

/// The upper triangle of a skew matrix, row by row.
fn skew(numbers: &[f64], size: usize) -> DMatrix<f64> {
    let mut q = DMatrix::zeros(size, size);
    let mut numbers = numbers.iter();
    for i in 0..size {
        for j in i + 1..size {
            let x = numbers.next().copied().unwrap_or_else(|| panic!("too few numbers"));
            q[(i, j)] = x;
            q[(j, i)] = -x;
        }
    }
    q
}

/// PEFT rotates the inputs, by the Cayley transform's series of five terms or by the transform itself.
#[test]
fn oft_of_peft_is_exact_or_named() {
    for series in [true, false] {
        let mut file = File::new(133);
        let weight = file.draw(&[20, 12]);
        let drawn = file.draw(&[3, 6]);
        let stored = Tensor::new(&[3, 6], drawn.numbers.iter().map(|x| x / 8.0).collect());
        file.put(&format!("base_model.model.{Q}.oft_R.weight"), &stored);
        let turned: Vec<_> = (0..3)
            .map(|n| {
                let q = skew(&stored.numbers[6 * n..6 * n + 6], 4);
                let one = DMatrix::identity(4, 4);
                if series {
                    let (square, cube) = (&q * &q, &q * &q * &q);
                    let fourth = &cube * &q;
                    one + (&q + square + cube) * 2.0 + fourth
                } else {
                    cayley(&-q)
                }
            })
            .collect();
        let after = weight.matrix() * block_diagonal(&turned).transpose();
        let update = Update::new(Q, 1.0, BY_DEFINITION, after - weight.matrix());
        let settings = json!({
            "peft_type": "OFT", "r": 3, "oft_block_size": 4, "block_share": false, "coft": false,
            "use_cayley_neumann": series, "num_cayley_neumann_terms": 5,
        });
        let weights = base(&[(&format!("{Q}.weight"), &weight)]);
        let dropped = with_base(&file, Some(config(settings)), &weights);
        if dropped.iter().all(|dropped| dropped.report.adapters.is_empty()) {
            dropped[0].warns("OFT");
        } else {
            dropped.iter().for_each(|dropped| dropped.shows(std::slice::from_ref(&update)));
        }
    }
}
