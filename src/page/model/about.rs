//! One module in words, beside its spectrum.

use super::grid::stack_words;
use super::number::{grouped, shape, short};
use lorascope_protocol::ScaleSource;
use lorascope_protocol::report::ModuleReport;

/// "LoHa, text encoder 2, layer 3, 64×32, rank 4, F32".
pub fn about(m: &ModuleReport) -> String {
    let mut parts = Vec::new();
    if !m.algorithm.is_empty() {
        parts.push(m.algorithm.clone());
    }
    // In a model of one stack the name says the layer.
    if !m.stack.is_empty() {
        parts.push(stack_words(&m.stack));
        parts.extend(m.layer.map(|layer| format!("layer {layer}")));
    }
    parts.push(shape(m.shape));
    parts.push(if m.rank == 0 { "no rank".to_owned() } else { format!("rank {}", grouped(u64::from(m.rank))) });
    parts.push(m.dtype.clone());
    parts.join(", ")
}

/// "Scale s = 2, alpha tensor: 8 / rank 4".
pub fn scale_of(m: &ModuleReport) -> String {
    format!("Scale s = {}, {}", short(m.scale), beside_scale(&m.scale_source))
}

/// A scale's source without the scale, 1, that stands beside it: said twice it would read as two.
pub fn beside_scale(source: &str) -> &str {
    match ScaleSource::from(source) {
        ScaleSource::One(why) => why,
        _ => source,
    }
}

/// A remark as a sentence of its own.
pub fn sentence_of(note: &str) -> String {
    let note = note.trim_end_matches('.');
    let mut chars = note.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::module;

    #[test]
    fn a_module_in_words() {
        let mut m = module("layers.3.q_proj", Some(3), "q", 4);
        assert_eq!(about(&m), "LoRA, 64×32, rank 4, F32");
        (m.stack, m.algorithm, m.rank) = ("text_encoder_2".into(), "full difference".into(), 0);
        assert_eq!(about(&m), "full difference, text encoder 2, layer 3, 64×32, no rank, F32");
        m.algorithm.clear();
        assert!(about(&m).starts_with("text encoder 2"));
    }

    #[test]
    fn a_scale_and_where_it_comes_from() {
        let mut m = module("layers.3.q_proj", Some(3), "q", 4);
        assert_eq!(scale_of(&m), "Scale s = 2, alpha 16 / r 8, adapter_config");
        (m.scale, m.scale_source) = (1.0, "1: by definition".into());
        assert_eq!(scale_of(&m), "Scale s = 1, by definition");
    }

    #[test]
    fn notes_become_sentences() {
        assert_eq!(sentence_of("exact, with the base model"), "Exact, with the base model.");
        assert_eq!(sentence_of("Said."), "Said.");
        assert_eq!(sentence_of(""), "");
    }
}
