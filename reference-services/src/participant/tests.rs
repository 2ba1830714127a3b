//! Whatever comes in whatever order, and however often: one effect for each key, none after an undo, and
//! the same answer ever after.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    Kind,
    books::{Books, Entry, Fate, Refusal},
};
use crate::journal::State;

fn asked(key: u8, amount_minor: u64) -> Entry {
    let (key, order) = (format!("k{key}"), format!("o{key}"));
    Entry { key, order, item: 1, quantity: 1, amount_minor, fate: 0 }
}

#[derive(Clone, Debug)]
enum Op {
    /// Whether it would be refused.
    Perform(u8, bool),
    Undo(u8),
    /// The same key with something else.
    Another(u8),
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0..4_u8;
    prop_oneof![
        3 => (key.clone(), any::<bool>()).prop_map(|(key, refused)| Op::Perform(key, refused)),
        2 => key.clone().prop_map(Op::Undo),
        1 => key.prop_map(Op::Another),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_key_has_one_effect_and_one_answer(ops in prop::collection::vec(op(), 1..40)) {
        let mut books = Books::new(Kind::Payments, 100);
        // What each key has come to, by an account that is simpler.
        let mut expected: BTreeMap<u8, Fate> = BTreeMap::new();
        for op in ops {
            let changes = match op {
                Op::Perform(key, refused) => {
                    let (changes, answer) = books.perform(&asked(key, 5), &[], || refused);
                    let new = if refused { Fate::Refused } else { Fate::Done };
                    let known = expected.get(&key).copied();
                    let fate = *expected.entry(key).or_insert(new);
                    let right = match fate {
                        Fate::Done => Ok(known.is_some()),
                        Fate::Refused => Err(Refusal::Refused),
                        Fate::Undone | Fate::Barred => Err(Refusal::Undone),
                    };
                    prop_assert_eq!(answer, right);
                    changes
                }
                Op::Undo(key) => {
                    let id = asked(key, 5);
                    let (changes, answer) = books.undo(&id.key, &id.order, &[]);
                    let fate = expected.entry(key).or_insert(Fate::Barred);
                    prop_assert_eq!(answer, Ok(*fate != Fate::Done));
                    if *fate == Fate::Done {
                        *fate = Fate::Undone;
                    }
                    changes
                }
                Op::Another(key) => {
                    let known = expected.get(&key).copied();
                    let (changes, answer) = books.perform(&asked(key, 6), &[], || true);
                    match known {
                        Some(Fate::Barred) => prop_assert_eq!(answer, Err(Refusal::Undone)),
                        Some(_) => prop_assert_eq!(answer, Err(Refusal::Another)),
                        // It would be the first: it is not made.
                        None => continue,
                    }
                    changes
                }
            };
            changes.into_iter().for_each(|change| books.apply(change));
            let in_effect = expected.values().filter(|fate| **fate == Fate::Done).count();
            prop_assert_eq!(books.in_effect(), in_effect);
            prop_assert_eq!(books.len(), expected.len());
        }
        let mut again = Books::new(Kind::Payments, 100);
        let snapshot = books.snapshot();
        let bytes: u64 = snapshot.iter().map(|it| prost::Message::encoded_len(it) as u64).sum();
        prop_assert_eq!(books.snapshot_bytes(), bytes);
        snapshot.into_iter().for_each(|entry| again.apply(entry));
        prop_assert_eq!(format!("{again:?}"), format!("{books:?}"));
    }
}

#[test]
fn a_full_book_takes_no_new_key_and_still_undoes() {
    let mut books = Books::new(Kind::Stock, 2);
    let (first, second) = (asked(1, 5), asked(2, 5));
    let (changes, _) = books.perform(&first, &[], || false);
    changes.into_iter().for_each(|change| books.apply(change));
    // The second one is on its way to the disk.
    let (batch, answer) = books.perform(&second, &[], || false);
    assert_eq!(answer, Ok(false));
    assert_eq!(books.perform(&asked(3, 5), &batch, || false).1, Err(Refusal::Full));
    assert_eq!(books.undo("k3", "o3", &batch).1, Err(Refusal::Full));
    assert_eq!(books.undo(&first.key, &first.order, &batch).1, Ok(false));
}

#[test]
fn the_book_is_read_page_by_page() {
    let mut books = Books::new(Kind::Stock, 10);
    for key in 0..5 {
        let (changes, _) = books.perform(&asked(key, 5), &[], || false);
        changes.into_iter().for_each(|change| books.apply(change));
    }
    let keys = |after: &str| -> Vec<String> {
        books.after(after, 2).into_iter().map(|entry| entry.key).collect()
    };
    assert_eq!(keys(""), ["k0", "k1"]);
    assert_eq!(keys("k1"), ["k2", "k3"]);
    assert_eq!(keys("k3"), ["k4"]);
    assert!(keys("k4").is_empty());
}
