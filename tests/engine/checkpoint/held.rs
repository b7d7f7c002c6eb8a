//! Drop after drop: what joins, what is said, what the page lists.

use lorascope_format::bytes::MemorySource;
use lorascope_protocol::{Item, ItemKind, Outcome, ToPage};
use pollster::block_on;

use super::sets::{file, index};
use crate::common::{f32_file, file as framed, fixture};
use crate::started::{Messages, start_plain};

/// How a drop ended, what it said, and the checkpoints that are held after all drops, with their details.
fn end(messages: &Messages) -> (Outcome, Vec<String>, Vec<(String, String)>) {
    let mut items: Vec<Item> = Vec::new();
    let mut last = None;
    for message in messages.borrow().iter() {
        match message {
            ToPage::Item(item) => {
                items.retain(|known| known.item != item.item);
                items.push(item.clone());
            }
            ToPage::Removed { item } => items.retain(|known| known.item != *item),
            ToPage::Finished { outcome, problems, .. } => {
                last = Some((*outcome, problems.iter().map(|p| p.text.clone()).collect()));
            }
            _ => {}
        }
    }
    let (outcome, problems) = last.unwrap();
    items.retain(|item| item.kind == ItemKind::Checkpoint);
    items.sort_by_key(|item| item.item);
    (outcome, problems, items.into_iter().map(|item| (item.label, item.detail)).collect())
}

fn adapter() -> Vec<MemorySource> {
    ["adapter_model.safetensors", "adapter_config.json"].map(|name| fixture(&format!("peft-lora/{name}"))).to_vec()
}

fn shard(number: u32) -> MemorySource {
    file(&format!("base/model-{number}-of-3.safetensors"), &format!("model.layers.{number}.q.weight"))
}

#[test]
fn later_drops_complete_a_checkpoint() {
    let (mut session, messages) = start_plain();
    block_on(session.load(vec![shard(1), shard(3)]));
    let (outcome, problems, held) = end(&messages);
    assert_eq!(outcome, Outcome::Error, "there is no adapter");
    assert!(problems[0].contains("waiting for an adapter"), "{problems:?}");
    assert!(
        problems[1].contains("1 of the 3 files of this checkpoint is missing: model-2-of-3.safetensors"),
        "{problems:?}"
    );
    let bytes = 2 * f32_file(&[("model.layers.1.q.weight", &[4, 8])]).len();
    assert_eq!(held, [("base".to_owned(), format!("model checkpoint, 2 of 3 files, {bytes} bytes, kept"))]);
    assert_eq!(session.report().files.len(), 2);

    block_on(session.load(adapter()));
    block_on(session.load(vec![shard(2)]));
    let (outcome, problems, held) = end(&messages);
    assert_eq!((outcome, problems), (Outcome::Done, vec![]));
    assert_eq!(held, [("base".to_owned(), format!("model checkpoint, 3 files, {} bytes, kept", bytes / 2 * 3))]);
    assert_eq!(session.report().files.len(), 5);
}

/// The whole folder again, with what was missing and its index: nothing is held twice, the rest joins.
#[test]
fn what_is_here_is_not_held_twice() {
    let map = index(
        "base/model.safetensors.index.json",
        &[1, 2, 3].map(|n| {
            (
                ["model.layers.1.q.weight", "model.layers.2.q.weight", "model.layers.3.q.weight"][n - 1],
                ["model-1-of-3.safetensors", "model-2-of-3.safetensors", "model-3-of-3.safetensors"][n - 1],
            )
        }),
    );
    let (mut session, messages) = start_plain();
    block_on(session.load(adapter()));
    block_on(session.load(vec![shard(1), shard(2), map.clone()]));
    block_on(session.load(vec![shard(1), shard(2), shard(3), map.clone()]));
    let (outcome, problems, held) = end(&messages);
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(
        problems,
        ["base/model-1-of-3.safetensors: this file and another one of its checkpoint are already here. They are kept \
          once; nothing was added."]
    );
    assert_eq!(held.len(), 1);
    assert!(held[0].1.starts_with("model checkpoint, 3 files"), "{held:?}");
    assert_eq!(session.report().files.len(), 6, "{:?}", session.report().files);
    block_on(session.load(vec![shard(2), map]));
    let (outcome, problems, held) = end(&messages);
    assert_eq!((outcome, held.len()), (Outcome::Done, 1));
    assert_eq!(
        problems,
        ["base/model-2-of-3.safetensors: this file is already here. It is kept once; nothing was added."]
    );
    assert_eq!(session.report().files.len(), 6);
}

/// All states of a training have the same header and often the same name.
#[test]
fn another_state_of_the_same_name_and_size_is_another_checkpoint() {
    let state = |value: f32| {
        let header = r#"{"model.layers.0.q.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
        let body: Vec<u8> = [value; 4].iter().flat_map(|x| x.to_le_bytes()).collect();
        MemorySource::new("model.safetensors", framed(header, &body))
    };
    let (mut session, messages) = start_plain();
    block_on(session.load(adapter()));
    block_on(session.load(vec![state(1.0)]));
    block_on(session.load(vec![state(2.0)]));
    let (_, problems, held) = end(&messages);
    assert!(!problems.iter().any(|text| text.contains("already here")), "{problems:?}");
    let labels: Vec<&str> = held.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["model", "model (2)"]);
    // The same in one drop, and once more.
    session.clear();
    messages.borrow_mut().clear();
    block_on(session.load(vec![state(1.0), state(2.0), state(1.0)]));
    let (outcome, problems, held) = end(&messages);
    // Of two, a LoRA can be taken.
    assert_eq!((outcome, held.len()), (Outcome::Done, 2));
    assert!(problems.iter().any(|text| text.contains("already here")), "{problems:?}");
}

#[test]
fn an_index_joins_what_stood_alone_and_one_alone_is_said() {
    let (mut session, messages) = start_plain();
    block_on(session.load(adapter()));
    let map = index("m/model.safetensors.index.json", &[("a.weight", "a.safetensors"), ("b.weight", "b.safetensors")]);
    block_on(session.load(vec![map.clone()]));
    let (outcome, problems, held) = end(&messages);
    assert_eq!((outcome, held.len()), (Outcome::Error, 0));
    assert!(problems[0].contains("not here: a.safetensors, b.safetensors. Drop them together with it"), "{problems:?}");

    block_on(session.load(vec![file("m/a.safetensors", "a.weight")]));
    block_on(session.load(vec![file("m/b.safetensors", "b.weight"), file("m/c.safetensors", "c.weight")]));
    assert_eq!(end(&messages).2.len(), 3);
    block_on(session.load(vec![map]));
    let (outcome, problems, held) = end(&messages);
    assert_eq!(outcome, Outcome::Done);
    assert!(!problems.iter().any(|text| text.contains("index")), "{problems:?}");
    let labels: Vec<&str> = held.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["b", "c"]);
    assert!(held[0].1.starts_with("model checkpoint, 2 files"), "{held:?}");
}

/// A run's folders of one name, in two drops.
#[test]
fn checkpoints_of_one_name_are_told_apart() {
    let (mut session, messages) = start_plain();
    block_on(session.load(vec![file("a/step-40/model.safetensors", "q.weight")]));
    block_on(session.load(vec![file("b/step-40/model.safetensors", "q.weight")]));
    let labels: Vec<String> = end(&messages).2.into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, ["step-40", "b/step-40"]);
}

/// What is quantised is said at the drop, with what to use instead.
#[test]
fn a_quantised_checkpoint_is_said() {
    use lorascope_format::container::Dtype;
    let file = crate::common::typed_file(&[
        ("model.layers.0.q.qweight", Dtype::I32, &[1, 8]),
        ("model.layers.0.q.qzeros", Dtype::I32, &[1, 1]),
        ("model.layers.0.q.scales", Dtype::F16, &[1, 8]),
        ("model.layers.0.q.g_idx", Dtype::I32, &[8]),
    ]);
    let (mut session, messages) = start_plain();
    block_on(session.load(adapter()));
    block_on(session.load(vec![MemorySource::new("gptq/model.safetensors", file)]));
    let (outcome, problems, held) = end(&messages);
    assert_eq!((outcome, held.len()), (Outcome::Done, 1));
    assert_eq!(
        problems,
        ["gptq/model.safetensors: quantised by GPTQ (packed integers of a few bits): its weights are not the numbers \
          that training changed. Use the checkpoint before quantisation, in BF16, F16 or F32."]
    );
}
