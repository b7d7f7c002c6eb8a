//! One adapter beside every update of a series, as it is shown.

use super::figures::{COSINE, FIGURES};
use super::series::Series;
use crate::model::number::grouped;
use lorascope_protocol::report::{AlignedModule, AlignmentReport};

/// One update, with all of its modules.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// From the first state to the last, over all steps.
    pub whole_run: bool,
    /// Without its modules: they are beside it.
    pub report: AlignmentReport,
    pub modules: Vec<AlignedModule>,
}

/// All updates of a series beside one adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct Aligned {
    /// The steps in order, the whole run behind them where there are several; those of them that are computed.
    pub updates: Vec<Update>,
}

/// A row of the table of updates.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateRow {
    pub from: String,
    pub to: String,
    /// From the first state to the last, over all steps.
    pub is_whole_run: bool,
    /// Unrounded, for the hook; empty where it is absent.
    pub cosine: String,
    /// As [`FIGURES`].
    pub cells: Vec<String>,
    /// "42 of 48"
    pub matched: String,
}

/// Which update a person chose; by its ends too, so that the same one stays in view in another adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub place: usize,
    pub from: String,
    pub to: String,
}

impl Aligned {
    /// Steps before the update over the whole run.
    pub fn steps(&self) -> &[Update] {
        match self.updates.split_last() {
            Some((last, steps)) if last.whole_run => steps,
            _ => &self.updates,
        }
    }

    pub fn is_whole_run(&self, place: usize) -> bool {
        self.updates.get(place).is_some_and(|update| update.whole_run)
    }

    pub fn row(&self, place: usize) -> Option<UpdateRow> {
        let report = &self.updates.get(place)?.report;
        let all = report.matched as usize + report.unmatched.len();
        Some(UpdateRow {
            from: report.from.clone(),
            to: report.to.clone(),
            is_whole_run: self.is_whole_run(place),
            cosine: COSINE.value(&report.whole).map(|x| x.to_string()).unwrap_or_default(),
            cells: FIGURES.iter().map(|figure| figure.write_of(&report.whole)).collect(),
            matched: format!("{} of {}", grouped(u64::from(report.matched)), grouped(all as u64)),
        })
    }

    /// The update to show: the chosen one where it is there, else the whole run, which comes last.
    pub fn place_of(&self, chosen: Option<&Chosen>) -> Option<usize> {
        let is = |place: usize, c: &Chosen| {
            self.updates.get(place).is_some_and(|u| u.report.from == c.from && u.report.to == c.to)
        };
        let found = chosen.and_then(|c| {
            if is(c.place, c) { Some(c.place) } else { (0..self.updates.len()).find(|place| is(*place, c)) }
        });
        found.or(self.updates.len().checked_sub(1))
    }

    pub fn chosen(&self, place: usize) -> Option<Chosen> {
        let report = &self.updates.get(place)?.report;
        Some(Chosen { place, from: report.from.clone(), to: report.to.clone() })
    }

    /// "checkpoint-40 → checkpoint-80", "the whole run, base → checkpoint-160".
    pub fn name(&self, place: usize) -> String {
        let Some(Update { report, .. }) = self.updates.get(place) else { return String::new() };
        let whole = if self.is_whole_run(place) { "the whole run, " } else { "" };
        format!("{whole}{} → {}", report.from, report.to)
    }

    /// The training step at which each update ends, where the series numbers all of them upwards.
    pub fn numbers(&self, series: &Series) -> Option<Vec<u64>> {
        let steps = self.steps();
        let states: Vec<_> = series.current().collect();
        // In the series' order as long as it is the one that was computed, else by name.
        let in_order = states.len() == steps.len() + 1
            && steps.iter().zip(&states[1..]).all(|(update, state)| update.report.to == state.label);
        let numbers: Option<Vec<u64>> = if in_order {
            states[1..].iter().map(|state| state.step).collect()
        } else {
            let named = |to: &str| states.iter().find(|state| state.label == to).and_then(|state| state.step);
            steps.iter().map(|update| named(&update.report.to)).collect()
        };
        numbers.filter(|n| n.windows(2).all(|pair| pair[0] < pair[1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alignment::testing::{aligned, stage};

    #[test]
    fn the_whole_run_is_set_apart() {
        let set = aligned(3, 2);
        assert_eq!((set.updates.len(), set.steps().len()), (4, 3));
        let of = |place| set.row(place).map(|row| (row.from, row.to, row.is_whole_run)).unwrap();
        assert_eq!(of(0), ("checkpoint-0".into(), "checkpoint-10".into(), false));
        assert_eq!(of(3), ("checkpoint-0".into(), "checkpoint-30".into(), true));
        assert_eq!(set.name(3), "the whole run, checkpoint-0 → checkpoint-30");
        let one = aligned(1, 2);
        assert_eq!((one.updates.len(), one.steps().len(), one.is_whole_run(0)), (1, 1, false));
        assert_eq!(set.row(4), None);
    }

    #[test]
    fn a_part_of_the_updates_is_taken_for_what_it_is() {
        let mut set = aligned(3, 2);
        // The first state and the last, whose steps are not computed; then a single step that has the ends of a run.
        set.updates.drain(1..3);
        assert_eq!((set.steps().len(), set.is_whole_run(0), set.is_whole_run(1)), (1, false, true));
        set.updates.remove(0);
        assert_eq!((set.steps().len(), set.row(0).unwrap().is_whole_run), (0, true));
        let mut set = aligned(2, 2);
        set.updates.insert(0, set.updates[2].clone());
        set.updates[0].whole_run = false;
        set.updates.truncate(1);
        assert_eq!((set.steps().len(), set.is_whole_run(0)), (1, false));
    }

    #[test]
    fn rows_hold_every_digit_and_every_figure() {
        let mut set = aligned(2, 3);
        set.updates[0].report.whole.cosine = Some(0.123_456_789_012_345_6);
        set.updates[1].report.whole.cosine = None;
        let row = set.row(0).unwrap();
        assert_eq!((row.cosine.as_str(), row.cells[0].as_str()), ("0.1234567890123456", "0.1235"));
        assert_eq!((row.cells.len(), row.matched.as_str()), (FIGURES.len(), "3 of 4"));
        assert_eq!((set.row(1).unwrap().cosine.as_str(), set.row(1).unwrap().cells[0].as_str()), ("", "–"));
    }

    #[test]
    fn the_choice_follows_the_names() {
        let (set, shorter) = (aligned(3, 1), aligned(2, 1));
        assert_eq!(set.place_of(None), Some(3), "the whole run at first");
        let second = set.chosen(1).unwrap();
        assert_eq!((set.place_of(Some(&second)), shorter.place_of(Some(&second))), (Some(1), Some(1)));
        let whole = set.chosen(3).unwrap();
        assert_eq!(shorter.place_of(Some(&whole)), Some(2), "what is gone gives way to the whole run");
        assert_eq!(Aligned { updates: vec![] }.place_of(Some(&whole)), None);
    }

    #[test]
    fn steps_are_numbered_where_all_are_and_they_ascend() {
        let set = aligned(3, 1);
        let states = |steps: [Option<u64>; 4]| {
            let stages = (0..4).map(|i| {
                let mut stage = stage(i, steps[i as usize]);
                stage.label = format!("checkpoint-{}", i * 10);
                stage
            });
            Series::new(stages.collect(), vec![])
        };
        let numbered = states([None, Some(10), Some(20), Some(30)]);
        assert_eq!(set.numbers(&numbered), Some(vec![10, 20, 30]), "the first state’s number is not needed");
        assert_eq!(set.numbers(&states([None, Some(10), None, Some(30)])), None);
        assert_eq!(set.numbers(&states([None, Some(10), Some(30), Some(20)])), None);
        let mut more = numbered;
        more.lost(1);
        assert_eq!(set.numbers(&more), None, "a state that is gone has no number");
    }
}
