//! Widely used language models and their sizes. Each entry's source is its own `config.json`; the comment over a
//! family names the public table that the numbers were compared with.

use super::models::ModelShape;

/// A language model with all its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedModel {
    /// Its id on Hugging Face.
    pub id: &'static str,
    pub label: &'static str,
    pub family: &'static str,
    pub hidden: u64,
    /// Width of the feed-forward.
    pub intermediate: u64,
    pub heads: u64,
    pub kv_heads: u64,
    pub head_dim: u64,
    /// Rows of the embedding, padding included.
    pub vocab: u64,
    pub layers: u32,
}

impl ListedModel {
    /// Where the numbers are from.
    pub fn source(&self) -> String {
        format!("https://huggingface.co/{}/blob/main/config.json", self.id)
    }

    pub fn shape(&self) -> ModelShape {
        ModelShape {
            name: Some(self.id.to_owned()),
            hidden: Some(self.hidden),
            intermediate: Some(self.intermediate),
            heads: Some(self.heads),
            kv_heads: Some(self.kv_heads),
            head_dim: Some(self.head_dim),
            vocab: Some(self.vocab),
            layers: Some(self.layers),
        }
    }
}

/// The model with this id, in any case.
pub fn listed(id: &str) -> Option<&'static ListedModel> {
    MODELS.iter().find(|model| model.id.eq_ignore_ascii_case(id))
}

/// `sizes`: hidden, intermediate, heads, key-value heads, head dimension, vocabulary.
const fn model(
    family: &'static str,
    id: &'static str,
    label: &'static str,
    sizes: [u64; 6],
    layers: u32,
) -> ListedModel {
    let [hidden, intermediate, heads, kv_heads, head_dim, vocab] = sizes;
    ListedModel { id, label, family, hidden, intermediate, heads, kv_heads, head_dim, vocab, layers }
}

#[rustfmt::skip] // a table: one model a line
pub const MODELS: &[ListedModel] = &[
    // litgpt's config.py; 3.3 has the sizes of 3.1 (Meta's model card).
    model("Llama", "meta-llama/Llama-3.2-1B", "Llama 3.2 1B", [2048, 8192, 32, 8, 64, 128_256], 16),
    model("Llama", "meta-llama/Llama-3.2-3B", "Llama 3.2 3B", [3072, 8192, 24, 8, 128, 128_256], 28),
    model("Llama", "meta-llama/Llama-3.1-8B", "Llama 3.1 8B", [4096, 14_336, 32, 8, 128, 128_256], 32),
    model("Llama", "meta-llama/Llama-3.1-70B", "Llama 3.1 70B", [8192, 28_672, 64, 8, 128, 128_256], 80),
    model("Llama", "meta-llama/Llama-3.3-70B-Instruct", "Llama 3.3 70B Instruct", [8192, 28_672, 64, 8, 128, 128_256], 80),
    model("Llama", "meta-llama/Meta-Llama-3-8B", "Llama 3 8B", [4096, 14_336, 32, 8, 128, 128_256], 32),
    model("Llama", "meta-llama/Meta-Llama-3-70B", "Llama 3 70B", [8192, 28_672, 64, 8, 128, 128_256], 80),
    model("Llama", "meta-llama/Llama-2-7b-hf", "Llama 2 7B", [4096, 11_008, 32, 32, 128, 32_000], 32),
    model("Llama", "meta-llama/Llama-2-13b-hf", "Llama 2 13B", [5120, 13_824, 40, 40, 128, 32_000], 40),
    model("Llama", "meta-llama/Llama-2-70b-hf", "Llama 2 70B", [8192, 28_672, 64, 8, 128, 32_000], 80),
    // litgpt's config.py; the head dimension is 128 in all of them, whatever hidden/heads is.
    model("Qwen", "Qwen/Qwen3-0.6B", "Qwen3 0.6B", [1024, 3072, 16, 8, 128, 151_936], 28),
    model("Qwen", "Qwen/Qwen3-1.7B", "Qwen3 1.7B", [2048, 6144, 16, 8, 128, 151_936], 28),
    model("Qwen", "Qwen/Qwen3-4B", "Qwen3 4B", [2560, 9728, 32, 8, 128, 151_936], 36),
    model("Qwen", "Qwen/Qwen3-8B", "Qwen3 8B", [4096, 12_288, 32, 8, 128, 151_936], 36),
    model("Qwen", "Qwen/Qwen3-14B", "Qwen3 14B", [5120, 17_408, 40, 8, 128, 151_936], 40),
    model("Qwen", "Qwen/Qwen3-32B", "Qwen3 32B", [5120, 25_600, 64, 8, 128, 151_936], 64),
    model("Qwen", "Qwen/Qwen2.5-0.5B", "Qwen2.5 0.5B", [896, 4864, 14, 2, 64, 151_936], 24),
    model("Qwen", "Qwen/Qwen2.5-1.5B", "Qwen2.5 1.5B", [1536, 8960, 12, 2, 128, 151_936], 28),
    model("Qwen", "Qwen/Qwen2.5-3B", "Qwen2.5 3B", [2048, 11_008, 16, 2, 128, 151_936], 36),
    model("Qwen", "Qwen/Qwen2.5-7B", "Qwen2.5 7B", [3584, 18_944, 28, 4, 128, 152_064], 28),
    model("Qwen", "Qwen/Qwen2.5-14B", "Qwen2.5 14B", [5120, 13_824, 40, 8, 128, 152_064], 48),
    model("Qwen", "Qwen/Qwen2.5-32B", "Qwen2.5 32B", [5120, 27_648, 40, 8, 128, 152_064], 64),
    model("Qwen", "Qwen/Qwen2.5-72B", "Qwen2.5 72B", [8192, 29_568, 64, 8, 128, 152_064], 80),
    // litgpt's config.py; Nemo: thunder_model_blocks' copy of its config.json; Small: verl's test of its flops counter.
    model("Mistral", "mistralai/Mistral-7B-v0.1", "Mistral 7B v0.1", [4096, 14_336, 32, 8, 128, 32_000], 32),
    model("Mistral", "mistralai/Mistral-7B-v0.3", "Mistral 7B v0.3", [4096, 14_336, 32, 8, 128, 32_768], 32),
    model("Mistral", "mistralai/Mistral-Nemo-Base-2407", "Mistral Nemo 12B", [5120, 14_336, 32, 8, 128, 131_072], 40),
    model("Mistral", "mistralai/Mistral-Small-24B-Base-2501", "Mistral Small 24B", [5120, 32_768, 32, 8, 128, 131_072], 40),
    // litgpt's config.py; of Gemma 3 the text part, whose larger models have 262,208 rows in transformers.
    model("Gemma", "google/gemma-3-1b-it", "Gemma 3 1B", [1152, 6912, 4, 1, 256, 262_144], 26),
    model("Gemma", "google/gemma-3-4b-it", "Gemma 3 4B", [2560, 10_240, 8, 4, 256, 262_208], 34),
    model("Gemma", "google/gemma-3-12b-it", "Gemma 3 12B", [3840, 15_360, 16, 8, 256, 262_208], 48),
    model("Gemma", "google/gemma-3-27b-it", "Gemma 3 27B", [5376, 21_504, 32, 16, 128, 262_208], 62),
    model("Gemma", "google/gemma-2-2b", "Gemma 2 2B", [2304, 9216, 8, 4, 256, 256_000], 26),
    model("Gemma", "google/gemma-2-9b", "Gemma 2 9B", [3584, 14_336, 16, 8, 256, 256_000], 42),
    model("Gemma", "google/gemma-2-27b", "Gemma 2 27B", [4608, 36_864, 32, 16, 128, 256_000], 46),
    model("Gemma", "google/gemma-2b", "Gemma 2B", [2048, 16_384, 8, 1, 256, 256_000], 18),
    model("Gemma", "google/gemma-7b", "Gemma 7B", [3072, 24_576, 16, 16, 256, 256_000], 28),
    // litgpt's config.py.
    model("Phi", "microsoft/phi-2", "Phi-2", [2560, 10_240, 32, 32, 80, 51_200], 32),
    model("Phi", "microsoft/Phi-3-mini-4k-instruct", "Phi-3 mini 4k", [3072, 8192, 32, 32, 96, 32_064], 32),
    model("Phi", "microsoft/Phi-3.5-mini-instruct", "Phi-3.5 mini", [3072, 8192, 32, 32, 96, 32_064], 32),
    model("Phi", "microsoft/phi-4", "Phi-4", [5120, 17_920, 40, 10, 128, 100_352], 40),
    // litgpt's config.py; the Qwen ones have the sizes of their bases, Qwen2.5 and Qwen2.5-Math (their model card).
    model("DeepSeek", "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", "DeepSeek R1 Distill Qwen 1.5B", [1536, 8960, 12, 2, 128, 151_936], 28),
    model("DeepSeek", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "DeepSeek R1 Distill Qwen 7B", [3584, 18_944, 28, 4, 128, 152_064], 28),
    model("DeepSeek", "deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "DeepSeek R1 Distill Llama 8B", [4096, 14_336, 32, 8, 128, 128_256], 32),
    model("DeepSeek", "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "DeepSeek R1 Distill Qwen 14B", [5120, 13_824, 40, 8, 128, 152_064], 48),
    model("DeepSeek", "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "DeepSeek R1 Distill Qwen 32B", [5120, 27_648, 40, 8, 128, 152_064], 64),
    model("DeepSeek", "deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "DeepSeek R1 Distill Llama 70B", [8192, 28_672, 64, 8, 128, 128_256], 80),
    // litgpt's config.py.
    model("SmolLM", "HuggingFaceTB/SmolLM2-135M", "SmolLM2 135M", [576, 1536, 9, 3, 64, 49_152], 30),
    model("SmolLM", "HuggingFaceTB/SmolLM2-360M", "SmolLM2 360M", [960, 2560, 15, 5, 64, 49_152], 32),
    model("SmolLM", "HuggingFaceTB/SmolLM2-1.7B", "SmolLM2 1.7B", [2048, 8192, 32, 32, 64, 49_152], 24),
    model("TinyLlama", "TinyLlama/TinyLlama-1.1B-Chat-v1.0", "TinyLlama 1.1B Chat", [2048, 5632, 32, 4, 64, 32_000], 22),
    model("OLMo", "allenai/OLMo-2-1124-7B", "OLMo 2 7B", [4096, 11_008, 32, 32, 128, 100_352], 32),
    model("OLMo", "allenai/OLMo-2-1124-13B", "OLMo 2 13B", [5120, 13_824, 40, 40, 128, 100_352], 40),
    // nanoGPT's model.py; the feed-forward is four times as wide as the rest.
    model("GPT-2", "openai-community/gpt2", "GPT-2", [768, 3072, 12, 12, 64, 50_257], 12),
    model("GPT-2", "openai-community/gpt2-medium", "GPT-2 medium", [1024, 4096, 16, 16, 64, 50_257], 24),
    model("GPT-2", "openai-community/gpt2-large", "GPT-2 large", [1280, 5120, 20, 20, 64, 50_257], 36),
    model("GPT-2", "openai-community/gpt2-xl", "GPT-2 xl", [1600, 6400, 25, 25, 64, 50_257], 48),
    // litgpt's config.py.
    model("Pythia", "EleutherAI/pythia-410m", "Pythia 410M", [1024, 4096, 16, 16, 64, 50_304], 24),
    model("Pythia", "EleutherAI/pythia-1.4b", "Pythia 1.4B", [2048, 8192, 16, 16, 128, 50_304], 24),
    model("Pythia", "EleutherAI/pythia-2.8b", "Pythia 2.8B", [2560, 10_240, 32, 32, 80, 50_304], 32),
    model("Pythia", "EleutherAI/pythia-6.9b", "Pythia 6.9B", [4096, 16_384, 32, 32, 128, 50_432], 32),
    // InternEvo's configuration_yi.py for the small one; copies of the large one's config.json.
    model("Yi", "01-ai/Yi-6B", "Yi 6B", [4096, 11_008, 32, 4, 128, 64_000], 32),
    model("Yi", "01-ai/Yi-34B", "Yi 34B", [7168, 20_480, 56, 8, 128, 64_000], 60),
    // litgpt's config.py.
    model("Falcon", "tiiuae/falcon-7b", "Falcon 7B", [4544, 18_176, 71, 1, 64, 65_024], 32),
    model("StableLM", "stabilityai/stablelm-3b-4e1t", "StableLM 3B", [2560, 6912, 32, 32, 80, 50_304], 32),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn sizes_are_those_of_language_models() {
        assert!((40..=80).contains(&MODELS.len()));
        for model in MODELS {
            let id = model.id;
            assert_eq!(model.heads % model.kv_heads, 0, "{id}");
            assert!((500..=8192).contains(&model.hidden) && model.hidden % 64 == 0, "{id}");
            assert!((2 * model.hidden..=9 * model.hidden).contains(&model.intermediate), "{id}");
            assert!([64, 80, 96, 128, 256].contains(&model.head_dim), "{id}");
            // Query heads together are as wide as the model, give or take a factor of two and a half.
            let queries = model.heads * model.head_dim;
            assert!(5 * queries >= 3 * model.hidden && 2 * queries <= 5 * model.hidden, "{id}");
            assert!((30_000..=262_208).contains(&model.vocab), "{id}");
            assert!((12..=80).contains(&model.layers), "{id}");
        }
    }

    /// The parameters that follow from the sizes are those that the name promises.
    #[test]
    fn names_tell_the_parameters() {
        for model in MODELS {
            let label = model.label.to_uppercase();
            let billions = label.split([' ', '-']).rev().find_map(|word| {
                let (number, unit) = word.split_at(word.len().checked_sub(1)?);
                let number = number.parse::<f64>().ok()?;
                [("B", number), ("M", number / 1e3)].into_iter().find(|(u, _)| *u == unit).map(|(_, n)| n)
            });
            let Some(billions) = billions else { continue };
            let matrices = if ["Pythia", "Falcon", "GPT-2"].contains(&model.family) { 2 } else { 3 };
            let attention = 2 * model.hidden * (model.heads + model.kv_heads) * model.head_dim;
            let layer = attention + matrices * model.hidden * model.intermediate;
            let computed = (u64::from(model.layers) * layer + model.vocab * model.hidden) as f64 / 1e9;
            // Tied or not, counted with embeddings or without: a slip in any size is larger.
            assert!((0.72..=1.38).contains(&(computed / billions)), "{}: {computed} for {billions}", model.id);
        }
    }

    #[test]
    fn ids_are_unique_and_lead_to_their_source() {
        let ids: HashSet<&str> = MODELS.iter().map(|model| model.id).collect();
        let labels: HashSet<&str> = MODELS.iter().map(|model| model.label).collect();
        assert_eq!((ids.len(), labels.len()), (MODELS.len(), MODELS.len()));
        for model in MODELS {
            let (org, name) = model.id.split_once('/').unwrap();
            assert!(!org.is_empty() && !name.is_empty() && !name.contains('/'), "{}", model.id);
            assert_eq!(model.source(), format!("https://huggingface.co/{org}/{name}/blob/main/config.json"));
            assert_eq!(listed(&model.id.to_lowercase()), Some(model));
        }
        assert_eq!(listed("nobody/nothing"), None);
    }
}
