//! Where every module of an adapter goes in another model: sizes, layers, ranks, and what is refused.

use lorascope_engine::projection::{Plan, Subject, TargetShape, plan as make_plan};
use lorascope_format::adapter::names;
use lorascope_format::container::{Dtype, TensorEntry, TensorType};
use lorascope_protocol::projection::models::{ModelShape, listed};
use lorascope_protocol::projection::{Layers, Method, PlanRow, RankRule, Request, Size, SizeOf};

const SIGMA: [f64; 4] = [3.0, 2.0, 1.0, 1.0];

/// A module as the adapter's reader would give it, of rank 4.
fn subject(name: &str, shape: [u64; 2]) -> Subject<'_> {
    let place = names::place(name);
    let (stack, role) = (leak(place.stack), leak(place.role));
    let (layer, scale) = (place.layer, 2.0);
    Subject { name, layer, stack, role, shape, rank: 4, sigma: &SIGMA, scale, swapped: false, kernel: 1 }
}

/// The tests' names live as long as the tests.
fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// The modules of Llama 3.1 8B in some layers.
fn llama(layers: &[u32]) -> Vec<Subject<'static>> {
    let of_layer = |layer: u32| {
        [
            ("self_attn.q_proj", [4096, 4096]),
            ("self_attn.k_proj", [1024, 4096]),
            ("self_attn.v_proj", [1024, 4096]),
            ("self_attn.o_proj", [4096, 4096]),
            ("mlp.gate_proj", [14336, 4096]),
            ("mlp.up_proj", [14336, 4096]),
            ("mlp.down_proj", [4096, 14336]),
        ]
        .map(|(module, shape)| subject(leak(format!("model.layers.{layer}.{module}")), shape))
    };
    layers.iter().flat_map(|&layer| of_layer(layer)).collect()
}

fn shape_of(id: &str) -> ModelShape {
    listed(id).unwrap_or_else(|| panic!("{id} is listed")).shape()
}

fn plan(subjects: &[Subject<'_>], request: &Request, target: TargetShape<'_>) -> Plan {
    make_plan(subjects, request, target, "the target", Some("the/source")).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(subjects: &[Subject<'_>], request: &Request, target: TargetShape<'_>) -> String {
    match make_plan(subjects, request, target, "config.json", None) {
        Ok(plan) => panic!("{plan:?}"),
        Err(error) => error.to_string(),
    }
}

fn hand(of: SizeOf, shape: [u64; 2]) -> Request {
    Request { sizes: vec![Size { of, shape }], ..Request::default() }
}

fn role(role: &str, shape: [u64; 2]) -> Request {
    hand(SizeOf::Role(role.to_owned()), shape)
}

fn row<'a>(plan: &'a Plan, source: &str) -> &'a PlanRow {
    plan.rows.iter().find(|row| row.source == source).unwrap_or_else(|| panic!("{source} has a place"))
}

fn reason<'a>(plan: &'a Plan, name: &str) -> &'a str {
    let found = plan.unplaced.iter().find(|one| one.name == name);
    &found.unwrap_or_else(|| panic!("{name} has no place")).reason
}

fn warned(plan: &Plan, words: &[&str]) -> bool {
    plan.warnings.iter().any(|warning| words.iter().all(|word| warning.contains(word)))
}

#[test]
fn an_8b_adapter_in_a_1b_model() {
    let mut subjects = vec![subject("model.embed_tokens", [128_256, 4096])];
    subjects.extend(llama(&(0..32).collect::<Vec<_>>()));
    subjects.push(subject("lm_head", [128_256, 4096]));
    let target = shape_of("meta-llama/Llama-3.2-1B");
    let request = Request { layers: Layers::Spread, ..Request::default() };
    let plan = plan(&subjects, &request, TargetShape::Model(&target));
    assert_eq!((plan.rows.len(), plan.unplaced.len()), (2 + 16 * 7, 16 * 7));
    assert_eq!((plan.source_layers, plan.target_layers), (32, Some(16)));
    assert_eq!(plan.base_model.as_deref(), Some("meta-llama/Llama-3.2-1B"));
    assert!(!plan.same_model);
    for (source, name, shape) in [
        ("model.embed_tokens", "model.embed_tokens", [128_256, 2048]),
        ("model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.q_proj", [2048, 2048]),
        ("model.layers.31.self_attn.k_proj", "model.layers.15.self_attn.k_proj", [512, 2048]),
        ("model.layers.31.self_attn.v_proj", "model.layers.15.self_attn.v_proj", [512, 2048]),
        // Target 7 takes round(7·31/15) = round(14.47).
        ("model.layers.14.self_attn.o_proj", "model.layers.7.self_attn.o_proj", [2048, 2048]),
        ("model.layers.14.mlp.gate_proj", "model.layers.7.mlp.gate_proj", [8192, 2048]),
        ("model.layers.14.mlp.up_proj", "model.layers.7.mlp.up_proj", [8192, 2048]),
        ("model.layers.14.mlp.down_proj", "model.layers.7.mlp.down_proj", [2048, 8192]),
        ("lm_head", "lm_head", [128_256, 2048]),
    ] {
        let row = row(&plan, source);
        assert_eq!((row.name.as_str(), row.shape), (name, shape), "{source}");
        assert_eq!((row.source_rank, row.rank, row.scale, row.kept), (4, 4, 2.0, 1.0));
    }
    // ((4096·4096)/(2048·2048))^¼ = √2
    assert!((row(&plan, "model.layers.0.self_attn.q_proj").gain - 2f64.sqrt()).abs() < 1e-15);
    assert!(reason(&plan, "model.layers.15.mlp.up_proj").contains("spread"));
    assert!(warned(&plan, &["32 layers", "16", "in proportion"]));
    assert!(warned(&plan, &["112 of 226 modules", "listed"]));
    let order: Vec<&str> = plan.rows.iter().map(|row| row.source.as_str()).collect();
    let expected: Vec<&str> = subjects.iter().map(|s| s.name).filter(|name| order.contains(name)).collect();
    assert_eq!(order, expected, "rows keep the subjects' order");
}

#[test]
fn layers_with_the_same_number() {
    let target = ModelShape { layers: Some(2), ..shape_of("meta-llama/Llama-3.1-8B") };
    let subjects = llama(&[0, 1, 2]);
    let kept = plan(&subjects, &Request::default(), TargetShape::Model(&target));
    assert_eq!((kept.rows.len(), kept.unplaced.len()), (14, 7));
    assert!(reason(&kept, "model.layers.2.mlp.up_proj").contains("end at 1"));
    assert!(warned(&kept, &["3 layers", "target 2", "keeps its number"]));
    assert!(kept.rows.iter().all(|row| row.name == row.source && row.gain == 1.0));
    // More layers than the source reaches: spread, or not.
    let target = ModelShape { layers: Some(5), ..target };
    let spread = Request { layers: Layers::Spread, ..Request::default() };
    let spread = plan(&subjects, &spread, TargetShape::Model(&target));
    assert_eq!(row(&spread, "model.layers.1.mlp.up_proj").name, "model.layers.2.mlp.up_proj");
    assert_eq!(row(&spread, "model.layers.2.mlp.up_proj").layer, Some(4));
    assert!(!spread.same_model, "the names change");
    // A description without layers keeps them, and says so.
    let target = ModelShape { layers: None, ..target };
    let silent = plan(&subjects, &Request::default(), TargetShape::Model(&target));
    assert_eq!((silent.rows.len(), silent.target_layers), (21, None));
    assert!(warned(&silent, &["num_hidden_layers"]));
}

#[test]
fn gpt2_stores_its_weights_the_other_way_round() {
    let swapped = |name, shape| Subject { swapped: true, ..subject(name, shape) };
    let subjects = [
        subject("transformer.wte", [50257, 768]),
        subject("transformer.wpe", [1024, 768]),
        swapped("transformer.h.0.attn.c_attn", [768, 2304]),
        swapped("transformer.h.0.attn.c_proj", [768, 768]),
        swapped("transformer.h.0.mlp.c_fc", [768, 3072]),
        swapped("transformer.h.0.mlp.c_proj", [3072, 768]),
    ];
    let target = shape_of("openai-community/gpt2-xl");
    let plan = plan(&subjects, &Request::default(), TargetShape::Model(&target));
    let shapes: Vec<[u64; 2]> = plan.rows.iter().map(|row| row.shape).collect();
    assert_eq!(shapes, [[50257, 1600], [1600, 4800], [1600, 1600], [1600, 6400], [6400, 1600]]);
    assert!(reason(&plan, "transformer.wpe").contains("not of the vocabulary"));
}

#[test]
fn fused_and_grouped_projections() {
    let falcon = shape_of("tiiuae/falcon-7b");
    let phi = shape_of("microsoft/Phi-3-mini-4k-instruct");
    let wide = shape_of("Qwen/Qwen3-0.6B");
    for (target, name, shape) in [
        (&falcon, "transformer.h.0.self_attention.query_key_value", [4672, 4544]),
        (&falcon, "transformer.h.0.self_attention.dense", [4544, 4544]),
        (&phi, "model.layers.0.self_attn.qkv_proj", [9216, 3072]),
        (&phi, "model.layers.0.mlp.gate_up_proj", [16384, 3072]),
        (&wide, "model.layers.0.self_attn.q_proj", [2048, 1024]),
        (&wide, "model.layers.0.self_attn.k_proj", [1024, 1024]),
        (&wide, "model.layers.0.self_attn.o_proj", [1024, 2048]),
        (&wide, "model.decoder.layers.0.encoder_attn.k_proj", [1024, 1024]),
    ] {
        let subjects = [subject(name, [64, 32])];
        let plan = plan(&subjects, &Request::default(), TargetShape::Model(target));
        assert_eq!(plan.rows[0].shape, shape, "{name}");
    }
}

#[test]
fn what_a_language_model_does_not_describe() {
    let mut subjects = llama(&[0]);
    let names = [
        ("model.layers.0.mlp.gate", "`router`"),
        ("model.layers.0.input_layernorm", "`norm`"),
        ("model.layers.0.mlp.experts.3.up_proj", "experts"),
        ("model.layers.0.self_attn.q_a_proj", "latent"),
        ("backbone.layers.0.mixer.out_proj", "state-space"),
        ("score", "not over the vocabulary"),
        ("model.vision_tower.encoder.layers.0.self_attn.q_proj", "vision"),
        ("model.visual.patch_embed.proj", "vision"),
        ("audio_tower.layers.0.fc1", "audio"),
        ("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", "diffusion"),
        ("transformer.transformer_blocks.0.attn.to_q", "diffusion"),
        ("text_encoder.text_model.encoder.layers.0.self_attn.q_proj", "diffusion"),
        ("model.layers.0.something", "`other`"),
    ];
    subjects.extend(names.iter().map(|(name, _)| subject(name, [64, 32])));
    let target = shape_of("meta-llama/Llama-3.2-1B");
    let plan_made = plan(&subjects, &Request::default(), TargetShape::Model(&target));
    assert_eq!(plan_made.rows.len(), 7);
    for (name, word) in names {
        let reason = reason(&plan_made, name);
        assert!(reason.contains(word) && reason.contains("by hand"), "{name}: {reason}");
    }
    // By hand they have a place.
    let request = hand(SizeOf::Module("score".to_owned()), [5, 2048]);
    assert_eq!(row(&plan(&subjects, &request, TargetShape::Model(&target)), "score").shape, [5, 2048]);
}

#[test]
fn sizes_by_hand_alone() {
    let subjects = llama(&[0, 1]);
    let mut request = role("q", [2048, 1024]);
    let own = SizeOf::Module("model.layers.1.self_attn.q_proj".to_owned());
    request.sizes.insert(0, Size { of: own, shape: [512, 256] });
    request.base_model = Some("  my/model ".to_owned());
    let plan = plan(&subjects, &request, TargetShape::Unchanged);
    assert_eq!(row(&plan, "model.layers.0.self_attn.q_proj").shape, [2048, 1024]);
    assert_eq!(row(&plan, "model.layers.1.self_attn.q_proj").shape, [512, 256]);
    assert_eq!(row(&plan, "model.layers.1.self_attn.k_proj").shape, [1024, 4096]);
    assert_eq!(plan.base_model.as_deref(), Some("my/model"));
    assert!(!plan.same_model && plan.unplaced.is_empty());
}

#[test]
fn resizing_keeps_what_it_promises() {
    let strong = Subject { scale: 1.0, ..subject("a.q_proj", [64, 64]) };
    // σ 10, 0, 0, 0 at half the scale: energy 25, beside 15.
    let single = Subject { sigma: &[10.0, 0.0, 0.0, 0.0], scale: -0.5, ..subject("b.q_proj", [64, 64]) };
    let still = Subject { sigma: &[0.0; 4], ..subject("c.q_proj", [64, 64]) };
    let subjects = [strong, single, still];
    let request = Request { rank: RankRule::Number(2), ..Request::default() };
    let two = plan(&subjects, &request, TargetShape::Unchanged);
    assert_eq!(two.rows.iter().map(|row| row.rank).collect::<Vec<_>>(), [2, 2, 2]);
    assert!((two.rows[0].kept - 13.0 / 15.0).abs() < 1e-15);
    assert_eq!((two.rows[1].kept, two.rows[2].kept), (1.0, 1.0));
    assert!((two.kept - 38.0 / 40.0).abs() < 1e-15);
    assert!(two.same_model && two.rows.iter().all(|row| row.gain == 1.0));
    assert_eq!((two.base_model.as_deref(), two.target_layers), (Some("the/source"), None));
    assert!(warned(&two, &["Without energy", "1 of 3 modules"]));
    // 9 + 4 of 15 is 0.867: the first needs two, the others one; uniform gives all two.
    let share = Request { rank: RankRule::Energy(0.8), ..Request::default() };
    let each = plan(&subjects, &share, TargetShape::Unchanged);
    assert_eq!(each.rows.iter().map(|row| row.rank).collect::<Vec<_>>(), [2, 1, 1]);
    let uniform = plan(&subjects, &Request { uniform: true, ..share }, TargetShape::Unchanged);
    assert_eq!(uniform.rows.iter().map(|row| row.rank).collect::<Vec<_>>(), [2, 2, 2]);
    // No rank grows.
    let request = Request { rank: RankRule::Number(8), uniform: true, ..Request::default() };
    let large = plan(&subjects, &request, TargetShape::Unchanged);
    assert!(large.rows.iter().all(|row| row.rank == 4 && row.kept == 1.0));
    assert!(warned(&large, &["rank 8", "all 3 modules"]));
    assert_eq!(large.kept, 1.0);
}

#[test]
fn no_number_of_a_plan_is_other_than_finite() {
    let huge = Subject { sigma: &[1e300, 1e300], scale: 1e300, ..subject("a.q_proj", [64, 64]) };
    let tiny = Subject { sigma: &[1e-300, 1e-310], scale: 1e-20, ..subject("b.q_proj", [64, 64]) };
    for subjects in [&[huge.clone(), tiny.clone()][..], &[tiny], &[huge]] {
        let request = Request { rank: RankRule::Energy(0.5), ..Request::default() };
        let plan = plan(subjects, &request, TargetShape::Unchanged);
        assert!((0.0..=1.0).contains(&plan.kept));
        assert!(plan.rows.iter().all(|row| (0.0..=1.0).contains(&row.kept) && row.gain == 1.0));
    }
}

#[test]
fn the_rank_stays_where_the_target_is_smaller() {
    let subjects = [subject("a.q_proj", [64, 64])];
    for (method, gain) in
        [(Method::Svd, (64f64 * 64.0 / 6.0).sqrt().sqrt()), (Method::Truncate, 1.0), (Method::Interpolate, 1.0)]
    {
        let request = Request { method, ..role("q", [2, 3]) };
        let plan = plan(&subjects, &request, TargetShape::Unchanged);
        assert_eq!((plan.rows[0].rank, plan.rows[0].kept), (4, 1.0), "{method:?}");
        assert!((plan.rows[0].gain - gain).abs() < 1e-12, "{method:?}");
    }
    // The source's own rank beyond its shape goes with svd, and stays with the others.
    let subjects = [Subject { sigma: &[2.0, 1.0], ..subject("a.q_proj", [2, 64]) }];
    let rank_by = |method| {
        let request = Request { method, ..Request::default() };
        plan(&subjects, &request, TargetShape::Unchanged).rows[0].rank
    };
    assert_eq!(Method::ALL.map(rank_by), [2, 4, 4]);
}

#[test]
fn convolutions_keep_their_kernel() {
    let conv = Subject { kernel: 9, ..subject("down_blocks.0.resnets.0.conv1", [320, 36]) };
    let other = subject("a.q_proj", [8, 8]);
    let subjects = [conv, other];
    let with = |shape, method| {
        let request = Request { method, ..role("conv", shape) };
        plan(&subjects, &request, TargetShape::Unchanged)
    };
    assert_eq!(with([640, 72], Method::Svd).rows[0].shape, [640, 72]);
    assert_eq!(with([640, 36], Method::Interpolate).rows.len(), 2);
    for (shape, method, word) in [([640, 40], Method::Svd, "multiple"), ([640, 72], Method::Interpolate, "`truncate`")]
    {
        let plan = with(shape, method);
        assert!(reason(&plan, "down_blocks.0.resnets.0.conv1").contains(word), "{method:?}");
    }
}

fn tensors(list: &[(&str, &[u64])]) -> Vec<TensorEntry> {
    let dtype = TensorType::Known(Dtype::F32);
    let entry = |&(name, shape): &(&str, &[u64])| (name.to_owned(), shape.to_vec());
    let entries = list.iter().map(entry);
    entries.map(|(name, shape)| TensorEntry { name, dtype: dtype.clone(), shape, begin: 0, end: 0 }).collect()
}

#[test]
fn a_checkpoint_gives_names_sizes_and_layers() {
    let list = tensors(&[
        ("layers.0.self_attn.q_proj.weight", &[16, 8]),
        ("layers.1.self_attn.q_proj.weight", &[24, 8]),
        ("layers.2.self_attn.q_proj.weight", &[32, 8]),
        ("layers.3.input_layernorm.weight", &[8]),
        ("layers.3.mlp.up_proj.weight", &[20, 8]),
        ("down_blocks.0.resnets.0.conv1.weight", &[6, 4, 3, 3]),
        ("embed_tokens.weight", &[99, 8]),
    ]);
    let conv = Subject { kernel: 9, ..subject("down_blocks.0.resnets.0.conv1", [320, 36]) };
    let linear = subject("down_blocks.0.resnets.1.conv1", [320, 36]);
    let subjects = [
        subject("model.layers.0.self_attn.q_proj", [64, 64]),
        subject("model.layers.1.self_attn.q_proj", [64, 64]),
        subject("model.layers.1.self_attn.k_proj", [64, 64]),
        conv,
        linear,
        subject("lm_head", [999, 64]),
    ];
    let kept = plan(&subjects, &Request::default(), TargetShape::Weights(&list));
    let shapes: Vec<[u64; 2]> = kept.rows.iter().map(|row| row.shape).collect();
    assert_eq!(shapes, [[16, 8], [24, 8], [6, 36]]);
    assert!(reason(&kept, "model.layers.1.self_attn.k_proj").contains("no tensor"));
    assert!(reason(&kept, "lm_head").contains("by hand"));
    assert_eq!(kept.base_model, None, "a checkpoint does not say its name");
    assert!(warned(&kept, &["base_model_name_or_path"]));
    // Two layers over four (the norms count): 1 becomes 3, where the checkpoint has no query.
    let spread = Request { layers: Layers::Spread, ..Request::default() };
    let spread = plan(&subjects, &spread, TargetShape::Weights(&list));
    assert_eq!(row(&spread, "model.layers.0.self_attn.q_proj").name, "model.layers.0.self_attn.q_proj");
    assert!(reason(&spread, "model.layers.1.self_attn.q_proj").contains("layers.3.self_attn.q_proj.weight"));
    assert_eq!(spread.target_layers, Some(4));
    // Another kernel is another layer.
    let list = tensors(&[("down_blocks.0.resnets.0.conv1.weight", &[6, 4, 1, 1]), ("lm_head.weight", &[7, 8])]);
    let plan = plan(&subjects, &Request::default(), TargetShape::Weights(&list));
    assert!(reason(&plan, "down_blocks.0.resnets.0.conv1").contains("kernel"));
}

#[test]
fn the_same_checkpoint_is_the_same_model() {
    let list = tensors(&[("model.layers.0.self_attn.q_proj.weight", &[64, 32])]);
    let subjects = [subject("model.layers.0.self_attn.q_proj", [64, 32])];
    let plan = plan(&subjects, &Request::default(), TargetShape::Weights(&list));
    assert!(plan.same_model && plan.warnings.is_empty());
    assert_eq!(plan.base_model.as_deref(), Some("the/source"));
}

#[test]
fn two_modules_do_not_become_one() {
    let subjects = [
        subject("model.layers.1.self_attn.q_proj", [64, 32]),
        subject("model.layers.01.self_attn.q_proj", [64, 32]),
        subject("model.layers.0.self_attn.q_proj", [64, 32]),
    ];
    let target = ModelShape { layers: Some(3), ..shape_of("meta-llama/Llama-3.2-1B") };
    let request = Request { layers: Layers::Spread, ..Request::default() };
    let plan = plan(&subjects, &request, TargetShape::Model(&target));
    assert_eq!(plan.rows.iter().map(|row| row.layer).collect::<Vec<_>>(), [Some(2), Some(0)]);
    assert!(reason(&plan, "model.layers.01.self_attn.q_proj").contains("already become"));
}

#[test]
fn ranks_beyond_what_is_computed() {
    let large = Subject { rank: 2048, ..subject("a.q_proj", [4096, 4096]) };
    let subjects = [large, subject("b.k_proj", [8, 8])];
    let plan = plan(&subjects, &Request::default(), TargetShape::Unchanged);
    assert_eq!(plan.rows.len(), 1);
    assert!(reason(&plan, "a.q_proj").contains("ranks to 1024"));
}

/// Every refusal names what is wrong and what to give instead.
#[test]
fn refusals() {
    let subjects = llama(&[0, 1]);
    let full = shape_of("meta-llama/Llama-3.2-1B");
    let plain = Request::default();
    let model = |target| refused(&subjects, &plain, TargetShape::Model(target));
    let says = |error: String, words: &[&str]| assert!(words.iter().all(|word| error.contains(word)), "{error}");

    let unknown = serde_json::from_str::<Method>("\"pca\"").unwrap_err().to_string();
    says(unknown, &["There is no projection method `pca`. Choose", "`svd`", "`interpolate`"]);
    assert_eq!(serde_json::to_string(&Method::ALL).unwrap(), r#"["svd","truncate","interpolate"]"#);
    let rank = Request { method: Method::Truncate, rank: RankRule::Energy(0.9), ..plain.clone() };
    says(refused(&subjects, &rank, TargetShape::Unchanged), &["`truncate`", "choose `svd`"]);
    let rank = Request { rank: RankRule::SvRatio(f64::NAN), ..plain.clone() };
    says(refused(&subjects, &rank, TargetShape::Unchanged), &["sv_ratio", "1 or more"]);
    says(refused(&[], &plain, TargetShape::Unchanged), &["no module", "another adapter"]);

    let zero = ModelShape { hidden: Some(0), ..full.clone() };
    says(model(&zero), &["config.json", "`q`", "2048 × 0", "1 to 1,048,576", "by hand"]);
    let billion = ModelShape { heads: Some(1_000_000_000), ..full.clone() };
    says(model(&billion), &["64000000000 × 2048", "choose a model from the list"]);
    let endless = ModelShape { intermediate: Some(u64::MAX), ..full.clone() };
    says(model(&endless), &["`gate`", "1 to 1,048,576"]);
    let flat = ModelShape { layers: Some(0), ..full.clone() };
    says(model(&flat), &["0 layers", "num_hidden_layers"]);
    let bare = ModelShape { hidden: Some(64), ..ModelShape::default() };
    let lacks = [
        "(`num_attention_heads`), for q, o",
        "(`num_key_value_heads`), for k, v",
        "(`intermediate_size`), for gate, up, down",
    ];
    says(model(&bare), &lacks);
    says(model(&bare), &["config.json lacks", "Drop a config.json", "choose a model", "by hand"]);
    let silent = ModelShape { layers: None, ..full.clone() };
    let spread = Request { layers: Layers::Spread, ..plain.clone() };
    says(refused(&subjects, &spread, TargetShape::Model(&silent)), &["num_hidden_layers", "keep their number"]);
    let head = [subject("lm_head", [100, 64])];
    let mute = ModelShape { vocab: None, ..full.clone() };
    says(refused(&head, &plain, TargetShape::Model(&mute)), &["(`vocab_size`), for head"]);

    let sizes = [
        (role("q", [0, 64]), "0 × 64"),
        (role("q", [64, 1_000_000_000]), "64 × 1000000000"),
        (role("conv", [64, 64]), "q, k, v, o, gate, up, down"),
        (hand(SizeOf::Module("nothing.q_proj".to_owned()), [64, 64]), "`model.layers.0.self_attn.q_proj`"),
    ];
    for (request, word) in sizes {
        says(refused(&subjects, &request, TargetShape::Unchanged), &[word]);
    }

    let list = tensors(&[("unet.conv_in.weight", &[4, 4]), ("unet.mid.norm.weight", &[4])]);
    says(
        refused(&subjects, &plain, TargetShape::Weights(&list)),
        &[
            "config.json shares no module",
            "`unet.conv_in.weight`",
            "`model.layers.0.self_attn.q_proj`",
            "Drop a checkpoint",
        ],
    );
    says(refused(&subjects, &plain, TargetShape::Weights(&[])), &["no weight matrix"]);
    let vision = [subject("visual.blocks.0.attn.qkv", [64, 64]), subject("visual.blocks.1.attn.qkv", [64, 64])];
    says(
        refused(&vision, &plain, TargetShape::Model(&full)),
        &["No module", "`visual.blocks.0.attn.qkv`: it belongs to the vision", "and 1 others", "Give sizes by hand"],
    );
}

#[test]
fn given_sizes_spare_a_config_its_numbers() {
    let subjects = llama(&[0]);
    let bare =
        ModelShape { hidden: Some(64), heads: Some(4), head_dim: Some(16), kv_heads: Some(2), ..ModelShape::default() };
    let mut request = role("gate", [256, 64]);
    for (role, shape) in [("up", [256, 64]), ("down", [64, 256])] {
        request.sizes.push(Size { of: SizeOf::Role(role.to_owned()), shape });
    }
    let plan = plan(&subjects, &request, TargetShape::Model(&bare));
    assert_eq!(row(&plan, "model.layers.0.mlp.down_proj").shape, [64, 256]);
    assert_eq!(row(&plan, "model.layers.0.self_attn.v_proj").shape, [32, 64]);
}
