//! Which files of a repository hold its adapters, by what the Hub lists.

use serde_json::Value;

/// More adapters than this are not loaded unasked.
const MOST: usize = 8;
/// Names in a sentence, at most.
const NAMED: usize = 6;

/// Paths of the weights to load, from the answer of `/api/models/<name>/tree/<revision>`: an array of
/// `{ "type": "file", "path": … }`.
///
/// # Errors
/// Half a sentence about the repository: why there is nothing to take.
pub fn choose(answer: &[u8]) -> Result<Vec<String>, String> {
    let Ok(Value::Array(entries)) = serde_json::from_slice(answer) else {
        return Err("its list of files cannot be read. Give the address of the file".to_owned());
    };
    let paths: Vec<&str> = entries
        .iter()
        .filter(|entry| entry["type"] == "file")
        .filter_map(|entry| entry["path"].as_str())
        .filter(|path| path.split('/').all(|part| !matches!(part, "" | "." | "..")))
        .collect();
    let weights: Vec<&str> = paths.iter().copied().filter(|path| path.ends_with(".safetensors")).collect();
    if weights.is_empty() {
        let others =
            paths.iter().any(|path| path.ends_with(".bin") || path.ends_with(".pt") || path.ends_with(".ckpt"));
        return Err(if others {
            "it holds no .safetensors file, and pickled weights (.bin, .pt) are never opened here: they may hold code"
                .to_owned()
        } else {
            "it holds no .safetensors file".to_owned()
        });
    }
    if let [one] = weights.as_slice() {
        return Ok(vec![(*one).to_owned()]);
    }
    let adapters: Vec<&str> = weights.iter().copied().filter(|path| is_adapter(path, &paths)).collect();
    // A trainer's folders of earlier steps lie below the last state.
    let depth = |path: &str| path.matches('/').count();
    let top = adapters.iter().map(|path| depth(path)).min();
    let adapters: Vec<&str> = adapters.into_iter().filter(|path| Some(depth(path)) == top).collect();
    if adapters.is_empty() || adapters.len() > MOST {
        let all = if adapters.is_empty() { weights } else { adapters };
        let more = all.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = all.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        return Err(format!(
            "it holds {} .safetensors files and none stands out: {named}{more}. Give one of them: org/name/file",
            all.len()
        ));
    }
    Ok(adapters.into_iter().map(str::to_owned).collect())
}

fn is_adapter(path: &str, all: &[&str]) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = name.to_lowercase();
    let is_model = name.starts_with("model") || name.starts_with("diffusion_pytorch_model");
    let config =
        if folder.is_empty() { "adapter_config.json".to_owned() } else { format!("{folder}/adapter_config.json") };
    let words = ["lora", "adapter", "lycoris", "locon", "loha", "lokr", "dora"];
    !is_model && (words.iter().any(|word| name.contains(word)) || all.contains(&config.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(paths: &[&str]) -> Result<Vec<String>, String> {
        let entries: Vec<Value> =
            paths.iter().map(|path| serde_json::json!({ "type": "file", "path": path, "size": 1 })).collect();
        choose(&serde_json::to_vec(&entries).unwrap())
    }

    #[test]
    fn one_file_is_taken_whatever_its_name() {
        assert_eq!(of(&["README.md", "Style-XL.safetensors"]).unwrap(), ["Style-XL.safetensors"]);
    }

    #[test]
    fn of_several_those_that_look_like_adapters_nearest_to_the_top() {
        let files = ["model-00001-of-00002.safetensors", "a_lora.safetensors", "b_LoRA.safetensors"];
        assert_eq!(of(&files).unwrap(), ["a_lora.safetensors", "b_LoRA.safetensors"]);
        let nested = [
            "checkpoint-10/adapter_model.safetensors",
            "last/weights.safetensors",
            "last/adapter_config.json",
            "x/y/adapter_model.safetensors",
        ];
        assert_eq!(of(&nested).unwrap(), ["checkpoint-10/adapter_model.safetensors", "last/weights.safetensors"]);
    }

    #[test]
    fn nothing_to_take_is_said() {
        let said = of(&["model-1.safetensors", "vae.safetensors"]).unwrap_err();
        assert!(said.contains("2 .safetensors files") && said.contains("vae.safetensors"), "{said}");
        assert!(of(&["pytorch_lora.bin"]).unwrap_err().contains("never opened"));
        assert!(of(&[]).unwrap_err().contains("no .safetensors"));
        assert!(choose(b"<html>").unwrap_err().contains("cannot be read"));
        assert!(choose(br#"{"error":"x"}"#).unwrap_err().contains("cannot be read"));
        let many: Vec<String> = (0..20).map(|n| format!("lora-{n}.safetensors")).collect();
        let said = of(&many.iter().map(String::as_str).collect::<Vec<_>>()).unwrap_err();
        assert!(said.contains("and 14 more"), "{said}");
        assert!(of(&["../lora.safetensors"]).is_err());
    }
}
