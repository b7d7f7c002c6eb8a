//! Values as people write them. `None` where a text does not have its form: then it is shown as it is.

use serde_json::Value;

use super::super::number::grouped;

/// Longest JSON object that is read for its pairs, in bytes.
const MOST_BYTES: usize = 64 * 1024;
/// Longest value of a pair, in characters.
const LONGEST: usize = 160;
/// Most pairs of an object.
const MOST_PAIRS: usize = 60;

pub fn count(text: &str) -> Option<String> {
    text.trim().parse::<u64>().ok().map(grouped)
}

/// Without needless zeros: `16.0` is 16.
pub fn number(text: &str) -> Option<String> {
    let x: f64 = text.trim().parse().ok()?;
    // Display never writes an exponent: what is far from one stays as it is.
    let plain = x == 0.0 || (1e-6..1e15).contains(&x.abs());
    (x.is_finite() && plain).then(|| x.to_string().replace('-', "−"))
}

/// `1e-4`, as trainers' own forms take it; 1 and above as plain numbers. musubi and sd-scripts may write a list, one
/// per text encoder.
pub fn rate(text: &str) -> Option<String> {
    let inner = text.trim();
    let inner = inner.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(inner);
    let one = |text: &str| {
        let x: f64 = text.trim().parse().ok()?;
        let words = if x == 0.0 || (0.01..1e6).contains(&x) { x.to_string() } else { format!("{x:e}") };
        (x.is_finite() && x >= 0.0).then_some(words)
    };
    inner.split(',').map(one).collect::<Option<Vec<_>>>().map(|all| all.join(", "))
}

pub fn yes_no(text: &str) -> Option<String> {
    match text.trim() {
        "True" | "true" => Some("yes".to_owned()),
        "False" | "false" => Some("no".to_owned()),
        _ => None,
    }
}

/// `(512, 768)`, `512x768` and `512` as `512 × 768` and `512 × 512`.
pub fn size(text: &str) -> Option<String> {
    let inner = text.trim().trim_start_matches(['(', '[']).trim_end_matches([')', ']']);
    let sides: Option<Vec<u32>> = inner.split([',', 'x']).map(|side| side.trim().parse().ok()).collect();
    match sides?.as_slice() {
        [side] => Some(format!("{side} × {side}")),
        [width, height] => Some(format!("{width} × {height}")),
        _ => None,
    }
}

/// The fields of a JSON object, if all of it fits on the page.
pub fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    if text.len() > MOST_BYTES {
        return None;
    }
    let Ok(Value::Object(object)) = serde_json::from_str(text) else { return None };
    let word = |value: Value| match value {
        Value::String(text) => text,
        Value::Array(values) if values.iter().all(|v| !v.is_object() && !v.is_array()) => {
            let words = values.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
            words.collect::<Vec<_>>().join(", ")
        }
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    };
    let pairs: Vec<(String, String)> = object.into_iter().map(|(key, value)| (key, word(value))).collect();
    let fits = |text: &String| text.chars().take(LONGEST + 1).count() <= LONGEST && !is_path(text);
    let all_fit = pairs.len() <= MOST_PAIRS && pairs.iter().all(|(key, word)| fits(key) && fits(word));
    all_fit.then_some(pairs)
}

/// Whether it seems to name a folder of someone's machine.
pub fn is_path(text: &str) -> bool {
    const ROOTS: [&str; 8] = ["/home/", "/Users/", "/root/", "/mnt/", "/media/", "/workspace/", "/content/", "file://"];
    let drive = |w: &[u8]| w[0].is_ascii_alphabetic() && w[1] == b':' && (w[2] == b'\\' || w[2] == b'/');
    let is_drive = |(n, w): (usize, &[u8])| {
        // The scheme of an address has more letters before its colon.
        drive(w) && n.checked_sub(1).is_none_or(|before| !text.as_bytes()[before].is_ascii_alphanumeric())
    };
    text.starts_with(r"\\")
        || ROOTS.iter().any(|root| text.contains(root))
        || text.as_bytes().windows(3).enumerate().any(is_drive)
}

/// What some words of trainers mean.
pub fn gloss(key: &str, text: &str) -> &'static str {
    match (key, text.trim()) {
        ("ss_base_model_version", "sd_v1") => "Stable Diffusion 1",
        ("ss_base_model_version", "sd_v1_v" | "sd_v2_v") => "Stable Diffusion, v-prediction",
        ("ss_base_model_version", "sd_v2") => "Stable Diffusion 2",
        ("ss_base_model_version", "sdxl_base_v1-0" | "sdxl_" | "sdxl_1.0") => "Stable Diffusion XL",
        ("ss_base_model_version", "sd3" | "sd3_m") => "Stable Diffusion 3",
        ("ss_base_model_version", "flux1") => "FLUX.1",
        ("ss_network_module", "lycoris.kohya") => "LyCORIS",
        ("ss_network_module", "networks.dylora") => "DyLoRA",
        ("ss_network_module", "networks.lora_fa") => "LoRA-FA",
        ("ss_network_module", "networks.oft") => "OFT",
        ("ss_network_module", "networks.loha") => "LoHa",
        ("ss_network_module", "networks.lokr") => "LoKr",
        ("ss_network_module", module) if module.starts_with("networks.lora") => "LoRA",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_people_write_them() {
        let number = |text| number(text).unwrap();
        assert_eq!([number("16.0"), number(" 0.0357"), number("-1.50"), number("0")], ["16", "0.0357", "−1.5", "0"]);
        assert_eq!(super::number("1e-9"), None);
        let rate = |text| rate(text).unwrap();
        assert_eq!([rate("0.0001"), rate("5e-05"), rate("1.0"), rate("0")], ["1e-4", "5e-5", "1", "0"]);
        assert_eq!(rate("[1e-05, 0.00025]"), "1e-5, 2.5e-4");
        let size = |text| size(text).unwrap();
        assert_eq!([size("(512, 768)"), size("1024x1024"), size("640")], ["512 × 768", "1024 × 1024", "640 × 640"]);
        assert_eq!(count("12345").unwrap(), "12\u{202f}345");
        assert_eq!((yes_no("True"), yes_no("1")), (Some("yes".to_owned()), None));
    }

    #[test]
    fn what_has_another_form_is_left_as_it_is() {
        for text in ["", "None", "nan", "inf", "soon", "-1", "1e999", "(512,", "1 2", "{"] {
            assert_eq!((count(text), rate(text), size(text)), (None, None, None), "{text}");
            assert_eq!((yes_no(text), pairs(text)), (None, None), "{text}");
            assert_eq!(number(text).is_some(), text == "-1", "{text}");
        }
        assert_eq!(size("1, 2, 3"), None);
    }

    #[test]
    fn pairs_of_an_object() {
        let pairs = pairs(r#"{"algo": "lokr", "conv_dim": 8, "rs": true, "t": ["to_q", 2], "n": {"a": 1}}"#).unwrap();
        let words: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(words, ["algo=lokr", "conv_dim=8", "rs=yes", "t=to_q, 2", r#"n={"a":1}"#]);
        assert_eq!(super::pairs(&format!(r#"{{"a": "{}"}}"#, "x".repeat(500))), None);
        assert_eq!(super::pairs(r#"{"train": "/home/mia/pictures"}"#), None, "a path is folded with the whole");
    }

    #[test]
    fn paths_of_a_machine() {
        for text in ["/home/mia/x", r"C:\Users\mia", "D:/loras", r"\\nas\x", r#"["E:\\sets"]"#, "file:///x"] {
            assert!(is_path(text), "{text}");
        }
        for text in ["stable-diffusion-v1/lora", "https://huggingface.co/x", "1girl, 4:3", "a:b", "networks.lora"] {
            assert!(!is_path(text), "{text}");
        }
    }
}
