//! What the cache holds, and how old each of it is.

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use bytes::Bytes;
use rand::Rng;
use serde::Serialize;
use tokio::time::Instant;

/// An item and when it was known to be right.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) value: Arc<str>,
    pub(super) loaded: Instant,
    /// The answer for as long as it is fresh, made once.
    pub(super) answer: Bytes,
    /// How many items were there before it came for the first time.
    nth: u64,
    /// How old it may be.
    lasts: Duration,
}

/// How old items may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Freshness {
    pub(super) lasts: Duration,
    /// The share of that by which they differ.
    pub(super) jitter: f64,
    /// Are they loaded again before?
    pub(super) early: bool,
}

/// An item is loaded again when so much of its time is left.
const EARLY: f64 = 0.25;

/// An item as clients get it.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    pub(super) id: u64,
    pub(super) value: &'a str,
    pub(super) version: &'a str,
    pub(super) warnings: &'a [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<SessionView>,
}

/// What an answer says of the session.
#[derive(Debug, Serialize)]
pub(super) struct SessionView {
    pub(super) id: String,
    pub(super) visits: u64,
}

/// Items by id, from 1.
#[derive(Debug)]
pub(super) struct Entries {
    slots: RwLock<Slots>,
    version: String,
    freshness: Freshness,
}

/// A place for each item, and how many are taken. None is given up.
#[derive(Debug)]
struct Slots {
    places: Vec<Option<Entry>>,
    held: u64,
}

/// All items that were there at an instant, to be read one part after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) items: u64,
    at: Instant,
}

/// What is known of an item.
#[derive(Debug)]
pub(super) enum Found {
    Fresh(Entry),
    /// It is still fresh, and not for long.
    Ageing(Entry),
    Stale(Entry),
    Missing,
}

impl Entries {
    /// Places for so many items, all empty. Ids are places, so there are at most a million.
    pub(super) fn new(items: u64, version: &str, freshness: &Freshness) -> Self {
        let places = usize::try_from(items).unwrap_or(usize::MAX);
        let slots = RwLock::new(Slots { places: vec![None; places], held: 0 });
        Self { slots, version: version.to_owned(), freshness: *freshness }
    }

    /// The place of an item that may exist.
    fn place(&self, id: u64) -> Option<usize> {
        usize::try_from(id.checked_sub(1)?).ok()
    }

    pub(super) fn find(&self, id: u64) -> Found {
        let slots = self.slots.read().expect("nothing panics while it holds the lock");
        let entry =
            self.place(id).and_then(|place| slots.places.get(place)).and_then(Option::as_ref);
        let Some(entry) = entry else { return Found::Missing };
        let age = entry.loaded.elapsed();
        if age > entry.lasts {
            Found::Stale(entry.clone())
        } else if self.freshness.early && age > entry.lasts.mul_f64(1.0 - EARLY) {
            Found::Ageing(entry.clone())
        } else {
            Found::Fresh(entry.clone())
        }
    }

    /// Takes an item in, unless what is there is newer or no such item is known.
    pub(super) fn insert(&self, id: u64, value: &str, loaded: Instant) {
        let document = Document { id, value, version: &self.version, warnings: &[], session: None };
        // Our own structs have string keys and no failing implementation.
        let answer = serde_json::to_vec(&document).expect("a struct that serializes").into();
        let Freshness { lasts, jitter, .. } = self.freshness;
        let lasts = match jitter {
            0.0 => lasts,
            jitter => lasts.mul_f64(1.0 - jitter * rand::rng().random::<f64>()),
        };
        let mut slots = self.slots.write().expect("nothing panics while it holds the lock");
        let Slots { places, held } = &mut *slots;
        let Some(slot) = self.place(id).and_then(|place| places.get_mut(place)) else { return };
        if slot.as_ref().is_none_or(|entry| entry.loaded <= loaded) {
            let nth = slot.as_ref().map_or(*held, |entry| entry.nth);
            *held += u64::from(slot.is_none());
            *slot = Some(Entry { value: value.into(), loaded, answer, nth, lasts });
        }
    }

    /// The first id from `from` on that is missing or stale.
    pub(super) fn first_unfit(&self, from: u64) -> Option<u64> {
        let slots = self.slots.read().expect("nothing panics while it holds the lock");
        let fit = |slot: &Option<Entry>| {
            slot.as_ref().is_some_and(|entry| entry.loaded.elapsed() <= entry.lasts)
        };
        let mut places = slots.places.iter().enumerate().skip(self.place(from).unwrap_or(0));
        places.find(|(_, slot)| !fit(slot)).map(|(place, _)| place as u64 + 1)
    }

    /// All there is now.
    pub(super) fn now(&self) -> Held {
        let slots = self.slots.read().expect("nothing panics while it holds the lock");
        Held { items: slots.held, at: Instant::now() }
    }

    /// Up to `most` of those items with ids from `from` on, as they are by now: id, value and age at
    /// that instant, which is nothing for what has been loaded since.
    pub(super) fn some(
        &self,
        held: Held,
        from: u64,
        most: usize,
    ) -> Vec<(u64, Arc<str>, Duration)> {
        let slots = self.slots.read().expect("nothing panics while it holds the lock");
        let skipped = self.place(from).unwrap_or(0);
        let rest = slots.places.get(skipped..).unwrap_or_default();
        let found = rest.iter().zip(skipped as u64 + 1..).filter_map(|(slot, id)| {
            let entry = slot.as_ref().filter(|entry| entry.nth < held.items)?;
            Some((id, entry.value.clone(), held.at.saturating_duration_since(entry.loaded)))
        });
        found.take(most).collect()
    }

    /// How old the oldest item is.
    pub(super) fn oldest(&self) -> Duration {
        let slots = self.slots.read().expect("nothing panics while it holds the lock");
        let entries = slots.places.iter().flatten();
        entries.map(|entry| entry.loaded.elapsed()).max().unwrap_or_default()
    }

    /// How many items there are places for.
    pub(super) fn places(&self) -> u64 {
        self.slots.read().expect("nothing panics while it holds the lock").places.len() as u64
    }

    /// How many items are held.
    pub(super) fn held(&self) -> u64 {
        self.slots.read().expect("nothing panics while it holds the lock").held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ago(ms: u64) -> Instant {
        Instant::now().checked_sub(Duration::from_millis(ms)).expect("the machine runs for longer")
    }

    const SECOND: Freshness =
        Freshness { lasts: Duration::from_secs(1), jitter: 0.0, early: false };

    fn some_places(places: u64) -> Entries {
        Entries::new(places, "v1", &SECOND)
    }

    #[test]
    fn entries_differ_in_how_old_they_may_be_and_are_known_to_age() {
        let freshness = Freshness { jitter: 0.2, early: true, ..SECOND };
        let entries = Entries::new(1000, "v1", &freshness);
        let found = |age_ms: u64| {
            let mut counts = [0; 3];
            for id in 1..=1000 {
                entries.insert(id, "one", ago(age_ms));
                match entries.find(id) {
                    Found::Fresh(_) => counts[0] += 1,
                    Found::Ageing(_) => counts[1] += 1,
                    Found::Stale(_) => counts[2] += 1,
                    Found::Missing => panic!("it was inserted"),
                }
            }
            counts
        };
        // From the oldest, since what is older replaces nothing.
        assert_eq!(found(1_010), [0, 0, 1000]);
        let [fresh, ageing, stale] = found(900);
        assert!(fresh == 0 && (350..650).contains(&ageing) && stale > 350, "{ageing} {stale}");
        let [fresh, ageing, stale] = found(680);
        assert!((350..650).contains(&fresh) && ageing > 350 && stale == 0, "{fresh} {ageing}");
        assert_eq!(found(100), [1000, 0, 0]);
    }

    #[test]
    fn entries_age() {
        let entries = some_places(3);
        assert!(matches!(entries.find(1), Found::Missing));
        entries.insert(1, "one", Instant::now());
        entries.insert(2, "two", ago(1_001));
        assert!(matches!(entries.find(1), Found::Fresh(entry) if &*entry.value == "one"));
        assert!(matches!(entries.find(2), Found::Stale(entry) if &*entry.value == "two"));
        assert_eq!((entries.first_unfit(1), entries.first_unfit(3)), (Some(2), Some(3)));
        assert_eq!(entries.first_unfit(4), None);
        assert!(entries.oldest() > Duration::from_secs(1));
    }

    #[test]
    fn what_is_older_replaces_nothing() {
        let entries = some_places(1);
        entries.insert(1, "new", ago(5));
        entries.insert(1, "old", ago(6));
        assert!(matches!(entries.find(1), Found::Fresh(entry) if &*entry.value == "new"));
    }

    #[test]
    fn what_is_held_is_read_in_parts_whatever_comes_meanwhile() {
        let entries = some_places(5);
        for id in [5, 1, 4] {
            entries.insert(id, "old", ago(7));
        }
        let held = entries.now();
        entries.insert(2, "too late", Instant::now());
        entries.insert(4, "new", Instant::now());
        let ids = |from, most| {
            let some = entries.some(held, from, most);
            some.into_iter().map(|(id, value, age)| (id, value.to_string(), age.is_zero()))
        };
        let old = |id| (id, "old".to_owned(), false);
        assert!(ids(1, 2).eq([old(1), (4, "new".to_owned(), true)]));
        assert!(ids(5, 2).eq([old(5)]));
        assert_eq!((ids(6, 2).count(), held.items, entries.held()), (0, 3, 4));
    }

    #[test]
    fn ids_out_of_range_are_not_there() {
        let entries = some_places(1);
        for id in [0, 2, u64::MAX] {
            entries.insert(id, "", Instant::now());
            assert!(matches!(entries.find(id), Found::Missing), "{id}");
        }
        assert_eq!((entries.held(), entries.places()), (0, 1));
    }
}
