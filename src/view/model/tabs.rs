//! The tabs of a result.

/// One way to look at what was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    #[default]
    Overview,
    Alignment,
    Projection,
}

impl Tab {
    pub const ALL: [Tab; 3] = [Tab::Overview, Tab::Alignment, Tab::Projection];

    /// Stable word for ids and links.
    pub fn key(self) -> &'static str {
        match self {
            Tab::Overview => "overview",
            Tab::Alignment => "alignment",
            Tab::Projection => "projection",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Tab::Overview => "Overview",
            Tab::Alignment => "Alignment",
            Tab::Projection => "Projection & resize",
        }
    }

    /// Where a key leads from here: arrows go round, Home and End to the ends. `None` for other keys.
    pub fn after_key(self, key: &str) -> Option<Tab> {
        let (n, here) = (Tab::ALL.len(), self as usize);
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
    fn the_order_of_the_tabs_is_that_of_their_places() {
        for (place, tab) in Tab::ALL.into_iter().enumerate() {
            assert_eq!(tab as usize, place);
        }
    }

    #[test]
    fn keys_go_round_and_to_the_ends() {
        let last = Tab::ALL[Tab::ALL.len() - 1];
        assert_eq!(Tab::Overview.after_key("ArrowRight"), Some(Tab::Alignment));
        assert_eq!(Tab::Overview.after_key("ArrowLeft"), Some(last));
        assert_eq!(last.after_key("ArrowRight"), Some(Tab::Overview));
        assert_eq!(Tab::Projection.after_key("Home"), Some(Tab::Overview));
        assert_eq!(Tab::Overview.after_key("End"), Some(last));
        assert_eq!(Tab::Overview.after_key("Tab"), None);
    }
}
