//! Names of dropped files.

/// `/folder/adapter_model.safetensors`, as the browser's directory entries have it, → relative.
pub fn relative(full_path: &str) -> String {
    full_path.trim_start_matches('/').to_owned()
}

/// How many files one drop may hold: a whole home folder dropped by mistake must not freeze the page.
pub const MOST_FILES: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_paths_become_relative() {
        assert_eq!(relative("/run/checkpoint-30/adapter_config.json"), "run/checkpoint-30/adapter_config.json");
        assert_eq!(relative("adapter_model.safetensors"), "adapter_model.safetensors");
    }
}
