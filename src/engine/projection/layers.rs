//! Which layer of the target a layer of the source goes to.

use std::collections::HashMap;

use super::plan::{PlanError, Subject};
use super::target::Goal;
use lorascope_protocol::projection::Layers;

/// The layers of one stack, here and there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stack {
    from: u64,
    /// `None` where the target does not say: every layer keeps its number.
    to: Option<u64>,
}

/// The layers of every stack of an adapter.
pub struct LayerMap<'a> {
    rule: Layers,
    stacks: HashMap<&'a str, Stack>,
    /// The target should say how many layers it has, and does not.
    silent: bool,
}

impl<'a> LayerMap<'a> {
    /// Counts layers: in the source one more than the largest number in each stack.
    ///
    /// # Errors
    /// [`PlanError`] where layers are to be spread over a target that does not say how many it has, and for a target
    /// with none.
    pub fn new(subjects: &[Subject<'a>], goal: &Goal<'_>, rule: Layers, words: &str) -> Result<Self, PlanError> {
        let mut stacks: HashMap<&str, Stack> = HashMap::new();
        for subject in subjects {
            let Some(layer) = subject.layer else { continue };
            let to = goal.layers(subject);
            let stack = stacks.entry(subject.stack).or_insert(Stack { from: 0, to: None });
            stack.from = stack.from.max(u64::from(layer) + 1);
            stack.to = stack.to.max(to);
        }
        if stacks.values().any(|stack| stack.to == Some(0)) {
            return Err(PlanError(format!(
                "{words} says that the model has 0 layers (`num_hidden_layers`). Correct the number, or choose another \
                 target."
            )));
        }
        let silent = matches!(goal, Goal::Model(model) if model.layers.is_none()) && !stacks.is_empty();
        if silent && rule == Layers::Spread {
            return Err(PlanError(format!(
                "{words} does not say how many layers the model has (`num_hidden_layers`), so they cannot be spread. \
                 Choose that layers keep their number, or drop a config.json with that line."
            )));
        }
        Ok(Self { rule, stacks, silent })
    }

    /// The layer that a module's layer becomes.
    ///
    /// # Errors
    /// Why it has no place in the target, as part of a sentence.
    pub fn place(&self, subject: &Subject<'_>) -> Result<Option<u32>, String> {
        let (Some(layer), Some(stack)) = (subject.layer, self.stacks.get(subject.stack)) else {
            return Ok(subject.layer);
        };
        let Some(to) = stack.to else { return Ok(Some(layer)) };
        let last = to.saturating_sub(1);
        let new = match self.rule {
            Layers::SameIndex => Some(u64::from(layer)).filter(|&layer| layer < to).ok_or_else(|| {
                format!("the target's layers end at {last}; spread the layers in proportion to use the whole adapter")
            }),
            Layers::Spread => spread(u64::from(layer), stack.from, to).ok_or_else(|| {
                let from = stack.from;
                format!("{from} layers are spread over {to}, and another one comes closer to a layer of the target")
            }),
        }?;
        Ok(u32::try_from(new).ok())
    }

    /// The largest count of the source, and of the target where it says.
    pub fn counts(&self) -> (u32, Option<u32>) {
        let clamp = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let from = self.stacks.values().map(|stack| stack.from).max().unwrap_or(0);
        (clamp(from), self.stacks.values().filter_map(|stack| stack.to).max().map(clamp))
    }

    /// A sentence where the source and the target differ in their layers, or may.
    pub fn warning(&self, target: &str) -> Option<String> {
        if self.silent {
            return Some(format!(
                "{target} does not say how many layers the model has (`num_hidden_layers`): every layer keeps its number."
            ));
        }
        let mut differing: Vec<(&str, u64, u64)> = self
            .stacks
            .iter()
            .filter_map(|(&name, stack)| Some((name, stack.from, stack.to?)))
            .filter(|(_, from, to)| from != to)
            .collect();
        differing.sort_unstable();
        let said: Vec<String> = differing
            .iter()
            .map(|(name, from, to)| {
                let of = if name.is_empty() { String::new() } else { format!(" ({name})") };
                let plural = if *from == 1 { "" } else { "s" };
                format!("{from} layer{plural} and the target {to}{of}")
            })
            .collect();
        let how = match self.rule {
            Layers::SameIndex => "Each keeps its number",
            Layers::Spread => "They are spread in proportion, first to first and last to last",
        };
        (!said.is_empty()).then(|| format!("The adapter reaches {}. {how}.", said.join(", ")))
    }
}

/// Layer `layer` of `from`, in a target of `to`: in proportion, halves upwards. Where the target has fewer, each of
/// its layers takes one of the source, and the others have no place.
fn spread(layer: u64, from: u64, to: u64) -> Option<u64> {
    if layer >= from || to == 0 {
        return None;
    }
    if from <= to {
        return Some(scaled(layer, from - 1, to - 1));
    }
    // The target layers whose source could be this one stand around its own proportion.
    let near = scaled(layer, from - 1, to - 1);
    (near.saturating_sub(1)..=near + 1).find(|&target| target < to && scaled(target, to - 1, from - 1) == layer)
}

/// round(index·to/from), and 0 where there is but one.
fn scaled(index: u64, from: u64, to: u64) -> u64 {
    if from == 0 {
        return 0;
    }
    let (index, from, to) = (u128::from(index), u128::from(from), u128::from(to));
    // Every index is at most `from`, so that the result is at most `to`.
    u64::try_from((2 * index * to + from) / (2 * from)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(from: u64, to: u64) -> Vec<Option<u64>> {
        (0..from).map(|layer| spread(layer, from, to)).collect()
    }

    #[test]
    fn more_layers_leave_gaps() {
        assert_eq!(all(3, 5), [Some(0), Some(2), Some(4)]);
        assert_eq!(all(4, 6), [Some(0), Some(2), Some(3), Some(5)]);
        assert_eq!(all(4, 4), [0, 1, 2, 3].map(Some));
        assert_eq!(all(1, 8), [Some(0)]);
    }

    #[test]
    fn fewer_layers_leave_some_out() {
        assert_eq!(all(5, 3), [Some(0), None, Some(1), None, Some(2)]);
        // Target 1 takes round(5/3) = 2, target 2 round(10/3) = 3.
        assert_eq!(all(6, 4), [Some(0), None, Some(1), Some(2), None, Some(3)]);
        assert_eq!(all(8, 1), [Some(0), None, None, None, None, None, None, None]);
        assert_eq!(all(3, 0), [None, None, None]);
    }

    #[test]
    fn no_layer_is_used_twice_and_none_is_missed() {
        for from in 1..=40 {
            for to in 1..=40 {
                let mut used: Vec<u64> = all(from, to).into_iter().flatten().collect();
                let placed = used.len() as u64;
                assert!(used.is_sorted(), "{from} → {to}");
                used.dedup();
                assert_eq!(used.len() as u64, placed, "{from} → {to}");
                assert_eq!(placed, from.min(to), "{from} → {to}");
                assert_eq!(used[0], 0);
                if from > 1 {
                    assert_eq!(used.last(), Some(&(to - 1)), "{from} → {to}");
                }
            }
        }
    }

    #[test]
    fn the_largest_numbers_stay_in_range() {
        let most = u64::from(u32::MAX) + 1;
        assert_eq!(spread(most - 1, most, most - 1), Some(most - 2));
        assert_eq!(spread(most - 1, most, 1), None);
        assert_eq!(spread(0, 1, most), Some(0));
        assert_eq!(spread(7, 7, 9), None);
    }
}
