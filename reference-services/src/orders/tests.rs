//! Whatever is answered, lost or late, and whenever the power fails, in the middle of a write as well: an
//! order ends with all of it or with nothing, and its customer is told of each event once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proptest::prelude::*;

use super::{
    ledger::{Ledger, Placed, Terms},
    record::{Change, Order, Record},
    saga::{Ask, Outcome, Party, Stage},
};
use crate::journal::{Access, Kept, State};

/// Reached after a few changes, so that the journal is rewritten time and again.
const COMPACT_BYTES_MIN: u64 = 400;

fn terms() -> Terms {
    Terms {
        open_max: 100,
        final_max: 100,
        outbox_max: 1_000,
        dual_write: false,
        no_compensation: false,
    }
}

fn order(number: u8) -> Order {
    let (id, customer) = (format!("o{number}"), format!("c{number}"));
    Order { id, customer, item: 1, quantity: 2, amount_minor: 300, ..Order::default() }
}

#[test]
fn every_way_through_the_saga_ends_with_all_or_nothing() {
    // What may be in effect: done for certain, or perhaps.
    let mut ways = vec![(Stage::Reserve, BTreeMap::<usize, bool>::new())];
    let mut ends = BTreeSet::new();
    while let Some((stage, mut effects)) = ways.pop() {
        let Some(ask) = stage.ask() else {
            let all = effects.len() == 3 && effects.values().all(|certain| *certain);
            assert!(
                if stage == Stage::Completed { all } else { effects.is_empty() },
                "{effects:?}"
            );
            ends.insert(stage);
            continue;
        };
        match ask {
            Ask::Perform(party) => {
                for outcome in [Outcome::Done, Outcome::Refused, Outcome::GivenUp] {
                    let mut then = effects.clone();
                    if outcome != Outcome::Refused {
                        then.insert(party as usize, outcome == Outcome::Done);
                    }
                    ways.push((stage.after(outcome), then));
                }
            }
            Ask::Undo(party) => {
                effects.remove(&(party as usize));
                ways.push((stage.after(Outcome::Done), effects));
                for outcome in [Outcome::Refused, Outcome::GivenUp] {
                    assert_eq!(stage.after(outcome), stage, "nobody gives that up");
                }
            }
        }
    }
    assert_eq!(ends, BTreeSet::from([Stage::Completed, Stage::Cancelled]));
}

/// What may happen. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Op {
    Place(u8),
    /// The next thing is asked for an open order.
    Ask {
        which: usize,
        what: What,
    },
    /// A call that was given up or lost arrives after all.
    Late(usize),
    /// Events are delivered; is that written down?
    Deliver {
        events_max: usize,
        noted: bool,
    },
    /// The power fails while the last batch is being written: so much of its frame is on the disk.
    Crash(prop::sample::Index),
    /// The process dies and starts again.
    Restart,
}

/// What comes of a call.
#[derive(Clone, Copy, Debug)]
enum What {
    Answered,
    Refused,
    /// It has its effect, and nobody hears of it; it is asked for again.
    AnswerLost,
    /// It is on its way for longer than anybody waits; it is asked for again.
    CallLate,
    /// The same, and it is given up.
    GivenUp,
}

fn op() -> impl Strategy<Value = Op> {
    let what = prop_oneof![
        6 => Just(What::Answered),
        1 => Just(What::Refused),
        2 => Just(What::AnswerLost),
        1 => Just(What::CallLate),
        1 => Just(What::GivenUp),
    ];
    prop_oneof![
        3 => (0..6_u8).prop_map(Op::Place),
        12 => (any::<usize>(), what).prop_map(|(which, what)| Op::Ask { which, what }),
        2 => any::<usize>().prop_map(Op::Late),
        2 => (1..4_usize, any::<bool>())
            .prop_map(|(events_max, noted)| Op::Deliver { events_max, noted }),
        2 => any::<prop::sample::Index>().prop_map(Op::Crash),
        1 => Just(Op::Restart),
    ]
}

/// What one who takes part knows of an order: the effects that it has had, and whether it was undone.
#[derive(Debug, Default)]
struct Book {
    done: bool,
    undone: bool,
    refused: bool,
    effects: usize,
}

impl Book {
    /// Is it in effect then?
    fn perform(&mut self, refuses: bool) -> bool {
        if self.undone || self.refused {
            return false;
        }
        if !self.done && refuses {
            self.refused = true;
            return false;
        }
        self.effects += usize::from(!self.done);
        self.done = true;
        true
    }

    fn in_effect(&self) -> bool {
        self.done && !self.undone
    }
}

/// The orders without their interfaces, beside those who take part and a consumer.
struct World {
    path: PathBuf,
    kept: Kept<Ledger>,
    /// What the journal was before the last batch, if nothing has come of that yet.
    before: Option<Vec<u8>>,
    /// An order that is in that batch.
    fresh: Option<String>,
    books: BTreeMap<(String, Party), Book>,
    /// Calls that are still on their way.
    late: Vec<(String, Ask)>,
    told: Vec<(String, String)>,
    known: BTreeSet<String>,
    /// Orders whose client was told that they are placed.
    accepted: BTreeSet<String>,
}

async fn open(path: &Path) -> Kept<Ledger> {
    // The one before is still there, though its process is not.
    let ledger = Ledger::new(terms());
    Kept::open(path, ledger, COMPACT_BYTES_MIN, Access::Shared).await.expect("a good journal")
}

impl World {
    async fn new(path: PathBuf) -> Self {
        let kept = open(&path).await;
        Self {
            path,
            kept,
            before: None,
            fresh: None,
            books: BTreeMap::new(),
            late: Vec::new(),
            told: Vec::new(),
            known: BTreeSet::new(),
            accepted: BTreeSet::new(),
        }
    }

    fn journal(&self) -> Vec<u8> {
        fs::read(&self.path).expect("the journal")
    }

    async fn commit(&mut self, changes: Vec<Record>) {
        self.before = Some(self.journal());
        changes.into_iter().for_each(|change| self.kept.stage(change));
        self.kept.commit().await.expect("a good disk");
    }

    async fn perform(&mut self, op: Op) {
        let (before, fresh) = (self.before.take(), self.fresh.take());
        match op {
            Op::Place(number) => {
                let order = order(number);
                let (changes, placed) = self.kept.state.place(order.clone(), &[]);
                match placed {
                    Placed::New(order) => {
                        self.commit(changes).await;
                        self.fresh = Some(order.id);
                    }
                    Placed::Before(_) => assert!(changes.is_empty()),
                    other => panic!("{other:?}"),
                }
                let another = Order { quantity: 3, ..order.clone() };
                assert_eq!(self.kept.state.place(another, &[]).1, Placed::Another);
                self.accepted.insert(order.id);
            }
            Op::Ask { which, what } => {
                let orders: Vec<Order> = self.kept.state.open().cloned().collect();
                if let Some(place) = which.checked_rem(orders.len()) {
                    self.ask(&orders[place], what).await;
                }
            }
            Op::Late(which) => {
                if let Some(place) = which.checked_rem(self.late.len()) {
                    let (id, ask) = self.late.swap_remove(place);
                    self.call(&id, ask, false);
                }
            }
            Op::Deliver { events_max, noted } => self.deliver(events_max, noted).await,
            Op::Crash(cut) => {
                let mut journal = self.journal();
                // One that was rewritten has nothing under way.
                if let Some(before) = before.filter(|before| journal.starts_with(before)) {
                    journal.truncate(before.len() + cut.index(journal.len() - before.len() + 1));
                    fs::write(&self.path, journal).expect("written");
                }
                self.recover().await;
                // Nobody was answered for what is lost.
                if let Some(id) = fresh.filter(|id| self.kept.state.find(id).is_none()) {
                    self.accepted.remove(&id);
                }
            }
            Op::Restart => self.recover().await,
        }
    }

    async fn recover(&mut self) {
        self.kept = open(&self.path).await;
    }

    /// Has somebody do something; is it done?
    fn call(&mut self, id: &str, ask: Ask, refuses: bool) -> bool {
        match ask {
            Ask::Perform(party) => {
                self.books.entry((id.to_owned(), party)).or_default().perform(refuses)
            }
            Ask::Undo(party) => {
                self.books.entry((id.to_owned(), party)).or_default().undone = true;
                true
            }
        }
    }

    async fn ask(&mut self, order: &Order, what: What) {
        let ask = order.stage().ask().expect("an open order");
        let forwards = matches!(ask, Ask::Perform(_));
        let outcome = match what {
            What::AnswerLost => {
                self.call(&order.id, ask, false);
                return;
            }
            What::CallLate => return self.late.push((order.id.clone(), ask)),
            What::GivenUp if forwards => {
                self.late.push((order.id.clone(), ask));
                Outcome::GivenUp
            }
            What::Answered | What::Refused | What::GivenUp => {
                let refuses = matches!(what, What::Refused);
                if self.call(&order.id, ask, refuses) { Outcome::Done } else { Outcome::Refused }
            }
        };
        let (changes, next) = self.kept.state.advance(&order.id, order.stage(), outcome, "why");
        self.commit(changes).await;
        assert_eq!(self.kept.state.find(&order.id), next.as_ref());
    }

    async fn deliver(&mut self, events_max: usize, noted: bool) {
        let events = self.kept.state.oldest(events_max);
        for event in &events {
            if self.known.insert(event.id()) {
                self.told.push((event.order.clone(), event.kind.clone()));
            }
        }
        if let Some(newest) = events.last().filter(|_| noted) {
            let changes = self.kept.state.sent(newest.number);
            self.commit(changes).await;
        }
    }

    /// Nothing fails any more, until nothing is left to be done.
    async fn settle(&mut self) {
        self.recover().await;
        loop {
            let next = self.kept.state.open().next().cloned();
            let Some(order) = next else { break };
            self.ask(&order, What::Answered).await;
        }
        while self.kept.state.unsent() > 0 {
            self.deliver(3, true).await;
        }
        for (id, ask) in std::mem::take(&mut self.late) {
            if matches!(ask, Ask::Perform(_)) {
                self.call(&id, ask, false);
            }
        }
    }

    /// All or nothing, and told so.
    fn check(&self) {
        for id in &self.accepted {
            let order = self.kept.state.find(id).expect("an order that was accepted");
            let books = Party::ALL.map(|party| self.books.get(&(id.clone(), party)));
            let in_effect = books.map(|book| book.is_some_and(Book::in_effect));
            let all = order.stage() == Stage::Completed;
            assert_eq!(in_effect, [all; 3], "{id} is {}", order.stage().name());
            assert!(books.into_iter().flatten().all(|book| book.effects <= 1));
            let told: Vec<&str> =
                self.told.iter().filter(|(of, _)| of == id).map(|(_, kind)| &**kind).collect();
            assert_eq!(told, ["placed", order.stage().name()], "{id}");
        }
        let known = |(id, _): &(String, String)| self.accepted.contains(id);
        assert!(self.told.iter().all(known), "{:?}", self.told);
        let touched = |(id, _): &(String, Party)| self.accepted.contains(id);
        assert!(self.books.keys().all(touched), "{:?}", self.books);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn an_order_ends_with_all_or_nothing(ops in prop::collection::vec(op(), 1..80)) {
        let name = format!("{}-orders-{:p}", std::process::id(), &ops);
        let folder = std::env::temp_dir().join(name);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut world = World::new(folder.join("orders.journal")).await;
            for op in ops {
                world.perform(op).await;
            }
            world.settle().await;
            world.check();
        });
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn a_snapshot_leads_to_the_same_state(ops in prop::collection::vec(any::<(u8, u8)>(), 0..60)) {
        let mut ledger = Ledger::new(Terms { final_max: 3, ..terms() });
        for (what, number) in ops {
            let order = order(number % 8);
            let changes = match what % 4 {
                0 => ledger.place(order, &[]).0,
                1 => ledger.sent(u64::from(number % 16)),
                2 => match ledger.find(&order.id).map(Order::stage) {
                    Some(stage) => ledger.advance(&order.id, stage, Outcome::Done, "").0,
                    None => continue,
                },
                _ => match ledger.find(&order.id).map(Order::stage) {
                    Some(stage) => ledger.advance(&order.id, stage, Outcome::Refused, "no").0,
                    None => continue,
                },
            };
            changes.into_iter().for_each(|change| ledger.apply(change));
        }
        let snapshot = ledger.snapshot();
        let bytes: u64 = snapshot.iter().map(|record| match &record.change {
            Some(Change::Order(order)) => prost::Message::encoded_len(&**order) as u64,
            Some(Change::Event(event)) => prost::Message::encoded_len(event) as u64,
            _ => 0,
        }).sum();
        prop_assert_eq!(ledger.snapshot_bytes(), bytes);
        let mut again = Ledger::new(Terms { final_max: 3, ..terms() });
        snapshot.into_iter().for_each(|record| again.apply(record));
        prop_assert_eq!(format!("{again:?}"), format!("{ledger:?}"));
    }
}

#[test]
fn bounds_count_what_is_on_its_way_and_what_is_to_come() {
    let ledger = Ledger::new(Terms { open_max: 2, ..terms() });
    let (mut batch, placed) = ledger.place(order(1), &[]);
    assert!(matches!(placed, Placed::New(_)));
    batch.extend(ledger.place(order(2), &batch).0);
    assert_eq!(ledger.place(order(3), &batch).1, Placed::Full);
    // Two events each: one that it is placed, and one to come.
    let ledger = Ledger::new(Terms { outbox_max: 3, ..terms() });
    let (batch, placed) = ledger.place(order(1), &[]);
    assert!(matches!(placed, Placed::New(_)));
    assert_eq!(ledger.place(order(2), &batch).1, Placed::Full);
}

#[test]
fn an_event_is_in_the_frame_of_what_it_tells_of() {
    let mut ledger = Ledger::new(terms());
    let (changes, _) = ledger.place(order(1), &[]);
    assert_eq!(changes.len(), 2);
    changes.into_iter().for_each(|change| ledger.apply(change));
    for (stage, changes) in [(Stage::Reserve, 1), (Stage::Charge, 1), (Stage::Ship, 2)] {
        let (made, _) = ledger.advance("o1", stage, Outcome::Done, "");
        assert_eq!(made.len(), changes, "{stage:?}");
        made.into_iter().for_each(|change| ledger.apply(change));
    }
    let kinds: Vec<String> = ledger.oldest(9).into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["placed", "completed"]);
    // One that was taken for granted by two changes nothing.
    assert!(ledger.advance("o1", Stage::Ship, Outcome::Done, "").0.is_empty());
}
