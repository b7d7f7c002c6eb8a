//! The form of an extraction, and the request that it makes.

use lorascope_protocol::projection::OutputType;
use lorascope_protocol::{ExtractRank, ExtractRequest, ItemId};

/// How the rank of each module is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    #[default]
    Number,
    Energy,
}

impl Rule {
    pub const ALL: [Rule; 2] = [Rule::Number, Rule::Energy];

    /// Stable word for form values.
    pub fn key(self) -> &'static str {
        match self {
            Rule::Number => "number",
            Rule::Energy => "energy",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Rule::Number => "A number",
            Rule::Energy => "Energy to keep",
        }
    }

    pub fn help(self) -> &'static str {
        match self {
            Rule::Number => "Every module gets this rank, at most the smaller of its outputs and inputs.",
            Rule::Energy => {
                "Every module gets the smallest rank whose singular values hold this share of ‖X‖², and no more than \
                 the largest rank."
            }
        }
    }

    pub fn from_key(key: &str) -> Option<Rule> {
        Rule::ALL.into_iter().find(|rule| rule.key() == key)
    }
}

/// Everything that a person can set.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// `None` is the first state of the series, as it is ordered.
    pub from: Option<ItemId>,
    /// `None` is the last.
    pub to: Option<ItemId>,
    pub rule: Rule,
    /// `None` is the rank that the page suggests.
    pub rank: Option<String>,
    /// In per cent.
    pub energy: String,
    pub most: String,
    pub dtype: OutputType,
    pub embeddings: bool,
}

impl Default for Form {
    fn default() -> Form {
        Form {
            from: None,
            to: None,
            rule: Rule::Number,
            rank: None,
            energy: "90".to_owned(),
            most: "64".to_owned(),
            dtype: OutputType::F32,
            embeddings: false,
        }
    }
}

impl Form {
    /// What is asked for between two checkpoints; `suggested` is the rank where none has been typed.
    ///
    /// # Errors
    /// Which field holds no usable value, and what to give instead.
    pub fn request(&self, from: ItemId, to: ItemId, suggested: u32) -> Result<ExtractRequest, String> {
        if from == to {
            return Err("Both ends are the same checkpoint: choose two different ones.".to_owned());
        }
        let rank = match self.rule {
            Rule::Number => {
                let text = self.rank.clone().unwrap_or_else(|| suggested.to_string());
                ExtractRank::Number(whole(&text).ok_or("The rank is a whole number from 1 on, such as 16.")?)
            }
            Rule::Energy => {
                let percent = self.energy.trim().trim_end_matches('%').trim().parse::<f64>().ok();
                let share = percent.map(|p| p / 100.0).filter(|share| *share > 0.0 && *share <= 1.0);
                let share = share.ok_or("The share of the energy is above 0 and at most 100 %, such as 90.")?;
                let most = whole(&self.most).ok_or("The largest rank is a whole number from 1 on, such as 64.")?;
                ExtractRank::Energy { share, most }
            }
        };
        Ok(ExtractRequest { from, to, rank, dtype: self.dtype, embeddings: self.embeddings })
    }

    pub(in crate::model) fn lost(&mut self, item: ItemId) {
        self.from.take_if(|from| *from == item);
        self.to.take_if(|to| *to == item);
    }
}

fn whole(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_takes_the_suggested_rank() {
        let request = Form::default().request(3, 5, 8).unwrap();
        assert_eq!((request.from, request.to, request.rank), (3, 5, ExtractRank::Number(8)));
        assert_eq!((request.dtype, request.embeddings), (OutputType::F32, false));
    }

    #[test]
    fn rules_and_types_travel_by_their_keys() {
        for rule in Rule::ALL {
            assert_eq!(Rule::from_key(rule.key()), Some(rule));
            assert!(!rule.label().is_empty() && rule.help().ends_with('.'));
        }
        assert_eq!(Rule::from_key("nonsense"), None);
        for dtype in OutputType::ALL {
            assert_eq!(OutputType::from_name(dtype.name()), Some(dtype));
        }
        assert_eq!(OutputType::from_name("nonsense"), None);
    }

    #[test]
    fn only_usable_numbers_are_sent() {
        let mut form = Form::default();
        for text in ["", "0", "-1", "2.5", "many", "4294967296", "NaN"] {
            form.rank = Some(text.to_owned());
            assert!(form.request(1, 2, 8).unwrap_err().starts_with("The rank"), "{text}");
        }
        form.rank = Some(" 12 ".to_owned());
        assert_eq!(form.request(1, 2, 8).unwrap().rank, ExtractRank::Number(12));
        form.rule = Rule::Energy;
        assert_eq!(form.request(1, 2, 8).unwrap().rank, ExtractRank::Energy { share: 0.9, most: 64 });
        for text in ["", "0", "100.1", "-5", "NaN", "inf"] {
            form.energy = text.to_owned();
            assert!(form.request(1, 2, 8).unwrap_err().starts_with("The share"), "{text}");
        }
        form.energy = "100 %".to_owned();
        form.most = "0".to_owned();
        assert!(form.request(1, 2, 8).unwrap_err().starts_with("The largest rank"));
        assert!(form.request(2, 2, 8).unwrap_err().contains("two different"));
    }
}
