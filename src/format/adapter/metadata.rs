//! The settings of an adapter: its configuration, and what the file's own metadata says in its place.

use serde_json::{Map, Value};

use super::config::PeftConfig;
use crate::container::Header;

/// Where scales and ranks are looked up.
pub struct Settings<'a> {
    pub config: Option<&'a PeftConfig>,
    /// Of diffusers' `lora_adapter_metadata`: the component (`transformer`, or none) and its settings.
    components: Vec<(String, PeftConfig)>,
    /// GGUF's `adapter.lora.alpha`.
    pub gguf_alpha: Option<f64>,
    /// kohya's `ss_network_dim`.
    pub network_dim: Option<u64>,
    /// kohya's OFT clamps its rotations; LyCORIS' does not unless it says so.
    pub is_kohya_oft: bool,
    /// Sentences about what could not be used.
    pub warnings: Vec<String>,
}

impl<'a> Settings<'a> {
    pub fn new(header: &Header, config: Option<&'a PeftConfig>) -> Self {
        let text = |key: &str| header.metadata.get(key).map(String::as_str);
        let mut warnings = Vec::new();
        let components = text("lora_adapter_metadata").map_or_else(Vec::new, |json| match serde_json::from_str(json) {
            Ok(Value::Object(object)) => components(object).unwrap_or_else(|| {
                let most = format!("names more than {MAX_COMPONENTS} components");
                warnings.push(format!("The file's `lora_adapter_metadata` {most}; it is not used."));
                Vec::new()
            }),
            _ => {
                warnings.push("The file's `lora_adapter_metadata` is not valid JSON; it is not used.".to_owned());
                Vec::new()
            }
        });
        Self {
            config,
            components,
            gguf_alpha: text("adapter.lora.alpha").and_then(|alpha| alpha.parse().ok()).filter(|a: &f64| a.is_finite()),
            network_dim: text("ss_network_dim").and_then(|dim| dim.parse().ok()),
            is_kohya_oft: text("ss_network_module").is_some_and(|module| module.starts_with("networks.oft")),
            warnings,
        }
    }

    /// The settings of a module's component, and the module's name inside it.
    pub fn of_component<'m>(&self, module: &'m str) -> Option<(&PeftConfig, &'m str)> {
        let inside = |prefix: &str| module.strip_prefix(prefix)?.strip_prefix('.');
        let named = self.components.iter().find_map(|(prefix, config)| Some((config, inside(prefix)?)));
        named.or_else(|| {
            self.components.iter().find(|(prefix, _)| prefix.is_empty()).map(|(_, config)| (config, module))
        })
    }
}

/// Components of a pipeline, at most: every module looks its own up among them.
const MAX_COMPONENTS: usize = 32;

/// `None` where there are too many components. The object is
/// `{"transformer.r": 32, "transformer.lora_alpha": 64, "text_encoder.use_rslora": false, …}`, or the same without a
/// prefix, as `save_lora_adapter` writes it.
fn components(object: Map<String, Value>) -> Option<Vec<(String, PeftConfig)>> {
    let mut by_prefix: Vec<(String, Map<String, Value>)> = Vec::new();
    for (key, value) in object {
        let (prefix, name) = key.rsplit_once('.').unwrap_or(("", key.as_str()));
        let at = by_prefix.iter().position(|(known, _)| known == prefix).unwrap_or_else(|| {
            by_prefix.push((prefix.to_owned(), Map::new()));
            by_prefix.len() - 1
        });
        if at == MAX_COMPONENTS {
            return None;
        }
        by_prefix[at].1.insert(name.to_owned(), value);
    }
    Some(by_prefix.into_iter().map(|(prefix, object)| (prefix, PeftConfig::read(&object))).collect())
}
