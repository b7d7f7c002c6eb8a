//! The tabs of a result.

/// One way to look at what was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    #[default]
    Overview,
    Alignment,
    Projection,
    /// This adapter beside the others that are here.
    Compare,
    /// What the writing tool noted in the file; there only where it noted something.
    Training,
}

impl Tab {
    pub const ALL: [Tab; 5] = [Tab::Overview, Tab::Alignment, Tab::Projection, Tab::Compare, Tab::Training];

    /// The tabs of an adapter, in their order.
    pub fn all_of(has_training: bool) -> &'static [Tab] {
        let [all @ .., _] = &Tab::ALL;
        if has_training { &Tab::ALL } else { all }
    }

    /// Stable word for ids and links.
    pub fn key(self) -> &'static str {
        match self {
            Tab::Overview => "overview",
            Tab::Alignment => "alignment",
            Tab::Projection => "projection",
            Tab::Compare => "compare",
            Tab::Training => "training",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Tab::Overview => "Overview",
            Tab::Alignment => "Alignment",
            Tab::Projection => "Projection & resize",
            Tab::Compare => "Compare",
            Tab::Training => "Training",
        }
    }

    /// Where a key leads from here among the tabs that are there: arrows go round, Home and End to the ends. `None`
    /// for other keys.
    pub fn after_key(self, key: &str, tabs: &[Tab]) -> Option<Tab> {
        let (n, here) = (tabs.len(), tabs.iter().position(|tab| *tab == self)?);
        let place = match key {
            "ArrowRight" => (here + 1) % n,
            "ArrowLeft" => (here + n - 1) % n,
            "Home" => 0,
            "End" => n - 1,
            _ => return None,
        };
        tabs.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_round_and_to_the_ends() {
        for (has_training, last) in [(true, Tab::Training), (false, Tab::Compare)] {
            let tabs = Tab::all_of(has_training);
            assert_eq!(tabs.last(), Some(&last));
            assert_eq!(Tab::Overview.after_key("ArrowRight", tabs), Some(Tab::Alignment));
            assert_eq!(Tab::Overview.after_key("ArrowLeft", tabs), Some(last));
            assert_eq!(last.after_key("ArrowRight", tabs), Some(Tab::Overview));
            assert_eq!(Tab::Projection.after_key("Home", tabs), Some(Tab::Overview));
            assert_eq!(Tab::Overview.after_key("End", tabs), Some(last));
            assert_eq!(Tab::Overview.after_key("Tab", tabs), None);
        }
    }
}
