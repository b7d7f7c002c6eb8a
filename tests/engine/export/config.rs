use lorascope_engine::export::{ConfigError, Layout, WrittenConfig, adapter_config};
use lorascope_engine::projection::Plan;
use lorascope_format::adapter::{PeftConfig, scale};
use lorascope_protocol::projection::{Method, PlanRow};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::common::{config, json};

fn row(name: &str, layer: Option<u32>, rank: u32, scale: f64) -> PlanRow {
    PlanRow {
        source: name.to_owned(),
        name: name.to_owned(),
        layer,
        from: [64, 64],
        shape: [64, 64],
        source_rank: rank,
        rank,
        scale,
        kept: 1.0,
        gain: 1.0,
    }
}

fn plan(rows: Vec<PlanRow>, same_model: bool) -> Plan {
    Plan {
        method: Method::Svd,
        rows,
        unplaced: Vec::new(),
        kept: 1.0,
        base_model: None,
        same_model,
        source_layers: 2,
        target_layers: Some(2),
        warnings: Vec::new(),
    }
}

/// As far as a configuration asks for it.
fn file(partial: bool, renumbered: bool) -> Layout {
    Layout {
        header: Vec::new(),
        len: 0,
        rows: Vec::new(),
        carried: Vec::new(),
        order: Vec::new(),
        left_out: Vec::new(),
        partial,
        renumbered,
        warnings: Vec::new(),
    }
}

fn write(source: &PeftConfig, plan: &Plan, layout: &Layout) -> WrittenConfig {
    adapter_config(Some(source), plan, layout).unwrap()
}

fn attention() -> Vec<PlanRow> {
    let path = |layer: u32, module| format!("model.layers.{layer}.self_attn.{module}");
    let rows = (0..2).flat_map(|layer| ["q_proj", "v_proj"].map(|m| row(&path(layer, m), Some(layer), 4, 2.0)));
    rows.collect()
}

/// Paths whose ends, dots and layers invite patterns to match too much.
const NAMES: &[(&str, Option<u32>)] = &[
    ("model.layers.0.self_attn.q_proj", Some(0)),
    ("model.layers.1.self_attn.q_proj", Some(1)),
    ("model.layers.10.self_attn.q_proj", Some(10)),
    ("other.model.layers.1.self_attn.q_proj", Some(1)),
    ("model.layers.1_self_attn.q_proj", None),
    ("model.layers.0.self_attn.kq_proj", Some(0)),
    ("model.layers.0.mlp.experts.0.w1", Some(0)),
    ("model.layers.0.mlp.experts.1.w1", Some(0)),
    ("model.layers.1.mlp.experts.0.w1", Some(1)),
    ("model.layers.0.mlp.a+b(c)", Some(0)),
    ("model.layers.1.mlp.a+b(c)", Some(1)),
    ("model.embed_tokens", None),
    ("x.embed_tokens", None),
    ("lm_head", None),
    ("x.lm_head", None),
    ("q_proj", None),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn every_module_keeps_its_rank_and_its_scale(
        ranks in prop::collection::vec(prop_oneof![Just(8u32), Just(16), 1u32..257], NAMES.len()),
        alphas in prop::collection::vec(
            prop_oneof![Just(16.0), Just(12.7), Just(0.0), -3.0..900.0f64, 1e-9..1e-6f64], NAMES.len()
        ),
        before in prop::collection::vec(1u32..257, NAMES.len()),
        used in prop::collection::vec(any::<bool>(), NAMES.len()),
        rslora: bool,
        bare: bool,
    ) {
        let rslora = rslora && !bare;
        let of = |rank: u32| if rslora { f64::from(rank).sqrt() } else { f64::from(rank) };
        let rows: Vec<PlanRow> = (0..NAMES.len())
            .filter(|&n| used[n] || n == 0)
            .map(|n| row(NAMES[n].0, NAMES[n].1, ranks[n], alphas[n] / of(before[n])))
            .collect();
        let source = config(&json!({
            "peft_type": "LORA", "r": 3, "lora_alpha": 5, "use_rslora": rslora, "target_modules": ["q_proj"],
            "rank_pattern": { "proj": 2 }, "alpha_pattern": { "lm_head": 9 },
        }).to_string());
        let plan = plan(rows, true);
        let written = adapter_config((!bare).then_some(&source), &plan, &file(false, false)).unwrap();
        let text = written.text();
        let Ok(Value::Object(object)) = serde_json::from_str(&text) else { panic!("{text}") };
        let read = PeftConfig::read(&object);
        prop_assert_eq!(&read.warnings, &Vec::<String>::new());
        for row in &plan.rows {
            prop_assert_eq!(read.rank_of(&row.name), Some(u64::from(row.rank)), "{}\n{}", row.name, text);
            let scale = scale::peft(&read, &row.name, row.rank, scale::ADAPTER_CONFIG).value;
            prop_assert!((scale - row.scale).abs() <= 1e-14 * row.scale.abs(), "{}: {scale} for {}", row.name, row.scale);
        }
    }
}

#[test]
fn one_value_needs_no_patterns_and_alphas_are_whole_where_they_were() {
    let source = config(r#"{"peft_type": "LORA", "r": 3, "lora_alpha": 5, "rank_pattern": {"q_proj": 7}}"#);
    let mut rows = attention();
    rows.iter_mut().for_each(|row| row.scale = 16.0 / 3.0);
    rows.iter_mut().for_each(|row| row.rank = 3);
    let written = write(&source, &plan(rows, true), &file(false, false));
    assert_eq!(
        Value::Object(written.object),
        json!({ "peft_type": "LORA", "r": 3, "lora_alpha": 16, "rank_pattern": {} })
    );
}

#[test]
fn patterns_are_short_and_name_layers_together() {
    let source = config(r#"{"peft_type": "LORA", "rank_pattern": {}, "alpha_pattern": null}"#);
    let mut rows: Vec<PlanRow> =
        (0..4).flat_map(|n| ["q", "k", "v"].map(|m| row(&format!("layers.{n}.attn.{m}"), Some(n), 8, 2.0))).collect();
    for row in &mut rows {
        row.rank = match (row.name.rsplit('.').next().unwrap(), row.layer.unwrap()) {
            ("k", _) => 4,
            ("v", 0 | 3) => 2,
            ("v", 1) => 1,
            _ => 8,
        };
    }
    let written = write(&source, &plan(rows, true), &file(false, false));
    let expected = json!({ "^layers\\.(?:0|3)\\.attn\\.v": 2, "^layers\\.1\\.attn\\.v": 1, "k": 4 });
    assert_eq!(written.object["rank_pattern"], expected);
    let expected = json!({ "^layers\\.(?:0|3)\\.attn\\.v": 4, "^layers\\.1\\.attn\\.v": 2, "k": 8 });
    assert_eq!(written.object["alpha_pattern"], expected);
    assert_eq!((&written.object["r"], &written.object["lora_alpha"]), (&json!(8), &json!(16)));
}

#[test]
fn the_same_model_keeps_every_other_setting() {
    for folder in ["peft-lora", "peft-rslora-attn", "peft-embed-saved", "peft-patterns"] {
        let Value::Object(object) = json(&format!("{folder}/adapter_config.json")) else { panic!("{folder}") };
        let source = PeftConfig::read(&object);
        let written = write(&source, &plan(attention(), true), &file(false, false));
        assert_eq!(written.warnings, Vec::<String>::new());
        let other = |object: &Map<String, Value>| {
            let ours = ["r", "lora_alpha", "rank_pattern", "alpha_pattern"];
            let kept = object.iter().filter(|(key, _)| !ours.contains(&key.as_str()));
            kept.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
        };
        assert_eq!(other(&written.object), other(&object), "also in their order");
    }
    let source = config(r#"{"peft_type": "LORA", "base_model_name_or_path": "a/b", "modules_to_save": ["x"]}"#);
    let mut named = plan(attention(), true);
    assert_eq!(write(&source, &named, &file(false, false)).object["base_model_name_or_path"], "a/b");
    named.base_model = Some("c/d".to_owned());
    let written = write(&source, &named, &file(false, false));
    assert_eq!(written.object["base_model_name_or_path"], "c/d");
    assert_eq!(written.object["modules_to_save"], json!(["x"]));
}

/// Everything that holds for one model only, and settings that no version knows.
fn bound() -> Value {
    json!({
        "peft_type": "lora", "base_model_name_or_path": "a/b", "revision": "main", "auto_mapping": {"x": 1},
        "modules_to_save": ["lm_head"], "bias": "all", "lora_bias": true, "use_dora": true, "use_qalora": true,
        "trainable_token_indices": [1], "layers_to_transform": [0, 1], "layers_pattern": "layers",
        "layer_replication": [[0, 1]], "target_parameters": ["w"], "use_bdlora": {}, "exclude_modules": ["k_proj"],
        "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM", "of_tomorrow": [1, 2],
    })
}

#[test]
fn another_model_takes_nothing_of_the_first() {
    let source = config(&bound().to_string());
    let written = write(&source, &plan(attention(), false), &file(false, false));
    let names: Vec<String> = attention().into_iter().map(|row| row.name).collect();
    let expected = json!({
        "peft_type": "LORA", "base_model_name_or_path": null, "revision": null, "auto_mapping": null,
        "modules_to_save": null, "bias": "none", "lora_bias": false, "use_dora": false, "use_qalora": false,
        "trainable_token_indices": null, "layers_to_transform": null, "layers_pattern": null,
        "layer_replication": null, "target_parameters": null, "use_bdlora": null, "exclude_modules": null,
        "target_modules": names, "task_type": "CAUSAL_LM", "of_tomorrow": [1, 2], "r": 4, "lora_alpha": 8,
    });
    assert_eq!(Value::Object(written.object), expected);
    assert_eq!(written.warnings.len(), 2, "{:?}", written.warnings);
    let mut given = plan(attention(), false);
    given.base_model = Some("c/d".to_owned());
    assert_eq!(write(&source, &given, &file(false, false)).object["base_model_name_or_path"], "c/d");
}

#[test]
fn targets_are_named_one_by_one_where_a_list_would_miss() {
    let target = |value: Value, plan: &Plan, layout: &Layout| {
        let text = json!({ "peft_type": "LORA", "target_modules": value, "exclude_modules": ["k_proj"] }).to_string();
        let object = write(&config(&text), plan, layout).object;
        assert_eq!(object["exclude_modules"].is_null(), object["target_modules"] != value, "both or none");
        object["target_modules"] != value
    };
    let list = || json!(["q_proj", "v_proj"]);
    let (same, other) = (plan(attention(), true), plan(attention(), false));
    let whole = file(false, false);
    assert!(!target(list(), &same, &whole) && !target(list(), &other, &whole));
    assert!(!target(json!(r".*\.[qv]_proj"), &same, &whole), "an expression fits the same model");
    assert!(target(json!(r".*\.[qv]_proj"), &other, &whole));
    assert!(target(json!("all-linear"), &other, &whole));
    assert!(target(json!(["layers.0.self_attn.q_proj"]), &other, &whole));
    assert!(target(list(), &same, &file(true, false)) && target(list(), &other, &file(true, false)));
    assert!(target(list(), &other, &file(false, true)));
    let deeper = Plan { target_layers: Some(3), ..plan(attention(), false) };
    assert!(target(list(), &deeper, &whole), "the third layer has no module");
    let unknown = Plan { target_layers: None, ..plan(attention(), false) };
    assert!(target(list(), &unknown, &whole));
    let uneven = plan(attention().split_off(1), false);
    assert!(target(list(), &uneven, &whole), "the first layer lacks q_proj");
}

#[test]
fn how_training_began_is_no_instruction_any_more() {
    for (init, changed) in [
        ("pissa_niter_16", true),
        ("olora", true),
        ("corda", true),
        ("lora_ga", true),
        ("loftq", true),
        ("gaussian", false),
        ("eva", false),
    ] {
        let text = json!({
            "peft_type": "LORA", "init_lora_weights": init, "loftq_config": {"bits": 4}, "eva_config": {"rho": 2},
            "corda_config": {}, "lora_ga_config": null,
        });
        let written = write(&config(&text.to_string()), &plan(attention(), true), &file(false, false));
        let of = |key: &str| written.object[key].clone();
        assert_eq!(of("init_lora_weights"), json!(true));
        assert_eq!(
            [of("loftq_config"), of("eva_config"), of("corda_config"), of("lora_ga_config")],
            [json!({}), Value::Null, Value::Null, Value::Null]
        );
        assert_eq!(written.warnings.iter().any(|w| w.contains("changed base") && w.contains(init)), changed, "{init}");
    }
    let kept = write(
        &config(r#"{"peft_type": "LORA", "init_lora_weights": false}"#),
        &plan(attention(), true),
        &file(false, false),
    );
    assert_eq!(kept.object["init_lora_weights"], json!(false));
}

#[test]
fn an_adapter_without_a_configuration_gets_the_least() {
    let mut plan = plan(attention(), true);
    plan.base_model = Some("a/b".to_owned());
    let written = adapter_config(None, &plan, &file(false, false)).unwrap();
    let names: Vec<&str> = plan.rows.iter().map(|row| row.name.as_str()).collect();
    let expected = json!({
        "base_model_name_or_path": "a/b", "bias": "none", "fan_in_fan_out": false, "inference_mode": true,
        "init_lora_weights": true, "lora_alpha": 8, "lora_dropout": 0.0, "modules_to_save": null,
        "peft_type": "LORA", "r": 4, "target_modules": names, "task_type": null, "use_rslora": false,
    });
    assert_eq!(Value::Object(written.object.clone()), expected);
    assert!(
        written.text().starts_with("{\n  \"base_model_name_or_path\": \"a/b\",\n") && written.text().ends_with("}\n")
    );
}

#[test]
fn what_has_no_configuration_says_so() {
    assert_eq!(adapter_config(None, &plan(Vec::new(), true), &file(false, false)), Err(ConfigError::Empty));
    let huge = plan(vec![row("q", None, 16, 1e308)], true);
    let error = adapter_config(None, &huge, &file(false, false)).unwrap_err();
    assert_eq!(error, ConfigError::Alpha { module: "`q`".to_owned() });
}
