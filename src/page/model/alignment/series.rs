//! The states of a series as a person orders them: what the engine uses, and what is wanted instead.

use lorascope_protocol::report::Along;
use lorascope_protocol::{ItemId, Stage};

/// One state in the list on the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub stage: Stage,
    /// The person has not left it out.
    pub used: bool,
}

/// The states along one kind of items.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// As the engine has them.
    stages: Vec<Stage>,
    unused: Vec<Stage>,
    /// As they are on the page.
    pub entries: Vec<Entry>,
}

impl Series {
    pub fn new(stages: Vec<Stage>, unused: Vec<Stage>) -> Series {
        let mut entries: Vec<Entry> = stages.iter().map(|s| Entry { stage: s.clone(), used: true }).collect();
        for stage in &unused {
            // Where its step belongs, so that using it again does not put it last.
            let later = |e: &Entry| e.stage.step.zip(stage.step).is_some_and(|(other, own)| other > own);
            let place = entries.iter().position(later).unwrap_or(entries.len());
            entries.insert(place, Entry { stage: stage.clone(), used: false });
        }
        Series { stages, unused, entries }
    }

    /// The engine says the same as before: what is set on the page stays.
    pub fn is_of(&self, stages: &[Stage], unused: &[Stage]) -> bool {
        self.stages == stages && self.unused == unused
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Those that the engine makes updates of, in its order.
    pub fn current(&self) -> impl Iterator<Item = &Stage> {
        self.stages.iter()
    }

    /// All states, used or not, in the page's order.
    pub fn all(&self) -> impl Iterator<Item = &Stage> {
        self.entries.iter().map(|e| &e.stage)
    }

    /// What is wanted, for [`lorascope_protocol::ToEngine::Align`].
    pub fn wanted(&self) -> Vec<ItemId> {
        self.entries.iter().filter(|e| e.used).map(|e| e.stage.item).collect()
    }

    /// The list on the page is another than the engine's.
    pub fn is_changed(&self) -> bool {
        !self.current().map(|s| s.item).eq(self.wanted())
    }

    /// Moves a state one place up or down, where there is such a place.
    pub fn shift(&mut self, item: ItemId, down: bool) {
        let Some(place) = self.entries.iter().position(|e| e.stage.item == item) else { return };
        let other = if down { place + 1 } else { place.wrapping_sub(1) };
        if other < self.entries.len() {
            self.entries.swap(place, other);
        }
    }

    pub fn set_used(&mut self, item: ItemId, used: bool) {
        if let Some(entry) = self.entries.iter_mut().find(|e| e.stage.item == item) {
            entry.used = used;
        }
    }

    pub fn lost(&mut self, item: ItemId) {
        self.stages.retain(|s| s.item != item);
        self.unused.retain(|s| s.item != item);
        self.entries.retain(|e| e.stage.item != item);
    }
}

/// What is missing before an adapter can be aligned along these states; `None` where nothing is.
pub fn missing(series: &Series, along: Along) -> Option<String> {
    let one = match along {
        Along::Checkpoints => "checkpoint",
        Along::Adapters => "adapter",
    };
    match (series.entries.len(), series.wanted().len()) {
        (_, 2..) | (0, _) => None,
        (1, _) => Some(format!(
            "One {one} is here. Drop one more of the same model, from another moment of the training: an update is the \
             difference of two."
        )),
        _ => Some(format!("Use at least two of them: an update leads from one {one} to the next.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alignment::testing::stage;

    fn items(series: &Series) -> Vec<ItemId> {
        series.entries.iter().map(|e| e.stage.item).collect()
    }

    #[test]
    fn moving_and_leaving_out_ask_for_another_alignment() {
        let mut series = Series::new(vec![stage(1, Some(10)), stage(2, Some(20)), stage(3, Some(30))], vec![]);
        assert!(!series.is_changed());
        series.shift(3, false);
        assert_eq!((series.wanted(), series.is_changed()), (vec![1, 3, 2], true));
        series.shift(3, true);
        for (item, down) in [(3, true), (1, false), (9, true)] {
            series.shift(item, down);
            assert!(!series.is_changed(), "no place to go to");
        }
        series.set_used(2, false);
        assert_eq!((series.wanted(), series.is_changed()), (vec![1, 3], true));
        series.lost(2);
        assert_eq!((items(&series), series.is_changed()), (vec![1, 3], false));
    }

    #[test]
    fn what_was_left_out_keeps_its_place_by_step() {
        let series =
            Series::new(vec![stage(1, Some(10)), stage(3, Some(30))], vec![stage(2, Some(20)), stage(4, None)]);
        assert_eq!((items(&series), series.wanted(), series.is_changed()), (vec![1, 2, 3, 4], vec![1, 3], false));
        assert!(series.is_of(&[stage(1, Some(10)), stage(3, Some(30))], &[stage(2, Some(20)), stage(4, None)]));
        assert!(!series.is_of(&[stage(1, Some(10)), stage(3, Some(30))], &[]));
    }

    #[test]
    fn what_is_missing_is_said() {
        let of = |stages: Vec<Stage>, unused: Vec<Stage>| missing(&Series::new(stages, unused), Along::Checkpoints);
        assert_eq!(of(vec![stage(1, None), stage(2, None)], vec![]), None);
        assert_eq!(of(vec![], vec![]), None, "the page says what to drop");
        assert!(of(vec![stage(1, None)], vec![]).unwrap().contains("one more"));
        assert!(of(vec![stage(1, None)], vec![stage(2, None)]).unwrap().contains("at least two"));
    }
}
