//! What every exported report must satisfy.

use serde_json::Value;

/// Nothing in it is null, and every number is a finite one.
pub fn assert_clean(value: &Value, path: &str) {
    match value {
        Value::Null => panic!("{path} is null; what is absent must be absent"),
        Value::Number(number) => {
            assert!(number.as_f64().is_some_and(f64::is_finite), "{path} is not finite: {number}");
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                assert_clean(item, &format!("{path}[{index}]"));
            }
        }
        Value::Object(entries) => {
            assert!(
                !entries.contains_key("wrong"),
                "{path}: a GPU that is right was found wrong: {}",
                entries["wrong"]
            );
            for (key, item) in entries {
                assert_clean(item, &format!("{path}.{key}"));
            }
        }
        Value::Bool(_) | Value::String(_) => {}
    }
}

pub fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("`{key}` is no number: {}", value[key]))
}

pub fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("`{key}` is no array: {}", value[key]))
}

pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("`{key}` is no text: {}", value[key]))
}

pub fn numbers(value: &Value, key: &str) -> Vec<f64> {
    array(value, key).iter().map(|number| number.as_f64().expect("a number")).collect()
}

pub fn strings<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    array(value, key).iter().map(|text| text.as_str().expect("a text")).collect()
}

/// The report's only adapter.
pub fn only_adapter(report: &Value) -> &Value {
    let adapters = array(report, "adapters");
    assert_eq!(adapters.len(), 1, "one adapter was dropped");
    &adapters[0]
}
