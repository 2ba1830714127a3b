//! However often events are delivered, and in whatever parts: each has its effect once.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::inbox::{Inbox, Told};
use crate::journal::State;

fn event(number: u8) -> Told {
    let (id, order) = (format!("o{number}/placed"), format!("o{number}"));
    let (customer, kind) = ("c".to_owned(), "placed".to_owned());
    Told { id, order, customer, kind, reason: String::new() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_event_is_told_once(
        deliveries in prop::collection::vec(prop::collection::vec(0..20_u8, 0..8), 0..20),
        lost in prop::collection::vec(any::<bool>(), 20),
    ) {
        let mut inbox = Inbox::new(1_024);
        let mut expected = BTreeSet::new();
        for (events, lost) in deliveries.into_iter().zip(lost) {
            let delivered = events.len();
            let (told, repeated) = inbox.deliver(events.iter().copied().map(event).collect(), &[]);
            prop_assert_eq!(told.len() + repeated, delivered);
            // A batch that the disk refused has had no effect, and is delivered again.
            if !lost {
                told.into_iter().for_each(|told| inbox.apply(told));
                expected.extend(events);
            }
            prop_assert_eq!(inbox.len(), expected.len());
        }
        let told: Vec<String> = inbox.after(0, 1_024).into_iter().map(|(_, it)| it.id).collect();
        let ids: BTreeSet<&String> = told.iter().collect();
        prop_assert_eq!(ids.len(), told.len());
        let mut again = Inbox::new(1_024);
        inbox.snapshot().into_iter().for_each(|told| again.apply(told));
        prop_assert_eq!(format!("{again:?}"), format!("{inbox:?}"));
    }
}

#[test]
fn what_is_forgotten_is_the_oldest() {
    let mut inbox = Inbox::new(3);
    (0..5).for_each(|number| inbox.apply(event(number)));
    assert_eq!(inbox.len(), 3);
    let (told, repeated) = inbox.deliver((0..5).map(event).collect(), &[]);
    assert_eq!((told.len(), repeated), (2, 3));
    assert_eq!(inbox.after(4, 10).len(), 1);
    let bytes: u64 = inbox.snapshot().iter().map(|it| prost::Message::encoded_len(it) as u64).sum();
    assert_eq!(inbox.snapshot_bytes(), bytes);
}
