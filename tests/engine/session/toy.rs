//! A new kind of job is a payload: a question, a head, pieces. It adds no message, and keeps no list of what makes it
//! stale.

use lorascope_engine::session::results::{Kept, Made, Results, Revision, Sources, send};
use lorascope_protocol::{ItemId, JobId, Refusal, ToEngine};
use serde::{Deserialize, Serialize};

use super::*;

/// "Count to this, for that item."
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Toy {
    Count { item: ItemId, to: u32 },
}

struct Counted(Vec<u32>);

fn nothing() -> Refusal {
    Refusal::Words("There is nothing to count.".to_owned())
}

impl Made for Counted {
    /// The sum.
    type Head = u32;
    type Piece = Vec<u32>;

    fn told(&mut self) -> (u32, Vec<Vec<u32>>) {
        (self.0.iter().sum(), self.0.chunks(2).map(<[u32]>::to_vec).collect())
    }
}

fn over_the_wire<T: Serialize + for<'a> Deserialize<'a>>(message: &T) -> T {
    serde_json::from_str(&serde_json::to_string(message).unwrap()).unwrap()
}

/// The engine's side, of one item in some state.
fn serve(job: JobId, message: &ToEngine<Toy>, results: &mut Results<Toy, Counted>, now: Revision) -> Vec<Told> {
    let told = RefCell::new(Vec::new());
    let emit = |message: Told| told.borrow_mut().push(over_the_wire(&message));
    let sources = |Toy::Count { item, .. }: &Toy| -> Sources { vec![(*item, now)] };
    results.take_stale(sources).iter().for_each(|kept| emit(ToPage::Gone { job: kept.job }));
    if let ToEngine::Ask(question @ Toy::Count { to, .. }) = over_the_wire(message) {
        if to == 0 {
            emit(ToPage::Refused { job, why: Some(nothing()) });
        } else {
            let mut made = Counted((1..=to).collect());
            send(Some(job), &mut made, emit);
            results.keep(Kept { job, sources: sources(&question), question, made });
        }
    }
    told.into_inner()
}

type Told = ToPage<u32, Vec<u32>>;

#[test]
fn a_new_job_adds_a_payload_and_no_message() {
    let mut results = Results::default();
    let (first, later) = (Revision::default(), Revision { content: 1, ..Revision::default() });
    let ask = |to| ToEngine::Ask(Toy::Count { item: 7, to });
    let told = serve(1, &ask(3), &mut results, first);
    assert_eq!(
        told,
        [ToPage::Result { job: Some(1), head: 6, pieces: 2 }, ToPage::Piece(vec![1, 2]), ToPage::Piece(vec![3])]
    );
    // Refused: the last one stays.
    assert_eq!(serve(2, &ask(0), &mut results, first), [ToPage::Refused { job: 2, why: Some(nothing()) }]);
    assert_eq!(results.of_job(1).map(|kept| kept.made.0.len()), Some(3));
    // Its item is another now, whatever the message was.
    assert_eq!(serve(3, &ToEngine::Cancel, &mut results, later), [ToPage::Gone { job: 1 }]);
    assert!(results.of_job(1).is_none());
}
