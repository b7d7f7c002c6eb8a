//! PEFT's `adapter_config.json`.

use serde_json::{Map, Value};

use super::pattern::Pattern;

/// The settings of a PEFT adapter that its tensors do not tell. Unknown keys are ignored.
#[derive(Clone, Debug)]
pub struct PeftConfig {
    /// The file as it was read, its keys in order and the unknown ones among them: what is written keeps them.
    pub object: Map<String, Value>,
    /// `LORA`, `ADALORA`, … in capitals.
    pub peft_type: String,
    /// The rank where no pattern gives another; PEFT's default is 8.
    pub r: Option<u64>,
    /// `None` where the file gives it in a form that cannot be used.
    pub lora_alpha: Option<f64>,
    /// The file gives no `lora_alpha`: [`Self::lora_alpha`] is PEFT's default, 8.
    pub default_alpha: bool,
    pub use_rslora: bool,
    pub use_dora: bool,
    pub use_qalora: bool,
    pub use_bdlora: bool,
    /// BD-LoRA's number of blocks.
    pub blocks: Option<u64>,
    /// The modules whose `lora_A` is block-diagonal.
    pub blocks_of_a: Vec<String>,
    /// QALoRA's inputs per pool; PEFT's default is 16.
    pub qalora_group_size: u64,
    /// AdaLoRA's rank at the start.
    pub init_r: Option<u64>,
    pub fan_in_fan_out: bool,
    /// Ranks by pattern, in the file's order.
    pub rank_pattern: Vec<(Pattern, u64)>,
    /// Alphas by pattern, in the file's order.
    pub alpha_pattern: Vec<(Pattern, f64)>,
    pub modules_to_save: Vec<String>,
    /// Names of 3-D expert parameters that were targeted directly.
    pub target_parameters: Vec<String>,
    /// `layer_replication`: the layers of the base of which the adapter's model is made, in its order; empty for all in
    /// theirs.
    pub base_layers: Vec<u32>,
    pub base_model: Option<String>,
    /// MLX's scale, where the file is MLX's of the same name.
    pub mlx: Option<MlxScale>,
    /// `pissa`, `olora`, …; empty for the usual start.
    pub init: String,
    /// Settings that could not be used, a sentence each.
    pub warnings: Vec<String>,
}

/// What MLX's `adapter_config.json` says of the scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MlxScale {
    /// `lora_parameters.scale`.
    pub scale: Option<f64>,
    /// `lora_parameters.alpha`, or `alpha` at the top.
    pub alpha: Option<f64>,
    /// The file gives no alpha.
    pub default_alpha: bool,
    /// Old mlx-vlm: `rank` and `alpha` at the top, and alpha is divided by the rank.
    pub divides: bool,
}

impl MlxScale {
    /// Whether a JSON object is MLX's configuration.
    fn is_one(object: &Map<String, Value>) -> bool {
        !object.contains_key("peft_type")
            && (["fine_tune_type", "lora_parameters"].iter().any(|key| object.contains_key(*key))
                || Self::is_vlm(object))
    }

    /// mlx-vlm's: rank and alpha at the top; without the alpha nothing else than its other settings.
    fn is_vlm(object: &Map<String, Value>) -> bool {
        let only_its = || object.keys().all(|key| ["rank", "dropout"].contains(&key.as_str()));
        object.contains_key("rank") && (object.contains_key("alpha") || only_its())
    }

    fn read(object: &Map<String, Value>) -> Self {
        /// mlx-vlm's alpha where the file gives none (`mlx_vlm/trainer/utils.py`, `apply_lora_layers`).
        const VLM_ALPHA: f64 = 0.1;
        let inner = object.get("lora_parameters").and_then(Value::as_object);
        let number = |name: &str| inner.and_then(|inner| inner.get(name)).or_else(|| object.get(name))?.as_f64();
        let divides = inner.is_none();
        let (scale, alpha) = (number("scale"), number("alpha"));
        let default = || (divides && scale.is_none() && Self::is_vlm(object)).then_some(VLM_ALPHA);
        let default_alpha = alpha.is_none();
        Self { scale, alpha: alpha.or_else(default), default_alpha, divides }
    }
}

/// PEFT's defaults where a setting is absent.
const DEFAULT_R: u64 = 8;
const DEFAULT_ALPHA: f64 = 8.0;
const DEFAULT_GROUP: u64 = 16;
/// Regular expressions of one table, at most: each may take 64 KiB.
const MAX_EXPRESSIONS: usize = 1024;

impl PeftConfig {
    /// Whether a JSON object is PEFT's configuration, or MLX's of the same file name.
    pub fn is_one(object: &Map<String, Value>) -> bool {
        object.contains_key("peft_type") || MlxScale::is_one(object)
    }

    /// Reads the settings; one of the wrong type gives a warning and counts as absent.
    pub fn read(object: &Map<String, Value>) -> Self {
        let mut fields = Fields { object, warnings: Vec::new() };
        let peft_type = fields.text("peft_type").unwrap_or_default().to_uppercase();
        // LoHa and LoKr call it `alpha`; AdaLoRA's `rank_pattern` says which directions it kept.
        let alpha_name = if matches!(peft_type.as_str(), "LOHA" | "LOKR") { "alpha" } else { "lora_alpha" };
        let has_ranks = peft_type != "ADALORA";
        let default_alpha = object.get(alpha_name).is_none_or(Value::is_null);
        let r = if object.get("r").is_none_or(Value::is_null) {
            Some(DEFAULT_R)
        } else {
            fields.get("r", "a whole number above 0", |v| v.as_u64().filter(|&r| r > 0))
        };
        let lora_alpha =
            if default_alpha { Some(DEFAULT_ALPHA) } else { fields.get(alpha_name, "a number", Value::as_f64) };
        Self {
            object: object.clone(),
            peft_type,
            r,
            lora_alpha,
            default_alpha,
            use_rslora: fields.flag("use_rslora"),
            use_dora: fields.flag("use_dora"),
            use_qalora: fields.flag("use_qalora"),
            use_bdlora: object.get("use_bdlora").is_some_and(|v| !matches!(v, Value::Null | Value::Bool(false))),
            blocks: object.get("use_bdlora").and_then(|v| v.get("nblocks")).and_then(Value::as_u64).filter(|&n| n > 0),
            blocks_of_a: object
                .get("use_bdlora")
                .and_then(|v| v.get("target_modules_bd_a"))
                .map_or_else(Vec::new, texts),
            qalora_group_size: fields
                .get("qalora_group_size", "a whole number above 0", |v| v.as_u64().filter(|&g| g > 0))
                .unwrap_or(DEFAULT_GROUP),
            init_r: fields.get("init_r", "a whole number above 0", |v| v.as_u64().filter(|&r| r > 0)),
            fan_in_fan_out: fields.flag("fan_in_fan_out"),
            rank_pattern: if has_ranks {
                fields.patterns("rank_pattern", "a whole number above 0", |v| v.as_u64().filter(|&r| r > 0))
            } else {
                Vec::new()
            },
            alpha_pattern: fields.patterns("alpha_pattern", "a number", Value::as_f64),
            modules_to_save: fields.list("modules_to_save"),
            target_parameters: fields.list("target_parameters"),
            base_layers: fields
                .get("layer_replication", "a list of pairs of layers, of at most 4096 layers in all", replicated)
                .unwrap_or_default(),
            base_model: fields.text("base_model_name_or_path").filter(|name| !name.is_empty()),
            mlx: MlxScale::is_one(object).then(|| MlxScale::read(object)),
            init: object.get("init_lora_weights").and_then(Value::as_str).unwrap_or_default().to_lowercase(),
            warnings: fields.warnings,
        }
    }

    /// The rank that the configuration gives a module: the first pattern that matches it, else `r`.
    pub fn rank_of(&self, module: &str) -> Option<u64> {
        first_match(&self.rank_pattern, module).copied().or(self.r)
    }

    /// The alpha of the first pattern that matches a module.
    pub fn alpha_by_pattern(&self, module: &str) -> Option<f64> {
        first_match(&self.alpha_pattern, module).copied()
    }
}

/// Ranks and alphas are searched independently, and the first pattern in the file's order wins.
fn first_match<'a, T>(patterns: &'a [(Pattern, T)], module: &str) -> Option<&'a T> {
    patterns.iter().find(|(pattern, _)| pattern.matches(module)).map(|(_, value)| value)
}

/// The layers of `[[begin, end], …]`, one range after the other (PEFT, `replicate_layers` in `utils/other.py`).
fn replicated(value: &Value) -> Option<Vec<u32>> {
    const MOST: usize = 4096;
    let mut layers = Vec::new();
    for range in value.as_array()? {
        let [begin, end] = range.as_array()?.as_slice() else { return None };
        let [begin, end] = [begin, end].map(|bound| bound.as_u64().and_then(|bound| u32::try_from(bound).ok()));
        let (begin, end) = (begin?, end?);
        let few = usize::try_from(end.saturating_sub(begin)).is_ok_and(|more| layers.len() + more <= MOST);
        if !few || begin > end {
            return None;
        }
        layers.extend(begin..end);
    }
    Some(layers)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

struct Fields<'a> {
    object: &'a Map<String, Value>,
    warnings: Vec<String>,
}

impl Fields<'_> {
    /// A setting that is present and not null, as `read` takes it; a warning where it does not.
    fn get<T>(&mut self, name: &str, wanted: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.object.get(name).filter(|v| !v.is_null())?;
        let read = read(value);
        if read.is_none() {
            self.warnings.push(format!("adapter_config.json: `{name}` is not {wanted}; it is ignored."));
        }
        read
    }

    fn flag(&mut self, name: &str) -> bool {
        self.get(name, "true or false", Value::as_bool).unwrap_or(false)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.get(name, "a text", |v| v.as_str().map(str::to_owned))
    }

    fn list(&mut self, name: &str) -> Vec<String> {
        let read = |v: &Value| v.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        self.get(name, "a list of texts", read).unwrap_or_default()
    }

    fn patterns<T>(&mut self, name: &str, wanted: &str, read: impl Fn(&Value) -> Option<T>) -> Vec<(Pattern, T)> {
        let table = self.get(name, "an object", |v| v.as_object().cloned()).unwrap_or_default();
        let mut patterns = Vec::with_capacity(table.len());
        let mut expressions = 0;
        for (text, value) in &table {
            let Some(value) = read(value) else {
                let text = crate::container::quoted(text);
                self.warnings.push(format!("adapter_config.json: {name} {text} is not {wanted}; it is ignored."));
                continue;
            };
            expressions += usize::from(Pattern::is_expression(text));
            if expressions > MAX_EXPRESSIONS {
                self.warnings.push(format!(
                    "adapter_config.json: {name} has more than {MAX_EXPRESSIONS} regular expressions; the others are ignored."
                ));
                break;
            }
            let (pattern, supported) = Pattern::new(text);
            if !supported {
                let text = crate::container::quoted(text);
                self.warnings.push(format!(
                    "adapter_config.json: the pattern {text} of {name} uses an expression that is not supported here; \
                     it is taken as the literal end of a module's name."
                ));
            }
            patterns.push((pattern, value));
        }
        patterns
    }
}
