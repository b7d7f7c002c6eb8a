//! Results, and what they came from.
//!
//! One rule says when a result is stale: it keeps the revisions of the items that it came from, and it goes as soon as the
//! same question would be answered from others. Nothing is forgotten by hand.

use std::mem::discriminant;

use super::compare::{Compared, pair_pieces};
use super::extract::Extracted;
use super::holdings::Holdings;
use super::holdings::item::Held;
pub use super::holdings::item::Revision;
use super::project::result::Projected;
use super::written::Written;
use lorascope_format::bytes::{ByteSource, Metered};
use lorascope_protocol::projection::{PlanHead, PlanRow, Target};
use lorascope_protocol::report::{OverlapGrid, PairReport};
use lorascope_protocol::{Head, ItemId, JobId, MODULES_PER_MESSAGE, Piece, Question, ToPage};

/// The items that a result comes from, each as it was then.
pub type Sources = Vec<(ItemId, Revision)>;

/// A result that is kept.
#[derive(Debug)]
pub struct Kept<Q, M> {
    pub job: JobId,
    pub question: Q,
    pub sources: Sources,
    pub made: M,
}

/// The results that are kept, one of each kind of question.
#[derive(Debug)]
pub struct Results<Q, M>(Vec<Kept<Q, M>>);

impl<Q, M> Default for Results<Q, M> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<Q, M> Results<Q, M> {
    /// It replaces the last one of its kind.
    pub fn keep(&mut self, new: Kept<Q, M>) {
        self.0.retain(|old| discriminant(&old.question) != discriminant(&new.question));
        self.0.push(new);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Kept<Q, M>> {
        self.0.iter()
    }

    pub fn of_job(&self, job: JobId) -> Option<&Kept<Q, M>> {
        self.iter().find(|kept| kept.job == job)
    }

    /// Takes out what would be answered from other items now, or from the same ones in another state.
    pub fn take_stale(&mut self, sources: impl Fn(&Q) -> Sources) -> Vec<Kept<Q, M>> {
        self.0.extract_if(.., |kept| sources(&kept.question) != kept.sources).collect()
    }
}

/// What is made of a question: the payload of a job.
pub trait Made {
    type Head;
    type Piece;

    /// What the page is sent: the head, and the lists in messages of bounded size.
    fn told(&mut self) -> (Self::Head, Vec<Self::Piece>);
}

/// Sends a result.
pub fn send<M: Made>(job: Option<JobId>, made: &mut M, emit: impl Fn(ToPage<M::Head, M::Piece>)) {
    let (head, pieces) = made.told();
    emit(ToPage::Result { job, head, pieces: pieces.len() });
    pieces.into_iter().map(ToPage::Piece).for_each(emit);
}

/// What the engine makes of the page's questions.
pub(crate) enum Answer<S: ByteSource> {
    Plan(PlanHead, Vec<PlanRow>),
    Projection(Projected<Metered<S>>),
    Extraction(Extracted<Metered<S>>),
    Comparison(Compared),
    Pair(Option<PairReport>),
    Overlap(OverlapGrid),
}

impl<S: ByteSource> Answer<S> {
    /// The adapter that was written, if it is one.
    pub fn written(&self) -> Option<&Written<S::Piece>> {
        match self {
            Self::Projection(projected) => Some(&projected.written),
            Self::Extraction(extracted) => Some(&extracted.written),
            _ => None,
        }
    }
}

impl<S: ByteSource> Made for Answer<S> {
    type Head = Head;
    type Piece = Piece;

    fn told(&mut self) -> (Head, Vec<Piece>) {
        match self {
            Self::Plan(head, rows) => (Head::Plan(Box::new(head.clone())), pieces(rows, Piece::Plan)),
            Self::Projection(Projected { item, report, .. }) => {
                let modules = std::mem::take(&mut report.modules);
                let told = (
                    Head::Projection { item: *item, report: Box::new(report.clone()) },
                    pieces(&modules, Piece::Projected),
                );
                report.modules = modules;
                told
            }
            Self::Extraction(Extracted { report, .. }) => {
                let modules = std::mem::take(&mut report.modules);
                let told = (Head::Extraction(Box::new(report.clone())), pieces(&modules, Piece::Extracted));
                report.modules = modules;
                told
            }
            Self::Comparison(Compared { items, left_out, pairs }) => {
                let figures: Vec<_> = pairs.iter().map(|pair| pair.figures).collect();
                let head = Head::Comparison { items: items.clone(), left_out: left_out.clone() };
                (head, pieces(&figures, Piece::Compared))
            }
            Self::Pair(pair) => (Head::Pair, pair.take().into_iter().flat_map(pair_pieces).map(Piece::Pair).collect()),
            Self::Overlap(grid) => (Head::Overlap(Box::new(std::mem::take(grid))), Vec::new()),
        }
    }
}

/// Rows in messages of bounded size.
pub(crate) fn pieces<R: Clone>(rows: &[R], piece: impl Fn(Vec<R>) -> Piece) -> Vec<Piece> {
    rows.chunks(MODULES_PER_MESSAGE).map(|rows| piece(rows.to_vec())).collect()
}

/// The items that the answer to a question comes from, as they are now; `None` where the answer is not kept.
pub(crate) fn sources<S: ByteSource>(holdings: &Holdings<S>, question: &Question) -> Option<Sources> {
    let of = |ids: &[ItemId]| Some(holdings.revisions(|held| ids.contains(&held.id)));
    match question {
        Question::Project { item, request } => match request.target {
            Target::Item(target) => of(&[*item, target]),
            Target::Unchanged | Target::Listed(_) => of(&[*item]),
        },
        Question::Extract(request) => of(&[request.from, request.to]),
        Question::Compare => Some(holdings.revisions(|held: &Held<S>| held.report().is_some())),
        Question::Plan { .. } | Question::Align { .. } | Question::Pair { .. } | Question::Overlap { .. } => None,
    }
}
