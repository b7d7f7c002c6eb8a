use super::*;

fn file(text: &str) -> RemoteFile {
    match parse(text) {
        Ok(Wanted::File(file)) => file,
        other => panic!("{text}: {other:?}"),
    }
}

fn repository(text: &str) -> Repository {
    match parse(text) {
        Ok(Wanted::Repository(repository)) => repository,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn names_of_the_hub() {
    let usual = repository("org/my.lora_1").usual();
    assert_eq!(usual.address, "https://huggingface.co/org/my.lora_1/resolve/main/adapter_model.safetensors");
    assert_eq!(usual.path, "org/my.lora_1/adapter_model.safetensors");
    let config = usual.config.unwrap();
    assert_eq!(config.address, "https://huggingface.co/org/my.lora_1/resolve/main/adapter_config.json");
    assert_eq!((config.path.as_str(), config.config), ("org/my.lora_1/adapter_config.json", None));

    let pulled = file("org/name@refs/pr/1/sub folder/a+b.safetensors");
    assert_eq!(pulled.address, "https://huggingface.co/org/name/resolve/refs%2Fpr%2F1/sub%20folder/a%2Bb.safetensors");
    assert_eq!(pulled.path, "org/name@refs-pr-1/sub folder/a+b.safetensors");
    assert_eq!(pulled.config.unwrap().path, "org/name@refs-pr-1/sub folder/adapter_config.json");
    assert_eq!(repository("org/name@v1.0").usual().path, "org/name@v1.0/adapter_model.safetensors");
    assert_eq!(file(" org/name/lora.safetensors ").path, "org/name/lora.safetensors");
}

#[test]
fn addresses_of_the_hub_are_all_the_same_file() {
    let wanted = file("org/name/a/lora.safetensors");
    for address in [
        "https://huggingface.co/org/name/blob/main/a/lora.safetensors",
        "https://huggingface.co/org/name/resolve/main/a/lora.safetensors?download=true",
        "https://hf.co/org/name/raw/main/a/lora.safetensors#L1",
        "huggingface.co/org/name/blob/main/a/lora.safetensors",
    ] {
        assert_eq!(file(address), wanted, "{address}");
    }
    let name = repository("org/name");
    for address in
        ["https://huggingface.co/org/name", "https://huggingface.co/org/name/", "https://hf.co/org/name/tree/main"]
    {
        assert_eq!(repository(address), name, "{address}");
    }
    assert_eq!(name.listing(), "https://huggingface.co/api/models/org/name/tree/main?recursive=true");
    let folder = repository("https://huggingface.co/org/name/tree/refs%2Fpr%2F2/check%20point");
    assert_eq!(
        folder.listing(),
        "https://huggingface.co/api/models/org/name/tree/refs%2Fpr%2F2/check%20point?recursive=true"
    );
    assert!(folder.usual().address.ends_with("/resolve/refs%2Fpr%2F2/check%20point/adapter_model.safetensors"));
}

#[test]
fn files_elsewhere() {
    let plain = file("https://example.org/loras/style%20one.safetensors?token=a");
    assert_eq!(plain.address, "https://example.org/loras/style%20one.safetensors?token=a");
    assert_eq!((plain.path.as_str(), plain.config), ("loras/style one.safetensors", None));

    let peft = file("https://example.org/run/adapter_model.safetensors");
    assert_eq!(peft.config.unwrap().address, "https://example.org/run/adapter_config.json");
    assert_eq!(file("https://example.org/adapters.safetensors").config.unwrap().path, "adapter_config.json");
    assert_eq!(file("https://example.org").path, "example.org");
    assert_eq!(file("https://example.org/a%2F..%2Fb").path, "a-..-b");

    // A mirror of the Hub speaks its addresses; elsewhere `blob` is another site's own affair.
    let mirrored = file("http://127.0.0.1:9/org/name/resolve/main/adapter_model.safetensors");
    assert_eq!(mirrored.path, "org/name/adapter_model.safetensors");
    assert_eq!(mirrored.config.unwrap().address, "http://127.0.0.1:9/org/name/resolve/main/adapter_config.json");
    assert!(file("https://mirror.org/org/name/resolve/main/lora.safetensors").config.is_some());
    assert!(
        repository("http://localhost:9/org/name/tree/main").listing().starts_with("http://localhost:9/api/models/")
    );
    let github = "https://github.com/org/name/blob/main/lora.safetensors";
    assert_eq!(file(github).address, github);
}

#[test]
fn what_leads_nowhere_is_said() {
    for (text, word) in [
        ("", "not an address"),
        ("name", "not an address"),
        ("org/", "not an address"),
        ("org/name@", "not an address"),
        ("org/name/../x", "not an address"),
        ("org/..", "not an address"),
        ("org/na me", "not an address"),
        ("example.org/lora.safetensors", "begins with https://"),
        ("http://example.org/a", "plain http"),
        ("https://huggingface.co/datasets/org", "not a model's repository"),
        ("https://huggingface.co/", "not a model's repository"),
        ("https://huggingface.co/org/name/discussions/1", "not a model's repository"),
    ] {
        let said = parse(text).unwrap_err();
        assert!(said.contains(word), "{text}: {said}");
    }
}
