//! Loading by address: what a person typed, what a header says, what the address bar keeps.

use super::identity::Fact;
use super::number::{bytes, count, plural};
use super::shown::State;
use lorascope_protocol::address;
use lorascope_protocol::percent::encoded_for_query;
use lorascope_protocol::report::Outline;
use lorascope_protocol::{About, ItemId, Problem};

/// Outlines on the page, at most: a drop may hold a thousand adapters.
const MOST: usize = 3;
/// Shapes in an outline, at most.
const SHAPES: usize = 6;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remote {
    /// In the order in which their headers were read, with the items that they will be.
    pub outlines: Vec<(ItemId, Outline)>,
}

impl Remote {
    /// A header was read; once more, where it was read from the network and then from the file.
    pub fn announced(&mut self, item: ItemId, outline: Outline) {
        match self.outlines.iter_mut().find(|(known, _)| *known == item) {
            Some((_, known)) => *known = outline,
            None => self.outlines.push((item, outline)),
        }
    }

    /// An analysis is there.
    pub fn measured(&mut self, item: ItemId) {
        self.outlines.retain(|(known, _)| *known != item);
    }

    /// Those that are shown, and how many more there are.
    pub fn shown(&self) -> (Vec<(ItemId, Outline)>, usize) {
        (self.outlines.iter().take(MOST).cloned().collect(), self.outlines.len().saturating_sub(MOST))
    }
}

impl State {
    /// Addresses of the last load that gave nothing.
    pub fn failed_addresses(&self) -> Vec<String> {
        let address = |problem: &Problem| match &problem.about {
            About::Address(address) => Some(address.clone()),
            _ => None,
        };
        self.problems.iter().filter_map(address).collect()
    }

    /// What a reload of the page has to load: what is here, and what should be.
    pub fn addresses(&self) -> Vec<String> {
        let held = self.items.iter().filter_map(|item| item.address.clone());
        let mut all: Vec<String> = Vec::new();
        for address in held.chain(self.failed_addresses()) {
            if !all.contains(&address) {
                all.push(address);
            }
        }
        all
    }
}

/// The facts of a header, in reading order.
pub fn facts(outline: &Outline) -> Vec<Fact> {
    let fact = |name, value: String, note: String| Fact { name, value, note };
    let mut facts = vec![fact("Format", outline.format.clone(), String::new())];
    facts.push(match &outline.base_model {
        Some(base) => fact("Base model", base.clone(), String::new()),
        None => fact("Base model", "not named".to_owned(), "in the adapter’s files".to_owned()),
    });
    let modules = usize::try_from(outline.modules).unwrap_or(usize::MAX);
    facts.push(fact("Modules", plural(modules, "module", "modules"), String::new()));
    if let Some(rank) = outline.rank {
        let value = if rank.min == rank.max { rank.min.to_string() } else { format!("{} to {}", rank.min, rank.max) };
        facts.push(fact("Rank", value, String::new()));
    }
    facts.push(fact("Parameters", count(outline.parameters), bytes(outline.bytes)));
    facts.push(fact("Shapes of ΔW", shapes(outline), String::new()));
    facts
}

/// "12 of 64 × 64, 6 of 32 × 64, and 3 other shapes".
fn shapes(outline: &Outline) -> String {
    let one = |known: &lorascope_protocol::report::ShapeCount| {
        format!("{} of {} × {}", known.count, known.shape[0], known.shape[1])
    };
    let mut text = outline.shapes.iter().take(SHAPES).map(one).collect::<Vec<_>>().join(", ");
    let more = (outline.shapes.len().saturating_sub(SHAPES) as u64).saturating_add(outline.more_shapes);
    if more > 0 {
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        text.push_str(&format!(", and {}", plural(more, "other shape", "other shapes")));
    }
    text
}

/// The addresses in a typed or pasted text, one after the other.
///
/// # Errors
/// A sentence: there is none, or one that leads nowhere.
pub fn addresses(text: &str) -> Result<Vec<String>, String> {
    let all: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if all.is_empty() {
        return Err("Give an https address or a Hugging Face name, such as org/name.".to_owned());
    }
    for one in &all {
        address::parse(one)?;
    }
    Ok(all)
}

/// The addresses in a text that was pasted onto the page and not into a field: whole addresses only, and none of
/// Lorascope's own, which begins with `page`.
pub fn pasted(text: &str, page: &str) -> Option<Vec<String>> {
    let is_web = |one: &str| one.starts_with("https://") || one.starts_with("http://");
    let foreign = text.split_whitespace().all(|one| is_web(one) && !one.starts_with(page));
    addresses(text).ok().filter(|_| foreign)
}

/// A page's query with these addresses in place of the ones it has.
pub fn with_addresses(query: &str, addresses: &[String]) -> String {
    let others = query.trim_start_matches('?').split('&').filter(|part| !part.is_empty() && !is_url(part));
    let parts: Vec<String> = others
        .map(str::to_owned)
        .chain(addresses.iter().map(|address| format!("url={}", encoded_for_query(address))))
        .collect();
    if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
}

fn is_url(part: &str) -> bool {
    part == "url" || part.starts_with("url=")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lorascope_protocol::report::{RankRange, ShapeCount};
    use lorascope_protocol::{Item, ItemKind};

    fn outline(label: &str) -> Outline {
        Outline {
            label: label.to_owned(),
            format: "PEFT LoRA".to_owned(),
            base_model: None,
            rank: Some(RankRange { min: 4, max: 8 }),
            modules: 18,
            parameters: 1_200_000,
            bytes: 4_800_000,
            shapes: vec![ShapeCount { shape: [64, 64], count: 12 }, ShapeCount { shape: [32, 64], count: 6 }],
            more_shapes: 2,
        }
    }

    fn item(item: u32, address: Option<&str>) -> Item {
        let (label, detail) = (String::new(), String::new());
        let address = address.map(str::to_owned);
        Item { item, kind: ItemKind::Adapter, label, detail, scale_assumed: false, address }
    }

    #[test]
    fn a_header_stands_until_its_analysis_is_there() {
        let mut remote = Remote::default();
        // Two have one name and stay two; one is read again, from the file.
        for (item, label) in [(1, "a"), (2, "b"), (3, "b"), (4, "d"), (5, "e"), (2, "run/b")] {
            remote.announced(item, outline(label));
        }
        let (shown, more) = remote.shown();
        assert_eq!((shown.len(), more), (3, 2));
        remote.measured(3);
        remote.measured(1);
        remote.measured(9);
        let left: Vec<&str> = remote.outlines.iter().map(|(_, outline)| outline.label.as_str()).collect();
        assert_eq!(left, ["run/b", "d", "e"]);
    }

    #[test]
    fn facts_of_a_header() {
        let facts = facts(&outline("a"));
        let value = |name: &str| facts.iter().find(|fact| fact.name == name).unwrap().value.clone();
        assert_eq!(value("Rank"), "4 to 8");
        assert_eq!(value("Modules"), "18 modules");
        assert_eq!(value("Shapes of ΔW"), "12 of 64 × 64, 6 of 32 × 64, and 2 other shapes");
        assert_eq!(value("Base model"), "not named");
    }

    #[test]
    fn typed_and_pasted_texts() {
        assert_eq!(addresses(" org/name\nhttps://x.org/a ").unwrap(), ["org/name", "https://x.org/a"]);
        assert!(addresses(" ").unwrap_err().contains("https address"));
        assert!(addresses("org/name what").unwrap_err().contains("what"));
        let page = "https://me.org/scope/";
        assert_eq!(pasted("https://x.org/a\n", page).unwrap(), ["https://x.org/a"]);
        for text in ["", "and/or", "see https://x.org/a", "https://me.org/scope/#p=1", "http://x.org/a"] {
            assert_eq!(pasted(text, page), None, "{text}");
        }
    }

    #[test]
    fn the_query_keeps_the_rest() {
        let urls = ["org/name@v1".to_owned(), "https://x.org/a?b=c&d#e".to_owned()];
        let query = with_addresses("?backend=cpu&url=old&urls=1&url=", &urls);
        assert_eq!(query, "?backend=cpu&urls=1&url=org/name@v1&url=https://x.org/a%3Fb%3Dc%26d%23e");
        assert_eq!(with_addresses(&query, &urls), query);
        assert_eq!(with_addresses("?url=a", &[]), "");
        assert_eq!(with_addresses("", &["a b+ä".to_owned()]), "?url=a%20b%2B%C3%A4");
    }

    #[test]
    fn a_reload_loads_what_is_here_and_what_failed() {
        let problems = vec![
            Problem::warning(About::Address("c/d".to_owned()), "c/d: no"),
            Problem::warning(About::Drop, "a.bin: a pickle"),
        ];
        let items = vec![item(1, Some("a/b")), item(2, None), item(3, Some("a/b"))];
        let mut state = State::default();
        (state.items, state.problems) = (items, problems);
        assert_eq!(state.addresses(), ["a/b", "c/d"]);
        let retries: Vec<bool> = state.warnings().iter().map(|notice| notice.can_retry).collect();
        assert_eq!(retries, [true, false]);
    }
}
