//! Models as targets: their sizes, from a `config.json` or from a list of widely used ones.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use super::listed::{ListedModel, MODELS, listed};

/// The sizes of a language model that its modules' shapes follow from. Absent ones are unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelShape {
    /// For `base_model_name_or_path`; absent where a `config.json` does not say.
    pub name: Option<String>,
    pub hidden: Option<u64>,
    pub intermediate: Option<u64>,
    pub heads: Option<u64>,
    pub kv_heads: Option<u64>,
    pub head_dim: Option<u64>,
    pub vocab: Option<u64>,
    pub layers: Option<u32>,
}

/// The spellings of each number in the configurations of `transformers`, the common one first.
pub const HIDDEN: &[&str] = &["hidden_size", "n_embd", "d_model", "dim", "model_dim", "n_embed"];
pub const INTERMEDIATE: &[&str] = &["intermediate_size", "n_inner", "d_ff", "ffn_dim", "ffn_hidden_size", "hidden_dim"];
pub const HEADS: &[&str] = &["num_attention_heads", "n_head", "num_heads", "n_heads"];
pub const KV_HEADS: &[&str] = &["num_key_value_heads", "num_kv_heads", "n_kv_heads"];
pub const HEAD_DIM: &[&str] = &["head_dim", "d_kv", "kv_channels"];
pub const VOCAB: &[&str] = &["vocab_size", "padded_vocab_size"];
pub const LAYERS: &[&str] = &["num_hidden_layers", "n_layer", "num_layers", "n_layers"];

/// Where the configuration of a multimodal model keeps that of its language model.
const NESTED: &[&str] = &["text_config", "llm_config", "language_config"];

/// Architectures whose feed-forward is 4·hidden wherever the configuration leaves it out.
const FOURFOLD: &[&str] = &["falcon", "RefinedWeb", "RefinedWebModel", "bloom"];

impl ModelShape {
    /// Whether a JSON object is the `config.json` of a model: it names its architecture and has a hidden size.
    pub fn is_one(object: &Map<String, Value>) -> bool {
        let named = object.contains_key("model_type") || object.contains_key("architectures");
        named && Config::new(object).number(HIDDEN).is_some()
    }

    /// Reads the sizes of the language model. A number of the wrong type counts as absent; those that follow from
    /// others (key-value heads, head dimension, GPT-2's 4·hidden) are filled in.
    pub fn read(object: &Map<String, Value>) -> Self {
        let config = Config::new(object);
        let hidden = config.number(HIDDEN);
        let heads = config.number(HEADS);
        Self {
            name: config.name(),
            hidden,
            intermediate: config.number(INTERMEDIATE).or_else(|| {
                let fourfold = config.get("n_embd").is_some() || config.is_of(FOURFOLD);
                hidden.filter(|_| fourfold).and_then(|hidden| hidden.checked_mul(4))
            }),
            heads,
            kv_heads: config.kv_heads().or(heads),
            head_dim: config.head_dim(hidden, heads),
            vocab: config.number(VOCAB),
            layers: config.number(LAYERS).and_then(|layers| u32::try_from(layers).ok()),
        }
    }
}

/// A `config.json`: the language model's part first, then the whole.
struct Config<'a> {
    whole: &'a Map<String, Value>,
    text: Option<&'a Map<String, Value>>,
}

impl<'a> Config<'a> {
    fn new(whole: &'a Map<String, Value>) -> Self {
        Self { whole, text: NESTED.iter().find_map(|key| whole.get(*key)?.as_object()) }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        let text = self.text.and_then(|text| text.get(key));
        text.or_else(|| self.whole.get(key)).filter(|value| !value.is_null())
    }

    /// The first spelling that holds a whole number.
    fn number(&self, spellings: &[&str]) -> Option<u64> {
        let parts = self.text.into_iter().chain([self.whole]);
        let mut found = parts.flat_map(|part| spellings.iter().filter_map(|key| part.get(*key)?.as_u64()));
        found.next()
    }

    fn flag(&self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    fn is_of(&self, types: &[&str]) -> bool {
        self.get("model_type").and_then(Value::as_str).is_some_and(|name| types.contains(&name))
    }

    fn kv_heads(&self) -> Option<u64> {
        // Falcon's first models keep one, whatever `num_kv_heads` says; GPT-BigCode has the flag alone.
        if self.flag("multi_query") && !self.flag("new_decoder_architecture") {
            return Some(1);
        }
        if self.flag("multi_query_attention") {
            return self.number(&["multi_query_group_num"]);
        }
        self.number(KV_HEADS)
    }

    fn head_dim(&self, hidden: Option<u64>, heads: Option<u64>) -> Option<u64> {
        // Multi-head latent attention has several, and `head_dim` names only one of them.
        if self.get("kv_lora_rank").is_some() {
            return None;
        }
        self.number(HEAD_DIM).or_else(|| {
            let (hidden, heads) = (hidden?, heads.filter(|&heads| heads > 0)?);
            (hidden % heads == 0).then_some(hidden / heads)
        })
    }

    /// The model's name, unless it is a place on somebody's disk.
    fn name(&self) -> Option<String> {
        let name = self.get("_name_or_path")?.as_str()?.trim();
        let drive = name.get(1..3).is_some_and(|after| after == ":\\" || after == ":/");
        let local = drive || name.starts_with(['/', '\\', '.', '~']);
        (!name.is_empty() && !local).then(|| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ModelShape {
        ModelShape::read(&object(text))
    }

    fn object(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn llama() {
        let shape = read(
            r#"{"_name_or_path": "meta-llama/Llama-3.2-1B", "model_type": "llama", "hidden_size": 2048,
                "intermediate_size": 8192, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64,
                "vocab_size": 128256, "num_hidden_layers": 16}"#,
        );
        assert_eq!(shape, listed("meta-llama/Llama-3.2-1B").unwrap().shape());
    }

    #[test]
    fn gpt2_says_less() {
        let shape = read(r#"{"model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_inner": null, "n_layer": 12}"#);
        let numbers = [shape.hidden, shape.intermediate, shape.heads, shape.kv_heads, shape.head_dim, shape.vocab];
        assert_eq!(numbers, [Some(768), Some(3072), Some(12), Some(12), Some(64), None]);
        assert_eq!((shape.layers, shape.name), (Some(12), None));
        assert_eq!(read(r#"{"n_embd": 768, "n_inner": 1000}"#).intermediate, Some(1000));
        assert_eq!(read(r#"{"hidden_size": 768}"#).intermediate, None);
    }

    #[test]
    fn other_spellings() {
        let t5 = read(r#"{"d_model": 512, "d_ff": 1024, "num_heads": 6, "d_kv": 64, "num_layers": 8}"#);
        assert_eq!([t5.hidden, t5.intermediate, t5.heads, t5.head_dim], [Some(512), Some(1024), Some(6), Some(64)]);
        let distilbert = read(r#"{"dim": 768, "hidden_dim": 3072, "n_heads": 12, "n_layers": 6, "vocab_size": 30522}"#);
        assert_eq!(
            [distilbert.hidden, distilbert.intermediate, distilbert.kv_heads],
            [Some(768), Some(3072), Some(12)]
        );
        assert_eq!((distilbert.layers, distilbert.vocab), (Some(6), Some(30522)));
        let falcon = read(
            r#"{"model_type": "falcon", "hidden_size": 4544, "num_attention_heads": 71, "num_kv_heads": 71,
                "multi_query": true, "new_decoder_architecture": false}"#,
        );
        assert_eq!([falcon.kv_heads, falcon.head_dim, falcon.intermediate], [Some(1), Some(64), Some(18176)]);
        let new = read(r#"{"multi_query": true, "new_decoder_architecture": true, "num_kv_heads": 8}"#);
        assert_eq!(new.kv_heads, Some(8));
        let glm = read(
            r#"{"hidden_size": 4096, "num_attention_heads": 32, "multi_query_attention": true, "kv_channels": 128,
                "multi_query_group_num": 2, "ffn_hidden_size": 13696, "padded_vocab_size": 65024, "num_layers": 28}"#,
        );
        let latent = read(r#"{"hidden_size": 7168, "num_attention_heads": 128, "kv_lora_rank": 512, "head_dim": 64}"#);
        assert_eq!((latent.head_dim, latent.heads), (None, Some(128)));
        assert_eq!([glm.kv_heads, glm.intermediate, glm.vocab], [Some(2), Some(13696), Some(65024)]);
    }

    #[test]
    fn the_language_model_of_a_multimodal_one() {
        let gemma = read(
            r#"{"architectures": ["Gemma3ForConditionalGeneration"], "hidden_size": 9, "vocab_size": 7,
                "text_config": {"hidden_size": 2560, "num_attention_heads": 8, "head_dim": 256},
                "vision_config": {"hidden_size": 1152}}"#,
        );
        assert_eq!([gemma.hidden, gemma.heads, gemma.head_dim, gemma.vocab], [Some(2560), Some(8), Some(256), Some(7)]);
    }

    #[test]
    fn numbers_of_the_wrong_type_are_absent() {
        let shape = read(
            r#"{"hidden_size": "4096", "n_embd": 64, "num_attention_heads": 3.5, "vocab_size": -1,
                "num_hidden_layers": 99999999999, "num_key_value_heads": [1], "head_dim": null}"#,
        );
        assert_eq!(shape, ModelShape { hidden: Some(64), intermediate: Some(256), ..ModelShape::default() });
        assert_eq!(read(r#"{"hidden_size": 100, "num_attention_heads": 0}"#).head_dim, None);
        assert_eq!(read(r#"{"hidden_size": 100, "num_attention_heads": 7}"#).head_dim, None);
        assert_eq!(read(r#"{"n_embd": 18446744073709551615}"#).intermediate, None);
    }

    #[test]
    fn names_that_are_paths_are_no_names() {
        for (path, name) in [
            ("org/model", Some("org/model")),
            ("gpt2", Some("gpt2")),
            ("", None),
            ("  ", None),
            ("/home/me/model", None),
            ("./out", None),
            ("~/out", None),
            ("C:\\\\models\\\\x", None),
            ("D:/models/x", None),
            ("é", Some("é")),
        ] {
            assert_eq!(read(&format!(r#"{{"_name_or_path": "{path}"}}"#)).name.as_deref(), name, "{path}");
        }
    }

    #[test]
    fn a_models_config_is_told_from_others() {
        for (text, is_one) in [
            (r#"{"model_type": "llama", "hidden_size": 64}"#, true),
            (r#"{"architectures": ["GPT2LMHeadModel"], "n_embd": 64}"#, true),
            (r#"{"model_type": "gemma3", "text_config": {"hidden_size": 64}}"#, true),
            (r#"{"model_type": "llama"}"#, false),
            (r#"{"hidden_size": 64}"#, false),
            (r#"{"peft_type": "LORA", "r": 8}"#, false),
            (r#"{"model_type": "clip", "vision_config": {"hidden_size": 64}}"#, false),
        ] {
            assert_eq!(ModelShape::is_one(&object(text)), is_one, "{text}");
        }
    }
}
