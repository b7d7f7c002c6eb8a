//! What there is to say of alignments in sentences.

use crate::session::align::known::Known;
use crate::session::{Emit, Session};
use lorascope_format::bytes::ByteSource;
use lorascope_kernels::Pulse;
use lorascope_protocol::ItemId;
use lorascope_protocol::report::Along;

impl<S: ByteSource, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// What there is to say of new alignments.
    pub(crate) fn remarks(&self, along: Along, new: &[&Known]) -> Vec<String> {
        let mut sentences = Vec::new();
        let name = |(from, to): (ItemId, ItemId)| format!("{} → {}", self.held.label(from), self.held.label(to));
        let mut empty: Vec<(ItemId, Vec<&Known>)> = Vec::new();
        for &known in new.iter().filter(|known| known.modules.iter().all(Result::is_err)) {
            match empty.iter_mut().find(|(adapter, _)| *adapter == known.update.adapter) {
                Some((_, all)) => all.push(known),
                None => empty.push((known.update.adapter, vec![known])),
            }
        }
        for (adapter, all) in empty {
            let pairs: Vec<String> = all.iter().map(|known| name(known.update.pair)).collect();
            let why = self.shared_reason(adapter, &all).unwrap_or_else(|| nothing_beside(along));
            let (label, pairs) = (self.held.label(adapter), pairs.join(", "));
            sentences.push(format!("{label}: there is nothing to compare it with in {pairs}: {why}"));
        }
        let mut still: Vec<(ItemId, ItemId)> = Vec::new();
        for &Known { update, modules, .. } in new {
            let mut sums = modules.iter().flatten().peekable();
            if sums.peek().is_some() && sums.all(|sums| sums.update_sq == 0.0) && !still.contains(&update.pair) {
                still.push(update.pair);
                let what = match along {
                    Along::Checkpoints => "weight",
                    Along::Adapters => "module",
                };
                sentences.push(format!(
                    "{}: both hold the same values in every {what} that was compared. Nothing changed between them, or \
                     one was dropped twice.",
                    name(update.pair)
                ));
            }
        }
        sentences
    }

    /// The reason that every module gives for every one of these updates, if it is one.
    fn shared_reason(&self, adapter: ItemId, all: &[&Known]) -> Option<String> {
        let analysed = self.held.adapter(adapter)?;
        // Of a module without a spectrum, another reason has been said.
        let outcomes = all.iter().flat_map(|known| known.modules.iter().zip(&analysed.found.spectra));
        let asked = outcomes.filter(|(_, spectrum)| spectrum.is_some());
        let mut reasons = asked.filter_map(|(outcome, _)| outcome.as_ref().err());
        let first = reasons.next()?;
        reasons.all(|reason| reason == first).then(|| format!("{first}."))
    }
}

/// What may be said where modules have different reasons.
fn nothing_beside(along: Along) -> String {
    match along {
        Along::Checkpoints => {
            "none of its modules has a weight in both that can be compared with it; the Alignment tab says of each why. \
             Are they states of the model that it was trained on?"
        }
        Along::Adapters => {
            "none of its modules can be compared with both; the Alignment tab says of each why. Are they adapters of \
             the same model?"
        }
    }
    .to_owned()
}
