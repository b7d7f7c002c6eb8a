//! The schemes that a person has beside the built-in ones, and which of all of them scores the domains.

use lorascope_protocol::ItemId;
use lorascope_protocol::report::DomainReport;
use lorascope_protocol::scheme::{BY_BLOCK, BuiltIn, Chosen, LEGAL_EXAM, Scheme, file};

use super::arriving::Adapter;
use super::domains::{label_of, scheme as scheme_words, scheme_of};

mod edit;
#[cfg(test)]
mod tests;

pub use edit::{Edit, row_words};

/// Which scheme scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The built-in one that fits the model, or the one that a report came with.
    #[default]
    Fitting,
    LegalExam,
    ByBlock,
    /// By its number in [`Schemes`].
    Own(u32),
}

impl Choice {
    /// Stable word for the form.
    pub fn key(self) -> String {
        match self {
            Self::Fitting => "fitting".to_owned(),
            Self::LegalExam => LEGAL_EXAM.to_owned(),
            Self::ByBlock => BY_BLOCK.to_owned(),
            Self::Own(number) => format!("own-{number}"),
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        match key {
            "fitting" => Some(Self::Fitting),
            LEGAL_EXAM => Some(Self::LegalExam),
            BY_BLOCK => Some(Self::ByBlock),
            _ => key.strip_prefix("own-")?.parse().ok().map(Self::Own),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Own {
    number: u32,
    scheme: Scheme,
    /// The item that it was dropped as, until it is edited: then it is the person's.
    item: Option<ItemId>,
}

/// All of them. They outlive what was dropped, but for those that were dropped themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schemes {
    own: Vec<Own>,
    pub choice: Choice,
    last: u32,
}

impl Schemes {
    /// The choices in their order, with their labels, for an adapter whose report has these scores.
    pub fn options(&self, reported: &DomainReport) -> Vec<(String, String)> {
        let whose = if reported.own.is_some() { "of the report" } else { "fits" };
        let built_in = [
            (Choice::Fitting, format!("{} ({whose})", scheme_of(reported))),
            (Choice::LegalExam, format!("{}: depth and kind", scheme_words(LEGAL_EXAM))),
            (Choice::ByBlock, format!("{}: parts of the model", scheme_words(BY_BLOCK))),
        ];
        let own = self.own.iter().map(|own| (Choice::Own(own.number), own.scheme.name.clone()));
        built_in.into_iter().chain(own).map(|(choice, label)| (choice.key(), label)).collect()
    }

    /// The chosen scheme, if it is one that can be edited.
    pub fn own(&self) -> Option<&Scheme> {
        let Choice::Own(number) = self.choice else { return None };
        self.own.iter().find(|own| own.number == number).map(|own| &own.scheme)
    }

    /// The choice, for whoever scores.
    pub fn chosen(&self) -> Chosen {
        match self.choice {
            Choice::Fitting => Chosen::Fitting,
            Choice::LegalExam => Chosen::LegalExam,
            Choice::ByBlock => Chosen::ByBlock,
            Choice::Own(_) => self.own().map_or(Chosen::Fitting, |own| Chosen::Own(Box::new(own.clone()))),
        }
    }

    /// The domain profile of an adapter, as the chosen scheme has it.
    pub fn scored(&self, adapter: &Adapter) -> DomainReport {
        self.chosen().score(&adapter.report.domains, &adapter.modules)
    }

    /// Takes a scheme in, unless the same is there.
    fn add(&mut self, mut scheme: Scheme, item: Option<ItemId>) -> Choice {
        if let Some(own) = self.own.iter().find(|own| own.scheme == scheme) {
            return Choice::Own(own.number);
        }
        scheme.name = self.free_name(&scheme.name);
        self.last += 1;
        self.own.push(Own { number: self.last, scheme, item });
        Choice::Own(self.last)
    }

    /// The name, with a number behind it where another scheme has it.
    fn free_name(&self, name: &str) -> String {
        let is_free = |name: &String| self.own.iter().all(|own| own.scheme.name != *name);
        let with = |number: usize| if number == 1 { name.to_owned() } else { format!("{} ({number})", cut(name)) };
        // Of one more than there are, one is free.
        (1..=self.own.len() + 1).map(with).find(is_free).unwrap_or_default()
    }

    /// A scheme was dropped: it scores from now on.
    pub fn dropped(&mut self, item: ItemId, scheme: Scheme) {
        self.choice = self.add(scheme, Some(item));
        // Dropped once more, it goes with the newest item.
        if let Some(own) = self.own.iter_mut().find(|own| self.choice == Choice::Own(own.number)) {
            own.item = own.item.and(Some(item));
        }
    }

    /// A report came with a scheme of its own: it can be chosen for other adapters too.
    pub fn came_with(&mut self, domains: &DomainReport) {
        if let Some(own) = &domains.own {
            self.add(own.clone(), None);
        }
    }

    /// Copies the scheme that scores this adapter, to be edited.
    pub fn copy(&mut self, adapter: &Adapter) {
        let domains = self.scored(adapter);
        let scheme = match (&domains.own, domains.built_in()) {
            (Some(own), _) => own.clone(),
            (None, Some(BuiltIn::LegalExam)) => Scheme::legal_exam(),
            (None, _) => Scheme::of_blocks(&adapter.modules),
        };
        let mut copy = scheme.copied(self.free_name(&format!("{} copy", cut(&scheme_words(&scheme.name)))));
        // Of a report without modules the built-in scheme has no domains, and a scheme has one at least.
        if copy.domains.is_empty() && Edit::AddDomain.apply(&mut copy).is_err() {
            return;
        }
        copy.domains.iter_mut().for_each(|domain| domain.label = label_of(domain));
        self.choice = self.add(copy, None);
    }

    /// Takes the chosen scheme away.
    pub fn discard(&mut self) {
        if let Choice::Own(number) = self.choice {
            self.own.retain(|own| own.number != number);
            self.choice = Choice::Fitting;
        }
    }

    /// An item is gone, and with it the scheme that came as it.
    pub fn lost(&mut self, item: ItemId) {
        self.keep(|own| own.item != Some(item));
    }

    /// All items are gone.
    pub fn lost_all(&mut self) {
        self.keep(|own| own.item.is_none());
    }

    fn keep(&mut self, is_kept: impl Fn(&Own) -> bool) {
        self.own.retain(is_kept);
        if matches!(self.choice, Choice::Own(_)) && self.own().is_none() {
            self.choice = Choice::Fitting;
        }
    }

    /// Changes the chosen scheme.
    ///
    /// # Errors
    /// Why it cannot be changed so, as a sentence; it is then as it was.
    pub fn edit(&mut self, edit: Edit) -> Result<(), String> {
        let Choice::Own(number) = self.choice else { return Ok(()) };
        let is_taken = |name: &str| self.own.iter().any(|own| own.number != number && own.scheme.name == name);
        let taken = matches!(&edit, Edit::Name(name) if is_taken(name.trim()));
        let Some(own) = self.own.iter_mut().find(|own| own.number == number) else { return Ok(()) };
        let mut scheme = own.scheme.clone();
        edit.apply(&mut scheme)?;
        if taken {
            return Err("Another scheme here has this name.".to_owned());
        }
        file::check(&scheme).map_err(|what| format!("This is not taken over: {what}."))?;
        if own.scheme != scheme {
            (own.scheme, own.item) = (scheme, None);
        }
        Ok(())
    }
}

/// A name that leaves room for what is put behind it.
fn cut(name: &str) -> String {
    name.chars().take(file::MOST_TEXT - 24).collect()
}
