//! The rank that a person asks for: a rule, and the text of its number's field.

use crate::model::number::{percent, short};
use lorascope_protocol::projection::RankRule;

/// What decides the rank of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    #[default]
    Source,
    Number,
    Energy,
    SvRatio,
    SvFro,
    SvCumulative,
}

impl Rule {
    pub const ALL: [Rule; 6] =
        [Rule::Source, Rule::Number, Rule::Energy, Rule::SvRatio, Rule::SvFro, Rule::SvCumulative];

    /// Stable word for form values; the last three are kohya's own.
    pub fn key(self) -> &'static str {
        match self {
            Rule::Source => "source",
            Rule::Number => "number",
            Rule::Energy => "energy",
            Rule::SvRatio => "sv_ratio",
            Rule::SvFro => "sv_fro",
            Rule::SvCumulative => "sv_cumulative",
        }
    }

    pub fn from_key(key: &str) -> Option<Rule> {
        Rule::ALL.into_iter().find(|rule| rule.key() == key)
    }

    pub fn label(self) -> &'static str {
        match self {
            Rule::Source => "As the source",
            Rule::Number => "A number",
            Rule::Energy => "Energy to keep",
            Rule::SvRatio => "sv_ratio (kohya)",
            Rule::SvFro => "sv_fro (kohya)",
            Rule::SvCumulative => "sv_cumulative (kohya)",
        }
    }

    /// What the rule does, for a person.
    pub fn help(self) -> &'static str {
        match self {
            Rule::Source => "Every module keeps its rank, as far as its new size allows.",
            Rule::Number => "This rank for every module, or its own where that is smaller.",
            Rule::Energy => {
                "Per module the smallest rank whose singular values hold this share of Σσ², between 0 and 1."
            }
            Rule::SvRatio => "Keeps every singular value above σ₁ divided by this number.",
            Rule::SvFro => {
                "The smallest rank whose Frobenius norm reaches this share of the whole norm; 0.95 keeps 0.95² = 90 % \
                 of the energy."
            }
            Rule::SvCumulative => "The smallest rank whose singular values, summed, reach this share of their sum.",
        }
    }

    /// A value to begin with, for an adapter of rank `source`.
    fn suggestion(self, source: u32) -> String {
        match self {
            Rule::Source => String::new(),
            Rule::Number => (source / 2).max(1).to_string(),
            Rule::Energy | Rule::SvFro => "0.95".to_owned(),
            Rule::SvCumulative => "0.9".to_owned(),
            Rule::SvRatio => "10".to_owned(),
        }
    }

    fn is_share(self) -> bool {
        matches!(self, Rule::Energy | Rule::SvFro | Rule::SvCumulative)
    }
}

/// The rule and the field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RankField {
    pub rule: Rule,
    pub text: String,
}

impl RankField {
    /// The person typed: where the rule is one of the first three, the number itself says which is meant.
    pub fn typed(&mut self, text: &str) {
        text.trim().clone_into(&mut self.text);
        if !matches!(self.rule, Rule::Source | Rule::Number | Rule::Energy) {
            return;
        }
        if self.text.is_empty() {
            self.rule = Rule::Source;
        } else if let Some(x) = number(&self.text) {
            if x > 0.0 && x < 1.0 {
                self.rule = Rule::Energy;
            } else if x >= 1.0 && x.fract() == 0.0 && !(self.rule == Rule::Energy && x == 1.0) {
                // The whole energy is a share too.
                self.rule = Rule::Number;
            }
        }
    }

    /// The person chose a rule: the field gets a value that fits it.
    pub fn chose(&mut self, rule: Rule, source: u32) {
        let keeps = rule.is_share() && self.rule.is_share() && self.value().is_ok();
        if !keeps {
            self.text = rule.suggestion(source);
        }
        self.rule = rule;
    }

    /// The rule with its number.
    ///
    /// # Errors
    /// What the field should hold, for a person.
    pub fn value(&self) -> Result<RankRule, String> {
        let x = number(&self.text);
        let share = |name: &str| {
            let wanted = format!("{name} is a share above 0 and at most 1, such as 0.95.");
            x.filter(|x| *x > 0.0 && *x <= 1.0).ok_or(wanted)
        };
        match self.rule {
            Rule::Source if self.text.is_empty() => Ok(RankRule::Source),
            Rule::Source => {
                Err("Give a rank as a whole number from 1 up, or a share of the energy between 0 and 1.".to_owned())
            }
            Rule::Number => match x.filter(|x| x.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(x)) {
                Some(rank) => Ok(RankRule::Number(rank as u32)),
                None => Err("The rank is a whole number from 1 up, such as 8.".to_owned()),
            },
            Rule::Energy => share("The energy to keep").map(RankRule::Energy),
            Rule::SvFro => share("sv_fro").map(RankRule::SvFro),
            Rule::SvCumulative => share("sv_cumulative").map(RankRule::SvCumulative),
            Rule::SvRatio => match x.filter(|x| *x > 1.0) {
                Some(ratio) => Ok(RankRule::SvRatio(ratio)),
                None => Err("sv_ratio is a number above 1, such as 10.".to_owned()),
            },
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|x| x.is_finite())
}

/// A rule in words: "rank 8", "95 % of the energy".
pub fn words(rule: RankRule) -> String {
    match rule {
        RankRule::Source => "the source’s rank".to_owned(),
        RankRule::Number(rank) => format!("rank {rank}"),
        RankRule::Energy(share) => format!("rank for {} of the energy", percent(share)),
        RankRule::SvRatio(x) => format!("sv_ratio {}", short(x)),
        RankRule::SvFro(x) => format!("sv_fro {}", short(x)),
        RankRule::SvCumulative(x) => format!("sv_cumulative {}", short(x)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typing(start: Rule, texts: &[&str]) -> RankField {
        let mut field = RankField { rule: start, text: String::new() };
        texts.iter().for_each(|text| field.typed(text));
        field
    }

    #[test]
    fn a_number_says_by_itself_what_is_meant() {
        assert_eq!(typing(Rule::Source, &["8"]).value(), Ok(RankRule::Number(8)));
        assert_eq!(typing(Rule::Source, &["0", "0.9", "0.95"]).value(), Ok(RankRule::Energy(0.95)));
        assert_eq!(typing(Rule::Source, &["0.9", "1", "16"]).value(), Ok(RankRule::Number(16)));
        assert_eq!(typing(Rule::Energy, &["1"]).value(), Ok(RankRule::Energy(1.0)));
        assert_eq!(typing(Rule::Number, &["8", ""]).value(), Ok(RankRule::Source));
        assert_eq!(typing(Rule::Energy, &["0.5", "", "4"]).value(), Ok(RankRule::Number(4)));
    }

    #[test]
    fn kohyas_rules_stay_while_their_number_is_typed() {
        assert_eq!(typing(Rule::SvRatio, &["", "8"]).value(), Ok(RankRule::SvRatio(8.0)));
        assert_eq!(typing(Rule::SvFro, &["", "0.9"]).value(), Ok(RankRule::SvFro(0.9)));
        assert!(typing(Rule::SvCumulative, &["8"]).value().is_err_and(|text| text.contains("sv_cumulative")));
    }

    #[test]
    fn what_is_no_rank_is_refused_in_words() {
        for text in ["0", "-3", "2.5", "1e400", "NaN", "inf", "eight", "1.5e10"] {
            let field = typing(Rule::Source, &[text]);
            assert!(field.value().is_err(), "{text}: {field:?}");
        }
        for rule in Rule::ALL.into_iter().filter(|rule| *rule != Rule::Source) {
            assert!(RankField { rule, text: String::new() }.value().is_err_and(|text| text.ends_with('.')));
        }
    }

    #[test]
    fn a_chosen_rule_comes_with_a_value_that_fits() {
        for rule in Rule::ALL {
            assert_eq!(Rule::from_key(rule.key()), Some(rule));
            assert!(!rule.label().is_empty() && rule.help().ends_with('.'));
            for before in Rule::ALL {
                let mut field = RankField::default();
                field.chose(before, 16);
                field.chose(rule, 1);
                assert!(field.value().is_ok(), "{before:?} to {rule:?}: {field:?}");
            }
        }
        let mut field = typing(Rule::Energy, &["0.9"]);
        field.chose(Rule::SvFro, 16);
        assert_eq!(field.value(), Ok(RankRule::SvFro(0.9)), "a share stays");
        assert_eq!(Rule::from_key("nonsense"), None);
    }

    #[test]
    fn rules_in_words() {
        assert_eq!(words(RankRule::Number(8)), "rank 8");
        assert_eq!(words(RankRule::Energy(0.95)).replace('\u{202f}', " "), "rank for 95.0 % of the energy");
        assert_eq!(words(RankRule::SvRatio(10.0)), "sv_ratio 10");
    }
}
