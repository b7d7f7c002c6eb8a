//! The grammar of tensor names: `<module path>.<role suffix>`, the suffix anchored at the end.
//!
//! Anchored, because the modules of a full model may have `lora` in their own names.

/// What a tensor of a PEFT file is for its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `lora_A`: `[r, in]`, or `[r, in, k…]` of a convolution.
    A,
    /// `lora_B`: `[out, r]`, or `[out, r, 1…]` of a convolution.
    B,
    /// `lora_embedding_A`: `[r, vocab]`.
    EmbeddingA,
    /// `lora_embedding_B`: `[dim, r]`.
    EmbeddingB,
    /// `lora_B.bias`: an update of the module's output bias.
    Bias,
    /// DoRA's `lora_magnitude_vector`.
    Magnitude,
    /// AdaLoRA's `lora_E`: the pair beside it is no plain product.
    AdaLora,
    /// KaSA's `lora_diag`: likewise.
    Kasa,
    /// Helpers of training: VeLoRA's embedding, MonteCLoRA's sampler.
    TrainingOnly,
    /// `.alpha`, which belongs to other dialects.
    Alpha,
    /// `modules_to_save`, where the key still says so.
    Saved,
    /// `base_layer` or `original_module`: a copy of the base model's tensor.
    BaseCopy,
    /// Rows of an embedding that replace the base's.
    TrainedTokens,
}

/// A tensor name, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The module's path as the file writes it, prefixes and all.
    pub path: &'a str,
    pub role: Role,
    /// The adapter's name, where the key still carries it (`.lora_A.default.weight`).
    pub adapter: Option<&'a str>,
}

/// Whether an adapter's name may stand inside the suffix, and where.
#[derive(Clone, Copy, PartialEq)]
enum Name {
    No,
    Optional,
    Required,
}

/// `.{word}(.{adapter})?{tail}`, longest first where two could match.
struct Suffix {
    word: &'static str,
    name: Name,
    tail: &'static str,
    role: Role,
}

const fn suffix(word: &'static str, name: Name, tail: &'static str, role: Role) -> Suffix {
    Suffix { word, name, tail, role }
}

const SUFFIXES: &[Suffix] = &[
    suffix("lora_A", Name::Optional, ".weight", Role::A),
    suffix("lora_B", Name::Optional, ".weight", Role::B),
    suffix("lora_A", Name::Optional, ".bias", Role::Bias),
    suffix("lora_B", Name::Optional, ".bias", Role::Bias),
    suffix("lora_A", Name::Optional, "", Role::A),
    suffix("lora_B", Name::Optional, "", Role::B),
    suffix("lora_embedding_A", Name::Optional, "", Role::EmbeddingA),
    suffix("lora_embedding_B", Name::Optional, "", Role::EmbeddingB),
    suffix("lora_magnitude_vector", Name::Optional, ".weight", Role::Magnitude),
    suffix("lora_magnitude_vector", Name::Optional, "", Role::Magnitude),
    suffix("lora_E", Name::Optional, "", Role::AdaLora),
    suffix("lora_diag", Name::Optional, "", Role::Kasa),
    suffix("lora_velora_embed", Name::Optional, "", Role::TrainingOnly),
    suffix("modules_to_save", Name::Required, ".weight", Role::Saved),
    suffix("modules_to_save", Name::Required, ".bias", Role::Saved),
    suffix("original_module", Name::No, ".weight", Role::BaseCopy),
    suffix("original_module", Name::No, ".bias", Role::BaseCopy),
    suffix("base_layer", Name::No, ".weight", Role::BaseCopy),
    suffix("base_layer", Name::No, ".bias", Role::BaseCopy),
    suffix("trainable_tokens_delta", Name::Optional, "", Role::TrainedTokens),
    suffix("alpha", Name::No, "", Role::Alpha),
];

/// Takes a tensor name of a PEFT file apart; `None` for names without a suffix of that family.
pub fn parse(key: &str) -> Option<Key<'_>> {
    if let Some(at) = key.find(".lora_monteclora_sampler.") {
        return Some(Key { path: &key[..at], role: Role::TrainingOnly, adapter: None });
    }
    SUFFIXES.iter().find_map(|suffix| suffix.parse(key))
}

impl Suffix {
    fn parse<'a>(&self, key: &'a str) -> Option<Key<'a>> {
        let stem = key.strip_suffix(self.tail)?;
        if self.name != Name::Required
            && let Some(path) = self.ends(stem)
        {
            return Some(Key { path, role: self.role, adapter: None });
        }
        if self.name == Name::No {
            return None;
        }
        let (stem, adapter) = stem.rsplit_once('.')?;
        let path = self.ends(stem)?;
        Some(Key { path, role: self.role, adapter: Some(adapter) })
    }

    /// What stands before `.{word}` at the end of `stem`; a suffix without a module before it is none.
    fn ends<'a>(&self, stem: &'a str) -> Option<&'a str> {
        stem.strip_suffix(self.word)?.strip_suffix('.').filter(|path| !path.is_empty())
    }
}

/// A module's path as the model has it: [`strip`]ped, and without `base_layer`.
pub fn clean(path: &str) -> String {
    let stripped = strip(path);
    let kept: Vec<&str> = stripped.split('.').filter(|s| *s != "base_layer").collect();
    if kept.is_empty() { stripped } else { kept.join(".") }
}

/// A path without PEFT's prefix and without what wrappers (FSDP, torch.compile, DDP) left behind.
///
/// `base_model.` is the PEFT model's attribute and `model.` the wrapped model; the model's own path follows.
pub fn strip(path: &str) -> String {
    const LEFTOVERS: &[&str] = &["_fsdp_wrapped_module", "_orig_mod", "_checkpoint_wrapped_module"];
    let mut kept: Vec<&str> = path.split('.').filter(|s| !LEFTOVERS.contains(s)).collect();
    for prefix in [&["module"][..], &["base_model", "model"], &["module"]] {
        // A path that is nothing but the prefix stays as it is.
        if kept.starts_with(prefix) && kept.len() > prefix.len() {
            kept.drain(..prefix.len());
        }
    }
    kept.join(".")
}
