//! Names of modules as templates with numbers in them: `model.layers.{}.self_attn.q_proj` and 21.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::facts::{Ids, Numbered};

/// All names in their order, and the place in the model that belongs to each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    templates: Vec<Template>,
    template: Ids,
    /// The numbers of every name, one after the other, each as its difference from the number at the same place of the
    /// name before (0 where that has none).
    numbers: Vec<i32>,
    /// Of every module whose template is [`LISTED`]: 0 for no layer, else 1 more than the layer.
    layers: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Template {
    /// What stands before, between and after the numbers.
    parts: Vec<String>,
    /// Numbers of texts.
    stack: u32,
    role: u32,
    kind: u32,
    /// Which of the name's numbers is the layer, from 1 on; or [`NO_LAYER`], or [`LISTED`].
    layer: u8,
}

const NO_LAYER: u8 = 0;
const LISTED: u8 = u8::MAX;

/// A module's name and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub name: String,
    pub layer: Option<u32>,
    /// Numbers of texts.
    pub stack: u32,
    pub role: u32,
    pub kind: u32,
}

/// Text and numbers of a name: one part more than numbers. Digits that would not come back the same stay text.
fn split(name: &str) -> (Vec<String>, Vec<u32>) {
    let (mut parts, mut numbers, mut part) = (Vec::new(), Vec::new(), String::new());
    let mut rest = name;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, digits) = rest.split_at(start);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (digits, after) = digits.split_at(end);
        part.push_str(before);
        // Nine digits fit a number whose differences fit too.
        match digits.parse().ok().filter(|_| digits.len() < 10 && (digits == "0" || !digits.starts_with('0'))) {
            Some(number) => {
                parts.push(std::mem::take(&mut part));
                numbers.push(number);
            }
            None => part.push_str(digits),
        }
        rest = after;
    }
    part.push_str(rest);
    parts.push(part);
    (parts, numbers)
}

impl Names {
    pub fn of(modules: &[Named]) -> Self {
        let names: Vec<(Vec<String>, Vec<u32>)> = modules.iter().map(|m| split(&m.name)).collect();
        let layers = layer_rules(modules, &names);
        let mut templates: Numbered<Template, Template> = Numbered::default();
        let (mut ids, mut numbers, mut listed) = (Vec::new(), Vec::new(), Vec::new());
        let mut before: &[u32] = &[];
        for (module, (parts, own)) in modules.iter().zip(&names) {
            let layer = layers.get(parts.as_slice()).copied().unwrap_or(LISTED);
            let Named { stack, role, kind, .. } = *module;
            let template = Template { parts: parts.clone(), stack, role, kind, layer };
            ids.push(templates.id(template.clone(), || template));
            numbers.extend(own.iter().enumerate().map(|(n, number)| {
                let last = before.get(n).copied().unwrap_or_default();
                number.wrapping_sub(last) as i32
            }));
            before = own;
            if layer == LISTED {
                listed.push(module.layer.map_or(0, |layer| u64::from(layer) + 1));
            }
        }
        Self { templates: templates.values, template: Ids::of(ids.into_iter()), numbers, layers: listed }
    }

    /// The `count` names, of at most `most` bytes in all; `None` where this is no such list.
    pub fn read(&self, count: usize, most: usize) -> Option<Vec<Named>> {
        let (mut numbers, mut layers) = (self.numbers.iter(), self.layers.iter());
        let (mut named, mut before, mut bytes) = (Vec::with_capacity(count), Vec::new(), 0usize);
        for id in self.template.read(count)? {
            let Template { parts, stack, role, kind, layer } = self.templates.get(id as usize)?;
            let mut name = parts.first()?.clone();
            let mut own = Vec::with_capacity(parts.len());
            for (n, part) in parts.iter().skip(1).enumerate() {
                let last = before.get(n).copied().unwrap_or_default();
                let number = u32::try_from(i64::from(last) + i64::from(*numbers.next()?)).ok()?;
                own.push(number);
                name.push_str(&number.to_string());
                name.push_str(part);
                bytes = bytes.checked_add(part.len() + 10)?;
                if bytes > most {
                    return None;
                }
            }
            bytes = bytes.checked_add(name.len())?;
            if bytes > most {
                return None;
            }
            let layer = match *layer {
                NO_LAYER => None,
                LISTED => match layers.next()?.checked_sub(1) {
                    Some(layer) => Some(u32::try_from(layer).ok()?),
                    None => None,
                },
                place => Some(*own.get(usize::from(place) - 1)?),
            };
            named.push(Named { name, layer, stack: *stack, role: *role, kind: *kind });
            before = own;
        }
        (numbers.next().is_none() && layers.next().is_none()).then_some(named)
    }
}

/// Per text of a template: the number that is the layer in every name of it, if there is one.
fn layer_rules<'a>(modules: &[Named], names: &'a [(Vec<String>, Vec<u32>)]) -> HashMap<&'a [String], u8> {
    let mut groups: HashMap<&[String], Vec<usize>> = HashMap::new();
    for (n, (parts, _)) in names.iter().enumerate() {
        groups.entry(parts).or_default().push(n);
    }
    let rule = |group: &[usize]| {
        let all = |holds: &dyn Fn(usize) -> bool| group.iter().all(|n| holds(*n));
        if all(&|n| modules[n].layer.is_none()) {
            return NO_LAYER;
        }
        let places = group.first().map_or(0, |n| names[*n].1.len()).min(usize::from(LISTED) - 1);
        let is_layer = |place: &usize| all(&|n| modules[n].layer == Some(names[n].1[*place]));
        (0..places).find(is_layer).map_or(LISTED, |place| place as u8 + 1)
    };
    groups.into_iter().map(|(parts, group)| (parts, rule(&group))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, layer: Option<u32>) -> Named {
        Named { name: name.to_owned(), layer, stack: 0, role: 2, kind: 1 }
    }

    #[test]
    fn names_come_back_whatever_is_in_them() {
        let modules = [
            named("model.layers.0.mlp.fc1", Some(0)),
            named("model.layers.0.mlp.fc2", Some(0)),
            named("model.layers.31.mlp.fc1", Some(31)),
            named("lm_head", None),
            named("lora_unet_down_blocks_1_resnets_0_conv1", Some(3)),
            named("lora_unet_down_blocks_2_resnets_1_conv1", Some(7)),
            named("", None),
            named("007.layers.4294967296.x", Some(5)),
            named("999999999", Some(999_999_999)),
            named("шар.12.é", Some(12)),
        ];
        let names = Names::of(&modules);
        assert_eq!(names.read(modules.len(), 10_000), Some(modules.to_vec()));
        assert_eq!(names.read(modules.len(), 100), None, "more text than is allowed");
        assert_eq!(names.read(modules.len() - 1, 10_000), None);
        assert_eq!(Names::of(&[]).read(0, 0), Some(vec![]));
    }

    #[test]
    fn a_models_names_are_a_few_templates() {
        let modules: Vec<Named> = (0..32)
            .flat_map(|l| ["q", "k", "v"].map(|p| named(&format!("model.layers.{l}.self_attn.{p}_proj"), Some(l))))
            .collect();
        let names = Names::of(&modules);
        assert_eq!((names.templates.len(), names.layers.len()), (3, 0));
        assert_eq!(names.read(96, 1 << 20), Some(modules));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let mut names = Names::of(&[named("a.1.b", Some(1))]);
        names.numbers = vec![-1];
        assert_eq!(names.read(1, 100), None);
        names.numbers = vec![1, 1];
        assert_eq!(names.read(1, 100), None);
        names.numbers = vec![1];
        names.templates[0].layer = 9;
        assert_eq!(names.read(1, 100), None);
    }
}
