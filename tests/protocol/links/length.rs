//! How long a link is, and what is in it.

use lorascope_protocol::link::{self, LONGEST, LinkError};

use crate::links::made::{ADDRESS, computed, llama, peft_lora, share};

#[test]
fn a_small_adapter_takes_its_spectra_along_in_two_thousand_characters() {
    let report = peft_lora();
    let payload = share(&report);
    println!("peft-lora: {} characters", payload.text.len());
    assert!(payload.text.len() + ADDRESS <= link::SHORT);
    assert!(payload.spectra);
}

#[test]
fn an_8b_adapter_fits_in_two_thousand_characters() {
    let report = llama(32, 16);
    assert_eq!(report.modules.len(), 224);
    let payload = share(&report);
    println!("8B: {} characters", payload.text.len());
    assert!(payload.text.len() + ADDRESS <= link::SHORT, "{}", payload.text.len());
    assert!(!payload.spectra, "16 values of each of 224 modules have no room beside the measures");
    assert!(payload.text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
}

#[test]
fn convolutions_and_odd_names_take_little_more() {
    for files in [
        &["diffusers-unet/pytorch_lora_weights.safetensors"],
        &["kohya-locon/adapter.safetensors"],
        &["lycoris-loha/adapter.safetensors"],
    ] {
        let report = computed(files);
        let payload = share(&report);
        println!("{}: {} modules, {} characters", files[0], report.modules.len(), payload.text.len());
        assert!(payload.text.len() + ADDRESS <= link::SHORT, "{}: {}", files[0], payload.text.len());
    }
}

#[test]
fn twenty_thousand_modules_are_long_and_more_than_a_link_holds_is_refused() {
    let large = llama(20_000 / 7, 4);
    let payload = share(&large);
    println!("{} modules: {} characters", large.modules.len(), payload.text.len());
    assert!((link::SHORT..LONGEST).contains(&payload.text.len()), "{}", payload.text.len());
    assert_eq!(link::read(&payload.text).expect("a profile").modules.len(), large.modules.len());
    let huge = llama(70_000 / 7, 1);
    assert_eq!(link::write(&huge, &huge.modules, link::SHORT), Err(LinkError::TooLarge));
}
