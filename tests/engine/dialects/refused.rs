//! What has no update that could be shown: named and listed, never dropped in silence.

use crate::dialect::{File, Key, Tensor};
use crate::dropped::{Update, drop_file};

/// A method's name, in words between bars, and the keys that it leaves.
type Method = (&'static str, &'static [Key]);

const METHODS: [Method; 22] = [
    ("HRA", &[("model.lin0.hra_u", &[10, 2])]),
    ("FourierFT", &[("model.lin0.fourierft_spectrum", &[10])]),
    (
        "VB-LoRA",
        &[
            ("model.lin0.vblora_logits_A", &[2, 5, 4]),
            ("model.lin0.vblora_logits_B", &[10, 2, 4]),
            ("vblora_vector_bank", &[4, 2]),
        ],
    ),
    (
        "RandLoRA",
        &[
            ("model.lin0.randlora_A", &[2, 1, 10]),
            ("model.lin0.randlora_B", &[20, 5, 2]),
            ("model.lin0.randlora_gamma", &[5, 10]),
            ("model.lin0.randlora_lambda", &[2, 5]),
            ("randlora_A", &[2, 1, 10]),
            ("randlora_B", &[20, 5, 2]),
        ],
    ),
    ("RoAd", &[("model.lin0.road_alpha", &[10]), ("model.lin0.road_theta", &[10])]),
    ("SHiRA", &[("model.lin0.shira_weight", &[30]), ("model.lin0.shira_indices", &[2, 30])]),
    ("C3A", &[("model.lin0.c3a_kernel", &[10, 5, 2])]),
    ("WaveFT", &[("model.lin0.waveft_spectrum", &[8])]),
    ("GraLoRA", &[("model.lin0.gralora_A", &[2, 5, 2]), ("model.lin0.gralora_B", &[2, 2, 10])]),
    (
        "OSF",
        &[
            ("model.lin0.osf_svd_params.S_low", &[5]),
            ("model.lin0.osf_svd_params.U_low", &[20, 5]),
            ("model.lin0.osf_svd_params.V_low", &[5, 10]),
        ],
    ),
    (
        "TinyLoRA",
        &[
            ("model.lin0.tinylora_A", &[2, 10]),
            ("model.lin0.tinylora_B", &[20, 2]),
            ("model.lin0.tinylora_P", &[64, 2, 2]),
            ("tinylora_v.0", &[64]),
        ],
    ),
    (
        "PSOFT",
        &[
            ("model.lin0.psoft_R.vector_a", &[2]),
            ("model.lin0.psoft_R.vector_b", &[2]),
            ("model.lin0.psoft_R.weight", &[1]),
        ],
    ),
    ("PEANuT", &[("model.lin0.peanut_A.weight", &[2, 20]), ("model.lin0.peanut_B.weight", &[20, 2])]),
    ("DEFT", &[("model.lin0.deft_P", &[20, 8]), ("model.lin0.deft_R", &[8, 10])]),
    (
        "Lily",
        &[
            ("model.lin0.lily_A.weight", &[2, 10]),
            ("model.lin0.lily_B.weight", &[4, 20]),
            ("model.lin0.lily_router.weight", &[2, 2]),
        ],
    ),
    (
        "GLoRA",
        &[
            ("model.lin0.glora_A.Xd", &[20, 8]),
            ("model.lin0.glora_A.Xu", &[8, 10]),
            ("model.lin0.glora_C.Xu", &[8, 1]),
            ("model.lin0.glora_D.X", &[1]),
        ],
    ),
    ("BEFT|bias", &[("model.lin0.beft_bias", &[1, 20])]),
    (
        "PVeRA",
        &[
            ("model.lin0.pvera_lambda_b", &[20]),
            ("model.lin0.pvera_lambda_d", &[4]),
            ("pvera_A", &[4, 10]),
            ("pvera_B", &[20, 2]),
        ],
    ),
    ("UniLoRA", &[("unilora_theta_d", &[17])]),
    ("LN|norm", &[("model.ln.ln_tuning_layers.weight", &[14]), ("model.ln.ln_tuning_layers.bias", &[14])]),
    (
        "FRoD",
        &[
            ("frod_V.lin0", &[10, 10]),
            ("frod_s_indices.lin0", &[2, 1]),
            ("model.lin0.frod_lambda_l", &[10]),
            ("model.lin0.frod_lambda_s_values", &[1]),
        ],
    ),
    ("token|row", &[("model.emb.trainable_tokens_delta", &[2, 10])]),
];

fn put(file: &mut File, keys: &[(&str, &[usize])]) {
    for (key, shape) in keys {
        let name = format!("base_model.{key}");
        if key.contains("indices") {
            file.put_as(&name, "I32", &Tensor::new(shape, vec![1.0; shape.iter().product()]));
        } else {
            file.random(&name, shape);
        }
    }
}

/// Beside an ordinary module every tensor of such a method is listed with the method's name.
#[test]
fn methods_without_an_update_are_listed() {
    for (method, keys) in METHODS {
        let mut file = File::new(140);
        let product = file.peft("base_model.model.other", [20, 4, 10]);
        put(&mut file, keys);
        let dropped = drop_file(&file);
        dropped.shows(&[Update::new("other", 1.0, "assumed 1:", product)]);
        for (key, _) in keys {
            dropped.lists(&format!("base_model.{key}"), method);
        }
    }
}

/// Alone, such a file is refused with the method's name.
#[test]
fn methods_without_an_update_are_refused_alone() {
    for (method, keys) in METHODS {
        let mut file = File::new(141);
        put(&mut file, keys);
        drop_file(&file).is_refused(method);
    }
}

/// Files for image models that are no difference of weights.
#[test]
fn other_kinds_of_file_are_refused_by_name() {
    let cases: [(&[&str], &str); 5] = [
        (&["emb_params"], "textual inversion|textual-inversion"),
        (&["clip_l", "clip_g"], "textual inversion|textual-inversion"),
        (&["lllite_unet_down_blocks_0_attn.conditioning1.0.weight", "lllite_unet_x.down.0.weight"], "LLLite"),
        (&["image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight"], "IP-Adapter"),
        (&["ip_adapter.1.to_k_ip.weight", "ip_adapter.1.to_v_ip.weight"], "IP-Adapter"),
    ];
    for (keys, name) in cases {
        let mut file = File::new(142);
        for key in keys {
            file.random(key, &[4, 12]);
        }
        drop_file(&file).is_refused(name);
    }
}

/// A file with nothing but kinds that need a base is refused with what is missing.
#[test]
fn a_file_that_needs_its_base_says_so_alone() {
    let cases: [(&str, &[usize], &str); 4] = [
        ("base_model.model.lin0.ia3_l", &[20, 1], "IA³"),
        ("base_model.model.lin0.oft_R.weight", &[5, 1], "OFT"),
        ("lora_unet_x.oft_blocks", &[6, 4, 4], "OFT"),
        ("base_model.model.lin0.miss_block", &[2, 20], "MiSS"),
    ];
    for (key, shape, name) in cases {
        let mut file = File::new(143);
        file.random(key, shape);
        let dropped = drop_file(&file);
        assert!(dropped.report.adapters.iter().all(|a| a.modules.is_empty()), "{key}");
        dropped.warns(name);
        dropped.warns("base");
    }
}
