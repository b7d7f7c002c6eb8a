//! The scale s of ΔW = s·B·A, and where it comes from in words.

use super::Adapter;
use super::config::PeftConfig;

/// A module's scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    pub value: f64,
    pub source: String,
    /// Nothing says it: a person may know better.
    pub assumed: bool,
}

/// PEFT's rule: alpha/r, or alpha/√r with `use_rslora`, where alpha is that of the first matching
/// `alpha_pattern`, else `lora_alpha`, and r is the tensors' rank (above 0).
pub fn peft(config: Option<&PeftConfig>, module: &str, rank: u32) -> Scale {
    let Some(config) = config else { return assumed("no adapter_config.json") };
    let by_pattern = config.alpha_by_pattern(module);
    let Some(alpha) = by_pattern.or(config.lora_alpha) else {
        return assumed("adapter_config.json gives no usable lora_alpha");
    };
    let (divisor, rule) = if config.use_rslora {
        (f64::from(rank).sqrt(), "rsLoRA alpha/√r")
    } else {
        (f64::from(rank), "adapter_config alpha/r")
    };
    let remark = match by_pattern {
        Some(_) => " (alpha_pattern)",
        None if config.default_alpha => " (PEFT's default lora_alpha, 8)",
        None => "",
    };
    Scale { value: alpha / divisor, source: format!("{rule}{remark}"), assumed: false }
}

fn assumed(why: &str) -> Scale {
    Scale { value: 1.0, source: format!("assumed 1: {why}"), assumed: true }
}

/// Replaces every assumed scale of an adapter by the one that a person gives; those that its files state stay.
pub fn set_by_hand(adapter: &mut Adapter, value: f64) {
    for module in adapter.modules.iter_mut().filter(|m| is_replaceable(&m.scale_source)) {
        module.scale = value;
        BY_HAND.clone_into(&mut module.scale_source);
    }
}

const BY_HAND: &str = "set by hand";

/// Whether a scale source says that the scale is only assumed.
pub fn is_assumed(source: &str) -> bool {
    source.starts_with("assumed")
}

fn is_replaceable(source: &str) -> bool {
    is_assumed(source) || source == BY_HAND
}
