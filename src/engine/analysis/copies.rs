//! Which of what a file holds twice counts in what is said of the whole adapter.

use lorascope_format::adapter::{Copied, Module};
use lorascope_format::container::quoted;

/// Squared norms of the same numbers, once as they are and once rounded to the 8 bits of BF16, differ by less.
const SAME: f64 = 0.02;

/// Of every module, what counts in its place, in words; `None` for those that count. And what is to be said.
///
/// `energies` are ‖ΔW‖²_F, `None` of what is not analysed. ‖fused‖² is Σ‖parts‖², whatever the numbers: of two that differ
/// the one with more counts, and the fused one where a part has no figure, so that nothing vanishes.
pub fn settle(modules: &[Module], energies: &[Option<f64>]) -> (Vec<Option<String>>, Vec<String>) {
    let energy = |n: usize| energies.get(n).copied().flatten();
    let mut copies: Vec<(usize, &Copied, f64)> = Vec::new();
    for (n, module) in modules.iter().enumerate() {
        copies.extend(module.copy_of.as_ref().zip(energy(n)).map(|(copied, own)| (n, copied, own)));
    }
    // Of several that are stronger than the same parts the strongest counts.
    copies.sort_by(|a, b| b.2.total_cmp(&a.2));
    let mut in_place: Vec<Option<String>> = vec![None; modules.len()];
    let (mut agreeing, mut differing, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for (n, Copied { of, words }, own) in copies {
        if let Some(other) = of.iter().find_map(|&part| in_place.get(part)?.clone()) {
            in_place[n] = Some(other);
            continue;
        }
        let parts: f64 = of.iter().filter_map(|&part| energy(part)).sum();
        let is_alone = of.iter().any(|&part| energy(part).is_none());
        let differ = (own - parts).abs() > SAME * own.max(parts);
        if is_alone || (differ && own > parts) {
            for &part in of {
                in_place[part] = Some(modules[n].name.clone());
            }
        } else {
            in_place[n] = Some(words.clone());
        }
        let list = match (is_alone, differ) {
            (true, _) => &mut alone,
            (false, true) => &mut differing,
            (false, false) => &mut agreeing,
        };
        list.push((n, words, [own.sqrt(), parts.sqrt()]));
    }
    // Sentences name the first of the file.
    let first = |list: &mut Vec<(usize, &String, [f64; 2])>| {
        list.sort_by_key(|(n, ..)| *n);
        list.first().map(|&(n, words, norms)| (quoted(&modules[n].name), quoted(words), norms))
    };
    let mut said = Vec::new();
    let count = agreeing.len();
    if let Some((name, words, _)) = first(&mut agreeing) {
        said.push(format!(
            "{count} of {} modules stand in the file twice, under the names of two tools: first {name}, which is {words} \
             once more. A tool applies one of the two. The figures of each are shown; the whole adapter's (energy, shares, \
             domain scores, cosines) count the latter alone.",
            modules.len(),
        ));
    }
    let count = differing.len();
    if let Some((name, words, [own, parts])) = first(&mut differing) {
        said.push(format!(
            "{count} modules stand in the file twice, under the names of two tools, and the two are not the same update: \
             first {name}, of norm {own:.4}, and {words}, of norm {parts:.4}. Which of them acts depends on the tool. Energy, \
             shares and domain scores count the stronger, cosines of the whole adapter the latter.",
        ));
    }
    let count = alone.len();
    if let Some((name, words, _)) = first(&mut alone) {
        said.push(format!(
            "{count} modules stand in the file twice, under the names of two tools, and the second time not all analysed: \
             first {name} beside {words}. Energy, shares and domain scores count the former alone.",
        ));
    }
    (in_place, said)
}
