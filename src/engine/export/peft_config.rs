//! The `adapter_config.json` of a written adapter: the source's own, with what changed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::layout::Layout;
use super::{layers, patterns};
use crate::projection::Plan;
use lorascope_format::adapter::PeftConfig;
use lorascope_format::container::quoted;
use lorascope_protocol::projection::PlanRow;

/// A configuration to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenConfig {
    pub object: Map<String, Value>,
    /// Sentences for a person.
    pub warnings: Vec<String>,
}

impl WrittenConfig {
    /// The file's text: two spaces to a level, as PEFT writes it.
    pub fn text(&self) -> String {
        format!("{:#}\n", Value::Object(self.object.clone()))
    }
}

/// Why there is no configuration; the module is [`quoted`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("there is no module to write a configuration for")]
    Empty,
    #[error("the scale of {module} times its rank is beyond double precision, so it has no alpha. Set another scale.")]
    Alpha { module: String },
}

/// The configuration with which PEFT gives every module of `plan` exactly its rank and its scale. `source` is the
/// adapter's own, if it had one, whose other settings stay as far as they fit the result.
///
/// # Errors
/// [`ConfigError`].
pub fn adapter_config(source: Option<&PeftConfig>, plan: &Plan, layout: &Layout) -> Result<WrittenConfig, ConfigError> {
    let rslora = source.is_some_and(|config| config.use_rslora);
    let ranks: Vec<(&str, u32)> = plan.rows.iter().map(|row| (row.name.as_str(), row.rank)).collect();
    let (r, rank_pattern) = patterns::table(&ranks, Value::from).ok_or(ConfigError::Empty)?;
    let alphas: Vec<(&str, u64)> =
        plan.rows.iter().map(|row| Ok((row.name.as_str(), alpha(row, rslora)?))).collect::<Result<_, _>>()?;
    let (lora_alpha, alpha_pattern) = patterns::table(&alphas, number).ok_or(ConfigError::Empty)?;
    let mut config =
        Settings { object: source.map_or_else(minimal, |config| config.object.clone()), warnings: Vec::new() };
    config.set("peft_type", json!("LORA"));
    config.set("r", json!(r));
    config.set("lora_alpha", number(lora_alpha));
    config.set_table("rank_pattern", rank_pattern);
    config.set_table("alpha_pattern", alpha_pattern);
    // A text there would count as true in Python.
    config.reset("use_rslora", json!(rslora));
    config.plain_start(source);
    if !plan.same_model {
        config.leave_the_base(source);
    }
    match &plan.base_model {
        Some(name) => config.set("base_model_name_or_path", json!(name)),
        None if !plan.same_model => config.set("base_model_name_or_path", Value::Null),
        None => {}
    }
    if layout.partial || source.is_none() || (!plan.same_model && !config.targets_fit(plan, layout)) {
        config.name_targets(plan);
    }
    let Settings { object, warnings } = config;
    Ok(WrittenConfig { object, warnings })
}

/// Alpha as the bits of an f64: s·r, or s·√r with rsLoRA.
fn alpha(row: &PlanRow, rslora: bool) -> Result<u64, ConfigError> {
    let rank = f64::from(row.rank);
    let alpha = row.scale * if rslora { rank.sqrt() } else { rank };
    // The scale came from a division that rounded: an alpha that was written short is short again.
    let short = format!("{alpha:.12e}").parse().unwrap_or(alpha);
    let alpha = if (short - alpha).abs() <= 4.0 * f64::EPSILON * alpha.abs() { short } else { alpha };
    if alpha.is_finite() {
        // Without the sign of a zero.
        Ok((alpha + 0.0).to_bits())
    } else {
        Err(ConfigError::Alpha { module: quoted(&row.source) })
    }
}

/// A number from its bits, a whole one without a point.
fn number(bits: u64) -> Value {
    let number = f64::from_bits(bits);
    let whole = number.fract() == 0.0 && number.abs() < 9e15;
    if whole { Value::from(number as i64) } else { Value::from(number) }
}

/// PEFT's configuration for an adapter that came without one.
pub(super) fn minimal() -> Map<String, Value> {
    let object = json!({
        "base_model_name_or_path": null, "bias": "none", "fan_in_fan_out": false, "inference_mode": true,
        "init_lora_weights": true, "lora_alpha": null, "lora_dropout": 0.0, "modules_to_save": null,
        "peft_type": "LORA", "r": null, "target_modules": null, "task_type": null, "use_rslora": false,
    });
    match object {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

struct Settings {
    object: Map<String, Value>,
    warnings: Vec<String>,
}

impl Settings {
    fn set(&mut self, key: &str, value: Value) {
        self.object.insert(key.to_owned(), value);
    }

    /// Sets what is there; older versions of PEFT refuse keys that they do not know.
    fn reset(&mut self, key: &str, value: Value) {
        if let Some(held) = self.object.get_mut(key) {
            *held = value;
        }
    }

    fn set_table(&mut self, key: &str, table: Map<String, Value>) {
        if table.is_empty() {
            self.reset(key, json!({}));
        } else {
            self.set(key, Value::Object(table));
        }
    }

    /// How training began is an instruction to PEFT, which would change the base again.
    fn plain_start(&mut self, source: Option<&PeftConfig>) {
        let Some(source) = source.filter(|config| !config.init.is_empty()) else { return };
        self.set("init_lora_weights", json!(true));
        if self.object.get("loftq_config").is_some_and(|v| !v.is_null()) {
            self.set("loftq_config", json!({}));
        }
        for key in ["eva_config", "corda_config", "lora_ga_config"] {
            self.reset(key, Value::Null);
        }
        if ["pissa", "olora", "corda", "lora_ga", "loftq"].iter().any(|init| source.init.starts_with(init)) {
            self.warnings.push(format!(
                "The adapter was trained from a changed base (init_lora_weights was {}), and the result relates to that \
                 base, not to the original model. Convert the adapter with PEFT first (`save_pretrained` with \
                 `path_initial_model_for_weight_conversion`), then project the converted one.",
                quoted(&source.init)
            ));
        }
    }

    /// Resets what holds for the source's model only.
    fn leave_the_base(&mut self, source: Option<&PeftConfig>) {
        const NULL: &[&str] = &[
            "revision",
            "auto_mapping",
            "modules_to_save",
            "trainable_token_indices",
            "layer_replication",
            "target_parameters",
            "use_bdlora",
        ];
        if self.object.get("layer_replication").is_some_and(|v| !v.is_null()) {
            self.warnings.push(
                "The source repeats layers of its model (layer_replication). The result counts the repeated layers, and \
                 the new model has no such repetition."
                    .to_owned(),
            );
        }
        NULL.iter().for_each(|key| self.reset(key, Value::Null));
        self.reset("bias", json!("none"));
        ["lora_bias", "use_dora", "use_qalora"].iter().for_each(|key| self.reset(key, json!(false)));
        if source.is_some_and(|config| config.use_dora) {
            self.warnings.push(
                "The source is a DoRA adapter. Its magnitudes belong to the source's model, so the result is a plain \
                 LoRA adapter (use_dora is false)."
                    .to_owned(),
            );
        }
    }

    /// Whether `target_modules` finds the modules of the result, and no others, in the new base: a list of names
    /// without layer numbers, where the result has each of its modules in every layer.
    fn targets_fit(&self, plan: &Plan, layout: &Layout) -> bool {
        let Some(Value::Array(targets)) = self.object.get("target_modules") else { return false };
        let plain = |target: &Value| target.as_str().is_some_and(|t| !t.bytes().any(|b| b.is_ascii_digit()));
        let narrowed = ["layers_to_transform", "layers_pattern"]
            .iter()
            .any(|key| self.object.get(*key).is_some_and(|value| !value.is_null()));
        targets.iter().all(plain) && !narrowed && !layout.renumbered && everywhere(plan)
    }

    /// Names the result's modules one by one.
    fn name_targets(&mut self, plan: &Plan) {
        let names: Vec<&str> = plan.rows.iter().map(|row| row.name.as_str()).collect();
        self.set("target_modules", json!(names));
        for key in ["exclude_modules", "layers_to_transform", "layers_pattern", "target_parameters"] {
            self.reset(key, Value::Null);
        }
    }
}

/// Whether every module that some layer has is there in all layers of the target.
fn everywhere(plan: &Plan) -> bool {
    let Some(layers) = plan.target_layers else { return false };
    let mut by_path: BTreeMap<(&str, &str), BTreeSet<Option<u32>>> = BTreeMap::new();
    for row in &plan.rows {
        let (before, _, after) = layers::split(&row.name);
        by_path.entry((before, after)).or_default().insert(row.layer);
    }
    by_path.values().all(|held| held.contains(&None) || held.iter().copied().eq((0..layers).map(Some)))
}
