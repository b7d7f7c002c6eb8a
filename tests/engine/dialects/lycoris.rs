//! Files of LyCORIS: linear 12 → 24, convolution 8 → 16 of 3×3, rank 4 and less.

use nalgebra::DMatrix;

use crate::dialect::{File, Key, Tensor};
use crate::dialects::maths::{kron, tucker};
use crate::dropped::{Update, drop_file};

const STORED: &str = "alpha tensor";
const BY_DEFINITION: &str = "1: by definition";
const LINEAR: &str = "lycoris_transformer_blocks_0_attn_to_q";
const CONV: &str = "lora_unet_down_blocks_0_resnets_0_conv1";

/// A factor, as the matrix of its first dimension by the others.
fn factor(file: &mut File, module: &str, suffix: &str, shape: &[usize]) -> DMatrix<f64> {
    file.random(&format!("{module}.{suffix}"), shape).matrix()
}

#[test]
fn locon_linear_convolution_and_tucker() {
    let mut file = File::new(60);
    let linear = file.kohya(LINEAR, [24, 4, 12], Some(2.0));
    let keys = |name: &str| ["down", "up"].map(|part| format!("{name}.lora_{part}.weight"));
    let [down, up] = keys(CONV);
    let conv = file.pair(&down, &up, [16, 4, 8], &[3, 3]);
    file.scalar(&format!("{CONV}.alpha"), 2.0);
    let up = factor(&mut file, "lycoris_c3", "lora_up.weight", &[16, 4, 1, 1]);
    let down = factor(&mut file, "lycoris_c3", "lora_down.weight", &[4, 8, 1, 1]);
    let core = file.random("lycoris_c3.lora_mid.weight", &[4, 4, 3, 3]);
    file.scalar("lycoris_c3.alpha", 2.0);
    let updates = [(LINEAR, linear), (CONV, conv), ("lycoris_c3", tucker(&up, &core, &down))];
    drop_file(&file).shows(&updates.map(|(name, product)| Update::new(name, 0.5, STORED, product)));
}

/// Of ranks r₁ and r₂ with r₁·r₂ below the sides' length and above it.
#[test]
fn loha() {
    for (rank, [out, columns]) in [(2, [24, 12]), (4, [24, 12]), (4, [16, 72]), (4, [60, 50])] {
        let mut file = File::new(61);
        let mut half = |n: u32| {
            let a = factor(&mut file, LINEAR, &format!("hada_w{n}_a"), &[out, rank]);
            a * factor(&mut file, LINEAR, &format!("hada_w{n}_b"), &[rank, columns])
        };
        let product = half(1).component_mul(&half(2));
        file.scalar(&format!("{LINEAR}.alpha"), 1.0);
        drop_file(&file).shows(&[Update::new(LINEAR, 1.0 / rank as f64, STORED, product)]);
    }
}

#[test]
fn loha_with_tucker_cores() {
    let mut file = File::new(62);
    let mut half = |n: u32| {
        let a = factor(&mut file, CONV, &format!("hada_w{n}_a"), &[4, 16]);
        let b = factor(&mut file, CONV, &format!("hada_w{n}_b"), &[4, 8]);
        tucker(&a.transpose(), &file.random(&format!("{CONV}.hada_t{n}"), &[4, 4, 3, 3]), &b)
    };
    let product = half(1).component_mul(&half(2));
    file.scalar(&format!("{CONV}.alpha"), 2.0);
    drop_file(&file).shows(&[Update::new(CONV, 0.5, STORED, product)]);
}

/// Every combination of whole and factored w1 and w2; the rank is that of w2's factors, else of w1's.
#[test]
fn lokr_in_every_form_of_its_factors() {
    for (whole1, whole2, scale) in [(true, false, 0.5), (false, true, 1.0), (false, false, 0.5), (true, true, 1.0)] {
        let mut file = File::new(63);
        let w1 = if whole1 {
            factor(&mut file, LINEAR, "lokr_w1", &[4, 3])
        } else {
            factor(&mut file, LINEAR, "lokr_w1_a", &[4, 2]) * factor(&mut file, LINEAR, "lokr_w1_b", &[2, 3])
        };
        let w2 = if whole2 {
            factor(&mut file, LINEAR, "lokr_w2", &[6, 4])
        } else {
            factor(&mut file, LINEAR, "lokr_w2_a", &[6, 4]) * factor(&mut file, LINEAR, "lokr_w2_b", &[4, 4])
        };
        file.scalar(&format!("{LINEAR}.alpha"), 2.0);
        let source = if whole1 && whole2 { BY_DEFINITION } else { STORED };
        drop_file(&file).shows(&[Update::new(LINEAR, scale, source, kron(&w1, &w2, 1))]);
    }
}

/// ComfyUI says beside it where its rows begin in a fused weight: no part of the update, and nothing that is left out.
#[test]
fn lokr_of_some_rows_of_a_fused_weight() {
    for name in ["lora_unet_single_blocks_3_linear1_qkv", "diffusion_model.single_blocks.3.linear1_qkv"] {
        let mut file = File::new(67);
        let w1 = factor(&mut file, name, "lokr_w1", &[4, 3]);
        let w2 = factor(&mut file, name, "lokr_w2", &[6, 4]);
        file.scalar(&format!("{name}.row_offset"), 72.0);
        let dropped = drop_file(&file);
        dropped.shows(&[Update::new("*linear1_qkv", 1.0, BY_DEFINITION, kron(&w1, &w2, 1))]);
        let adapter = dropped.adapter();
        let module = &adapter.modules[0];
        assert_eq!((module.role.as_str(), module.layer), ("qkv", Some(3)));
        assert!(module.note.as_ref().is_some_and(|note| note.contains("row_offset")), "{:?}", module.note);
        assert!(adapter.not_analyzed.is_empty(), "{:?}", adapter.not_analyzed);
    }
}

/// A convolution's w2: whole, factored with the kernel in its columns, or with a Tucker core.
#[test]
fn lokr_convolutions() {
    let mut file = File::new(64);
    let names = ["lycoris_whole", "lycoris_factored", "lycoris_tucker"];
    let w1 = names.map(|name| factor(&mut file, name, "lokr_w1", &[2, 2]));
    let whole = factor(&mut file, names[0], "lokr_w2", &[8, 4, 3, 3]);
    let factored =
        factor(&mut file, names[1], "lokr_w2_a", &[8, 2]) * factor(&mut file, names[1], "lokr_w2_b", &[2, 36]);
    let a = factor(&mut file, names[2], "lokr_w2_a", &[2, 8]);
    let b = factor(&mut file, names[2], "lokr_w2_b", &[2, 4]);
    let core = tucker(&a.transpose(), &file.random("lycoris_tucker.lokr_t2", &[2, 2, 3, 3]), &b);
    for name in names {
        file.scalar(&format!("{name}.alpha"), 1.0);
    }
    let [first, second, third] = w1;
    drop_file(&file).shows(&[
        Update::new(names[0], 1.0, BY_DEFINITION, kron(&first, &whole, 9)),
        Update::new(names[1], 0.5, STORED, kron(&second, &factored, 9)),
        Update::new(names[2], 0.5, STORED, kron(&third, &core, 9)),
    ]);
}

/// With two whole factors there is no rank, and the huge alpha that stands for it says nothing: not even as infinity.
#[test]
fn lokr_of_whole_factors_has_no_scale() {
    for (dtype, alpha) in [("F32", 1e10), ("F16", f64::INFINITY), ("BF16", 100_000.0), ("I64", 1e10)] {
        let mut file = File::new(65);
        let w1 = factor(&mut file, LINEAR, "lokr_w1", &[4, 3]);
        let w2 = factor(&mut file, LINEAR, "lokr_w2", &[6, 4]);
        file.put_as(&format!("{LINEAR}.alpha"), dtype, &Tensor::scalar(alpha));
        let dropped = drop_file(&file);
        dropped.shows(&[Update::new(LINEAR, 1.0, BY_DEFINITION, kron(&w1, &w2, 1))]);
        dropped.is_quiet();
    }
}

/// musubi's LoHa and LoKr lie under kohya's names.
#[test]
fn lokr_and_loha_of_musubi() {
    let names = ["lora_unet_transformer_blocks_0_attn_to_k", "lora_unet_blocks_0_ffn_0"];
    let mut file = File::new(66);
    let w1 = factor(&mut file, names[0], "lokr_w1", &[4, 3]);
    let w2 = factor(&mut file, names[0], "lokr_w2_a", &[6, 2]) * factor(&mut file, names[0], "lokr_w2_b", &[2, 4]);
    let mut half = |n: u32| {
        let a = factor(&mut file, names[1], &format!("hada_w{n}_a"), &[24, 2]);
        a * factor(&mut file, names[1], &format!("hada_w{n}_b"), &[2, 12])
    };
    let product = half(1).component_mul(&half(2));
    for name in names {
        file.scalar(&format!("{name}.alpha"), 1.0);
    }
    drop_file(&file)
        .shows(&[Update::new(names[0], 0.5, STORED, kron(&w1, &w2, 1)), Update::new(names[1], 0.5, STORED, product)]);
}

/// Whole differences: a linear layer's and a convolution's, with its bias, and a norm's of one dimension.
#[test]
fn whole_differences() {
    let mut file = File::new(67);
    let linear = factor(&mut file, LINEAR, "diff", &[24, 12]);
    let conv = factor(&mut file, CONV, "diff", &[16, 8, 3, 3]);
    let bias = file.random(&format!("{LINEAR}.diff_b"), &[24]);
    let norm = file.random("lycoris_norm.w_norm", &[12]);
    file.random("lycoris_norm.b_norm", &[12]);
    let dropped = drop_file(&file);
    dropped.has(&Update::new(LINEAR, 1.0, BY_DEFINITION, linear));
    dropped.has(&Update::new(CONV, 1.0, BY_DEFINITION, conv));
    dropped.lists(&format!("{LINEAR}.diff_b"), "bias");
    dropped.lists("lycoris_norm.b_norm", "bias|norm");
    let vector = Update::new("lycoris_norm", 1.0, BY_DEFINITION, norm.matrix());
    dropped.shows_or_lists(&vector, "lycoris_norm.w_norm", "norm");
    assert_eq!(bias.shape, [24]);
}

/// Kinds may be mixed in one file.
#[test]
fn kinds_are_mixed() {
    let mut file = File::new(68);
    let locon = file.kohya(LINEAR, [24, 4, 12], Some(2.0));
    let mut half = |n: u32| {
        let a = factor(&mut file, CONV, &format!("hada_w{n}_a"), &[16, 2]);
        a * factor(&mut file, CONV, &format!("hada_w{n}_b"), &[2, 72])
    };
    let loha = half(1).component_mul(&half(2));
    let w1 = factor(&mut file, "lycoris_b", "lokr_w1", &[4, 3]);
    let w2 = factor(&mut file, "lycoris_b", "lokr_w2", &[6, 4]);
    let diff = factor(&mut file, "lycoris_c", "diff", &[24, 12]);
    drop_file(&file).shows(&[
        Update::new(LINEAR, 0.5, STORED, locon),
        Update::new(CONV, 1.0, "1: no alpha stored", loha),
        Update::new("lycoris_b", 1.0, BY_DEFINITION, kron(&w1, &w2, 1)),
        Update::new("lycoris_c", 1.0, BY_DEFINITION, diff),
    ]);
}

/// DoRA along either axis: the factors alone, where the base is not there.
#[test]
fn dora_without_its_base_shows_the_factors() {
    for shape in [vec![24, 1], vec![1, 12], vec![24]] {
        let mut file = File::new(69);
        let product = file.kohya(LINEAR, [24, 4, 12], Some(2.0));
        file.random(&format!("{LINEAR}.dora_scale"), &shape);
        drop_file(&file).shows(&[Update::new(LINEAR, 0.5, STORED, product)]);
    }
    for shape in [[16, 1, 1, 1], [1, 8, 1, 1]] {
        let mut file = File::new(70);
        let [down, up] = ["down", "up"].map(|part| format!("{CONV}.lora_{part}.weight"));
        let product = file.pair(&down, &up, [16, 4, 8], &[3, 3]);
        file.random(&format!("{CONV}.dora_scale"), &shape);
        file.scalar(&format!("{CONV}.alpha"), 2.0);
        drop_file(&file).shows(&[Update::new(CONV, 0.5, STORED, product)]);
    }
}

/// Kinds that need the base, and T-LoRA, whose copy of it no file holds.
#[test]
fn what_needs_its_base_says_so() {
    let cases: [(&[Key], &str); 5] = [
        (
            &[
                ("a1.weight", &[12, 4]),
                ("a2.weight", &[4, 12]),
                ("b1.weight", &[24, 4]),
                ("b2.weight", &[4, 12]),
                ("bm.weight", &[24, 4]),
                ("alpha", &[]),
            ],
            "GLoRA",
        ),
        (&[("oft_blocks", &[6, 4, 4]), ("rescale", &[24, 1]), ("alpha", &[])], "OFT"),
        (&[("oft_blocks", &[2, 6, 4, 4]), ("alpha", &[])], "BOFT"),
        (&[("weight", &[24]), ("on_input", &[])], "IA³"),
        (
            &[("q_layer.weight", &[4, 12]), ("p_layer.weight", &[24, 4]), ("lambda_layer", &[1, 4]), ("alpha", &[])],
            "T-LoRA",
        ),
    ];
    for (tensors, name) in cases {
        let mut file = File::new(71);
        let plain = file.kohya("lycoris_other", [24, 4, 12], Some(2.0));
        for (suffix, shape) in tensors {
            let key = format!("{LINEAR}.{suffix}");
            if *suffix == "on_input" {
                file.put_as(&key, "I64", &Tensor::scalar(0.0));
            } else {
                file.random(&key, shape);
            }
        }
        let dropped = drop_file(&file);
        dropped.shows(&[Update::new("lycoris_other", 0.5, STORED, plain)]);
        for (suffix, _) in tensors {
            let key = format!("{LINEAR}.{suffix}");
            dropped.lists(&key, name);
            dropped.lists(&key, "base");
        }
    }
}

/// A trained scalar is multiplied into the factors when they are saved; the key that may be left says nothing.
#[test]
fn a_stray_scalar_changes_nothing() {
    let mut file = File::new(72);
    let product = file.kohya(LINEAR, [24, 4, 12], Some(2.0));
    file.scalar(&format!("{LINEAR}.scalar"), 3.0);
    drop_file(&file).shows(&[Update::new(LINEAR, 0.5, STORED, product)]);
}
