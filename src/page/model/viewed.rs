//! What of the view an address holds: all that is not as it is at first.

use super::axis::ScaleKind;
use super::column::{Direction, of_key};
use super::measure::{MEASURES, Measure};
use super::sheet::SheetOrder;
use super::table::{COLUMNS, STRONGEST_FIRST};
use super::tabs::Tab;

/// The view, apart from what it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Viewed {
    pub tab: Tab,
    pub measure: &'static Measure,
    pub scale: ScaleKind,
    /// A module by its name; the strongest one where none was picked.
    pub module: Option<String>,
    pub sort: SheetOrder,
}

impl Default for Viewed {
    fn default() -> Viewed {
        let (tab, scale) = (Tab::default(), ScaleKind::default());
        Viewed { tab, measure: MEASURES[0], scale, module: None, sort: STRONGEST_FIRST }
    }
}

/// A longer name is left to be picked again.
const LONGEST_NAME: usize = 300;

impl Viewed {
    /// Names and values for a link's fragment; nothing for what is as it is at first.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let first = Viewed::default();
        let sort = |(column, direction)| format!("{column}-{}", word_of(&DIRECTIONS, &direction));
        let module = self.module.as_deref().filter(|name| name.len() <= LONGEST_NAME);
        let pairs = [
            ("tab", (self.tab != first.tab).then(|| self.tab.key().to_owned())),
            ("measure", (self.measure != first.measure).then(|| self.measure.key.to_owned())),
            ("scale", (self.scale != first.scale).then(|| word_of(&SCALES, &self.scale).to_owned())),
            ("sort", self.sort.by.filter(|_| self.sort != first.sort).map(sort)),
            ("module", module.map(str::to_owned)),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// What is not understood is as it is at first.
    pub fn read(pairs: &[(String, String)]) -> Viewed {
        let value = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let first = Viewed::default();
        Viewed {
            tab: value("tab").and_then(|key| Tab::ALL.into_iter().find(|tab| tab.key() == key)).unwrap_or(first.tab),
            measure: value("measure").and_then(|key| of_key(&MEASURES, key)).unwrap_or(first.measure),
            scale: value("scale").and_then(|word| of_word(&SCALES, word)).unwrap_or(first.scale),
            sort: value("sort").and_then(sort_of).unwrap_or(first.sort),
            module: value("module").map(str::to_owned).filter(|name| name.len() <= LONGEST_NAME),
        }
    }
}

const SCALES: [(ScaleKind, &str); 2] = [(ScaleKind::Linear, "linear"), (ScaleKind::Log, "log")];
const DIRECTIONS: [(Direction, &str); 2] = [(Direction::Ascending, "up"), (Direction::Descending, "down")];

/// The stable word of a value.
fn word_of<T: PartialEq>(words: &[(T, &'static str)], of: &T) -> &'static str {
    words.iter().find(|(value, _)| value == of).map_or("", |(_, word)| word)
}

fn of_word<T: Copy>(words: &[(T, &str)], of: &str) -> Option<T> {
    words.iter().find(|(_, word)| *word == of).map(|(value, _)| *value)
}

fn sort_of(word: &str) -> Option<SheetOrder> {
    let (column, direction) = word.rsplit_once('-')?;
    Some(SheetOrder { by: Some((of_key(&COLUMNS, column)?.key, of_word(&DIRECTIONS, direction)?)) })
}

/// How often the address may be written: browsers throw after 100 times in 30 seconds.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    times_ms: Vec<f64>,
}

impl Budget {
    const SPAN_MS: f64 = 30_000.0;
    const MOST: usize = 50;

    /// May it be written now? If so, it counts.
    pub fn spend(&mut self, now_ms: f64) -> bool {
        self.times_ms.retain(|time| now_ms - time < Self::SPAN_MS);
        let fine = self.times_ms.len() < Self::MOST;
        if fine {
            self.times_ms.push(now_ms);
        }
        fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::measure::STABLE_RANK;

    #[test]
    fn what_is_written_is_read_and_the_first_view_is_bare() {
        assert_eq!(Viewed::default().pairs(), []);
        assert_eq!(Viewed::read(&[]), Viewed::default());
        for column in COLUMNS {
            for (tab, direction) in Tab::ALL.into_iter().zip([Direction::Ascending, Direction::Descending]) {
                let viewed = Viewed {
                    tab,
                    measure: &STABLE_RANK,
                    scale: ScaleKind::Log,
                    module: Some("a&b=ü.3".to_owned()),
                    sort: SheetOrder { by: Some((column.key, direction)) },
                };
                assert_eq!(Viewed::read(&viewed.pairs()), viewed);
            }
        }
    }

    #[test]
    fn nonsense_is_the_first_view() {
        let nonsense = ["tab", "measure", "scale", "sort"].map(|name| (name.to_owned(), "<b>-down".to_owned()));
        assert_eq!(Viewed::read(&nonsense), Viewed::default());
        assert_eq!(Viewed::read(&[("module".to_owned(), "x".repeat(9999))]), Viewed::default());
    }

    #[test]
    fn the_address_is_not_written_too_often() {
        let mut budget = Budget::default();
        assert_eq!((0..200).filter(|n| budget.spend(f64::from(*n))).count(), Budget::MOST);
        assert!(!budget.spend(29_999.0));
        assert!(budget.spend(30_010.0));
    }
}
