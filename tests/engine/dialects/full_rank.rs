//! The rule for spectra of full rank, and what the report says of each module's kind.

use nalgebra::DMatrix;
use serde_json::{Value, json};

use crate::dialect::{File, Tensor, lora_config};
use crate::dropped::{Dropped, drop_file, drop_with};

const NAME: &str = "lycoris_transformer_blocks_0_attn_to_q";

/// A field of a module as the JSON report has it.
fn field(dropped: &Dropped, name: &str, field: &str) -> Value {
    json!(dropped.module(name))[field].clone()
}

/// Of 600×700: the largest values, a word that there are more, and the exact norm.
#[test]
fn a_large_difference_reports_its_largest_values() {
    let mut file = File::new(160);
    let low = file.draw(&[600, 12]).matrix() * file.draw(&[12, 700]).matrix();
    let diff = Tensor::of(&(low + file.draw(&[600, 700]).matrix() * 0.01));
    file.put(&format!("{NAME}.diff"), &diff);
    let dropped = drop_file(&file);
    let module = dropped.module(NAME);
    let matrix = diff.matrix();
    assert_eq!(module.shape, [600, 700]);
    let norm = matrix.norm();
    assert!((module.frobenius - norm).abs() <= 1e-6 * norm, "{} is not {norm}", module.frobenius);
    let gram: DMatrix<f64> = &matrix * matrix.transpose();
    let mut sigma: Vec<f64> = gram.symmetric_eigenvalues().iter().map(|x| x.max(0.0).sqrt()).collect();
    sigma.sort_by(|a, b| b.total_cmp(a));
    let (found, bound) = (&module.singular_values, 1e-5 * sigma[0]);
    assert!(found.len() >= 12 && found.len() < 600, "{} values", found.len());
    for (n, (found, sigma)) in found.iter().zip(&sigma).enumerate() {
        assert!((found - sigma).abs() <= bound, "σ{n} is {found}, not {sigma}");
    }
    assert_eq!(field(&dropped, NAME, "truncated"), true);
}

/// A large difference that happens to be of low rank has no further values; a faint rest is one.
#[test]
fn a_large_difference_tells_a_faint_rest_from_rounding() {
    for (noise, truncated) in [(0.0, false), (2e-4, true)] {
        let mut file = File::new(165);
        let low = file.draw(&[600, 3]).matrix() * file.draw(&[3, 700]).matrix();
        let rest = file.draw(&[600, 700]).matrix() * noise;
        file.put(&format!("{NAME}.diff"), &Tensor::of(&(low + rest)));
        let dropped = drop_file(&file);
        assert_eq!(field(&dropped, NAME, "truncated") == true, truncated, "{noise:e}");
    }
}

/// Up to 512 the spectrum is whole.
#[test]
fn a_smaller_difference_reports_its_whole_spectrum() {
    let mut file = File::new(161);
    file.random(&format!("{NAME}.diff"), &[40, 700]);
    let dropped = drop_file(&file);
    assert_eq!(dropped.module(NAME).singular_values.len(), 40);
    assert_ne!(field(&dropped, NAME, "truncated"), true);
}

/// A product of low rank is whole at any size.
#[test]
fn a_large_module_of_low_rank_is_whole() {
    let mut file = File::new(162);
    file.kohya(NAME, [600, 4, 700], Some(4.0));
    let loha = "lycoris_transformer_blocks_0_attn_to_k";
    for n in [1, 2] {
        file.random(&format!("{loha}.hada_w{n}_a"), &[600, 2]);
        file.random(&format!("{loha}.hada_w{n}_b"), &[2, 700]);
    }
    let dropped = drop_file(&file);
    for name in [NAME, loha] {
        let sigma = &dropped.module(name).singular_values;
        assert_eq!(sigma.len(), 4, "{name}");
        let norm = sigma.iter().map(|s| s * s).sum::<f64>().sqrt();
        assert!((dropped.module(name).frobenius - norm).abs() <= 1e-5 * norm, "{name}");
        assert_ne!(field(&dropped, name, "truncated"), true, "{name}");
    }
}

#[test]
fn the_kind_of_each_module_is_reported() {
    let mut file = File::new(163);
    let names = ["a", "b", "c", "d"].map(|end| format!("lycoris_{end}"));
    file.kohya(&names[0], [24, 4, 12], Some(4.0));
    for n in [1, 2] {
        file.random(&format!("{}.hada_w{n}_a", names[1]), &[24, 2]);
        file.random(&format!("{}.hada_w{n}_b", names[1]), &[2, 12]);
    }
    file.random(&format!("{}.lokr_w1", names[2]), &[4, 3]);
    file.random(&format!("{}.lokr_w2", names[2]), &[6, 4]);
    file.kohya(&names[3], [24, 4, 12], Some(4.0));
    file.random(&format!("{}.dora_scale", names[3]), &[24, 1]);
    let dropped = drop_file(&file);
    for (name, algorithm) in names.iter().zip(["LoRA", "LoHa", "LoKr", "DoRA"]) {
        assert_eq!(field(&dropped, name, "algorithm"), algorithm, "{name}");
    }
}

/// DoRA without its base says that the factors alone are shown.
#[test]
fn dora_without_its_base_says_so() {
    let mut file = File::new(164);
    file.peft("base_model.model.lin0", [20, 4, 10]);
    file.random("base_model.model.lin0.lora_magnitude_vector", &[20]);
    file.peft("base_model.model.lin1", [20, 4, 10]);
    let dropped = drop_with(&file, lora_config(json!({ "use_dora": true })));
    let note = field(&dropped, "lin0", "note");
    assert!(note.as_str().is_some_and(|note| note.contains("base")), "{note}");
    assert!(field(&dropped, "lin1", "note").is_null());
}
