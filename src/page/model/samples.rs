//! What the bundled samples consist of (`www/sample`; docs/samples.md says how they were made).

use super::projection::form::Goal;
use super::shown::State;
use lorascope_protocol::{ItemId, ItemKind};

/// One thing that a sample shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// An adapter.
    Adapter,
    /// The states of a training beside it.
    Alignment,
    /// A wider model to take it to.
    Projection,
    /// A second adapter.
    Compare,
    /// An adapter with notes of its training.
    Training,
}

/// A part of a sample: the label and the kind of its item, and its files.
struct Part {
    label: &'static str,
    kind: ItemKind,
    files: &'static [&'static str],
}

const ADAPTER: Part = Part {
    label: "llama-mini-lora",
    kind: ItemKind::Adapter,
    files: &["llama-mini-lora/adapter_config.json", "llama-mini-lora/adapter_model.safetensors"],
};
const SECOND: Part = Part {
    label: "llama-mini-lora-second-run",
    kind: ItemKind::Adapter,
    files: &["llama-mini-lora-second-run/adapter_config.json", "llama-mini-lora-second-run/adapter_model.safetensors"],
};
const NOTED: Part =
    Part { label: "tavi-fox.safetensors", kind: ItemKind::Adapter, files: &["kohya-character/tavi-fox.safetensors"] };
const WIDER: Part =
    Part { label: "wider-model/config.json", kind: ItemKind::ModelConfig, files: &["wider-model/config.json"] };
const STATES: [Part; 3] = [
    Part {
        label: "llama-mini-step-0",
        kind: ItemKind::Checkpoint,
        files: &["training-run/llama-mini-step-0/model.safetensors"],
    },
    Part {
        label: "llama-mini-step-40",
        kind: ItemKind::Checkpoint,
        files: &["training-run/llama-mini-step-40/model.safetensors"],
    },
    Part {
        label: "llama-mini-step-80",
        kind: ItemKind::Checkpoint,
        files: &["training-run/llama-mini-step-80/model.safetensors"],
    },
];

impl Sample {
    /// Stable word for hooks.
    pub fn key(self) -> &'static str {
        match self {
            Sample::Adapter => "adapter",
            Sample::Alignment => "alignment",
            Sample::Projection => "projection",
            Sample::Compare => "compare",
            Sample::Training => "training",
        }
    }

    /// What it loads, and how much that is.
    pub fn words(self) -> &'static str {
        match self {
            Sample::Adapter => "A LoRA of rank 8 of a small Llama, 456\u{a0}kB",
            Sample::Alignment => "A LoRA of a small Llama and three states of that model’s training, 1.3\u{a0}MB",
            Sample::Projection => "A LoRA of a small Llama, taken to one that is half as wide again, 456\u{a0}kB",
            Sample::Compare => "Two LoRAs of a small Llama, of two runs, 690\u{a0}kB",
            Sample::Training => "A LoRA of Stable Diffusion as kohya’s scripts save it, invented, 91\u{a0}kB",
        }
    }

    fn parts(self) -> Vec<Part> {
        match self {
            Sample::Adapter => vec![ADAPTER],
            Sample::Alignment => [ADAPTER].into_iter().chain(STATES).collect(),
            Sample::Projection => vec![ADAPTER, WIDER],
            Sample::Compare => vec![ADAPTER, SECOND],
            Sample::Training => vec![NOTED],
        }
    }
}

impl State {
    fn item_of(&self, part: &Part) -> Option<ItemId> {
        self.items.iter().find(|item| item.kind == part.kind && item.label == part.label).map(|item| item.item)
    }

    /// Shows what of a sample is here already, and gives the files of the rest.
    pub fn show_sample(&mut self, sample: Sample) -> Vec<&'static str> {
        let parts = sample.parts();
        if let Some(item) = parts.first().and_then(|adapter| self.item_of(adapter)) {
            self.selected = Some(item);
        }
        if let (Sample::Projection, Some(item)) = (sample, self.item_of(&WIDER)) {
            self.projection.form.goal = Goal::Item(item);
        }
        self.projection.is_shown = sample == Sample::Projection;
        parts.iter().filter(|part| self.item_of(part).is_none()).flat_map(|part| part.files).copied().collect()
    }

    /// A sample could not be had.
    pub fn no_sample(&mut self, text: String) {
        self.projection.is_shown = false;
        self.page_problem(true, text);
    }

    /// The sample of a projection was asked for, and is in view; computing it ends that.
    pub fn sample_projection_due(&self) -> bool {
        let target = self.item_of(&WIDER).map(Goal::Item);
        let is_in_view = self.selected.is_some() && self.selected == self.item_of(&ADAPTER);
        self.projection.is_shown && self.is_free() && is_in_view && target.as_ref() == Some(&self.projection.form.goal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lorascope_protocol::{Item, ToPage};

    fn item(item: ItemId, part: &Part) -> ToPage {
        let (label, detail) = (part.label.to_owned(), String::new());
        ToPage::Item(Item { item, kind: part.kind, label, detail, scale_assumed: false, address: None })
    }

    #[test]
    fn only_what_is_missing_is_fetched() {
        let mut state = State::default();
        assert_eq!(state.show_sample(Sample::Alignment).len(), 5);
        state.receive(item(7, &ADAPTER), 0.0);
        state.receive(item(8, &STATES[1]), 0.0);
        assert_eq!(state.show_sample(Sample::Adapter), [""; 0]);
        assert_eq!(state.selected, Some(7));
        let missing = state.show_sample(Sample::Alignment);
        assert_eq!(
            missing,
            ["training-run/llama-mini-step-0/model.safetensors", "training-run/llama-mini-step-80/model.safetensors"]
        );
        assert_eq!(state.show_sample(Sample::Projection), WIDER.files);
        assert!(!state.sample_projection_due(), "its target is not here");
    }

    #[test]
    fn every_path_holds_what_its_item_is_called() {
        for sample in [Sample::Adapter, Sample::Alignment, Sample::Projection, Sample::Compare, Sample::Training] {
            for part in sample.parts() {
                let is_of = |file: &&str| file.split('/').any(|name| name == part.label) || **file == *part.label;
                assert!(part.files.iter().all(is_of), "{}", part.label);
            }
        }
    }
}
