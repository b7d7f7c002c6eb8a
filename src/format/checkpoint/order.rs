//! The order of states along a training, read from what they are called.

use std::cmp::Ordering;

use crate::natural::natural;

/// Words that a step's number follows or, with an `s`, precedes; those of the first list count more.
const STEPS: &[&str] = &["checkpoint", "ckpt", "step", "globalstep", "iteration", "iter", "update"];
const EPOCHS: &[&str] = &["epoch"];

/// What comes before all training, and after it, as a whole word of a name.
const FIRST: &[&str] =
    &["base", "init", "initial", "original", "orig", "pretrained", "pretrain", "raw", "before", "start"];
const LAST: &[&str] = &[
    "final",
    "last",
    "latest",
    "merged",
    "merge",
    "tuned",
    "finetuned",
    "finetune",
    "trained",
    "finished",
    "end",
    "after",
];

/// The training step in the name of a state: `checkpoint-40`, `step_000040`, `epoch3`, `name-000004`. The last folder
/// or file of a path that has one counts, and in it a step before an epoch. Numbers of versions and sizes are none.
pub fn step(label: &str) -> Option<u64> {
    label.rsplit('/').find_map(|part| {
        let part = bare(part).to_ascii_lowercase();
        let of = |words: &[&str]| words.iter().find_map(|word| after(&part, word).or_else(|| before(&part, word)));
        of(STEPS).or_else(|| of(EPOCHS)).or_else(|| Some(padded(&part)?.1)).or_else(|| alone(&part))
    })
}

/// The order of states along a training, as indices of `labels`: those without a step first, then by step, then those
/// that are called final, merged and the like; where that says nothing, in natural order.
pub fn order(labels: &[&str]) -> Vec<usize> {
    let mut keys: Vec<(usize, Place)> = labels.iter().map(|label| place(label, labels)).enumerate().collect();
    keys.sort_by(|(a, x), (b, y)| x.cmp(y).then_with(|| by_name(labels, *a, *b)));
    keys.into_iter().map(|(n, _)| n).collect()
}

/// Where a state stands along a training.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    First,
    Unknown,
    Step(u64),
    Last,
}

fn place(label: &str, labels: &[&str]) -> Place {
    let name = bare(label.rsplit('/').next().unwrap_or(label)).to_lowercase();
    let has = |words: &[&str]| name.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word));
    match step(label) {
        Some(step) => Place::Step(step),
        None if has(FIRST) => Place::First,
        // Trainers that number what they save on the way save the end without a number.
        None if has(LAST) || labels.iter().any(|other| saved_on_the_way(other) == Some(bare(label))) => Place::Last,
        None => Place::Unknown,
    }
}

fn by_name(labels: &[&str], a: usize, b: usize) -> Ordering {
    match (labels.get(a), labels.get(b)) {
        (Some(a), Some(b)) => natural(a, b),
        _ => Ordering::Equal,
    }
}

/// A name without its extension and without what told it apart from another of the same name.
fn bare(name: &str) -> &str {
    let copy = |(_, number): &(&str, &str)| number.strip_suffix(')').is_some_and(is_number);
    let name = name.rsplit_once(" (").filter(copy).map_or(name, |(name, _)| name);
    name.strip_suffix(".safetensors").unwrap_or(name)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The number at the start, where it is a whole one, and what follows it: `40k` is 40,000.
fn number(text: &str) -> Option<(u64, &str)> {
    let (digits, rest) = text.split_at_checked(text.bytes().take_while(u8::is_ascii_digit).count())?;
    let number: u64 = digits.parse().ok()?;
    let (number, rest) = match rest.strip_prefix('k') {
        Some(rest) => (number.checked_mul(1000)?, rest),
        None => (number, rest),
    };
    let fraction = rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    (!fraction).then_some((number, rest))
}

/// `step-40`, `step=40`, `step40`, `steps_40`: the last one.
fn after(part: &str, word: &str) -> Option<u64> {
    let places: Vec<usize> = part.match_indices(word).map(|(at, _)| at).collect();
    places.into_iter().rev().find_map(|at| {
        let begins = !part.get(..at)?.ends_with(|c: char| c.is_alphanumeric());
        let rest = part.get(at + word.len()..)?;
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        let rest = rest.strip_prefix(['-', '_', '=', '.', ' ', ':']).unwrap_or(rest);
        let (number, rest) = number(rest)?;
        (begins && !rest.starts_with(|c: char| c.is_alphanumeric())).then_some(number)
    })
}

/// `4000steps`, `4000-steps`, `4000_step`.
fn before(part: &str, word: &str) -> Option<u64> {
    part.match_indices(word).find_map(|(at, _)| {
        let rest = part.get(at + word.len()..)?;
        let ends = !rest.strip_prefix('s').unwrap_or(rest).starts_with(|c: char| c.is_alphanumeric());
        let head = part.get(..at)?;
        let head = head.strip_suffix(['-', '_', ' ']).unwrap_or(head);
        let digits = head.bytes().rev().take_while(|&b| b.is_ascii_digit() || b == b'k').count();
        let (head, digits) = head.split_at_checked(head.len() - digits)?;
        let begins = !head.ends_with(|c: char| c.is_alphanumeric() || c == '.');
        let (number, rest) = number(digits)?;
        (begins && ends && rest.is_empty()).then_some(number)
    })
}

/// `name-000004` of kohya's scripts, `name_000000250` of others: a number filled up with zeros at the end.
fn padded(part: &str) -> Option<(&str, u64)> {
    let (name, digits) = part.rsplit_once(['-', '_'])?;
    let filled = is_number(digits) && digits.len() >= 6 && digits.starts_with('0');
    Some((name, digits.parse().ok()?)).filter(|_| filled && !name.is_empty())
}

/// A name that is nothing but the number.
fn alone(part: &str) -> Option<u64> {
    part.parse().ok().filter(|_| is_number(part))
}

/// `name` of a state saved on the way: `name-000004`, `name-step00004000`, `name_000000250`.
fn saved_on_the_way(label: &str) -> Option<&str> {
    let label = bare(label);
    if let Some((name, _)) = padded(label) {
        return Some(name);
    }
    let (name, digits) = label.rsplit_once("-step")?;
    (is_number(digits) && digits.len() == 8).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_in_names() {
        for (label, wanted) in [
            ("checkpoint-40", Some(40)),
            ("run-7/checkpoint-40", Some(40)),
            ("checkpoint-40/adapter_model.safetensors", Some(40)),
            ("step-40", Some(40)),
            ("step_000040", Some(40)),
            ("Step40", Some(40)),
            ("steps=40", Some(40)),
            ("step-10k", Some(10_000)),
            ("epoch3", Some(3)),
            ("epoch-0", Some(0)),
            ("epoch=3-step=4000.ckpt", Some(4000)),
            ("checkpoint-epoch3", Some(3)),
            ("global_step500", Some(500)),
            ("globalstep500", Some(500)),
            ("iter_0000100", Some(100)),
            ("ckpt-40", Some(40)),
            ("ckpt40", Some(40)),
            ("name-000004", Some(4)),
            ("name-000004.safetensors", Some(4)),
            ("name-000004.safetensors (2)", Some(4)),
            ("name_000000250.safetensors", Some(250)),
            ("name-step00004000", Some(4000)),
            ("llama-7b-step-40", Some(40)),
            ("4000steps", Some(4000)),
            ("my_lora-4000_steps", Some(4000)),
            ("20k-steps", Some(20_000)),
            ("llama-3.1-8b-checkpoint-12-merged", Some(12)),
            ("000040", Some(40)),
            ("120", Some(120)),
            ("llama-7b", None),
            ("v1.5", None),
            ("sd-v1-5", None),
            ("Llama-3.1", None),
            ("Step-3.5-Flash", None),
            ("qwen2-7b", None),
            ("base", None),
            ("final", None),
            ("run-7", None),
            ("run-20240131", None),
            ("footstep40", None),
            ("stepfun-3", None),
            ("checkpoint", None),
            ("checkpoint-last", None),
            ("step-40b", None),
            ("1.5-steps", None),
            ("checkpoint-99999999999999999999999", None),
            ("step-99999999999999999k", None),
            ("", None),
            ("é-step-é", None),
        ] {
            assert_eq!(step(label), wanted, "{label}");
        }
    }

    #[test]
    fn states_along_a_training() {
        for wanted in [
            &["base", "step-40", "step-80", "step-120"][..],
            &["checkpoint-9", "checkpoint-10", "checkpoint-100"],
            &["original", "something", "step-1", "merged"],
            &["Llama-3.1-8B", "epoch1", "epoch2", "my-finetuned"],
            &["name-000001.safetensors", "name-000002.safetensors", "name-000010.safetensors", "name.safetensors"],
            &["x-step00000500", "x-step00001000", "x"],
            &["a", "b", "b2", "b10"],
            &["llama", "llama-step-40"],
            &["llama-base", "llama"],
            &["run/step-40", "run/step-40 (2)", "run/step-50"],
            &["pretrained", "trained"],
            &["before", "after"],
        ] {
            let mut labels = wanted.to_vec();
            for turn in 0..labels.len() {
                labels.rotate_left(1);
                let sorted: Vec<&str> = order(&labels).into_iter().map(|n| labels[n]).collect();
                assert_eq!(sorted, wanted, "turn {turn}");
            }
            labels.reverse();
            assert_eq!(order(&labels).into_iter().map(|n| labels[n]).collect::<Vec<_>>(), wanted);
        }
        assert!(order(&[]).is_empty());
    }
}
