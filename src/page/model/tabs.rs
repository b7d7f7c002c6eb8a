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
    /// What the writing tool noted in the file.
    Training,
}

impl Tab {
    /// In their order.
    pub const ALL: [Tab; 5] = [Tab::Overview, Tab::Alignment, Tab::Projection, Tab::Compare, Tab::Training];

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
            Tab::Projection => "Projection",
            Tab::Compare => "Compare",
            Tab::Training => "Training",
        }
    }

    /// What the label goes on with where there is room.
    pub fn more(self) -> &'static str {
        if self == Tab::Projection { " & resize" } else { "" }
    }

    /// Where a key leads from here: arrows go round, Home and End to the ends. `None` for other keys.
    pub fn after_key(self, key: &str) -> Option<Tab> {
        let (n, here) = (Tab::ALL.len(), Tab::ALL.iter().position(|tab| *tab == self)?);
        let place = match key {
            "ArrowRight" => (here + 1) % n,
            "ArrowLeft" => (here + n - 1) % n,
            "Home" => 0,
            "End" => n - 1,
            _ => return None,
        };
        Tab::ALL.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_round_and_to_the_ends() {
        assert_eq!(Tab::Overview.after_key("ArrowRight"), Some(Tab::Alignment));
        assert_eq!(Tab::Overview.after_key("ArrowLeft"), Some(Tab::Training));
        assert_eq!(Tab::Training.after_key("ArrowRight"), Some(Tab::Overview));
        assert_eq!(Tab::Projection.after_key("Home"), Some(Tab::Overview));
        assert_eq!(Tab::Overview.after_key("End"), Some(Tab::Training));
        assert_eq!(Tab::Overview.after_key("Tab"), None);
    }
}
