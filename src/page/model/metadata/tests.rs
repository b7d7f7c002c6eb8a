use super::*;

fn texts(entries: &[(&str, &str)]) -> Texts {
    entries.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
}

fn entry<'a>(sections: &'a [Section], part: Part, label: &str) -> &'a Entry {
    let section = sections.iter().find(|s| s.part == part).unwrap();
    section.entries.iter().find(|e| e.label == label).unwrap_or_else(|| panic!("{label} is not in {section:?}"))
}

fn text(sections: &[Section], part: Part, label: &str) -> String {
    match &entry(sections, part, label).shown {
        Shown::Text { text, .. } => text.clone(),
        other => panic!("{label}: {other:?}"),
    }
}

#[test]
fn a_kohya_file() {
    let metadata = texts(&[
        ("modelspec.title", "Mia"),
        ("modelspec.trigger_phrase", "mia woman"),
        ("modelspec.thumbnail", "data:image/jpeg;base64,/9j/4AAQ"),
        ("ss_base_model_version", "sdxl_base_v1-0"),
        ("ss_sd_model_name", r"D:\models\sd_xl.safetensors"),
        ("ss_network_module", "networks.lora"),
        ("ss_network_dim", "32"),
        ("ss_network_alpha", "16.0"),
        ("ss_network_args", r#"{"conv_dim": "8", "algo": "locon"}"#),
        ("ss_network_dropout", "None"),
        ("ss_unet_lr", "0.0001"),
        ("ss_steps", "12500"),
        ("ss_seed", "1234567890"),
        ("ss_training_started_at", "1709301912.75"),
        ("ss_training_finished_at", "1709306892.9"),
        ("ss_new_key_of_tomorrow", "True"),
        ("format", "pt"),
    ]);
    let sections = sections(&metadata);
    let parts: Vec<Part> = sections.iter().map(|s| s.part).collect();
    assert_eq!(parts, [Part::About, Part::Base, Part::Network, Part::Training, Part::Software, Part::Other]);
    assert_eq!(text(&sections, Part::About, "Trigger phrase"), "mia woman");
    let picture = Shown::Folded(Fold::Picture { media: "image/jpeg".into(), bytes: 31 });
    assert_eq!(entry(&sections, Part::About, "Thumbnail").shown, picture);
    let version = Shown::Text { text: "sdxl_base_v1-0".into(), note: "Stable Diffusion XL" };
    assert_eq!(entry(&sections, Part::Base, "Version").shown, version);
    assert_eq!(entry(&sections, Part::Base, "Checkpoint").shown, Shown::Folded(Fold::Path { chars: 27 }));
    assert_eq!(text(&sections, Part::Network, "Alpha"), "16");
    let pairs = [("conv_dim", "8"), ("algo", "locon")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(entry(&sections, Part::Network, "Arguments").shown, Shown::Pairs(pairs.into()));
    assert_eq!(sections[2].unset, ["Dropout"]);
    assert_eq!(text(&sections, Part::Training, "Learning rate, U-Net"), "1e-4");
    assert_eq!(text(&sections, Part::Training, "Steps"), "12\u{202f}500");
    assert_eq!(text(&sections, Part::Training, "Seed"), "1234567890");
    assert_eq!(text(&sections, Part::Training, "Started"), "2024-03-01 14:05:12 UTC");
    assert_eq!(text(&sections, Part::Training, "Duration"), "1 h 23 min");
    assert_eq!(text(&sections, Part::Other, "ss_new_key_of_tomorrow"), "True");
}

#[test]
fn other_tools() {
    let metadata = texts(&[
        ("software", r#"{"name": "ai-toolkit", "repo": "https://github.com/ostris/ai-toolkit", "version": "0.5"}"#),
        ("training_info", r#"{"step": 2000, "epoch": 99}"#),
        ("ot_branch", "master"),
        ("ot_config", r#"{"learning_rate": 0.0003}"#),
        ("lora_adapter_metadata", r#"{"transformer.r": 32, "transformer.target_modules": ["to_q", "to_k"]}"#),
    ]);
    let sections = sections(&metadata);
    let pairs = |part, label| match &entry(&sections, part, label).shown {
        Shown::Pairs(pairs) => pairs.iter().map(|(k, v)| format!("{k}: {v}")).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(pairs(Part::Software, "Trainer")[0], "name: ai-toolkit");
    assert_eq!(pairs(Part::Training, "Reached"), ["step: 2000", "epoch: 99"]);
    assert_eq!(pairs(Part::Network, "LoRA config")[1], "transformer.target_modules: to_q, to_k");
    assert_eq!(text(&sections, Part::Software, "OneTrainer branch"), "master");
    assert_eq!(entry(&sections, Part::Software, "OneTrainer config").shown, Shown::Folded(Fold::Long { chars: 25 }));
}

/// Whatever is written: every key is somewhere, and nothing of another form is read into one.
#[test]
fn nothing_is_lost_and_nothing_is_an_error() {
    let hostile = ["", "None", "null", "NaN", "1e999", "-5", "[[[", "{\"a\":", "<img src=x onerror=alert(1)>", "\u{0}"];
    for value in hostile {
        let metadata: Texts = KNOWN.iter().map(|known| (known.key.to_owned(), value.to_owned())).collect();
        let sections = sections(&metadata);
        let count: usize = sections.iter().map(|s| s.entries.len() + s.unset.len()).sum();
        assert_eq!(count, metadata.len(), "{value}");
        for entry in sections.iter().flat_map(|s| &s.entries) {
            if let Shown::Text { text, .. } = &entry.shown {
                // A minus sign and an exponent may be written in another way.
                assert!(*text == value || text.replace('−', "-") == value, "{}: {text} is not {value}", entry.key);
            }
        }
        assert!(Tags::read(&metadata).is_err());
        let datasets = Datasets::read(&metadata);
        assert!(datasets.folders.is_empty() && datasets.buckets.is_empty());
        assert_eq!(datasets.unread.len(), if is_unset(value) { 0 } else { 4 }, "{value}");
    }
    assert!(!says_something(&texts(&[("format", "pt")])));
    assert!(says_something(&texts(&[("format", "pt"), ("x", "")])));
}

#[test]
fn keys_are_known_once() {
    let mut keys: Vec<&str> = KNOWN.iter().map(|known| known.key).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), KNOWN.len());
    for (place, part) in Part::ALL.into_iter().enumerate() {
        assert_eq!(part as usize, place);
    }
}

#[test]
fn long_texts_are_only_named() {
    let long = "é".repeat(1 << 19);
    let sections = sections(&texts(&[("modelspec.description", &long), ("z", &long), ("ss_network_args", &long)]));
    for entry in sections.iter().flat_map(|s| &s.entries) {
        assert_eq!(entry.shown, Shown::Folded(Fold::Long { chars: 1 << 19 }), "{}", entry.key);
    }
}

#[test]
fn tags_of_all_folders_are_counted_together() {
    let json =
        r#"{"10_mia": {"1girl": 20, " smile": 4, "solo": 4}, "2_park": {"1girl": 3, "tree": 18446744073709551615}}"#;
    let metadata = texts(&[("ss_tag_frequency", json)]);
    assert_eq!(Tags::of(&metadata), Some((json.len(), true)));
    let tags = Tags::read(&metadata).unwrap();
    let names: Vec<(&str, u64)> = tags.tags.iter().map(|tag| (tag.name.as_str(), tag.count)).collect();
    assert_eq!(names, [("tree", u64::MAX), ("1girl", 23), ("smile", 4), ("solo", 4)]);
    assert_eq!((tags.folders, tags.total), (2, u64::MAX));
    for wrong in [r#"{"a": 1}"#, r#"[1]"#, r#"{"a": {"b": "c"}}"#, r#"{"a": {}} x"#] {
        assert!(Tags::read(&texts(&[("ss_tag_frequency", wrong)])).is_err(), "{wrong}");
    }
    assert_eq!(Tags::of(&texts(&[("ss_tag_frequency", "{}")])), None);
    let long = format!(r#"{{"a": {{"b": {}1}}}}"#, " ".repeat(300 << 10));
    assert_eq!(Tags::of(&texts(&[("ss_tag_frequency", &long)])), Some((long.len(), false)), "asked for");
}

#[test]
fn folders_and_buckets() {
    let metadata = texts(&[
        (
            "ss_dataset_dirs",
            r#"{"10_mia": {"n_repeats": 10, "img_count": 30}, "park": {"n_repeats": 1, "img_count": 12}}"#,
        ),
        ("ss_reg_dataset_dirs", r#"{"1_woman": {"n_repeats": 1, "img_count": 100}}"#),
        (
            "ss_bucket_info",
            r#"{"buckets": {"0": {"resolution": [512, 768], "count": 3}, "1": {"resolution": [768, 512], "count": 300}}}"#,
        ),
    ]);
    let datasets = Datasets::read(&metadata);
    let folders: Vec<String> = datasets
        .folders
        .iter()
        .map(|f| format!("{} {:?} {:?} {}", f.name, f.images.unwrap(), f.repeats.unwrap(), f.regularisation))
        .collect();
    assert_eq!(folders, ["10_mia 30 10 false", "park 12 1 false", "1_woman 100 1 true"]);
    assert_eq!(datasets.images_per_epoch(), Some(412));
    assert_eq!(datasets.buckets[0], Bucket { size: [768, 512], images: 300 });
    assert!(datasets.unread.is_empty());
}

#[test]
fn datasets_of_a_config_file() {
    let json = r#"[{"subsets": [{"img_count": 7, "num_repeats": 2, "image_dir": "/home/mia/sets/10_mia/", "is_reg": false}],
        "bucket_info": {"buckets": {"0": {"resolution": [512, 512], "count": 14}}}}]"#;
    let datasets = Datasets::read(&texts(&[("ss_datasets", json)]));
    assert_eq!(datasets.folders[0].name, "10_mia");
    assert_eq!((datasets.images_per_epoch(), datasets.buckets.len()), (Some(14), 1));
    // The summary of the same folders comes first, and they are not listed twice.
    let both = texts(&[("ss_datasets", json), ("ss_dataset_dirs", r#"{"10_mia": {"n_repeats": 2, "img_count": 7}}"#)]);
    assert_eq!(Datasets::read(&both).folders.len(), 1);
}
