//! What a file says of its training, and that all of it stays text.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::browser::{Browser, TempDir};
use crate::fixtures::{folder, safetensors};

const MARKUP: &str = "<img src=x onerror=alert(1)>";

#[test]
fn training_metadata_is_shown_and_stays_text() {
    let home = TempDir::new("training");
    let file = write_kohya(home.path());
    let browser = Browser::start();
    browser.open("?backend=cpu");
    browser.drop_paths(&[file]);
    browser.expect("done");
    let report = browser.export_json();
    assert_eq!(report["adapters"][0]["metadata"]["ss_bucket_info"].as_str().map(str::len), Some(1 << 20));
    assert_eq!(browser.traffic().binary, 0);
    assert!(browser.traffic().largest < 512 << 10, "{:?}", browser.traffic());

    browser.click("tab-training");
    browser.until("the sections are there", || browser.count("metadata-section") == 6);
    let said = |key: &str| text_of(&browser, &format!("[data-testid=metadata-entry][data-key='{key}'] dd"));
    assert_eq!(said("modelspec.title"), MARKUP);
    assert_eq!(said("ss_network_dim"), "8");
    assert_eq!(said("ss_network_alpha"), "4");
    assert_eq!(said("ss_unet_lr"), "1e-4");
    assert_eq!(said("ss_training_started_at"), "2024-03-01 14:05:12 UTC");
    assert!(said("ss_network_args").contains("conv_dim 8"), "{}", said("ss_network_args"));
    assert!(said("modelspec.thumbnail").contains("image/png"), "{}", said("modelspec.thumbnail"));
    assert!(text_of(&browser, "[data-part=network]").contains("Empty or None: Dropout"));

    // Tags of both folders together, the commonest first, found in any case.
    browser.until("the first tags are there", || browser.count("tag-row") == 200);
    let tag = |n: usize| {
        let script = "const d = document.querySelectorAll('[data-testid=tag-row]')[arguments[0]].dataset;
            return `${d.tag} ${d.count}`";
        browser.eval(script, vec![json!(n)])
    };
    assert_eq!((tag(0), tag(1)), (json!("1girl 1500"), json!(format!("{MARKUP} 400"))));
    assert!(browser.texts("tag-filter-found")[0].contains("The first 200 of 402 tags"));
    browser.type_into("tag-filter", "TAG 39");
    browser.until("fourteen tags match", || browser.count("tag-row") == 14);
    browser.type_into("tag-filter", "no such");
    browser.until("none matches", || browser.count("tag-row") == 0);

    // The megabyte is read and shown when it is asked for, and then in parts.
    assert_eq!(text_of(&browser, "[data-testid=metadata-datasets]").matches("100 × 100").count(), 0);
    browser.click_css("[data-testid=metadata-datasets] > summary");
    browser
        .until("the buckets are there", || text_of(&browser, "[data-testid=metadata-datasets]").contains("100 × 100"));
    let raw = "[data-testid=metadata-raw][data-key=ss_bucket_info]";
    assert_eq!(browser.count_css(&format!("{raw} pre")), 0);
    browser.click_css(&format!("{raw} > summary"));
    browser.until("its beginning is there", || browser.exists(&format!("{raw} pre")));
    assert_eq!(text_of(&browser, &format!("{raw} pre")).len(), 20_000);

    let markup = "return [...document.images].some((i) => i.getAttribute('src') === 'x' || i.src.startsWith('data:'))
        || document.querySelector('.training img, .training script') !== null";
    assert_eq!(browser.eval(markup, vec![]), false, "markup of the file became part of the page");
    for (width, height) in [(1280, 800), (390, 844)] {
        browser.viewport(width, height);
        for theme in ["light", "dark"] {
            browser.prefer(theme);
            browser.eval("document.querySelector('.tabs').scrollIntoView({ behavior: 'instant' })", vec![]);
            std::thread::sleep(std::time::Duration::from_millis(400));
            browser.screenshot(&format!("training-{width}-{theme}"));
            assert!(!browser.has_horizontal_overflow(), "{width} px wide, {theme}");
        }
    }

    // Of an adapter that says nothing the tab says so.
    browser.clear();
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    browser.click("tab-training");
    browser.until("it says that there is nothing", || browser.exists("[data-testid=training-missing]"));
    assert_eq!(browser.count("metadata-section"), 0);
    assert_eq!(browser.problems(), [""; 0]);
}

fn text_of(browser: &Browser, selector: &str) -> String {
    let text = browser.eval("return document.querySelector(arguments[0])?.textContent ?? ''", vec![json!(selector)]);
    text.as_str().expect("a text").to_owned()
}

/// One LoRA pair with what kohya's trainer and others note.
fn write_kohya(folder: &Path) -> PathBuf {
    let tags: Map<String, Value> = (0..400).map(|n| (format!("tag {n}"), json!(1))).collect();
    let mut mia = tags;
    mia.insert("1girl".into(), json!(1000));
    mia.insert(MARKUP.into(), json!(400));
    let tags = json!({ "10_mia": mia, "2_park": { "1girl": 500 } });
    let bucket = |n: u64| json!({ "resolution": [100 + n, 100], "count": 1000 - n.min(999) });
    let buckets: Map<String, Value> = (0..5000).map(|n| (n.to_string(), bucket(n))).collect();
    let buckets = json!({ "buckets": buckets, "mean_img_ar_error": 0.01 }).to_string();
    let dirs = json!({ "10_mia": { "n_repeats": 10, "img_count": 40 }, "2_park": { "n_repeats": 2, "img_count": 6 } });
    let metadata = [
        ("modelspec.title", MARKUP.to_owned()),
        ("modelspec.author", "Mia".to_owned()),
        ("modelspec.license", "CC0-1.0".to_owned()),
        ("modelspec.trigger_phrase", "mia woman".to_owned()),
        ("modelspec.usage_hint", "Weight 0.8, with any photo checkpoint.".to_owned()),
        ("modelspec.description", "Trained on forty photographs of one person. ".repeat(20)),
        ("modelspec.architecture", "stable-diffusion-xl-v1-base/lora".to_owned()),
        ("modelspec.thumbnail", format!("data:image/png;base64,{}", "iVBORw0KGgo".repeat(2000))),
        ("ss_base_model_version", "sdxl_base_v1-0".to_owned()),
        ("ss_sd_model_name", "/home/mia/models/sd_xl_base_1.0.safetensors".to_owned()),
        ("ss_sd_model_hash", "be9edd61".to_owned()),
        ("ss_new_sd_model_hash", "31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b".to_owned()),
        ("ss_network_module", "networks.lora".to_owned()),
        ("ss_network_dim", "8".to_owned()),
        ("ss_network_alpha", "4.0".to_owned()),
        ("ss_network_args", json!({ "conv_dim": "8", "conv_alpha": "1", "algo": "locon" }).to_string()),
        ("ss_network_dropout", "None".to_owned()),
        ("ss_steps", "12500".to_owned()),
        ("ss_max_train_steps", "12500".to_owned()),
        ("ss_epoch", "10".to_owned()),
        ("ss_num_epochs", "10".to_owned()),
        ("ss_learning_rate", "0.0001".to_owned()),
        ("ss_unet_lr", "0.0001".to_owned()),
        ("ss_text_encoder_lr", "5e-05".to_owned()),
        ("ss_lr_scheduler", "cosine_with_restarts".to_owned()),
        ("ss_optimizer", "bitsandbytes.optim.adamw.AdamW8bit(weight_decay=0.1)".to_owned()),
        ("ss_resolution", "(1024, 1024)".to_owned()),
        ("ss_mixed_precision", "bf16".to_owned()),
        ("ss_total_batch_size", "4".to_owned()),
        ("ss_min_snr_gamma", "5.0".to_owned()),
        ("ss_noise_offset", "0.0357".to_owned()),
        ("ss_seed", "1234567890".to_owned()),
        ("ss_training_started_at", "1709301912.751".to_owned()),
        ("ss_training_finished_at", "1709306892.9".to_owned()),
        ("ss_num_train_images", "412".to_owned()),
        ("ss_num_reg_images", "0".to_owned()),
        ("ss_dataset_dirs", dirs.to_string()),
        ("ss_bucket_info", format!("{buckets}{}", " ".repeat((1 << 20) - buckets.len()))),
        ("ss_tag_frequency", tags.to_string()),
        ("sshs_model_hash", "5b0e9d2a4f1c8b7e6d3a2c1b0f9e8d7c6b5a4938271605f4e3d2c1b0a9f8e7d6".to_owned()),
        ("format", "pt".to_owned()),
    ];
    let metadata = metadata.into_iter().map(|(key, text)| (key.to_owned(), Value::from(text))).collect::<Map<_, _>>();
    let mut header = Map::new();
    header.insert("__metadata__".into(), metadata.into());
    let mut begin = 0;
    for (factor, shape) in [("A", [8, 64]), ("B", [64, 8])] {
        let name = format!("base_model.model.model.layers.0.self_attn.q_proj.lora_{factor}.weight");
        let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, begin + 2048] });
        header.insert(name, entry);
        begin += 2048;
    }
    let path = folder.join("mia.safetensors");
    let mut file = safetensors(&path, &header);
    file.write_all(&0.5_f32.to_le_bytes().repeat(1024)).expect("room on the disk");
    file.flush().expect("room on the disk");
    path
}
