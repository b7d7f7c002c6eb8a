//! Whatever a person does, in whatever order: what a session shows is what a fresh one shows that is given what is held
//! and asked what is still answered. And what the page was told is what the session shows.

mod shown;

use std::collections::BTreeMap;

use lorascope_format::bytes::ByteSource;
use lorascope_protocol::projection::{RankRule, Request, Target};
use lorascope_protocol::report::{Along, Report};
use proptest::prelude::*;
use serde_json::Value;

use self::shown::Shown;
use super::*;
use crate::alignment::run::{K, Q, Run, adapter_file, config_file, safetensors, tensor};
use crate::numbers::Numbers;

/// What can be dropped; each has files of its own.
const THINGS: usize = 12;
const BROKEN: usize = 11;

fn thing(run: &Run, n: usize) -> Vec<MemorySource> {
    let mut numbers = Numbers::new(100 + n as u64);
    let mut bare = |path: &str| adapter_file(path, Q, &numbers.matrix(10, 2), &numbers.matrix(2, 12));
    match n {
        0 => run.adapter.clone(),
        // Their scales are only assumed; together they are a series.
        1 => vec![bare("run/checkpoint-1/adapter_model.safetensors")],
        2 => vec![bare("run/checkpoint-2/adapter_model.safetensors")],
        3 => vec![bare("run/checkpoint-3/adapter_model.safetensors")],
        // Exact with a base only.
        4 => {
            let name = |factor: &str| format!("base_model.model.{Q}.{factor}");
            let magnitude = numbers.matrix(10, 1).map(f64::abs);
            vec![MemorySource::new(
                "dora/adapter_model.safetensors",
                safetensors(&[
                    tensor(&name("lora_A.weight"), "F32", &numbers.matrix(2, 12)),
                    tensor(&name("lora_B.weight"), "F32", &numbers.matrix(10, 2)),
                    tensor(&name("lora_magnitude_vector"), "F32", &magnitude),
                ]),
            )]
        }
        5 => vec![run.state("base.safetensors", 0.0)],
        6 => vec![run.state("step-1.safetensors", 1.0)],
        // Two halves of one checkpoint.
        7 => vec![half(run, 1, Q, 2.0)],
        8 => vec![half(run, 2, K, 3.0)],
        // For an adapter that is here, or that may come.
        9 => vec![config_file("run/checkpoint-1/adapter_config.json", 2, 6.0)],
        10 => vec![MemorySource::new("model/config.json", MODEL.as_bytes().to_vec())],
        BROKEN => vec![MemorySource::new("broken.safetensors", vec![1, 2, 3])],
        other => panic!("there is no thing {other}"),
    }
}

const MODEL: &str = r#"{"model_type": "llama", "hidden_size": 12, "intermediate_size": 24, "num_attention_heads": 2,
    "num_key_value_heads": 2, "num_hidden_layers": 3, "vocab_size": 64}"#;

fn half(run: &Run, number: u32, module: &str, n: f64) -> MemorySource {
    let path = format!("step-2/model-0000{number}-of-00002.safetensors");
    MemorySource::new(path, safetensors(&[run.weight(module, n)]))
}

/// What a person does. Numbers choose among what is there.
#[derive(Clone, Debug)]
enum Step {
    Drop(usize),
    Remove(usize),
    Undo,
    Clear,
    Scale(usize, f64),
    Order(Along, Vec<usize>),
    Plan(usize),
    Project(usize, usize),
    Extract(usize, usize),
    Compare,
}

fn step() -> impl Strategy<Value = Step> {
    let along = prop_oneof![Just(Along::Checkpoints), Just(Along::Adapters)];
    prop_oneof![
        8 => (0..THINGS).prop_map(Step::Drop),
        3 => (0..8usize).prop_map(Step::Remove),
        2 => Just(Step::Undo),
        1 => Just(Step::Clear),
        2 => (0..4usize, prop_oneof![Just(2.0), Just(-0.5), Just(f64::NAN)]).prop_map(|(n, x)| Step::Scale(n, x)),
        2 => (along, proptest::collection::vec(0..4usize, 1..4)).prop_map(|(along, order)| Step::Order(along, order)),
        1 => (0..4usize).prop_map(Step::Plan),
        3 => (0..4usize, 0..4usize).prop_map(|(n, m)| Step::Project(n, m)),
        2 => (0..4usize, 0..4usize).prop_map(|(n, m)| Step::Extract(n, m)),
        3 => Just(Step::Compare),
    ]
}

/// Set by hand, by items.
type Scales = BTreeMap<u32, f64>;
/// Set by hand, along checkpoints (`false`) and along adapters.
type Orders = BTreeMap<bool, Vec<u32>>;

/// A session, and what a fresh one would have to be given to show the same.
struct Player<E: Fn(ToPage)> {
    session: Session<MemorySource, Steady, E>,
    messages: Messages,
    shown: Shown,
    run: Run,
    job: u32,
    /// In the order in which they were dropped.
    drops: Vec<usize>,
    scales: Scales,
    orders: Orders,
    /// Those of before a "Clear", while it can be undone.
    before: Option<(Orders, Scales)>,
    asked: BTreeMap<&'static str, Question>,
}

fn player() -> Player<impl Fn(ToPage)> {
    let (session, messages) = start(BackendChoice::Cpu, Steady);
    Player {
        session,
        messages,
        shown: Shown::default(),
        run: Run::new(),
        job: 0,
        drops: Vec::new(),
        scales: BTreeMap::new(),
        orders: BTreeMap::new(),
        before: None,
        asked: BTreeMap::new(),
    }
}

impl<E: Fn(ToPage)> Player<E> {
    fn hear(&mut self) {
        let messages: Vec<ToPage> = self.messages.take();
        messages.into_iter().for_each(|message| self.shown.hear(message));
    }

    fn holds(&self, n: usize) -> bool {
        let files = self.session.report().files;
        thing(&self.run, n).iter().all(|source| files.iter().any(|file| file.name == source.path()))
    }

    fn drop_thing(&mut self, n: usize) {
        let before: Vec<u32> = self.shown.ids(ItemKind::Checkpoint);
        // An order of which nothing is here any more is none.
        self.orders.retain(|_, order| order.iter().any(|item| self.shown.items.contains_key(item)));
        block_on(self.session.load(thing(&self.run, n)));
        self.hear();
        self.before = None;
        self.drops.retain(|known| *known != n);
        self.drops.push(n);
        // A checkpoint that is new joins an order that was set by hand.
        let new = self.shown.ids(ItemKind::Checkpoint).into_iter().filter(|id| !before.contains(id));
        if let Some(order) = self.orders.get_mut(&false) {
            order.extend(new);
        }
    }

    fn ask(&mut self, kind: &'static str, question: Question) {
        self.job += 1;
        block_on(self.session.ask(self.job, question.clone()));
        self.hear();
        if self.shown.results.get(kind).is_some_and(|(job, _)| *job == self.job) {
            self.asked.insert(kind, question);
        }
    }

    fn play(&mut self, step: &Step) {
        let adapters = self.shown.ids(ItemKind::Adapter);
        let checkpoints = self.shown.ids(ItemKind::Checkpoint);
        let pick = |all: &[u32], n: usize| all.get(n % all.len().max(1)).copied();
        match step {
            // What is here is not dropped again: its label would be another one.
            Step::Drop(n) if self.holds(*n) => {}
            Step::Drop(n) => self.drop_thing(*n),
            Step::Remove(n) => {
                let all: Vec<u32> = self.shown.items.keys().copied().collect();
                if let Some(item) = pick(&all, *n) {
                    self.before = None;
                    block_on(self.session.remove(item));
                }
            }
            Step::Undo => {
                block_on(self.session.undo());
                if let Some((orders, scales)) = self.before.take() {
                    (self.orders, self.scales) = (orders, scales);
                }
            }
            Step::Clear => {
                if !self.shown.items.is_empty() {
                    self.before = Some((std::mem::take(&mut self.orders), std::mem::take(&mut self.scales)));
                }
                self.session.clear();
            }
            Step::Scale(n, value) => {
                if let Some(item) = pick(&adapters, *n) {
                    self.before = None;
                    block_on(self.session.set_scale(item, *value));
                    if value.is_finite() {
                        self.scales.insert(item, *value);
                    }
                }
            }
            Step::Order(along, numbers) => {
                let all = if *along == Along::Checkpoints { &checkpoints } else { &adapters };
                let mut order: Vec<u32> = Vec::new();
                for item in numbers.iter().filter_map(|n| pick(all, *n)) {
                    if !order.contains(&item) {
                        order.push(item);
                    }
                }
                self.before = None;
                self.orders.insert(*along == Along::Adapters, order.clone());
                self.ask("alignment", Question::Align { along: *along, order });
            }
            Step::Plan(n) => {
                if let Some(item) = pick(&adapters, *n) {
                    self.ask("plan", Question::Plan { item, request: Box::default() });
                }
            }
            Step::Project(n, how) => {
                let Some(item) = pick(&adapters, *n) else { return };
                let targets: Vec<u32> = self.shown.ids(ItemKind::ModelConfig).into_iter().chain(checkpoints).collect();
                let request = match (how, pick(&targets, *n)) {
                    (0, Some(target)) => Request { target: Target::Item(target), ..Request::default() },
                    (1, _) => Request { rank: RankRule::Number(1), ..Request::default() },
                    _ => Request::default(),
                };
                self.ask("projection", Question::Project { item, request: Box::new(request) });
            }
            Step::Extract(n, m) => {
                if let (Some(from), Some(to)) = (pick(&checkpoints, *n), pick(&checkpoints, *m)) {
                    let (rank, dtype) = (ExtractRank::Number(2), OutputType::F32);
                    self.ask(
                        "extraction",
                        Question::Extract(ExtractRequest { from, to, rank, dtype, embeddings: false }),
                    );
                }
            }
            Step::Compare => self.ask("comparison", Question::Compare),
        }
        self.hear();
        self.shown.is_like(&self.session.report());
    }

    /// A fresh session that is dropped what is held, without the drop of that number, and asked what is still answered.
    fn fresh(&self, left_out: Option<usize>) -> Report {
        let mut other = player();
        let held: Vec<usize> = self.drops.iter().copied().filter(|n| self.holds(*n)).collect();
        for n in held.iter().enumerate().filter(|(at, _)| Some(*at) != left_out).map(|(_, n)| *n) {
            other.drop_thing(n);
        }
        // Items by their labels, of which each is there once.
        let item = |id: u32| {
            let same = |(_, held): &(&u32, &(ItemKind, String))| self.shown.items.get(&id) == Some(*held);
            other.shown.items.iter().find(same).map(|(id, _)| *id)
        };
        let now = |id: u32| item(id).unwrap_or(u32::MAX);
        let scales: Vec<(u32, f64)> = self.scales.iter().filter_map(|(id, scale)| Some((item(*id)?, *scale))).collect();
        let orders: Vec<(bool, Vec<u32>)> = self
            .orders
            .iter()
            .map(|(along, order)| (*along, order.iter().filter_map(|id| item(*id)).collect()))
            .collect();
        let asked = self.asked.iter().filter(|(kind, _)| self.shown.results.contains_key(*kind));
        let asked: Vec<Question> = asked
            .map(|(_, question)| match question.clone() {
                Question::Project { item, mut request } => {
                    if let Target::Item(target) = &mut request.target {
                        *target = now(*target);
                    }
                    Question::Project { item: now(item), request }
                }
                Question::Extract(request) => {
                    Question::Extract(ExtractRequest { from: now(request.from), to: now(request.to), ..request })
                }
                question => question,
            })
            .collect();
        for (item, scale) in scales {
            block_on(other.session.set_scale(item, scale));
        }
        for (adapters, order) in orders {
            let along = if adapters { Along::Adapters } else { Along::Checkpoints };
            block_on(other.session.ask(1, Question::Align { along, order }));
        }
        for (job, question) in (2..).zip(asked) {
            block_on(other.session.ask(job, question));
        }
        other.session.report()
    }
}

/// The report but for the counts of work.
fn figures(report: &Report) -> Value {
    let mut value = serde_json::to_value(report).expect("JSON");
    value.as_object_mut().expect("an object").remove("engine");
    value
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn any_sequence_ends_as_a_fresh_session_begins(steps in proptest::collection::vec(step(), 1..24)) {
        let mut player = player();
        for step in &steps {
            player.play(step);
        }
        let (shown, fresh) = (figures(&player.session.report()), figures(&player.fresh(None)));
        prop_assert_eq!(shown, fresh);
    }
}

proptest! {
    #![proptest_config(config(60))]

    /// The comparison above can tell: without any one of the drops, the fresh session shows something else.
    #[test]
    fn a_fresh_session_without_one_drop_is_another(steps in proptest::collection::vec(step(), 1..24)) {
        let mut player = player();
        for step in &steps {
            player.play(step);
        }
        let shown = figures(&player.session.report());
        let held = player.drops.iter().filter(|n| player.holds(**n)).count();
        for left_out in 0..held {
            prop_assert_ne!(&shown, &figures(&player.fresh(Some(left_out))), "without {}", left_out);
        }
    }
}

/// What a removal took comes back as it was, and nothing is read or computed for it.
#[test]
fn what_is_brought_back_is_not_computed_again() {
    let mut player = player();
    for n in [0, 1, 2, 4, 5, 6] {
        player.drop_thing(n);
    }
    let item = |player: &Player<_>, label: &str| {
        let found = player.shown.items.iter().find(|(_, (_, of))| of == label);
        *found.unwrap_or_else(|| panic!("no {label} in {:?}", player.shown.items)).0
    };
    let (lora, base, step) = (item(&player, "lora"), item(&player, "base"), item(&player, "step-1"));
    let (rank, dtype) = (ExtractRank::Number(2), OutputType::F32);
    player.ask("comparison", Question::Compare);
    player.ask("projection", Question::Project { item: lora, request: Box::default() });
    player
        .ask("extraction", Question::Extract(ExtractRequest { from: base, to: step, rank, dtype, embeddings: false }));
    let before = figures(&player.session.report());
    assert!(["comparison", "projection", "extraction"].iter().all(|kind| !before[kind].is_null()));
    for gone in [lora, base, step] {
        block_on(player.session.remove(gone));
        let read = player.session.engine().counts.bytes_read;
        assert_ne!(figures(&player.session.report()), before);
        block_on(player.session.undo());
        assert_eq!(player.session.engine().counts.bytes_read, read, "nothing is read again");
        player.hear();
        player.shown.is_like(&player.session.report());
        assert_eq!(figures(&player.session.report()), before);
    }
    player.session.clear();
    assert!(player.session.report().adapters.is_empty());
    block_on(player.session.undo());
    assert_eq!(player.session.engine().counts.bytes_read, 0, "nothing is read again");
    player.hear();
    player.shown.is_like(&player.session.report());
    assert_eq!(figures(&player.session.report()), before);
    // A second undo, or one after something new, brings nothing.
    block_on(player.session.undo());
    assert_eq!(figures(&player.session.report()), before);
    block_on(player.session.remove(lora));
    player.drop_thing(3);
    let after = figures(&player.session.report());
    block_on(player.session.undo());
    assert_eq!(figures(&player.session.report()), after);
}
